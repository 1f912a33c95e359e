"""Bounded reads of health and alerts, each kept for the few seconds that it stays true.

Redis is read through :mod:`undertone.store` and :mod:`undertone.alert_store` only. Windows are read in
:mod:`dashboard.windows`, stories in :mod:`dashboard.story_reads`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from dashboard.guard import store, wall_ms
from dashboard.kept import kept
from dashboard.ranges import DAY
from undertone.alert_store import AlertStore
from undertone.messages import Alert, AlertState
from undertone.reading import PartitionState, complete_ms
from undertone.trends import Series

LIVE_S: Final = 3
WORKERS_S: Final = 5
"""As often as a worker says how it is."""
ALERTS_S: Final = 1
"""Shorter than a page's own beat: both together are how late an alert is seen."""
SETTLED_S: Final = 60
MINUTE_MS: Final = 60_000
ALERTS_READ: Final = 200


@dataclass(frozen=True, slots=True)
class Health:
    """What the pipeline says of itself. ``now_ms`` is wall time, the watermarks are event time."""

    now_ms: int
    states: tuple[PartitionState, ...]
    workers: dict[str, dict[str, str]]
    model: str

    @property
    def updated_ms(self) -> int:
        """Wall time of the newest write, 0 if there was none."""
        return max((one.updated_ms for one in self.states), default=0)

    @property
    def age_ms(self) -> int:
        return max(0, self.now_ms - self.updated_ms)

    def counter(self, name: str) -> int:
        return sum(one.counters.get(name, 0) for one in self.states)

    @property
    def dead(self) -> dict[str, int]:
        """Dead letters by reason, most first."""
        found: dict[str, int] = defaultdict(int)
        for state in self.states:
            for name, n in state.counters.items():
                if name.startswith("dead:"):
                    found[name.removeprefix("dead:")] += n
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def records(self) -> int:
        """Every record that was read: the sum that the worker's invariant I1 is about."""
        named = ("counted", "late", "future", "duplicate", "tombstone")
        return sum(self.counter(name) for name in named) + sum(self.dead.values())


@kept(LIVE_S)
def _states(url: str, stream: str) -> tuple[int, tuple[PartitionState, ...]]:
    """Wall time of this reading, and what it found."""
    return wall_ms(), tuple(store(url).states(stream))


@kept(LIVE_S)
def health(url: str, streams: tuple[str, ...]) -> Health:
    """State of every partition and worker, now."""
    read = [_states(url, stream) for stream in streams]
    workers, model = _workers(url)
    return Health(
        now_ms=min(now_ms for now_ms, _ in read),
        states=tuple(state for _, states in read for state in states),
        workers=workers,
        model=model,
    )


@kept(WORKERS_S)
def _workers(url: str) -> tuple[dict[str, dict[str, str]], str]:
    opened = store(url)
    return opened.heartbeats(), opened.model_version()


def counted(url: str, streams: tuple[str, ...]) -> tuple[tuple[PartitionState, ...], ...]:
    """A mark of all that was counted in these streams: while it is the same, so are their windows and stories."""
    return tuple(_states(url, stream)[1] for stream in streams)


def event_now_ms(url: str, stream: str, idle_s: float) -> int:
    """Event time up to which a stream is complete, -1 before any message."""
    now_ms, states = _states(url, stream)
    return complete_ms(states, idle_s=idle_s, now_ms=now_ms)


@kept(SETTLED_S)
def topics(url: str) -> tuple[str, ...]:
    return store(url).topics()


def _changes(url: str) -> int:
    return AlertStore(store(url).redis).changes()


@kept(ALERTS_S, mark=_changes)
def alerts(url: str) -> tuple[Alert, ...]:
    """The newest alerts in any state, newest first."""
    return tuple(AlertStore(store(url).redis).list(limit=ALERTS_READ))


@kept(LIVE_S)
def watched_until_ms(url: str, streams: tuple[str, ...]) -> int:
    """Event time up to which the watch has looked for alerts in the stream that it looked at last, -1 if in none."""
    opened = AlertStore(store(url).redis)
    minutes = (opened.evaluated(stream) for stream in streams)
    return max((minute * MINUTE_MS for minute in minutes if minute is not None), default=-1)


def is_open(alert: Alert) -> bool:
    """Whether an alert asks for attention now."""
    return alert.state in (AlertState.FIRING, AlertState.ACKNOWLEDGED)


@kept(SETTLED_S)
def watched(url: str, streams: tuple[str, ...], end_ms: int) -> tuple[int, int]:
    """How many series the two days before ``end_ms`` have, and the start of the oldest of 30 days that has any (ms).

    ``end_ms`` is the end of a UTC day, so that the answer is read once in a while and not on every refresh.
    """
    series: set[tuple[str, Series]] = set()
    oldest = end_ms
    day_ms = DAY * 1000
    for stream in streams:
        for start, cells in store(url).windows(stream, DAY, end_ms - 30 * day_ms, end_ms).items():
            oldest = min(oldest, start * 1000)
            if start * 1000 >= end_ms - 2 * day_ms:
                series.update((stream, one) for one in cells)
    return len(series), oldest
