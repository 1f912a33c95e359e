"""The Faust application: settings in, an app with one agent for each stream out. Faust's words end here."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.transport.drivers import TRANSPORTS
from faust.types.tuples import Message
from mode import get_logger

from stream.transport import SCHEME, ChunkConsumer, Positions
from undertone.settings import Settings
from undertone.topics import MAX_MESSAGE_BYTES

TRANSPORTS.aliases[SCHEME] = "stream.transport:ChunkTransport"

HEARTBEAT_S = 1.0
COMMIT_S = 1.0
DRAIN_S = 5.0
"""How long a rebalance or a stop waits for what is in flight; the store's guard makes it safe to give up."""

REBALANCE_S = 10.0
REQUEST_S = 12.0
"""A join waits for the slowest member, so a request may take as long as a rebalance, and a little more."""

POLL_S = 86_400.0
"""A worker that waits for Redis reads nothing and must stay in its group; stalls are the watchdog's business."""

FETCH_BYTES = 1 << 20
PRODUCE_BATCH_BYTES = 512 * 1024

TAKE_RECORDS = 512
"""Records that are scored and written at once, about: a slow model must not keep the first of them for seconds."""

Take = Sequence[Any]
Submit = Callable[[Take], Awaitable[None]]


class ChunkSchema(faust.Schema):
    """Hands a chunk through as it is: bytes are decoded in the pipeline, where a bad one becomes a dead letter."""

    def loads_key(self, app: Any, message: Message, *, loads: Any = None, serializer: Any = None) -> None:
        return None

    def loads_value(self, app: Any, message: Message, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value


class NoTables(TableManager):
    """Faust waits a second for tables to be declared. There are none, and a start should not wait for them."""

    logger = get_logger("faust.tables")

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class WorkerApp(faust.App):
    """A Faust app with what the chunk transport asks for."""

    logger = get_logger("faust.app")
    positions: Positions
    chunk_records: int
    drain: Callable[[], Awaitable[Any]]
    consumer: ChunkConsumer

    async def on_first_start(self) -> None:
        """Faust would make folders for tables here. There are none."""


def build(
    settings: Settings,
    *,
    positions: Positions,
    submit: Submit,
    drain: Callable[[], Awaitable[Any]],
    fail: Callable[[BaseException], None],
) -> WorkerApp:
    """An app that reads ``settings.streams`` and hands takes of chunks to `submit`.

    Args:
        settings: Where Kafka is, and the sizes of chunks and takes.
        positions: Where each partition is read from.
        submit: Waits until there is room, then takes Faust's events, whose values are chunks; it acks them later.
        drain: Waits, not forever, until everything submitted is finished.
        fail: Told of an exception that no agent may survive.
    """
    servers = [server.strip() for server in settings.bootstrap_servers.split(",")]
    session_s = settings.session_timeout_s
    app = WorkerApp(
        settings.group,
        autodiscover=False,
        broker=[f"{SCHEME}://{server}" for server in servers],
        broker_credentials=credentials(settings),
        broker_client_id=f"undertone-{settings.worker}",
        broker_session_timeout=session_s,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=max(REBALANCE_S, session_s),
        broker_request_timeout=max(REQUEST_S, session_s + 2),
        broker_commit_interval=COMMIT_S,
        broker_max_poll_records=settings.chunk_records * settings.take_chunks,
        broker_max_poll_interval=POLL_S,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        producer_acks=-1,
        producer_compression_type="lz4",
        producer_max_batch_size=PRODUCE_BATCH_BYTES,
        producer_max_request_size=MAX_MESSAGE_BYTES + PRODUCE_BATCH_BYTES,
        producer_request_timeout=max(REQUEST_S, session_s + 2),
        processing_guarantee="at_least_once",
        TableManager=NoTables,
        store="memory://",
        stream_buffer_maxsize=2 * settings.take_chunks,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    app.positions = positions
    app.chunk_records = settings.chunk_records
    app.drain = drain
    for stream in settings.streams:
        _agent(app, stream, settings, submit, fail)
    return app


def _agent(
    app: WorkerApp, stream: str, settings: Settings, submit: Submit, fail: Callable[[BaseException], None]
) -> None:
    async def carry(events: Any) -> None:
        # `take` and `async for` ack even when their body raised; this neither acks nor goes on.
        async for take in events.noack_take(settings.take_chunks, within=settings.take_within_s):
            try:
                for part in portioned(take, TAKE_RECORDS):
                    await submit(part)
            except Exception as error:
                fail(error)
                raise

    topic = app.topic(stream, schema=ChunkSchema())
    app.agent(topic, name=f"stream.app.{stream}", concurrency=1)(carry)


def portioned(take: Take, records: int) -> Iterator[Take]:
    """A take in parts of at least one chunk and, if there are more, at most so many records; the order stays."""
    part: list[Any] = []
    held = 0
    for event in take:
        size = len(event.value.records)
        if part and held + size > records:
            yield part
            part, held = [], 0
        part.append(event)
        held += size
    if part:
        yield part


def credentials(settings: Settings) -> faust.auth.Credentials | None:
    """Faust's credentials for the security settings; None for plain text."""
    context = _tls(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def _tls(settings: Settings) -> ssl.SSLContext:
    cafile = str(settings.ssl_cafile) if settings.ssl_cafile else None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=cafile)
    if settings.ssl_certfile:
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    return context
