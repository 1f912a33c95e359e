"""What was counted of some series, window by window: those that take no more messages are read once an hour at most.

That is as long as callers are told that they may keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from undertone.keys import DAY_S
from undertone.reading import Reader
from undertone.trends import Counts, Series

BLOCK: Final = 24
"""Windows in one read, aligned so that ranges that overlap share them."""
BLOCKS_KEPT: Final = 2_048
DAYS_KEPT: Final = 256
KEPT_MS: Final = 3_600_000
DAY_MS: Final = DAY_S * 1000


class Counted:
    """One for each process; threads share it. Bounded in blocks."""

    def __init__(self, reader: Callable[[], Reader], clock: Callable[[], int]) -> None:
        """``reader`` gives one to read with now; ``clock`` is the wall's, ms."""
        self._reader, self._clock = reader, clock
        self._block = lru_cache(maxsize=BLOCKS_KEPT)(self._read)
        self._day = lru_cache(maxsize=DAYS_KEPT)(self._read_day)

    def totals(
        self, stream: str, size_s: int, start_ms: int, end_ms: int, series: Sequence[Series], complete_ms: int
    ) -> dict[int, Counts]:
        """The sum over the series by window start (seconds) in [start_ms, end_ms), windows with nothing left out.

        ``complete_ms`` is the event time before which nothing is counted any more, -1 if none.
        """
        hour, wanted = self._clock() // KEPT_MS, tuple(series)
        if wanted and wanted[0].entity and size_s < DAY_S:
            # An entity is spoken of under a few topics only: what no day's window holds, no shorter one does.
            there = self._spoken_of(stream, start_ms, end_ms, complete_ms, hour)
            wanted = tuple(one for one in wanted if one in there)
        found: dict[int, Counts] = {}
        for begin, stop in _blocks(size_s, start_ms, end_ms) if wanted else ():
            read = self._block if stop <= complete_ms else self._read
            found |= read(stream, size_s, begin, stop, wanted, hour)
        return found

    def _spoken_of(self, stream: str, start_ms: int, end_ms: int, complete_ms: int, hour: int) -> set[Series]:
        there: set[Series] = set()
        for day_ms in range(start_ms // DAY_MS * DAY_MS, end_ms, DAY_MS):
            there |= (self._day if day_ms + DAY_MS <= complete_ms else self._read_day)(stream, day_ms, hour)
        return there

    def _read(
        self, stream: str, size_s: int, start_ms: int, end_ms: int, series: tuple[Series, ...], _hour: int
    ) -> dict[int, Counts]:
        return self._reader().totals(stream, size_s, start_ms, end_ms, series)

    def _read_day(self, stream: str, day_ms: int, _hour: int) -> frozenset[Series]:
        found = self._reader().windows(stream, DAY_S, day_ms, day_ms + DAY_MS)
        return frozenset(one for cells in found.values() for one in cells)


def _blocks(size_s: int, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    width, at = BLOCK * size_s * 1000, start_ms
    while at < end_ms:
        stop = min(end_ms, (at // width + 1) * width)
        yield at, stop
        at = stop
