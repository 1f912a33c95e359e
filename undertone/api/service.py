"""What every path of the API shares: the client, the desk that admits, the company list, prices and the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

from fastapi import Request
from redis.backoff import NoBackoff
from redis.retry import Retry

from undertone.alert_reading import AlertReader
from undertone.api.admission import Desk, Rate
from undertone.api.counted import Counted
from undertone.api.problems import refused
from undertone.client import connect
from undertone.entities import Linker
from undertone.prices import Prices
from undertone.reading import Reader
from undertone.settings import Settings

READ_TIMEOUT_S = 5.0


def wall_ms() -> int:
    """Now, on the wall: for tokens, rates and ages of data. Everything else here is event time."""
    return time.time_ns() // 1_000_000


class Service:
    """One for each process; threads share it."""

    def __init__(self, settings: Settings, *, closed: bool, clock: Callable[[], int] = wall_ms) -> None:
        """``closed``: a token is needed even where none exists.

        Raises:
            StoreError: if the address of Redis cannot be understood.
            InputError: if the list of companies or the file of prices cannot be read.
        """
        self.settings = settings
        self.clock = clock
        self.client = connect(settings.redis_url)
        # Who asks may ask again: an answer that says that Redis is away must not take half a minute.
        self.client.connection_pool.connection_kwargs.update(
            retry=Retry(NoBackoff(), 1), socket_timeout=READ_TIMEOUT_S, socket_connect_timeout=READ_TIMEOUT_S
        )
        self.desk = Desk(self.client, Rate(settings.api_burst, settings.api_per_minute), closed=closed)
        self.alerts = AlertReader(self.client)
        self.counted = Counted(lambda: self.reader, clock)
        self.linker = Linker.load(settings.entities_file)
        self.names = {company.symbol: company.name for company in self.linker.companies}
        self.prices = None if settings.prices is None else Prices.load(settings.prices)
        self._written_ms = 0
        self._lock = threading.Lock()

    @property
    def reader(self) -> Reader:
        """The store, to read."""
        return Reader(self.client)

    def wrote(self, written_ms: int) -> None:
        """Remember when the newest data that was seen was written."""
        with self._lock:
            self._written_ms = max(self._written_ms, written_ms)

    def data_age_s(self) -> float | None:
        """Seconds since the newest data that was seen was written; None if none was seen."""
        written_ms = self._written_ms
        return None if not written_ms else max(0, self.clock() - written_ms) / 1000

    def newest_ms(self, streams: tuple[str, ...]) -> int:
        """The latest event time counted in any of these streams, -1 if none."""
        states = [state for stream in streams for state in self.reader.states(stream)]
        self.wrote(max((state.updated_ms for state in states), default=0))
        return max((state.watermark_ms for state in states), default=-1)

    def complete_until_ms(self, stream: str) -> int:
        """Event time before which a stream takes no more messages, -1 if none."""
        reached = self.reader.event_now_ms(stream, idle_s=self.settings.idle_partition_s, now_ms=self.clock())
        return -1 if reached < 0 else max(0, reached - self.settings.allowed_lateness_s * 1000)

    def entities(self, given: str | None) -> tuple[str, ...]:
        """The symbols under which an entity may have been counted; none where none is given.

        What is counted stays under the symbol of its day: a company that is listed anew keeps its past.

        Raises:
            ApiError: if nothing is left of what is given.
        """
        if given is None:
            return ()
        symbol = self.linker.symbol(given)
        if not symbol:
            raise refused("entity", f"{given!r} names nobody: valid is a symbol, a cashtag or a name")
        return tuple(dict.fromkeys((symbol, given)))

    def topic(self, given: str | None) -> str | None:
        """A topic as a caller gives it.

        Raises:
            ApiError: if no window can hold it.
        """
        if given is not None and given not in self.reader.topics():
            raise refused("topic", f"topic {given!r} is not known: /v1/topics lists those that are")
        return given


def service(request: Request) -> Service:
    """The service of the application that answers a request."""
    return cast(Service, request.app.state.service)
