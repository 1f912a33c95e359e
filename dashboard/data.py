"""Data: the bounded reads that the sections draw from, each cached for the few seconds that it stays true.

Redis is read through :mod:`undertone.store` and :mod:`undertone.alert_store` only. Windows that can hardly change
any more are kept longer than the newest ones, so that a page that refreshes reads little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from dashboard.filters import ALL, DAY, HOUR, Filters
from dashboard.guard import last_seen, store, wall_ms
from undertone.alert_store import AlertStore
from undertone.keys import SIZES_S
from undertone.messages import Alert, AlertState, Evidence
from undertone.store import PartitionState
from undertone.trends import Counts, Series, total

LIVE_S: Final = 3
SETTLED_S: Final = 60
SETTLED_AFTER_MS: Final = 2 * HOUR * 1000
"""Windows older than this, in event time, get few late messages: more than the default allowed lateness."""

MINUTE_MS: Final = 60_000
BLOCK: Final = 24
"""Windows in one cached read."""
STORIES_KEPT: Final = 30
HOURS_SEARCHED: Final = 72

Totals = dict[int, Counts]
Ranking = dict[Series, Counts]


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


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=16)
def health(url: str, streams: tuple[str, ...]) -> Health:
    """State of every partition and worker, now."""
    opened = store(url)
    found = Health(
        now_ms=wall_ms(),
        states=tuple(state for stream in streams for state in opened.states(stream)),
        workers=opened.heartbeats(),
        model=opened.model_version(),
    )
    last_seen(url).remember(found.now_ms, found.updated_ms)
    return found


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=32)
def event_now_ms(url: str, stream: str, idle_s: float) -> int:
    """Event time up to which a stream is complete, -1 before any message."""
    return store(url).event_now_ms(stream, idle_s=idle_s, now_ms=wall_ms())


@st.cache_data(ttl=SETTLED_S, show_spinner=False, max_entries=8)
def topics(url: str) -> tuple[str, ...]:
    return store(url).topics()


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=8)
def alerts(url: str) -> list[Alert]:
    """The newest alerts in any state."""
    return AlertStore(store(url).redis).list(limit=100)


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=8)
def watched_until_ms(url: str, streams: tuple[str, ...]) -> int:
    """Event time up to which the watch has looked for alerts in the stream that it looked at last, -1 if in none."""
    opened = AlertStore(store(url).redis)
    minutes = (opened.evaluated(stream) for stream in streams)
    return max((minute * MINUTE_MS for minute in minutes if minute is not None), default=-1)


def is_open(alert: Alert) -> bool:
    """Whether an alert asks for attention now."""
    return alert.state in (AlertState.FIRING, AlertState.ACKNOWLEDGED)


# Windows: a range is read in blocks, each block in one cached read.


def series_of(filters: Filters, known: Sequence[str]) -> tuple[Series, ...]:
    """The series whose sum is what the filters ask for; an entity's total is the sum over topics."""
    return tuple(Series(topic, filters.entity) for topic in ([filters.topic] if filters.topic else known))


