"""A believable stream for the demo: quiet days of news and comments on invented companies, and one bad hour.

Pure and seeded: the same seed and times give the same messages. Nothing here sends, and nothing here is true.
"""

from __future__ import annotations

import csv
import heapq
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from undertone.demo_words import (
    COMMENT_SOURCES,
    COMMENTS,
    COMPANIES,
    DETAILS,
    NEWS,
    NEWS_SOURCES,
    SLOTS,
    SURGE_COMMENTS,
    SURGE_COMPANY,
    SURGE_NEWS,
    SURGE_SLOTS,
    Templates,
)
from undertone.messages import Message, from_ms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
PER_DAY = 2_400
"""Messages of a quiet day."""
COMMENT_SHARE = 0.4
POLARITY = (0.16, 0.52, 0.32)
"""Shares of negative, neutral and positive texts on a quiet day."""
COPY_SHARE = 0.06
"""Of quiet messages, those that repeat an earlier one, as wires and accounts do."""
COPIES_KEPT = 60
DETAIL_SHARE = 0.6
AUTHORS = 240
HISTORY_MS = 48 * HOUR_MS
LIVE_MS = 110 * MINUTE_MS
CALM_MS = 20 * MINUTE_MS
"""Of the live part, before the surge begins."""
SURGE_COPY_SHARE = 0.25
SURGE_MS = 75 * MINUTE_MS
SURGE_PER_MINUTE = 2.2


class Item(NamedTuple):
    """One message and the stream that it belongs to."""

    stream: str
    message: Message


@dataclass(frozen=True, slots=True)
class Timeline:
    """When what happens, in event time (ms): history from ``start``, told live from ``live``, bad from ``surge``."""

    start: int
    live: int
    surge: int
    end: int


def timeline(now_ms: int) -> Timeline:
    """A timeline that ends now: two quiet days, then a live part in which the surge begins after a while."""
    live = now_ms - LIVE_MS
    return Timeline(live - HISTORY_MS, live, live + CALM_MS, now_ms)


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

    def __init__(self, run: str, seed: int = 7) -> None:
        self._run = run
        self._random = random.Random(f"{run}-{seed}")
        self._number = 0
        self._recent: list[Item] = []

    def between(self, start_ms: int, end_ms: int, surge_ms: int | None = None) -> Iterator[Item]:
        """Messages published in [start, end) in order, with the surge that begins at ``surge_ms`` if one is given."""
        quiet = self._times(start_ms, end_ms, PER_DAY / (24 * HOUR_MS))
        parts: list[Iterator[tuple[int, bool]]] = [((at, False) for at in quiet)]
        if surge_ms is not None:
            parts.append((at, True) for at in self._surge_times(surge_ms) if start_ms <= at < end_ms)
        for at_ms, bad in heapq.merge(*parts):
            yield self._surge(at_ms) if bad else self._quiet(at_ms)

    def _times(self, start_ms: int, end_ms: int, rate_per_ms: float) -> Iterator[int]:
        at = start_ms + self._random.expovariate(rate_per_ms)
        while at < end_ms:
            yield int(at)
            at += self._random.expovariate(rate_per_ms)

    def _surge_times(self, surge_ms: int) -> list[int]:
        """Thinned arrivals (Lewis & Shedler 1979): the story builds up for ten minutes and ebbs away afterwards."""
        own = random.Random(f"{self._run}-surge")
        times, at = [], float(surge_ms)
        while at < surge_ms + SURGE_MS:
            at += own.expovariate(SURGE_PER_MINUTE / MINUTE_MS)
            age = (at - surge_ms) / MINUTE_MS
            if own.random() < min(1.0, 0.2 + age / 10) * (1.0 if age < 45 else 0.4):
                times.append(int(at))
        return times

    def _quiet(self, at_ms: int) -> Item:
        draw = self._random
        if self._recent and draw.random() < COPY_SHARE:
            return self._copy(at_ms, draw.choice(self._recent))
        polarity = draw.choices((0, 1, 2), POLARITY)[0]
        symbol, name, short = draw.choice(COMPANIES)
        if draw.random() < COMMENT_SHARE:
            text = self._fill(draw.choice(COMMENTS[polarity]), symbol, short)
            return self._remember(self._item("comments", at_ms, text))
        templates = draw.choice(tuple(NEWS.values()))[polarity]
        template = draw.choice(templates) + (draw.choice(DETAILS) if draw.random() < DETAIL_SHARE else "")
        text = self._fill(template, symbol, draw.choice((name, short)))
        return self._remember(self._item("news", at_ms, text))

    def _surge(self, at_ms: int) -> Item:
        draw = self._random
        symbol, name, short = next(one for one in COMPANIES if one[0] == SURGE_COMPANY)
        told = [one for one in self._recent if short in one.message.content or f"${symbol}" in one.message.content]
        if told and draw.random() < SURGE_COPY_SHARE:
            return self._copy(at_ms, draw.choice(told))
        comments = draw.random() < 0.45
        templates: Templates = SURGE_COMMENTS if comments else SURGE_NEWS
        text = self._fill(draw.choice(templates), symbol, draw.choice((name, short)), SURGE_SLOTS)
        return self._remember(self._item("comments" if comments else "news", at_ms, text))

    def _fill(self, template: str, symbol: str, name: str, more: dict[str, tuple[str, ...]] | None = None) -> str:
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
        message = Message(
            id=f"demo-{self._run}-{self._number}",
            published_at=from_ms(at_ms),
            source=draw.choice(COMMENT_SOURCES if comment else NEWS_SOURCES),
            text=text,
            author=f"demo-user-{int(draw.random() ** 2 * AUTHORS)}" if comment else None,
            lang="en",
        )
        return Item(stream, message)

    def _copy(self, at_ms: int, original: Item) -> Item:
        text = original.message.content
        if original.stream == "comments" and not text.startswith("RT @"):
            text = f"RT @{original.message.author}: {text}"
        return self._item(original.stream, at_ms, text)

    def _remember(self, item: Item) -> Item:
        self._recent.append(item)
        del self._recent[:-COPIES_KEPT]
        return item
