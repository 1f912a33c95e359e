"""How the watch is, for Prometheus: what it remembers, how fast it looks, what it told and whom it reached.

Numbers and the names of streams and receivers, no text of messages. What only the store knows is asked for when
somebody reads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from redis.exceptions import RedisError

from stream.patrol import Patrol
from undertone.outbox import Outbox

STILL_S = 60.0
"""The watch is not ready when its loop has not come round for so long; to read four weeks at the start takes less."""
DEAD_S = 600.0
"""``/healthz`` turns red, and an orchestrator restarts the watch, when it has not for so long."""

_log = logging.getLogger(__name__)


class WatchHealth:
    """One for each watch; written to by its thread and its couriers, read by the HTTP thread."""

    def __init__(self, outbox: Outbox) -> None:
        """``outbox`` has a client of its own: it is asked on the thread that reads."""
        self.ticked = time.monotonic()
        self.registry = CollectorRegistry()
        self._outbox = outbox
        self._receivers: Callable[[], Iterable[str]] = tuple
        self._reading = threading.Lock()
        gauge, counter = self._gauge, self._counter
        self._lease = gauge("lease_held", "1 if this watch is the one that works")
        self._ready = gauge("ready", "1 if the watch's loop comes round")
        self._series = gauge("series", "Series that are remembered", "stream")
        self._refused = gauge("refused", "Counts that found no place, since this watch took over", "stream")
        self._open = gauge("alerts_open", "Alerts that have fired and are not over", "stream", "severity")
        self._oldest = gauge("outbox_oldest_seconds", "Age of what a receiver is not done with", "receiver")
        self._minutes = counter("minutes", "Minutes of event time that were looked at", "stream")
        self._news = counter("news", "What was told of alerts, quiet news included", "stream", "what", "severity")
        self._deliveries = counter(
            "deliveries",
            "Notifications by how they ended; failed ones are tried again",
            "receiver",
            "result",
        )
        self._passes = Histogram(
            "undertone_watch_pass_seconds",
            "Time that it took to look at the minutes that were over",
            ("stream",),
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, float("inf")),
        )
        ProcessCollector(registry=self.registry)

    def tick(self) -> None:
        """The loop has come round."""
        self.ticked = time.monotonic()

    def in_charge(self, receivers: Callable[[], Iterable[str]]) -> None:
        """This watch works from now on; ``receivers`` gives the names of those that are told."""
        self._receivers = receivers
        self._lease.set(1)

    def stands_by(self) -> None:
        """Another watch works, or none."""
        self._receivers = tuple
        self._lease.set(0)
        for one in (self._series, self._refused, self._open):
            one.clear()

    def looked(self, patrol: Patrol, minutes: int, seconds: float) -> None:
        """A stream was looked at."""
        stream = patrol.stream
        for (what, severity), n in patrol.taken_news().items():
            self._news.labels(stream, what, severity).inc(n)
        if not minutes:
            return
        self._minutes.labels(stream).inc(minutes)
        self._passes.labels(stream).observe(seconds)
        crowd = patrol.crowd()
        self._series.labels(stream).set(crowd.series)
        self._refused.labels(stream).set(crowd.refused)
        self._count_open(stream, patrol.open_by_severity())

    def told(self, receiver: str, result: str) -> None:
        """A notification ended so for a receiver: ok, held, refused, expired, or failed for now."""
        self._deliveries.labels(receiver, result).inc()

    def alive(self) -> bool:
        """Whether there is no need to restart the watch."""
        return time.monotonic() - self.ticked < DEAD_S

    def wrong(self) -> list[str]:
        """Why the watch is not ready, in a few words; empty if it is."""
        still_s = time.monotonic() - self.ticked
        return [f"the watch has not come round for {still_s:.0f} s"] if still_s > STILL_S else []

    def degraded(self) -> list[str]:
        """Nothing here makes do with less."""
        return []

    def gauge(self) -> None:
        """Bring the gauges up to date before they are read."""
        self._ready.set(not self.wrong())
        now_ms = time.time_ns() // 1_000_000
        with self._reading:
            try:
                ages = {name: self._outbox.oldest_ms(name) for name in self._receivers()}
            except RedisError as error:
                _log.warning("Redis does not answer (%s): how old the outbox is cannot be told", error)
                ages = {}
            self._oldest.clear()
            for name, at_ms in ages.items():
                self._oldest.labels(name).set(0 if at_ms is None else max(now_ms - at_ms, 0) / 1000)

    def close(self) -> None:
        self._outbox.redis.close()

    def _count_open(self, stream: str, by_severity: Mapping[str, int]) -> None:
        for severity, n in by_severity.items():
            self._open.labels(stream, severity).set(n)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"undertone_watch_{name}", what, labels, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"undertone_watch_{name}", what, labels, registry=self.registry)
