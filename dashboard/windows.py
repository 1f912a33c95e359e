"""Reads of the windows: a range in blocks of windows, each block kept. Those that can hardly change are kept longer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dashboard.guard import store
from dashboard.kept import kept
from dashboard.ranges import DAY, HOUR, Range, cover
from undertone.reading import Windows
from undertone.trends import Counts, Series, total

LIVE_S: Final = 3
SHARED_S: Final = 4.5
"""For how long the newest windows are taken as they are: nearly as long as charts wait for their next refresh."""
RANKED_S: Final = 10
SETTLED_S: Final = 900
SETTLED_AFTER_MS: Final = 2 * HOUR * 1000
"""Windows older than this, in event time, get few late messages: more than the default allowed lateness."""
BLOCK: Final = 24
"""Windows in one read."""

_MODEL_SIZES: Final = ((300, 6 * HOUR), (HOUR, 3 * DAY))
"""The windows in which model versions are looked for, by the longest range for which they are."""

Totals = dict[int, Counts]
Ranking = dict[Series, Counts]
Totalled = dict[str, Counts]


class Asked(NamedTuple):
    """What is counted: streams, and a topic and a company, empty for all."""

    streams: tuple[str, ...]
    topic: str = ""
    entity: str = ""

    def series(self, known: Sequence[str]) -> tuple[Series, ...]:
        """The series whose sum it is; a company's total is the sum over topics."""
        return tuple(Series(topic, self.entity) for topic in ([self.topic] if self.topic else known))


@kept(LIVE_S, most=256)
def bars(url: str, asked: Asked, known: tuple[str, ...], span: Range, now_ms: int, shift_s: int = 0) -> Totals:
    """Counts by start of bar (seconds), one for each bar of the range, empty ones too.

    ``shift_s`` reads that much earlier, under the starts of the bars of now: the same time last week, for one.
    """
    start_ms, end_ms = (ms - shift_s * 1000 for ms in span.bounds_ms(now_ms))
    found = {start: Counts() for start in span.starts(now_ms)}
    series = asked.series(known)
    for stream in asked.streams:
        for settled, begin, stop in _blocks(span.window_s, start_ms, end_ms, now_ms):
            read = _settled_totals if settled else _live_totals
            for start, counts in read(url, stream, span.window_s, begin, stop, series).items():
                bar = (start + shift_s) // span.bar_s * span.bar_s
                if bar in found and counts.total_messages:
                    found[bar] = found[bar] + counts
    return found


@kept(LIVE_S, most=128)
def sum_of(url: str, asked: Asked, known: tuple[str, ...], start_ms: int, end_ms: int, now_ms: int) -> Counts:
    """The counts of [start_ms, end_ms), from as few windows as can cover it."""
    series = asked.series(known)
    return total(
        counts
        for stream in asked.streams
        for size, first, last in cover(start_ms, end_ms)
        for settled, begin, stop in _blocks(size, first, last, now_ms)
        for counts in (_settled_totals if settled else _live_totals)(url, stream, size, begin, stop, series).values()
    )


@kept(LIVE_S, most=64)
def ranking(url: str, streams: tuple[str, ...], start_ms: int, end_ms: int, now_ms: int) -> Ranking:
    """The counts of every series in [start_ms, end_ms), from as few windows as can cover it."""
    found: Ranking = {}
    for stream in streams:
        for size, first, last in cover(start_ms, end_ms):
            for settled, begin, stop in _blocks(size, first, last, now_ms):
                read = _settled_ranking if settled else _live_ranking
                for one, counts in read(url, stream, size, begin, stop).items():
                    found[one] = found[one] + counts if one in found else counts
    return found


