"""A believable stream for the demo: weeks of news and comments on invented companies, with a few events among them.

Pure and seeded: the same seed and times give the same messages. Nothing here sends, and nothing here is true.
"""

from __future__ import annotations

import csv
import heapq
import io
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from undertone.demo.episodes import Episode
from undertone.demo.past import PAST
from undertone.demo.rhythm import BUSIEST, DAY_MS, HOUR_MS, hourly, mood, shift_ms
from undertone.demo.surge import SURGE
from undertone.demo.words import COMMENT_SOURCES, COMMENTS, COMPANIES, DETAILS, NEWS, NEWS_SOURCES, SLOTS, Templates
from undertone.messages import Message, from_ms

MINUTE_MS = 60_000
HISTORY_DAYS = 30
COMMENT_SHARE = 0.4
POLARITY = (0.16, 0.52, 0.32)
"""Shares of negative, neutral and positive texts in an even mood."""
COPY_SHARE = 0.08
"""Of quiet messages, those that repeat an earlier one, as wires and accounts do."""
COPIES_KEPT = 60
EVENT_COPY_SHARE = 0.25
TWICE_SHARE = 0.003
"""Messages that are delivered twice, as a producer does that got no answer."""
LATE_SHARE = 0.003
LATE_MS = (2 * HOUR_MS, 9 * HOUR_MS)
"""How long a few feeds hold a message back: longer than a worker waits."""
DETAIL_SHARE = 0.6
AUTHORS = 240
PROMINENCE = (3.0, 2.0, 2.0, 1.0)
"""How much companies are talked of, in turn."""
LIVE_MS = 110 * MINUTE_MS
CALM_MS = 20 * MINUTE_MS
"""Of the live part, before the surge begins."""
SURGE_MS = SURGE.minutes * MINUTE_MS
SETTLING_MS = 6 * HOUR_MS
"""No event happens so early: nothing is usual yet."""


class Item(NamedTuple):
    """One message, the stream that it belongs to, and when it is sent, ms of event time."""

    stream: str
    at_ms: int
    message: Message


class Event(NamedTuple):
    """An episode and when it begins, ms."""

    begins: int
    episode: Episode


@dataclass(frozen=True, slots=True)
class Timeline:
    """When what happens, in event time (ms): history from ``start``, told live from ``live``, bad from ``surge``.

    ``shift`` leads to the clock of the invented world.
    """

    start: int
    live: int
    surge: int
    end: int
    shift: int = 0

    @property
    def past(self) -> tuple[Event, ...]:
        """The events of the history, in order."""
        events = (Event(one.begins(self.live + self.shift) - self.shift, one) for one in PAST)
        return tuple(one for one in events if one.begins >= self.start + SETTLING_MS)

    @property
    def bad(self) -> Event:
        """The event of the live part."""
        return Event(self.surge, SURGE)


def timeline(now_ms: int, days: int = HISTORY_DAYS) -> Timeline:
    """A timeline that ends now: ``days`` of history, then a live part in which the surge begins after a while."""
    live = now_ms - LIVE_MS
    return Timeline(live - days * DAY_MS, live, live + CALM_MS, now_ms, shift_ms(now_ms))


