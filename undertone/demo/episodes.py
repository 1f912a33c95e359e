"""One thing that happens to an invented company: when, how it is told, and what people do about it. Pure.

Those of the past are in :mod:`undertone.demo.past`, the one that the demo shows live in :mod:`undertone.demo.surge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from undertone.demo.rhythm import DAY_MS, HOUR_MS, is_weekend
from undertone.demo.words import Templates
from undertone.lifecycle import Action
from undertone.messages import Sentiment

ANNA, BEN = "demo-anna", "demo-ben"
"""The people of the demo. Nobody is meant."""


class Deed(NamedTuple):
    """What a person did to the alerts on a company: so many minutes after they fired, and why.

    ``to`` is whom they are assigned to, ``sentiment`` what the texts of a false alarm are instead.
    """

    after_min: int
    action: Action
    by: str
    why: str = ""
    to: str | None = None
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One event: how long it was told, how often a minute at its height, by whom, and what came of it.

    Attributes:
        company: Its symbol.
        minutes: How long it was told.
        per_minute: Messages at its height.
        talk: Share of comments among them.
        price: What became of the company's price, -.1 for a loss of a tenth.
        news: Templates, as those of :mod:`undertone.demo.words`.
        comments: The same.
        slots: Words for them, beside those of quiet days.
        days_ago: How long before the live part; of the live one 0.
        hour: At which hour of that day, UTC.
        deeds: What people did about it.
    """

    company: str
    minutes: int
    per_minute: float
    talk: float
    price: float
    news: Templates
    comments: Templates
    slots: Mapping[str, tuple[str, ...]]
    days_ago: int = 0
    hour: int = 0
    deeds: tuple[Deed, ...] = field(default=())

    def begins(self, live_ms: int) -> int:
        """When it began, ms: on the day given, or the weekday before it."""
        day = (live_ms // DAY_MS - self.days_ago) * DAY_MS
        while is_weekend(day):
            day -= DAY_MS
        return day + self.hour * HOUR_MS
