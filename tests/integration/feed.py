"""Writes stories into Redis as a worker would: through `Store.apply`, with windows and evidence."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from stream.windows import Cell, aggregate
from undertone import keys
from undertone.messages import Evidence, Sentiment, encode
from undertone.store import Outcome, Run, Store

EPOCH = "epoch-of-the-test"
MODEL = "model-1"
MINUTE_MS = 60_000
DAY_MS = 86_400_000
START_MS = 1_392_595_200_000  # 2014-02-17T00:00:00Z, a Monday


class Story(NamedTuple):
    """One message at an event time; a copy opens no story."""

    at_ms: int
    entity: str
    sentiment: int = 0
    topic: str = "Earnings"
    source: str = "desk"
    copy: bool = False


class Feed:
    """One partition of a stream, written run by run."""

    def __init__(self, store: Store, stream: str = "news", partition: int = 0) -> None:
        self.store = store
        self.stream = stream
        self.partition = partition
        self._next = 0
        self._watermark_ms = -1
        store.register(stream, partition)

    def write(self, stories: Iterable[Story], *, watermark_ms: int | None = None, model: str = MODEL) -> None:
        """Apply these stories and move the watermark to the last of them, or further."""
        told = sorted(stories)
        cells, evidence = [], dict[int, dict[str, str]]()
        first = self._next
        for one in told:
            entities = (one.entity,) if one.entity else ()
            cells.append(Cell(one.at_ms, one.topic, entities, one.sentiment, 0, not one.copy))
            if not one.copy:
                start_s = one.at_ms // 1000 // keys.EVIDENCE_BUCKET_S * keys.EVIDENCE_BUCKET_S
                kept = self._evidence(one, entities, model)
                evidence.setdefault(start_s, {})[kept.position] = encode(kept).decode()
            self._next += 1
        latest = max([self._watermark_ms, watermark_ms or -1, *(one.at_ms for one in told)])
        self._watermark_ms = latest
        last = max(self._next - 1, first)
        self._next = last + 1
        run = Run(
            stream=self.stream,
            partition=self.partition,
            first=first,
            last=last,
            believed=first - 1,
            epoch=EPOCH,
            state={"watermark_ms": latest, "updated_ms": time.time_ns() // 1_000_000},
            counters={"counted": len(told)},
            windows=aggregate(cells, model),
            evidence=evidence,
        )
        outcome, _ = self.store.apply(run)
        assert outcome is Outcome.APPLIED

    def _evidence(self, one: Story, entities: tuple[str, ...], model: str) -> Evidence:
        position = f"{self.stream}-{self.partition}:{self._next}"
        return Evidence(
            position=position,
            id=position,
            stream=self.stream,
            published_ms=one.at_ms,
            source=one.source,
            text=f"{one.entity} story {self._next}",
            topic=one.topic,
            sentiment=list(Sentiment)[one.sentiment],
            p=0.9,
            entities=entities,
            model=model,
        )


def background(days: int, entity: str = "CALM", every_min: int = 30) -> list[Story]:
    """Quiet days from START_MS on: a story now and then, every third one negative."""
    return [
        Story(START_MS + minute * MINUTE_MS, entity, sentiment=(0, 1, 2)[minute // every_min % 3])
        for minute in range(0, days * 1440, every_min)
    ]


def surge(at_ms: int, entity: str, stories: int = 12, minutes: int = 10) -> list[Story]:
    """Negative stories from several sources within a few minutes."""
    step = minutes * MINUTE_MS // stories
    return [Story(at_ms + n * step, entity, source=f"desk-{n % 4}") for n in range(stories)]
