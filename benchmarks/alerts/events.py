"""Known events of the real texts: whether an alert about them rang, and how long after the news."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from benchmarks.alerts.texts import DATA
from stream.backtest import Ringing
from stream.scored_log import ScoredLog
from undertone.messages import from_ms

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEWEST, WIDEST = 4, timedelta(hours=6)
"""Of a feed that is dated by day the clock starts when it has told so many stories of the matter within the widest
window: before that no rule that ships could ring."""
RENAMED = {"FB": "META", "GOOG": "GOOGL", "PCLN": "BKNG"}
"""Symbols of the set that are others today."""


class Event(NamedTuple):
    """Something that happened, or did not: alerts about ``entity``, or of whose evidence half holds ``words``.

    ``begin`` is when the news came, or 00:00 of its day where ``by_day``.
    """

    name: str
    entity: str
    begin: datetime
    words: str = ""
    rings: bool = True
    by_day: bool = False

    def about(self, one: Ringing) -> bool:
        """Whether an alert is about it."""
        if self.entity:
            return one.alert.entity == self.entity
        told = [bool(re.search(self.words, story.text, re.IGNORECASE)) for story in one.alert.evidence]
        return sum(told) * 2 >= len(told) > 0


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TWEETS = (
    Event("Facebook buys WhatsApp", "META", _at("2014-02-19T22:03")),
    Event("Apple: results and a split", "AAPL", _at("2014-04-23T20:00")),
    Event("Oracle: Ellison steps down", "ORCL", _at("2014-09-18T20:01")),
    Event("Alibaba opens", "BABA", _at("2014-09-19"), by_day=True),
    Event("Amazon: 96 copies of one text", "AMZN", _at("2014-05-21T09:00"), rings=False),
)
HEADLINES = (
    Event("Boeing 737 MAX", "BA", _at("2019-03-10"), by_day=True),
    Event("COVID", "", _at("2020-02-24"), words="virus|covid", by_day=True),
    Event("Wirecard", "WDI", _at("2020-06-18"), by_day=True),
)


class Outcome(NamedTuple):
    """An event, when its clock started (None: too little was told), and minutes from then to the first alert on it."""

    event: Event
    start: datetime | None
    minutes: float | None

    @property
    def right(self) -> bool:
        return (self.minutes is not None and self.minutes <= 60) is self.event.rings


def outcomes(events: Sequence[Event], log: ScoredLog, rung: Sequence[Ringing]) -> list[Outcome]:
    """What became of each event. An alert that rang on the event's day before its clock started counts as 0 minutes."""
    found = []
    for event in events:
        start = _start(event, log) if event.by_day else event.begin
        until = (start or event.begin) + (3 * DAY if event.by_day else HOUR)
        first = min(
            (one.fired_at for one in rung if event.about(one) and event.begin <= one.fired_at <= until), default=None
        )
        late = None if first is None or start is None else max((first - start).total_seconds() / 60, 0.0)
        found.append(Outcome(event, start, late))
    return found


def _start(event: Event, log: ScoredLog) -> datetime | None:
    """When FEWEST stories of the matter have been told within WIDEST, in the week from the event's day on."""
    begin = int(event.begin.timestamp() * 1000)
    part = log.between(begin, begin + 7 * 86_400_000)
    if event.entity:
        rows = part.mentioning[np.array([name == event.entity for name in part.entities])[part.entity]]
    else:
        texts = part.table["text"].to_pylist()
        rows = np.array(
            [row for row, text in enumerate(texts) if re.search(event.words, text, re.IGNORECASE)], np.int64
        )
    times = part.published_ms[rows[part.opens[rows]]]
    close = np.flatnonzero(times[FEWEST - 1 :] - times[: len(times) - FEWEST + 1] < WIDEST.total_seconds() * 1000)
    return from_ms(int(times[close[0] + FEWEST - 1])) if len(close) else None


class Bursts(NamedTuple):
    """Hours of ten tweets or more on one stock: how many, and in how many an alert about it was out within the hour."""

    kind: str
    hours: int
    out: int


def bursts(log: ScoredLog, rung: Sequence[Ringing]) -> list[Bursts]:
    """The set's own list of bursts: organic ones should ring, spam should not."""
    begin, end = from_ms(int(log.published_ms[0])) + 7 * DAY, from_ms(int(log.published_ms[-1]))
    found: dict[str, list[bool]] = {}
    with (DATA / "replay_stocknet_tweets" / "bursts_hourly.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            at, entity = _at(row["first_tweet_utc"].rstrip("Z")), RENAMED.get(row["ticker"], row["ticker"])
            if begin <= at < end:
                out = any(
                    one.alert.entity == entity
                    and one.fired_at <= at + HOUR
                    and (one.resolved_at is None or one.resolved_at >= at)
                    for one in rung
                )
                found.setdefault(row["kind"], []).append(out)
    return [Bursts(kind, len(out), sum(out)) for kind, out in sorted(found.items())]
