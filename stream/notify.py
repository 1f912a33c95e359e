"""Delivery of the outbox: each channel has a courier with a cursor of its own, so that none waits for another.

A notification is delivered at least once and recorded once. A receiver that must not act twice on one knows it by
the ``Idempotency-Key`` header (webhook) or the ``notification`` header (Kafka): the courier may die between the
delivery and its record.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import httpx
from redis.exceptions import RedisError

from undertone import broker
from undertone.alert_store import AlertStore, LeaseLostError, Outgoing
from undertone.errors import BrokerError, UndertoneError
from undertone.messages import Alert, AlertState
from undertone.settings import Settings
from undertone.store import connect
from undertone.topics import ALERTS

if TYPE_CHECKING:
    from kafka import KafkaProducer

POLL_S = 0.25
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 30.0
SEND_TIMEOUT_S = 15.0

_log = logging.getLogger(__name__)


class NotDeliveredError(UndertoneError):
    """The receiver could not be reached or could not cope; to be tried again."""


class Channel(Protocol):
    """Where notifications go. ``name`` is part of keys in Redis: do not change it."""

    @property
    def name(self) -> str: ...

    def deliver(self, out: Outgoing) -> str:
        """Deliver one notification; returns how it ended: ``ok``, or a refusal that is final.

        Raises:
            NotDeliveredError: if it should be tried again.
        """
        ...

    def close(self) -> None: ...


class KafkaChannel:
    """The ``alerts`` topic; key is the alert's id, value the alert as JSON."""

    name = "kafka"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None

    def deliver(self, out: Outgoing) -> str:
        from kafka.errors import KafkaError

        headers = [("notification", str(out.notification).encode()), ("what", out.what.encode())]
        try:
            if self._producer is None:
                self._producer = broker.producer(self._settings)
            sent = self._producer.send(ALERTS, key=out.alert.id.encode(), value=out.raw, headers=headers)
            sent.get(timeout=SEND_TIMEOUT_S)
        except (KafkaError, BrokerError) as error:
            self.close()  # an idempotent producer that gave up on a record may refuse all later ones
            raise NotDeliveredError(f"Kafka did not take it: {error}") from error
        return "ok"

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=1)
            self._producer = None


class WebhookChannel:
    """A receiver of Alertmanager's webhook format, version 4.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    name = "webhook"

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False)

    def deliver(self, out: Outgoing) -> str:
        try:
            answer = self._client.post(self._url, json=alertmanager(out.alert), headers={"Idempotency-Key": out.key})
        except httpx.HTTPError as error:
            raise NotDeliveredError(f"{type(error).__name__}: {error}") from error
        if answer.is_success:
            return "ok"
        if answer.status_code in (408, 425, 429) or answer.is_server_error:
            raise NotDeliveredError(f"the receiver answered {answer.status_code}")
        # Asking again would give the same answer; a redirect is not followed, lest alerts go astray.
        return f"refused:{answer.status_code}"

    def close(self) -> None:
        self._client.close()


def alertmanager(alert: Alert) -> dict[str, Any]:
    """The body of an Alertmanager v4 webhook call that carries this one alert."""
    labels = {
        "alertname": alert.rule,
        "severity": alert.severity.value,
        "stream": alert.stream,
        "topic": alert.topic or "",
        "entity": alert.entity or "",
        "alert_id": alert.id,
    }
    labels = {name: value for name, value in labels.items() if value}
    annotations = {
        "summary": " · ".join(filter(None, (alert.entity, alert.topic, alert.rule))),
        "description": alert.reason,
        "evidence": "\n".join(one.text for one in alert.evidence),
        "state": alert.state.value,
    }
    status = "resolved" if alert.state is AlertState.RESOLVED else "firing"
    never = "0001-01-01T00:00:00Z"
    grouped = {"alertname": alert.rule, "alert_id": alert.id}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alert_id="{alert.id}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "undertone",
        "groupLabels": grouped,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": alert.started_at.isoformat(),
                "endsAt": alert.resolved_at.isoformat() if alert.resolved_at else never,
                "generatorURL": "",
                "fingerprint": alert.id,
            }
        ],
    }


class Courier(threading.Thread):
    """Carries the outbox to one channel, in order, trying each notification until it is done."""

    def __init__(self, channel: Channel, redis_url: str, token: str) -> None:
        super().__init__(name=f"courier-{channel.name}", daemon=True)
        self._channel = channel
        self._alerts = AlertStore(connect(redis_url))
        self._token = token
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        """Ask it to end after what it is doing."""
        self._stop_asked.set()

    def run(self) -> None:
        """Deliver until stopped, or until another watcher has taken over."""
        try:
            while not self._stop_asked.is_set():
                try:
                    if not self._round():
                        self._stop_asked.wait(POLL_S)
                except RedisError as error:
                    _log.warning("%s: Redis does not answer (%s)", self._channel.name, error)
                    self._stop_asked.wait(POLL_S)
        except LeaseLostError as lost:
            _log.warning("%s: %s", self._channel.name, lost)
        finally:
            self._channel.close()
            self._alerts.redis.close()

    def _round(self) -> int:
        """Deliver what is in the outbox; returns how many notifications were done with."""
        cursor, waiting = self._alerts.outgoing(self._channel.name)
        done = 0
        for out in waiting:
            outcome = self._insist(out)
            if outcome is None:
                break
            if outcome != "ok":
                _log.error("%s: %s was not delivered: %s", self._channel.name, out.key, outcome)
            self._alerts.record_delivery(
                self._token, self._channel.name, cursor, out, outcome, time.time_ns() // 1_000_000
            )
            cursor, done = out.entry, done + 1
        return done

    def _insist(self, out: Outgoing) -> str | None:
        """Try until the receiver has answered for good; None if asked to stop meanwhile.

        Waits grow twofold to LONGEST_RETRY_S with equal jitter (Brooker 2015, "Exponential Backoff And Jitter").
        """
        longest = FIRST_RETRY_S
        while not self._stop_asked.is_set():
            try:
                return self._channel.deliver(out)
            except NotDeliveredError as error:
                wait_s = random.uniform(longest / 2, longest)
                _log.warning("%s: %s not delivered (%s): again in %.1f s", self._channel.name, out.key, error, wait_s)
                self._stop_asked.wait(wait_s)
                longest = min(longest * 2, LONGEST_RETRY_S)
        return None
