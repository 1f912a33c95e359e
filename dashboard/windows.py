"""Reads of the windows, each kept for as long as it will hardly change: see :mod:`dashboard.ages`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from dashboard import reads
from dashboard.ages import Age, Ages
from dashboard.guard import store
from dashboard.kept import kept, made
from dashboard.ranges import DAY, HOUR, Range, cover
from undertone.reading import Windows
from undertone.trends import Counts, Series, total

LIVE_S: Final = 3
OPEN_S: Final = 4.5
"""For how long the newest windows are taken as they are: nearly as long as charts wait for their next refresh."""
CLOSING_S: Final = 30
SETTLED_S: Final = 900
COMPOSED_S: Final = 60
"""For how long what settled windows add up to is kept: each of them is kept for longer."""
DAY_MS: Final = DAY * 1000
TOTALS_MOST: Final = 256
"""Sums over different series that are kept of the same windows."""

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


def bars(url: str, asked: Asked, known: tuple[str, ...], span: Range, now_ms: int, shift_s: int = 0) -> Totals:
    """Counts by start of bar (seconds), one for each bar of the range, empty ones too.

    ``shift_s`` reads that much earlier, under the starts of the bars of now: the same time last week, for one.
    """
    ages = Ages.at(now_ms, span.window_s)
    return _bars(url, asked, known, ages, span.bar_s, *span.bounds_ms(now_ms), shift_s)


def _counted(url: str, asked: Asked, *_: object) -> object:
    return reads.counted(url, asked.streams)


@kept(LIVE_S, most=256, mark=_counted)
def _bars(
    url: str, asked: Asked, known: tuple[str, ...], ages: Ages, bar_s: int, start_ms: int, end_ms: int, shift_s: int
) -> Totals:
    place = (start_ms - shift_s * 1000, end_ms - shift_s * 1000)
    found = dict(_settled_bars(url, asked, known, ages, bar_s, *place, shift_s))
    for stream in asked.streams:
        for age, begin, stop in ages.pieces(max(place[0], ages.settled_ms), place[1]):
            counted = _young(url, stream, ages, age, stop).totals(asked.series(known), begin, stop)
            _into_bars(found, counted, bar_s, shift_s)
    return found


@kept(COMPOSED_S, most=1_024)
def _settled_bars(
    url: str, asked: Asked, known: tuple[str, ...], ages: Ages, bar_s: int, start_ms: int, end_ms: int, shift_s: int
) -> Totals:
    shift_ms = shift_s * 1000
    found = {start: Counts() for start in range((start_ms + shift_ms) // 1000, (end_ms + shift_ms) // 1000, bar_s)}
    for stream in asked.streams:
        for _, begin, stop in ages.blocks(start_ms, min(end_ms, ages.settled_ms)):
            _into_bars(found, _settled_totals(url, stream, ages.size_s, begin, stop, asked, known), bar_s, shift_s)
    return found


def _into_bars(found: Totals, counted: Totals, bar_s: int, shift_s: int) -> None:
    for start, counts in counted.items():
        bar = (start + shift_s) // bar_s * bar_s
        if bar in found and counts.total_messages:
            found[bar] = found[bar] + counts


def sum_of(url: str, asked: Asked, known: tuple[str, ...], start_ms: int, end_ms: int, now_ms: int) -> Counts:
    """The counts of [start_ms, end_ms), from as few windows as can cover it."""
    return total(
        counts
        for stream in asked.streams
        for size, first, last in cover(start_ms, end_ms)
        for counts in _sums(url, stream, asked, known, Ages.at(now_ms, size), first, last)
    )


def _sums(
    url: str, stream: str, asked: Asked, known: tuple[str, ...], ages: Ages, first: int, last: int
) -> Iterator[Counts]:
    for age, begin, stop in ages.pieces(first, last):
        if age is Age.SETTLED:
            yield from _settled_totals(url, stream, ages.size_s, begin, stop, asked, known).values()
        else:
            yield from _young(url, stream, ages, age, stop).totals(asked.series(known), begin, stop).values()


def ranking(url: str, streams: tuple[str, ...], start_ms: int, end_ms: int, now_ms: int) -> Ranking:
    """The counts of every series in [start_ms, end_ms), from as few windows as can cover it."""
    runs = tuple((Ages.at(now_ms, size), first, last) for size, first, last in cover(start_ms, end_ms))
    return _ranking(url, streams, runs)


Runs = tuple[tuple[Ages, int, int], ...]
"""Runs of windows, [start, end) in ms, with the ages of their size."""


def _all_counted(url: str, streams: tuple[str, ...], *_: object) -> object:
    return reads.counted(url, streams)


@kept(LIVE_S, most=64, mark=_all_counted)
def _ranking(url: str, streams: tuple[str, ...], runs: Runs) -> Ranking:
    settled = tuple((ages, first, min(last, ages.settled_ms)) for ages, first, last in runs)
    found = dict(_settled_ranking(url, streams, settled))
    for stream in streams:
        for ages, first, last in runs:
            for age, begin, stop in ages.pieces(max(first, ages.settled_ms), last):
                for _, cells in _young(url, stream, ages, age, stop).inside(begin, stop):
                    _into_ranking(found, cells)
    return found


@kept(COMPOSED_S, most=64)
def _settled_ranking(url: str, streams: tuple[str, ...], runs: Runs) -> Ranking:
    found: Ranking = {}
    for stream in streams:
        for ages, first, last in runs:
            for _, begin, stop in ages.blocks(first, last):
                _into_ranking(found, _block_ranking(url, stream, ages.size_s, begin, stop))
    return found


def _into_ranking(found: Ranking, more: Mapping[Series, Counts]) -> None:
    for one, counts in more.items():
        found[one] = found[one] + counts if one in found else counts


def by_hour(url: str, streams: tuple[str, ...], known: tuple[str, ...], hours: int, now_ms: int) -> dict[str, Totals]:
    """The counts of each topic in each of the last ``hours``, by topic and start of the hour (seconds)."""
    end_ms = (now_ms // (HOUR * 1000) + 1) * HOUR * 1000
    return _by_hour(url, streams, known, Ages.at(now_ms, HOUR), end_ms - hours * HOUR * 1000, end_ms)


@kept(LIVE_S, most=32, mark=_all_counted)
def _by_hour(
    url: str, streams: tuple[str, ...], known: tuple[str, ...], ages: Ages, start_ms: int, end_ms: int
) -> dict[str, Totals]:
    found: dict[str, Totals] = defaultdict(dict)
    for stream in streams:
        for age, begin, stop in ages.pieces(start_ms, end_ms):
            if age is Age.SETTLED:
                hours = iter(_settled_topics(url, stream, HOUR, begin, stop, known).items())
            else:
                hours = _young(url, stream, ages, age, stop).inside(begin, stop)
            for start, cells in hours:
                for topic in known:
                    counts = cells.get(Series(topic, ""))
                    if counts is not None:
                        found[topic][start] = found[topic].get(start, Counts()) + counts
    return dict(found)


def models(url: str, streams: tuple[str, ...], span: Range, now_ms: int) -> tuple[tuple[int, str], ...]:
    """When (s) a model version first counted in the range, but for the one that counted at its start; oldest first."""
    size = next((one for one, longest in _MODEL_SIZES if span.span_s <= longest), DAY)
    start_ms, end_ms = span.bounds_ms(now_ms)
    return _models(url, streams, Ages.at(now_ms, size), start_ms // (size * 1000) * size * 1000, end_ms)


@kept(LIVE_S, most=64, mark=_all_counted)
def _models(url: str, streams: tuple[str, ...], ages: Ages, start_ms: int, end_ms: int) -> tuple[tuple[int, str], ...]:
    first: dict[str, int] = {}
    for stream in streams:
        for age, begin, stop in ages.pieces(start_ms, end_ms):
            read = _settled_versions if age is Age.SETTLED else _young_versions
            for version, start in read(url, stream, ages.size_s, begin, stop).items():
                first[version] = min(first.get(version, start), start)
    ordered = sorted((start, version) for version, start in first.items())
    return tuple(ordered[1:])


@made(most=32)
def by_topic(found: Ranking, entity: str) -> Totalled:
    """A ranking by topic, for the chosen company or for the topics as a whole."""
    return _most({one.topic: counts for one, counts in found.items() if one.entity == entity})


@made(most=32)
def by_entity(found: Ranking, topic: str) -> Totalled:
    """A ranking by company, within the chosen topic or over all of them."""
    summed: dict[str, Counts] = {}
    for one, counts in found.items():
        if one.entity and topic in ("", one.topic):
            known = summed.get(one.entity)
            summed[one.entity] = counts if known is None else known + counts
    return _most(summed)


def _most(counts: Totalled) -> Totalled:
    return dict(sorted(counts.items(), key=lambda item: (-item[1].total_stories, -item[1].total_messages, item[0])))


class Young:
    """Whole windows that may still change, and what was added up of them, which goes when they are read anew."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self._totals: dict[tuple[Series, ...], Totals] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Young) and self.windows == other.windows

    __hash__ = None  # type: ignore[assignment]

    def totals(self, series: tuple[Series, ...], begin_ms: int, stop_ms: int) -> Totals:
        """The sum over the series by start of window (seconds)."""
        found = self._totals.get(series)
        if found is None:
            if len(self._totals) >= TOTALS_MOST:
                self._totals.clear()
            found = self._totals[series] = {
                start: total(cells[one] for one in series if one in cells) for start, cells in self.windows.items()
            }
        return {start: counts for start, counts in found.items() if begin_ms <= start * 1000 < stop_ms}

    def inside(self, begin_ms: int, stop_ms: int) -> Iterator[tuple[int, dict[Series, Counts]]]:
        """The windows of a run."""
        return ((start, cells) for start, cells in self.windows.items() if begin_ms <= start * 1000 < stop_ms)


