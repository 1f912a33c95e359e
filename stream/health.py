"""How the worker is: what it wrote, how fast, how far behind, whether it is ready. Numbers only, no text of messages.

Written to by the writer's thread and read by the HTTP and heartbeat threads; every field is replaced, never mutated
half-way, so that no lock is needed beyond the one around the recent samples.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream.scoring import Lineup, Portion
from stream.tenure import Tenure
from undertone.gpu.scorer import degraded

RECENT_S = 10.0
LOOP_STALLED_S = 5.0
DEAD_S = 30.0
"""``/healthz`` turns red, and an orchestrator restarts the worker, when the loop has not run for so long."""
NO_PROGRESS_S = 30.0
SAMPLE_EVERY = 32
"""One record in so many is timed, and the last of each portion."""


class Lag(NamedTuple):
    """One held partition: records not yet written, and the end of its log."""

    stream: str
    partition: int
    lag: int
    end: int


@dataclass(slots=True)
class _Standing:
    """Since when a partition with a lag has not moved."""

    written: int
    since: float


class Health:
    """One for each worker."""

    def __init__(self, lineup: Lineup, partitions: Callable[[], list[tuple[Tenure, int]]]) -> None:
        """`lineup` serves first; `partitions` gives each held tenure with the end of its log as known now."""
        self.started_ms = int(time.time() * 1000)
        self.ticked = time.monotonic()
        self.records = 0
        self.failures: list[Callable[[], str | None]] = []
        """Each says in a few words what is wrong, or None."""
        self._partitions = partitions
        self._standing: dict[tuple[str, int], _Standing] = {}
        self._lock = threading.Lock()
        self._written: deque[tuple[float, int]] = deque()  # (monotonic s, records)
        self._latencies: deque[tuple[float, float]] = deque()  # (monotonic s, ms)
        self.registry = CollectorRegistry()
        self._outcomes = Counter(
            "undertone_records",
            "Records written, by what became of them",
            ("stream", "outcome"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "undertone_latency_seconds",
            "From a record's Kafka timestamp to its write",
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, float("inf")),
        )
        self._lag = Gauge(
            "undertone_lag_records", "Records not yet written", ("stream", "partition"), registry=self.registry
        )
        self._ready = Gauge("undertone_ready", "1 if the worker is ready", registry=self.registry)
        self._degraded = Gauge(
            "undertone_scorer_degraded", "Models that a GPU should run and the CPU does", registry=self.registry
        )
        self._memory = Gauge("undertone_memory_bytes", "Resident memory", registry=self.registry)
        self._models = Gauge(
            "undertone_model_info", "1 for each model that serves", ("role", "version"), registry=self.registry
        )
        self._refused = Counter(
            "undertone_model_refused",
            "Models that were promoted and could not be taken up",
            ("role", "version"),
            registry=self.registry,
        )
        self.serve(lineup)

    def tick(self) -> None:
        """The event loop is alive."""
        self.ticked = time.monotonic()

    def alive(self) -> bool:
        """Whether there is no need to restart the worker."""
        return time.monotonic() - self.ticked < DEAD_S

    def serve(self, lineup: Lineup) -> None:
        """These models serve from the next take on."""
        self._lineup = lineup
        self.model = lineup.champion.version
        self.challenger = lineup.challenger.version if lineup.challenger else ""
        self._models.clear()
        self._models.labels("champion", self.model).set(1)
        if self.challenger:
            self._models.labels("challenger", self.challenger).set(1)

    def refuse(self, role: str, version: str) -> None:
        """A model was refused, and the ones before serve on: no reason to be less ready than before."""
        self._refused.labels(role, version).inc()

    def wrote(self, portion: Portion) -> None:
        """Count a portion that is in the store now."""
        if not portion.counters:
            return
        now, now_ms = time.monotonic(), time.time() * 1000
        stream = portion.tenure.stream
        for outcome, n in portion.counters.items():
            self._outcomes.labels(stream, outcome).inc(n)
        sampled = [*portion.records[::SAMPLE_EVERY], portion.records[-1]]
        with self._lock:
            self.records += len(portion.records)
            self._written.append((now, len(portion.records)))
            for record in sampled:
                latency_ms = max(0.0, now_ms - record.timestamp_ms)
                self._latencies.append((now, latency_ms))
                self._latency.observe(latency_ms / 1000)
            self._forget(now)

    def lags(self) -> list[Lag]:
        """The lag of every partition held."""
        return [
            Lag(tenure.stream, tenure.partition, max(0, end - tenure.written - 1), end)
            for tenure, end in self._partitions()
            if not tenure.ended
        ]

    def wrong(self) -> list[str]:
        """Why the worker is not ready, each reason in a few words; empty if it is."""
        now = time.monotonic()
        reasons = [reason for check in self.failures if (reason := check()) is not None]
        if now - self.ticked > LOOP_STALLED_S:
            reasons.append(f"the event loop has not run for {now - self.ticked:.0f} s")
        held = [(tenure, end) for tenure, end in self._partitions() if not tenure.ended]
        if not held:
            reasons.append("no partition is assigned")
        standing = {}
        for tenure, end in held:
            name = tenure.stream, tenure.partition
            before = self._standing.get(name)
            if before is None or before.written != tenure.written or end <= tenure.written + 1:
                before = _Standing(tenure.written, now)
            standing[name] = before
            if now - before.since > NO_PROGRESS_S:
                reasons.append(f"{tenure.stream}-{tenure.partition} has not moved for {now - before.since:.0f} s")
        self._standing = standing
        return reasons

    def degraded(self) -> list[str]:
        """Why models run on the CPU that a GPU should run; empty if all is well. No reason not to be ready."""
        return [reason for one in (self._lineup.champion, self._lineup.challenger) if (reason := degraded(one))]

    def rate(self) -> float:
        """Records a second over the last RECENT_S."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            return sum(n for _, n in self._written) / RECENT_S

    def latency_ms(self) -> tuple[float, float]:
        """p50 and p99 of the latency over the last RECENT_S; zeros if nothing was written."""
        with self._lock:
            self._forget(time.monotonic())
            sample = sorted(ms for _, ms in self._latencies)
        if not sample:
            return 0.0, 0.0
        return sample[len(sample) // 2], sample[min(len(sample) - 1, len(sample) * 99 // 100)]

    def gauge(self) -> None:
        """Bring the gauges up to date before they are read."""
        self._lag.clear()
        for one in self.lags():
            self._lag.labels(one.stream, str(one.partition)).set(one.lag)
        self._ready.set(not self.wrong())
        self._degraded.set(len(self.degraded()))
        self._memory.set(memory_bytes())

    def beat(self, queue: int, errors: int, refused: str) -> dict[str, str | int | float]:
        """The fields of the worker's heartbeat in Redis; `refused` are versions that should serve and cannot."""
        p50, p99 = self.latency_ms()
        fields: dict[str, str | int | float] = {
            "started_ms": self.started_ms,
            "ready": int(not self.wrong()),
            "model": self.model,
            "challenger": self.challenger,
            "model_refused": refused,
            "rate": round(self.rate(), 1),
            "records": self.records,
            "latency_p50_ms": round(p50, 1),
            "latency_p99_ms": round(p99, 1),
            "queue": queue,
            "memory_mb": round(memory_bytes() / 1e6, 1),
            "errors": errors,
        }
        for one in self.lags():
            fields[f"lag:{one.stream}-{one.partition}"] = one.lag
            fields[f"end:{one.stream}-{one.partition}"] = one.end
        return fields

    def _forget(self, now: float) -> None:
        for recent in (self._written, self._latencies):
            while recent and recent[0][0] < now - RECENT_S:
                recent.popleft()


def memory_bytes() -> int:
    """Resident memory now; where the system does not say, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
