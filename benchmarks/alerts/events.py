"""Known events of the real texts: whether, and how long after the news, an alert about the company rang. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from stream.backtest import Ringing


class Event(NamedTuple):
    """Something that happened, or did not: alerts about ``entity`` from ``begin`` on, for ``within``."""

    name: str
    entity: str
    begin: datetime
    within: timedelta
    rings: bool = True


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TWEETS = (
    Event("Facebook buys WhatsApp", "META", _at("2014-02-19T22:03"), HOUR),
    Event("Apple: results and a split", "AAPL", _at("2014-04-23T20:00"), HOUR),
    Event("Oracle: Ellison steps down", "ORCL", _at("2014-09-18T20:01"), HOUR),
    Event("Alibaba opens", "BABA", _at("2014-09-19T13:00"), 4 * HOUR),
    Event("Amazon: 96 copies of one text", "AMZN", _at("2014-05-21T09:00"), HOUR, rings=False),
)
HEADLINES = (
    Event("Boeing 737 MAX", "BA", _at("2019-03-10T00:00"), 3 * DAY),
    Event("Wirecard", "WDI", _at("2020-06-18T00:00"), 3 * DAY),
)
"""Dated by day: the hour is not known, and so neither is the delay."""


class Outcome(NamedTuple):
    """One event and the first alert about it; ``minutes`` after its beginning, None if none rang in time."""

    event: Event
    minutes: float | None
    severity: str

    @property
    def right(self) -> bool:
        return (self.minutes is not None) is self.event.rings


def outcomes(events: Sequence[Event], rung: Sequence[Ringing]) -> list[Outcome]:
    """What became of each event."""
    found = []
    for event in events:
        about = [
            one
            for one in rung
            if one.alert.entity == event.entity and event.begin <= one.fired_at <= event.begin + event.within
        ]
        first = min(about, key=lambda one: one.fired_at, default=None)
        late = None if first is None else (first.fired_at - event.begin).total_seconds() / 60
        found.append(Outcome(event, late, "" if first is None else first.alert.severity.value))
    return found
