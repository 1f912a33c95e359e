"""Alerts as areas on a chart of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

LEAST_MS: Final = 60_000
"""An alert's area is this wide at least."""


class Mark(NamedTuple):
    """An alert's time on the chart, ms of event time."""

    start_ms: int
    end_ms: int
    critical: bool


def merged(marks: Iterable[Mark]) -> list[Mark]:
    """The times in which anything fired: those that overlap as one, which is critical if any of them is.

    Areas over areas would hide what is under them.

    >>> merged([Mark(0, 9_000_000, False), Mark(60_000, 120_000, True)])
    [Mark(start_ms=0, end_ms=9000000, critical=True)]
    >>> merged([Mark(5, 5, False)])
    [Mark(start_ms=5, end_ms=60005, critical=False)]
    """
    found: list[Mark] = []
    for start_ms, end_ms, critical in sorted(marks):
        last = found[-1] if found else None
        if last is not None and start_ms <= last.end_ms:
            found[-1] = Mark(last.start_ms, max(last.end_ms, end_ms), last.critical or critical)
        else:
            found.append(Mark(start_ms, max(end_ms, start_ms + LEAST_MS), critical))
    return found
