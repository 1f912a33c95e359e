"""Sending many records to Kafka with a bound on those under way, so that none is forgotten and memory stays small."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from undertone import broker
from undertone.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaProducer

UNDER_WAY = 10_000
Headers = list[tuple[str, bytes]]


class Sender:
    """A producer for the time of a ``with``: everything is acknowledged by Kafka when it ends well."""

    def __init__(self, settings: Settings) -> None:
        self.sent = 0
        self._settings = settings
        self._producer: KafkaProducer = broker.producer(settings)
        self._under_way: deque[Any] = deque()

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None) -> None:
        """Send one record, as it is.

        Raises:
            BrokerError: if Kafka refused this one or one before it.
        """
        with broker.explained(self._settings):
            self._under_way.append(self._producer.send(topic, value=value, key=key, headers=headers or []))
            while len(self._under_way) > UNDER_WAY:
                self._settle()

    def flush(self) -> None:
        """Wait until Kafka has acknowledged everything.

        Raises:
            BrokerError: if it does not.
        """
        with broker.explained(self._settings):
            self._producer.flush(timeout=broker.SEND_TIMEOUT_MS / 1000)
            while self._under_way:
                self._settle()

    def _settle(self) -> None:
        self._under_way.popleft().get(timeout=broker.SEND_TIMEOUT_MS / 1000)
        self.sent += 1

    def close(self) -> None:
        self._producer.close(timeout=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self.flush()
        finally:
            self.close()
