"""How old windows are: the older they are, the less they change, and the longer what was read of them is kept. Pure.

*Settled* ones get few late messages any more and are read in blocks, of the series that are asked for. The younger ones
are read whole, since they then serve every series that anybody looks at: those that are *closing* now and then, those
that are *open* with every refresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from dashboard.ranges import HOUR

OPEN_AGE_MS: Final = 5 * 60_000
"""Windows that end no earlier before now, in event time, are open."""
SETTLED_AGE_MS: Final = 2 * HOUR * 1000
"""Windows that ended earlier are settled: more than the default allowed lateness."""
BLOCK: Final = 24
"""Settled windows in one read."""


class Age(Enum):
    """How much a window may still change."""

    SETTLED = 0
    CLOSING = 1
    OPEN = 2


class Ages(NamedTuple):
    """Where the ages of windows of one size meet, ms. They move by whole windows, so that reads are shared."""

    size_s: int
    settled_ms: int
    open_ms: int

    @classmethod
    def at(cls, now_ms: int, size_s: int) -> Ages:
        """The ages at one moment of event time."""
        size_ms = size_s * 1000
        step_ms = max(size_ms, HOUR * 1000)
        return cls(
            size_s,
            (now_ms - SETTLED_AGE_MS) // step_ms * step_ms,
            (now_ms - OPEN_AGE_MS) // size_ms * size_ms,
        )

    def of(self, start_ms: int) -> Age:
        """The age of the window that begins at a moment."""
        return Age.SETTLED if start_ms < self.settled_ms else Age.CLOSING if start_ms < self.open_ms else Age.OPEN

    def pieces(self, start_ms: int, end_ms: int) -> Iterator[tuple[Age, int, int]]:
        """The reads, [start, end) in ms, that make up a run of windows."""
        yield from self.blocks(start_ms, min(end_ms, self.settled_ms))
        closing = max(start_ms, self.settled_ms), min(end_ms, self.open_ms)
        if closing[0] < closing[1]:
            yield Age.CLOSING, *closing
        if max(start_ms, self.open_ms) < end_ms:
            yield Age.OPEN, max(start_ms, self.open_ms), end_ms

    def blocks(self, start_ms: int, end_ms: int) -> Iterator[tuple[Age, int, int]]:
        """The pieces that are settled, aligned so that ranges that overlap share them."""
        width = BLOCK * self.size_s * 1000
        at = start_ms
        while at < end_ms:
            stop = min(end_ms, (at // width + 1) * width)
            yield Age.SETTLED, at, stop
            at = stop