def entities_csv() -> str:
    """The invented companies as an entities file; see :mod:`undertone.entities`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["symbol", "name", "aliases", "region"])
    rows.writerows([symbol, name, short if short != name else "", "demo"] for symbol, name, short in COMPANIES)
    return text.getvalue()


def company_name(symbol: str) -> str:
    """The name of one of the invented companies."""
    return next(name for one, name, _ in COMPANIES if one == symbol)


class DemoStream:
    """Draws the messages of one run; ids begin with ``demo-`` and the run's name, so that runs do not repeat ids."""

    def __init__(self, run: str, shift: int = 0, seed: int = 7) -> None:
        self._run = run
        self._shift = shift
        self._random = random.Random(f"{run}-{seed}")
        self._number = 0
        self._recent: list[Item] = []
        self._weights = [PROMINENCE[place % len(PROMINENCE)] for place in range(len(COMPANIES))]

    def between(self, start_ms: int, end_ms: int, events: Sequence[Event] = ()) -> Iterator[Item]:
        """Messages sent in [start, end) in order, those of the events among them."""
        parts: list[Iterator[tuple[int, int]]] = [((at, -1) for at in self._times(start_ms, end_ms))]
        parts += [
            iter([(at, place) for at in self._event_times(event) if start_ms <= at < end_ms])
            for place, event in enumerate(events)
        ]
        for at_ms, place in heapq.merge(*parts):
            item = self._quiet(at_ms) if place < 0 else self._told(at_ms, events[place].episode)
            yield item
            if place < 0 and self._random.random() < TWICE_SHARE:
                yield item

    def _times(self, start_ms: int, end_ms: int) -> Iterator[int]:
        """Thinned arrivals (Lewis & Shedler 1979) at the pace of the hour."""
        at = float(start_ms)
        while True:
            at += self._random.expovariate(BUSIEST / HOUR_MS)
            if at >= end_ms:
                return
            if self._random.random() < hourly(int(at) + self._shift) / BUSIEST:
                yield int(at)

    def _event_times(self, event: Event) -> list[int]:
        """Thinned as well: the story builds up in the first minutes and ebbs away in the last ones."""
        begins, episode = event
        own = random.Random(f"{self._run}-{episode.company}-event")
        times, at = [], float(begins)
        while at < begins + episode.minutes * MINUTE_MS:
            at += own.expovariate(episode.per_minute / MINUTE_MS)
            age = (at - begins) / MINUTE_MS
            height = min(1.0, 0.2 + age / 10) * (1.0 if age < 0.6 * episode.minutes else 0.4)
            if own.random() < height:
                times.append(int(at))
        return times

    def _quiet(self, at_ms: int) -> Item:
        draw = self._random
        if self._recent and draw.random() < COPY_SHARE:
            return self._copy(at_ms, draw.choice(self._recent))
        symbol, name, short = draw.choices(COMPANIES, self._weights)[0]
        polarity = self._polarity(symbol, at_ms)
        if draw.random() < COMMENT_SHARE:
            text = self._fill(draw.choice(COMMENTS[polarity]), symbol, short)
            return self._remember(self._item("comments", at_ms, text))
        templates = draw.choice(tuple(NEWS.values()))[polarity]
        template = draw.choice(templates) + (draw.choice(DETAILS) if draw.random() < DETAIL_SHARE else "")
        text = self._fill(template, symbol, draw.choice((name, short)))
        return self._remember(self._item("news", at_ms, text))

    def _polarity(self, symbol: str, at_ms: int) -> int:
        swing = mood(self._run, "", at_ms) + mood(self._run, symbol, at_ms)
        negative, neutral, positive = POLARITY
        weights = (negative * math.exp(-swing), neutral, positive * math.exp(swing))
        return self._random.choices((0, 1, 2), weights)[0]

    def _told(self, at_ms: int, episode: Episode) -> Item:
        draw = self._random
        symbol, name, short = next(one for one in COMPANIES if one[0] == episode.company)
        known = [one for one in self._recent if short in one.message.content or f"${symbol}" in one.message.content]
        if known and draw.random() < EVENT_COPY_SHARE:
            return self._copy(at_ms, draw.choice(known))
        talk = draw.random() < episode.talk
        templates: Templates = episode.comments if talk else episode.news
        text = self._fill(draw.choice(templates), symbol, draw.choice((name, short)), episode.slots)
        return self._remember(self._item("comments" if talk else "news", at_ms, text))

    def _fill(self, template: str, symbol: str, name: str, more: Mapping[str, Sequence[str]] | None = None) -> str:
        draw = self._random
        slots: dict[str, Sequence[str]] = {**SLOTS, **(more or {})}
        values = {slot: draw.choice(words) for slot, words in slots.items() if f"{{{slot}}}" in template}
        other = draw.choice([one for one, _, _ in COMPANIES if one != symbol])
        n = draw.randint(3, 90)
        numbers = {"n": str(n), "m": str(n + draw.randint(5, 400)), "p": f"{draw.uniform(0.4, 9.5):.1f}"}
        return template.format(c=name, s=symbol, o=other, **numbers, **values)

    def _item(self, stream: str, at_ms: int, text: str) -> Item:
        draw = self._random
        self._number += 1
        comment = stream == "comments"
        held = draw.randint(*LATE_MS) if draw.random() < LATE_SHARE else 0
        name = f"demo-{self._run}-{self._number}"
        message = Message(
            id=name,
            published_at=from_ms(at_ms - held),
            source=draw.choice(COMMENT_SOURCES if comment else NEWS_SOURCES),
            text=text,
            author=f"demo-user-{int(draw.random() ** 2 * AUTHORS)}" if comment else None,
            # The domain that is kept for examples says on its page that it is one.
            url=f"https://example.com/#{name}",
            lang="en",
        )
        return Item(stream, at_ms, message)

    def _copy(self, at_ms: int, original: Item) -> Item:
        text = original.message.content
        if original.stream == "comments" and not text.startswith("RT @"):
            text = f"RT @{original.message.author}: {text}"
        return self._item(original.stream, at_ms, text)

    def _remember(self, item: Item) -> Item:
        self._recent.append(item)
        del self._recent[:-COPIES_KEPT]
        return item
