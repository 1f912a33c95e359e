"""Ranges of event time: relative to now or between two moments, in bars whose width fits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from undertone.keys import SIZES_S, WINDOW_TTL_S
from undertone.messages import from_ms, to_ms
from undertone.trends import bucket

MINUTE, HOUR, DAY = 60, 3_600, 86_400
MOST_BARS: Final = 200
LONGEST_S: Final = 400 * DAY
DEFAULT: Final = "1d"
NAMED: Final = {"1h": HOUR, "6h": 6 * HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


class Step(NamedTuple):
    """The width of a bar and the stored windows that it is made of, s."""

    bar_s: int
    window_s: int


STEPS: Final = (
    Step(MINUTE, MINUTE),
    Step(5 * MINUTE, 300),
    Step(15 * MINUTE, 300),
    Step(HOUR, HOUR),
    Step(3 * HOUR, HOUR),
    Step(DAY, DAY),
)


@dataclass(frozen=True, slots=True)
class Range:
    """A length of event time that ends now, or at ``end_ms`` if that is given, and its bars."""

    name: str
    span_s: int
    bar_s: int
    window_s: int
    end_ms: int | None = None

    def bounds_ms(self, now_ms: int) -> tuple[int, int]:
        """[start, end) in whole bars, the last of which holds ``now_ms`` or the end of the range."""
        last_ms = now_ms if self.end_ms is None else self.end_ms - 1
        end = bucket(last_ms, self.bar_s) + self.bar_s
        if self.end_ms is None:
            return (end - self.span_s) * 1000, end * 1000
        return bucket(self.end_ms - self.span_s * 1000, self.bar_s) * 1000, end * 1000

    def starts(self, now_ms: int) -> range:
        """The start of each bar, s."""
        start_ms, end_ms = self.bounds_ms(now_ms)
        return range(start_ms // 1000, end_ms // 1000, self.bar_s)


def parse(text: str, now_ms: int) -> Range:
    """A range as the URL has it: ``6h``, or ``2014-02-18T05:00..2014-02-19T05:00`` in UTC; the default for others.

    >>> parse("7d", 0).bar_s, parse("2014-02-18T05:00..2014-02-18T06:30", 1392843900000).bar_s, parse("x", 0).name
    (3600, 60, '1d')
    """
    if text in NAMED:
        return _fitting(text, NAMED[text], now_ms, None)
    begin, _, end = text.partition("..")
    try:
        begin_ms, end_ms = (to_ms(datetime.fromisoformat(f"{one}:00+00:00")) for one in (begin, end))
    except ValueError:
        return parse(DEFAULT, now_ms)
    if not 0 < end_ms - begin_ms <= LONGEST_S * 1000 or begin_ms < 0:
        return parse(DEFAULT, now_ms)
    return _fitting(text, (end_ms - begin_ms) // 1000, now_ms, end_ms)


def between(begin_ms: int, end_ms: int) -> str:
    """The name of the range between two moments, in whole minutes.

    >>> between(1392699600000, 1392786000000)
    '2014-02-18T05:00..2014-02-19T05:00'
    """
    return "..".join(f"{from_ms(ms):%Y-%m-%dT%H:%M}" for ms in (begin_ms, end_ms))


def _fitting(name: str, span_s: int, now_ms: int, end_ms: int | None) -> Range:
    """The finest bars that are not too many and whose windows are still kept."""
    oldest_s = 0 if end_ms is None else max(0, (now_ms - end_ms) // 1000)
    for step in STEPS:
        if span_s <= MOST_BARS * step.bar_s and oldest_s + span_s < WINDOW_TTL_S[step.window_s]:
            return Range(name, span_s, *step, end_ms)
    return Range(name, span_s, *STEPS[-1], end_ms)


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
