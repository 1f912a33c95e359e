"""Kafka as the programs beside the stream see it: one way to connect, topics made on purpose, errors that help.

kafka-python is imported when it is needed, so that importing this costs nothing. The worker's own consumer is in
``stream``; nothing here reads or writes a stream.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from undertone import topics
from undertone.errors import BrokerError
from undertone.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

CONNECT_TIMEOUT_MS = 6_000
REQUEST_TIMEOUT_MS = 15_000
SEND_TIMEOUT_MS = 60_000
FETCH_WAIT_MS = 200


@dataclass(frozen=True, slots=True)
class TopicState:
    """How one topic should be and how it is. ``actual`` is 0 where there is no such topic."""

    name: str
    wanted: int
    actual: int


def options(settings: Settings) -> dict[str, Any]:
    """What kafka-python's producer, consumer and admin client all need: servers, security, time-outs."""
    found: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.bootstrap_servers.split(",")],
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": CONNECT_TIMEOUT_MS,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "reconnect_backoff_max_ms": 1_000,
        "client_id": "undertone",
    }
    if settings.security_protocol.startswith("SASL"):
        found["sasl_mechanism"] = settings.sasl_mechanism
        found["sasl_plain_username"] = settings.sasl_username
        found["sasl_plain_password"] = settings.sasl_password
    if settings.security_protocol.endswith("SSL"):
        files = {
            "ssl_cafile": settings.ssl_cafile,
            "ssl_certfile": settings.ssl_certfile,
            "ssl_keyfile": settings.ssl_keyfile,
        }
        found |= {name: str(path) for name, path in files.items() if path is not None}
    return found


def producer(settings: Settings, **overrides: Any) -> KafkaProducer:
    """A producer that is idempotent, waits for all replicas and never makes a topic.

    Raises:
        BrokerError: if Kafka cannot be reached or refuses the settings.
    """
    from kafka import KafkaProducer

    chosen = {
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "compression_type": "lz4",
        "linger_ms": 5,
        "batch_size": 128 * 1024,
        "max_request_size": topics.MAX_MESSAGE_BYTES,
        "max_block_ms": REQUEST_TIMEOUT_MS,
        "delivery_timeout_ms": SEND_TIMEOUT_MS,
        "metrics_enabled": False,
    }
    _reach(settings)
    with explained(settings):
        return KafkaProducer(**options(settings) | chosen | overrides)


def consumer(settings: Settings, *names: str, **overrides: Any) -> KafkaConsumer:
    """A consumer of raw bytes that belongs to no group and starts at the beginning, unless `overrides` say so.

    Raises:
        BrokerError: if Kafka cannot be reached or refuses the settings.
    """
    from kafka import KafkaConsumer

    chosen = {
        "group_id": None,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "max_partition_fetch_bytes": topics.MAX_MESSAGE_BYTES,
        "metrics_enabled": False,
    }
    _reach(settings)
    with explained(settings):
        return KafkaConsumer(*names, **options(settings) | chosen | overrides)


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client for the time of a ``with``; its errors, and those of the body, become BrokerError."""
    from kafka import KafkaAdminClient

    _reach(settings)
    with explained(settings):
        client = KafkaAdminClient(**options(settings))
        try:
            yield client
        finally:
            client.close()


def topic_states(settings: Settings) -> list[TopicState]:
    """Every topic of Undertone with the partitions it should have and has.

    Raises:
        BrokerError: if Kafka cannot be reached.
    """
    with admin(settings) as client:
        return _states(client, settings)


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist yet and wait until they can be used; the names of those created.

    A topic that exists is left as it is, whatever its partitions. Two who do this at once do not disturb each other.

    Raises:
        BrokerError: if Kafka cannot be reached or refuses to create one.
    """
    from kafka.errors import NoError, TopicAlreadyExistsError, for_code

    with admin(settings) as client:
        missing = {state.name: state for state in _states(client, settings) if not state.actual}
        if not missing:
            return []
        wanted = {
            topic.name: {"num_partitions": missing[topic.name].wanted, "configs": topic.config()}
            for topic in topics.ALL
            if topic.name in missing
        }
        answer = client.create_topics(wanted, raise_errors=False)
        created = []
        for one in answer["topics"]:
            outcome = for_code(one["error_code"])
            if outcome is NoError:
                created.append(str(one["name"]))
            elif outcome is not TopicAlreadyExistsError:
                raise BrokerError(
                    f"Kafka at {settings.bootstrap_servers} did not create the topic {one['name']!r}: "
                    f"{one['error_message'] or outcome.__name__}. Create it yourself, or give this user the right to"
                )
        client.wait_for_topics(list(wanted))
        return created


def check(settings: Settings, *names: str) -> None:
    """Make sure that Kafka answers and that it has the topics `names`.

    Raises:
        BrokerError: if not; says what to do.
    """
    states = topic_states(settings)
    there = {state.name for state in states if state.actual}
    missing = [name for name in names if name not in there]
    if missing:
        raise BrokerError(
            f"Kafka at {settings.bootstrap_servers} has no topic {', '.join(map(repr, missing))}: "
            "create the topics with `undertone topics create`"
        )


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Turn what kafka-python raises in the body into one BrokerError that says what to do."""
    from kafka.errors import (
        AuthorizationError,
        KafkaConfigurationError,
        KafkaError,
        SaslAuthenticationFailedError,
        UnsupportedSaslMechanismError,
    )

    where = settings.bootstrap_servers
    try:
        yield
    except (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, AuthorizationError) as error:
        raise BrokerError(
            f"Kafka at {where} refuses this user ({_words(error)}): "
            "check UNDERTONE_SASL_USERNAME, UNDERTONE_SASL_PASSWORD, UNDERTONE_SASL_MECHANISM and the user's rights"
        ) from error
    except KafkaConfigurationError as error:
        raise BrokerError(f"The settings for Kafka at {where} cannot be used: {_words(error)}") from error
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerError(_no_answer(settings, _words(error))) from error


def _reach(settings: Settings) -> None:
    """Make sure that one of the servers takes a connection.

    kafka-python would try for CONNECT_TIMEOUT_MS, and leaves its sockets open when it gives up.

    Raises:
        BrokerError: if none does, or one is not HOST:PORT.
    """
    failure: OSError | OverflowError | None = None
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise BrokerError(
                f"UNDERTONE_BOOTSTRAP_SERVERS={settings.bootstrap_servers!r} cannot be used: "
                "valid is HOST:PORT, several with commas between"
            )
        try:
            with socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_MS / 1000):
                return
        except (OSError, OverflowError) as error:
            failure = error
    raise BrokerError(_no_answer(settings, str(failure))) from failure


def _no_answer(settings: Settings, why: str) -> str:
    return (
        f"Kafka does not answer at {settings.bootstrap_servers} ({why}): "
        "start it, or set UNDERTONE_BOOTSTRAP_SERVERS (and UNDERTONE_SECURITY_PROTOCOL)"
    )


def _states(client: KafkaAdminClient, settings: Settings) -> list[TopicState]:
    counts = {
        str(one["name"]): len(one["partitions"] or ()) for one in client.describe_topics() if not one["error_code"]
    }
    return [
        TopicState(topic.name, topic.partitions or settings.partitions, counts.get(topic.name, 0))
        for topic in topics.ALL
    ]


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (text if type(error).__name__ in text else f"{type(error).__name__}: {text}")[:300]
