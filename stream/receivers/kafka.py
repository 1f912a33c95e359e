"""The topic ``alerts``: key is the alert's id, value the alert as JSON, with what is new of it in the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.receivers.channel import NotDeliveredError
from undertone import broker
from undertone.alert_store import Outgoing
from undertone.errors import BrokerError
from undertone.settings import Settings
from undertone.topics import ALERTS

if TYPE_CHECKING:
    from kafka import KafkaProducer

SEND_TIMEOUT_S = 15.0


class KafkaChannel:
    """See the module."""

    name = "kafka"
    at_once = 1

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