@kept(LIVE_S, most=32)
def by_hour(url: str, streams: tuple[str, ...], known: tuple[str, ...], hours: int, now_ms: int) -> dict[str, Totals]:
    """The counts of each topic in each of the last ``hours``, by topic and start of the hour (seconds)."""
    end_ms = (now_ms // (HOUR * 1000) + 1) * HOUR * 1000
    start_ms = end_ms - hours * HOUR * 1000
    found: dict[str, Totals] = defaultdict(dict)
    for stream in streams:
        for settled, begin, stop in _blocks(HOUR, start_ms, end_ms, now_ms):
            read = _settled_cells if settled else _live_cells
            for start, cells in read(url, stream, HOUR, begin, stop, known).items():
                for topic, counts in cells.items():
                    found[topic][start] = found[topic].get(start, Counts()) + counts
    return dict(found)


@kept(RANKED_S, most=64)
def models(url: str, streams: tuple[str, ...], span: Range, now_ms: int) -> tuple[tuple[int, str], ...]:
    """When (s) a model version first counted in the range, but for the one that counted at its start; oldest first."""
    first: dict[str, int] = {}
    size = next((one for one, longest in _MODEL_SIZES if span.span_s <= longest), DAY)
    start_ms, end_ms = span.bounds_ms(now_ms)
    for stream in streams:
        for settled, begin, stop in _blocks(size, start_ms // (size * 1000) * size * 1000, end_ms, now_ms):
            read = _settled_models if settled else _live_models
            for version, start in read(url, stream, size, begin, stop).items():
                first[version] = min(first.get(version, start), start)
    ordered = sorted((start, version) for version, start in first.items())
    return tuple(ordered[1:])


def by_topic(found: Ranking, entity: str) -> Totalled:
    """A ranking by topic, for the chosen company or for the topics as a whole."""
    return _most({one.topic: counts for one, counts in found.items() if one.entity == entity})


def by_entity(found: Ranking, topic: str) -> Totalled:
    """A ranking by company, within the chosen topic or over all of them."""
    summed: dict[str, Counts] = defaultdict(Counts)
    for one, counts in found.items():
        if one.entity and topic in ("", one.topic):
            summed[one.entity] = summed[one.entity] + counts
    return _most(summed)


def _most(counts: Totalled) -> Totalled:
    return dict(sorted(counts.items(), key=lambda item: (-item[1].total_stories, -item[1].total_messages, item[0])))


def _blocks(size_s: int, start_ms: int, end_ms: int, now_ms: int) -> Iterator[tuple[bool, int, int]]:
    """(settled, start, end), in ms, of the reads that make up a run of windows, aligned so that they are shared."""
    width = BLOCK * size_s * 1000
    settled_ms = (now_ms - SETTLED_AFTER_MS) // (size_s * 1000) * size_s * 1000
    at = start_ms
    while at < end_ms:
        stop = min(end_ms, (at // width + 1) * width)
        if at < settled_ms < stop:
            stop = settled_ms
        yield stop <= settled_ms, at, stop
        at = stop


def _read_totals(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...]) -> Totals:
    found = store(url).windows(stream, size_s, start_ms, end_ms, series=series)
    return {start: total(cells.values()) for start, cells in found.items()}


_settled_totals = kept(SETTLED_S, most=4_000)(_read_totals)


@kept(SHARED_S, most=200)
def _live(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Windows:
    """Whole windows, which serve every series that anybody looks at."""
    return store(url).windows(stream, size_s, start_ms, end_ms)


def _live_totals(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...]) -> Totals:
    found = _live(url, stream, size_s, start_ms, end_ms)
    return {start: total(cells[one] for one in series if one in cells) for start, cells in found.items()}


def _ranked(found: Windows) -> Ranking:
    ranked: Ranking = {}
    for cells in found.values():
        for one, counts in cells.items():
            ranked[one] = ranked[one] + counts if one in ranked else counts
    return ranked


@kept(SETTLED_S, most=300)
def _settled_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Ranking:
    return _ranked(store(url).windows(stream, size_s, start_ms, end_ms))


@kept(SHARED_S, most=100)
def _live_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Ranking:
    return _ranked(_live(url, stream, size_s, start_ms, end_ms))


def _read_cells(
    url: str, stream: str, size_s: int, start_ms: int, end_ms: int, known: tuple[str, ...]
) -> dict[int, dict[str, Counts]]:
    found = store(url).windows(stream, size_s, start_ms, end_ms, series=[Series(topic, "") for topic in known])
    return {start: {one.topic: counts for one, counts in cells.items()} for start, cells in found.items()}


_settled_cells = kept(SETTLED_S, most=64)(_read_cells)


def _live_cells(
    url: str, stream: str, size_s: int, start_ms: int, end_ms: int, known: tuple[str, ...]
) -> dict[int, dict[str, Counts]]:
    found = _live(url, stream, size_s, start_ms, end_ms)
    named = [(topic, Series(topic, "")) for topic in known]
    return {start: {topic: cells[one] for topic, one in named if one in cells} for start, cells in found.items()}


def _read_models(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> dict[str, int]:
    first: dict[str, int] = {}
    for start, versions in sorted(store(url).models(stream, size_s, start_ms, end_ms).items()):
        for version in versions:
            first.setdefault(version, start)
    return first


_settled_models = kept(SETTLED_S, most=300)(_read_models)
_live_models = kept(RANKED_S, most=100)(_read_models)
