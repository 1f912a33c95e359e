"""When the invented world talks and in what mood: busy market hours, quiet nights, good and bad weeks. Pure.

The same run, company and moment give the same mood.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEKDAY = (10, 14, 14, 12, 10, 10, 16, 34, 44, 40, 34, 34, 40, 54, 62, 56, 46, 34, 28, 32, 36, 22, 12, 10)
"""Messages in each hour of a weekday: exchanges open in the east first, then in Europe, then in America."""
NOON_MS = 14 * HOUR_MS
"""The hour that it is there when the demo is shown: it would look dead at night."""
WEEKEND = 0.16
"""Of a weekday's messages, those of a Saturday or Sunday."""
BUSIEST = max(WEEKDAY)
SWINGS = ((9.3, 0.35), (4.1, 0.25))
"""Days that a swing of mood takes, and how far it goes, as a logarithm of the odds."""

_MONDAY = 4
"""Days from 1 January 1970, a Thursday, to the first Monday."""


def shift_ms(now_ms: int) -> int:
    """What is added to a time to have that of the invented world, where it is now early on a weekday's afternoon.

    >>> (5 * DAY_MS + shift_ms(5 * DAY_MS)) % DAY_MS // HOUR_MS
    14
    """
    shift = (NOON_MS - now_ms) % DAY_MS
    shift -= DAY_MS if shift > DAY_MS // 2 else 0
    while is_weekend(now_ms + shift):
        shift -= DAY_MS
    return shift


def hourly(at_ms: int) -> float:
    """Messages an hour on a usual day at this moment.

    >>> hourly(4 * DAY_MS + 14 * HOUR_MS), hourly(2 * DAY_MS + 14 * HOUR_MS)  # a Monday, a Saturday
    (62.0, 9.92)
    """
    weekend = is_weekend(at_ms)
    return WEEKDAY[at_ms // HOUR_MS % 24] * (WEEKEND if weekend else 1.0)


def is_weekend(at_ms: int) -> bool:
    """Whether it is Saturday or Sunday."""
    return (at_ms // DAY_MS - _MONDAY) % 7 >= 5


def mood(run: str, whose: str, at_ms: int) -> float:
    """How well a company is spoken of, -.6 to .6: added to the log odds of good texts, taken from those of bad ones."""
    days = at_ms / DAY_MS
    turns = zip(SWINGS, _phases(run, whose), strict=True)
    return sum(far * math.sin(2 * math.pi * (days / length + phase)) for (length, far), phase in turns)


@lru_cache(maxsize=1_024)
def _phases(run: str, whose: str) -> tuple[float, ...]:
    draw = random.Random(f"{run}-{whose}-mood")
    return tuple(draw.random() for _ in SWINGS)
