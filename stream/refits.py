"""When baselines are fitted anew: by event time alone, so that all who watch, from whenever on, have the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from stream.baseline import DAY_H
from stream.takeover import UNSURE_H, Takeover

REFIT_AT_H = 0
"""Hour of the UTC day in whose course the daily fit is made; it holds from the next hour on."""


def _ages() -> frozenset[int]:
    """The ages in hours at which a young stream is fitted: whenever it is a quarter older, until that is a day."""
    ages, age = [0], 0
    while max(age // 4, 1) < DAY_H:
        age += max(age // 4, 1)
        ages.append(age)
    return frozenset(ages)


_YOUNG = _ages()


def due(hour: int, first: int | None, takeovers: Sequence[Takeover]) -> int:
    """The hour for which the fit was due that holds in ``hour``; it knows what came before it, and no more.

    It is due daily; in a stream's first days, each time it is a quarter older; and when a new model has counted for an
    hour, then hourly in the first day of one that had no shadow. What is due daily or hourly holds from the next hour
    on, the rest at once.

    Args:
        hour: Hours since 1970.
        first: The first hour of which anything is known, None if nothing is.
        takeovers: Where new models began, as known at ``hour``.
    """
    at = hour
    while not (_at_once(at, first, takeovers) or (at < hour and in_course(at, takeovers))):
        at -= 1
    return at


def in_course(hour: int, takeovers: Sequence[Takeover]) -> bool:
    """Whether a fit is due in an hour that holds from the next on."""
    unsure = any(one.seen is None and 0 < hour - one.hour < UNSURE_H for one in takeovers)
    return hour % DAY_H == REFIT_AT_H or unsure


def _at_once(hour: int, first: int | None, takeovers: Sequence[Takeover]) -> bool:
    young = first is not None and hour - first in _YOUNG
    return young or any(hour == one.hour + 1 for one in takeovers)
