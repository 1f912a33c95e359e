"""Whether a mute timing is on at a moment. Pure."""

from __future__ import annotations

import zoneinfo
from datetime import datetime

from undertone.rules.model import Day, MuteTiming

WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def muted(timing: MuteTiming, at: datetime) -> bool:
    """Whether ``at``, which has a zone, falls into the timing, by the clock on the wall in the timing's zone.

    >>> from datetime import UTC
    >>> nights = MuteTiming(name="nights", days=("fri",), from_="22:00", to="06:00", zone="Europe/London")
    >>> muted(nights, datetime(2026, 7, 3, 21, 30, tzinfo=UTC)), muted(nights, datetime(2026, 7, 4, 4, 59, tzinfo=UTC))
    (True, True)
    >>> muted(nights, datetime(2026, 7, 4, 5, 0, tzinfo=UTC)), muted(nights, datetime(2026, 7, 3, 2, 0, tzinfo=UTC))
    (False, False)
    """
    there = at.astimezone(zoneinfo.ZoneInfo(timing.zone))
    clock = f"{there:%H:%M}"  # two digits each: their order is that of texts
    today, yesterday = WEEK[there.weekday()], WEEK[there.weekday() - 1]
    if timing.from_ < timing.to:
        return today in timing.days and timing.from_ <= clock < timing.to
    return (today in timing.days and clock >= timing.from_) or (yesterday in timing.days and clock < timing.to)