def bars(url: str, filters: Filters, known: Sequence[str], now_ms: int) -> Totals:
    """Counts by start of bar (seconds), one for each bar of the range, empty ones too."""
    start_ms, end_ms = filters.range.bounds_ms(now_ms)
    width = filters.range.bar_s
    found = {start: Counts() for start in range(start_ms // 1000, end_ms // 1000, width)}
    series = series_of(filters, known)
    for stream in filters.streams:
        for block in _blocks(filters.range.window_s, start_ms, end_ms):
            for start, counts in _block_totals(url, stream, filters.range.window_s, *block, series, now_ms).items():
                bar = start // width * width
                if bar in found:
                    found[bar] = found[bar] + counts
    return found


def sum_of(url: str, filters: Filters, known: Sequence[str], start_ms: int, end_ms: int, now_ms: int) -> Counts:
    """The counts of [start_ms, end_ms), from as few windows as can cover it."""
    series = series_of(filters, known)
    return total(
        counts
        for stream in filters.streams
        for size, first, last in cover(start_ms, end_ms)
        for block in _blocks(size, first, last)
        for counts in _block_totals(url, stream, size, *block, series, now_ms).values()
    )


def ranking(url: str, filters: Filters, now_ms: int) -> Ranking:
    """The counts of every series in the range, from as few windows as can cover it."""
    found: Ranking = {}
    for stream in filters.streams:
        for size, start_ms, end_ms in cover(*filters.range.bounds_ms(now_ms)):
            for block in _blocks(size, start_ms, end_ms):
                for one, counts in _block_ranking(url, stream, size, *block, now_ms).items():
                    found[one] = found[one] + counts if one in found else counts
    return found


def by_topic(found: Ranking, filters: Filters) -> dict[str, Counts]:
    """A ranking by topic, for the chosen entity or for the topics as a whole."""
    return _most({one.topic: counts for one, counts in found.items() if one.entity == filters.entity})


def by_entity(found: Ranking, filters: Filters) -> dict[str, Counts]:
    """A ranking by entity, within the chosen topic or over all of them."""
    summed: dict[str, Counts] = defaultdict(Counts)
    for one, counts in found.items():
        if one.entity and filters.topic in (ALL, one.topic):
            summed[one.entity] = summed[one.entity] + counts
    return _most(summed)


def cover(start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int]]:
    """(size in seconds, start, end) in ms: runs of the largest stored windows that tile [start_ms, end_ms).

    Both ends must be whole minutes.

    >>> [(size, (end - start) // 60_000) for size, start, end in cover(23 * 3_600_000, 49 * 3_600_000)]
    [(3600, 60), (86400, 1440), (3600, 60)]
    """
    at = start_ms
    while at < end_ms:
        size = next(s for s in reversed(SIZES_S) if at % (s * 1000) == 0 and at + s * 1000 <= end_ms)
        larger = next((s for s in SIZES_S if s > size), DAY)
        stop = min(end_ms, (at // (larger * 1000) + 1) * larger * 1000) if larger > size else end_ms
        last = at + (stop - at) // (size * 1000) * size * 1000
        yield size, at, last
        at = last


def _blocks(size_s: int, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """[start, end) in ms of the cached reads that make up a run of windows, aligned so that they are shared."""
    width = BLOCK * size_s * 1000
    at = start_ms
    while at < end_ms:
        stop = min(end_ms, (at // width + 1) * width)
        yield at, stop
        at = stop


def _block_totals(
    url: str, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...], now_ms: int
) -> Totals:
    read = _settled_totals if end_ms < now_ms - SETTLED_AFTER_MS else _live_totals
    return read(url, stream, size_s, start_ms, end_ms, series)


def _read_totals(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...]) -> Totals:
    found = store(url).windows(stream, size_s, start_ms, end_ms, series=series)
    return {start: total(cells.values()) for start, cells in found.items()}


_settled_totals = st.cache_data(ttl=SETTLED_S, show_spinner=False, max_entries=2_000)(_read_totals)


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=200)
def _live_totals(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...]) -> Totals:
    return _read_totals(url, stream, size_s, start_ms, end_ms, series)


def _block_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, now_ms: int) -> Ranking:
    read = _settled_ranking if end_ms < now_ms - SETTLED_AFTER_MS else _live_ranking
    return read(url, stream, size_s, start_ms, end_ms)


def _read_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Ranking:
    found: Ranking = {}
    for cells in store(url).windows(stream, size_s, start_ms, end_ms).values():
        for one, counts in cells.items():
            found[one] = found[one] + counts if one in found else counts
    return found


_settled_ranking = st.cache_data(ttl=SETTLED_S, show_spinner=False, max_entries=1_000)(_read_ranking)


@st.cache_data(ttl=10, show_spinner=False, max_entries=200)
def _live_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Ranking:
    return _read_ranking(url, stream, size_s, start_ms, end_ms)


def _most(counts: dict[str, Counts]) -> dict[str, Counts]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1].total_stories, -item[1].total_messages, item[0])))


# Stories.


def newest(url: str, filters: Filters, now_ms: int) -> list[Evidence]:
    """The newest stories that pass the filters, newest first; looks back through the range, but not for ever."""
    start_ms, end_ms = filters.range.bounds_ms(now_ms)
    hour_ms = HOUR * 1000
    found: list[Evidence] = []
    at = end_ms
    for _ in range(HOURS_SEARCHED):
        if at <= start_ms or len(found) >= STORIES_KEPT:
            break
        begin = max(start_ms, (at - 1) // hour_ms * hour_ms)
        read = _settled_stories if at < now_ms - SETTLED_AFTER_MS else _live_stories
        hour = [one for s in filters.streams for one in read(url, s, begin, at, filters.topic, filters.entity)]
        found += sorted(hour, key=lambda one: (-one.published_ms, one.position))
        at = begin
    return found[:STORIES_KEPT]


def _read_stories(url: str, stream: str, start_ms: int, end_ms: int, topic: str, entity: str) -> list[Evidence]:
    found = store(url).evidence(stream, start_ms, end_ms)
    return [one for one in found if topic in (ALL, one.topic) and (not entity or entity in one.entities)][:STORIES_KEPT]


_settled_stories = st.cache_data(ttl=SETTLED_S, show_spinner=False, max_entries=500)(_read_stories)


@st.cache_data(ttl=LIVE_S, show_spinner=False, max_entries=100)
def _live_stories(url: str, stream: str, start_ms: int, end_ms: int, topic: str, entity: str) -> list[Evidence]:
    return _read_stories(url, stream, start_ms, end_ms, topic, entity)


# What is being watched.


@st.cache_data(ttl=SETTLED_S, show_spinner=False, max_entries=16)
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