def _young(url: str, stream: str, ages: Ages, age: Age, stop_ms: int) -> Young:
    """All windows of an age; of the open ones those before ``stop_ms``."""
    if age is Age.CLOSING:
        return _closing(url, stream, ages.size_s, ages.settled_ms, ages.open_ms)
    return _open(url, stream, ages.size_s, ages.open_ms, stop_ms)


def _read_whole(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Young:
    return Young(store(url).windows(stream, size_s, start_ms, end_ms))


def _stream_counted(url: str, stream: str, *_: object) -> object:
    return reads.counted(url, (stream,))


_open = kept(OPEN_S, most=32, mark=_stream_counted)(_read_whole)
_closing = kept(CLOSING_S, most=16, mark=_stream_counted)(_read_whole)


@kept(SETTLED_S, most=4_000)
def _settled_totals(
    url: str, stream: str, size_s: int, start_ms: int, end_ms: int, asked: Asked, known: tuple[str, ...]
) -> Totals:
    series = asked.series(known)
    if asked.entity and size_s < DAY:
        # A company is spoken of under a few topics only: what no day's window holds, no shorter one does.
        days = range(start_ms // DAY_MS * DAY_MS, end_ms, DAY_MS)
        there = frozenset[Series]().union(*(_series_of_day(url, stream, day) for day in days))
        series = tuple(one for one in series if one in there)
    return store(url).totals(stream, size_s, start_ms, end_ms, series) if series else {}


@kept(SETTLED_S, most=512)
def _series_of_day(url: str, stream: str, day_ms: int) -> frozenset[Series]:
    found = store(url).windows(stream, DAY, day_ms, day_ms + DAY_MS)
    return frozenset(one for cells in found.values() for one in cells)


@kept(SETTLED_S, most=300)
def _block_ranking(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> Ranking:
    found: Ranking = {}
    for cells in store(url).windows(stream, size_s, start_ms, end_ms).values():
        _into_ranking(found, cells)
    return found


@kept(SETTLED_S, most=64)
def _settled_topics(url: str, stream: str, size_s: int, start_ms: int, end_ms: int, known: tuple[str, ...]) -> Windows:
    return store(url).windows(stream, size_s, start_ms, end_ms, series=[Series(topic, "") for topic in known])


def _read_versions(url: str, stream: str, size_s: int, start_ms: int, end_ms: int) -> dict[str, int]:
    first: dict[str, int] = {}
    for start, versions in sorted(store(url).models(stream, size_s, start_ms, end_ms).items()):
        for version in versions:
            first.setdefault(version, start)
    return first


_settled_versions = kept(SETTLED_S, most=300)(_read_versions)
_young_versions = kept(CLOSING_S, most=100)(_read_versions)
