"""What a challenger that runs in shadow answers otherwise than the champion: counts in Redis, and a few examples.

Each sampled message is compared at most once: the counts go through ``apply.lua`` too, guarded by an offset of their
own, so that a replay after a crash adds nothing twice. What a crash or a busy worker leaves out stays left out; the
latter is counted as skipped. No text of a message is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgspec
import redis

from undertone import keys
from undertone.client import lua, pack, pipelined
from undertone.messages import SENTIMENTS, Sentiment
from undertone.reading import Reader
from undertone.store import Outcome
from undertone.trends import buckets

TOPIC_METRIC = "t"
SKIPPED_METRIC = "skipped"
_SIGNS = "-0+"


class Pair(NamedTuple):
    """Whose answers are compared, by model version."""

    champion: str
    challenger: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How often two models differ on the same messages.

    ``sentiment`` is the confusion: rows are the champion's answer, columns the challenger's, both negative, neutral,
    positive. Topics are compared by name. ``skipped`` messages were in the sample, but the worker was too busy.
    """

    sentiment: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    topic_differs: int = 0
    skipped: int = 0

    @property
    def compared(self) -> int:
        return sum(map(sum, self.sentiment))

    @property
    def sentiment_differs(self) -> int:
        return self.compared - sum(self.sentiment[place][place] for place in range(3))

    def as_json(self) -> dict[str, object]:
        """The stable shape that ``--json`` outputs use; shares are null where nothing was compared."""
        n = self.compared
        return {
            "compared": n,
            "skipped": self.skipped,
            "sentiment_differs": self.sentiment_differs,
            "topic_differs": self.topic_differs,
            "sentiment_differs_share": round(self.sentiment_differs / n, 6) if n else None,
            "topic_differs_share": round(self.topic_differs / n, 6) if n else None,
            "sentiment_confusion": {
                ours: dict(zip(SENTIMENTS, row, strict=True))
                for ours, row in zip(SENTIMENTS, self.sentiment, strict=True)
            },
        }


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message on which the two differ. Its text is in Kafka at ``position``, not here."""

    position: str
    id: str
    published_ms: int
    champion: str
    challenger: str
    champion_topic: str
    challenger_topic: str
    champion_sentiment: Sentiment
    challenger_sentiment: Sentiment


@dataclass(slots=True)
class ShadowRun:
    """The comparisons of some consecutive messages of one partition; ``first`` and ``last`` are the outermost offsets.

    ``cells`` is keyed by start of hour in seconds and field, ``examples`` by start of hour and position.
    """

    stream: str
    partition: int
    first: int
    last: int
    epoch: str
    cells: dict[int, dict[str, int]] = field(default_factory=dict)
    examples: dict[int, dict[str, str]] = field(default_factory=dict)


class ShadowStore:
    """Comparisons in Redis. Synchronous; use it from one thread at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._apply = client.register_script(lua("apply"))

    def apply(self, run: ShadowRun) -> tuple[Outcome, int]:
        """Add a run unless any of it was added before; returns what was done and the offset that is stored now."""
        names = [keys.shadow_state(run.stream, run.partition)]
        cells = []
        for start_s, counts in run.cells.items():
            names.append(keys.shadow(run.stream, run.partition, start_s))
            cells.append((len(names), keys.SHADOW_TTL_S, counts))
        examples = []
        for start_s, documents in run.examples.items():
            names.append(keys.shadow_examples(run.stream, run.partition, start_s))
            examples.append((len(names), keys.SHADOW_TTL_S, keys.SHADOW_EXAMPLES, documents))
        body = {"state_ttl": keys.STATE_TTL_S, "set": {}, "add": {}, "windows": cells, "evidence": examples}
        code, stored = cast(list[int], self._apply(keys=names, args=[run.first, run.last, -1, run.epoch, pack(body)]))
        return Outcome(code), stored

    def disagreement(self, stream: str, start_ms: int, end_ms: int) -> dict[Pair, dict[int, Disagreement]]:
        """What was found in [start_ms, end_ms) of event time, by pair and start of hour in seconds, both ascending."""
        places = self._places(stream, start_ms, end_ms)
        raws = pipelined(self.redis, [("HGETALL", keys.shadow(stream, n, start)) for start, n in places])
        merged: dict[Pair, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        for (start, _), raw in zip(places, raws, strict=True):
            for name, value in raw.items():
                champion, challenger, metric = name.decode().split(keys.SEPARATOR)
                merged[Pair(champion, challenger)][start][metric] += int(value)
        return {
            pair: {start: _from_metrics(metrics) for start, metrics in sorted(hours.items())}
            for pair, hours in sorted(merged.items())
        }

    def examples(self, stream: str, start_ms: int, end_ms: int) -> list[Example]:
        """The examples kept of messages published in [start_ms, end_ms), newest first."""
        places = self._places(stream, start_ms, end_ms)
        replies = pipelined(self.redis, [("HVALS", keys.shadow_examples(stream, n, start)) for start, n in places])
        decoder = msgspec.json.Decoder(Example)
        found = [decoder.decode(raw) for reply in replies for raw in reply]
        inside = [one for one in found if start_ms <= one.published_ms < end_ms]
        return sorted(inside, key=lambda one: (-one.published_ms, one.position))

    def _places(self, stream: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        partitions = Reader(self.redis).partitions(stream)
        return [(start, n) for start in buckets(start_ms, end_ms, keys.SHADOW_BUCKET_S) for n in partitions]


def field_of(pair: Pair, metric: str) -> str:
    """The field of one pair and metric in an hour's hash."""
    return keys.SEPARATOR.join((*pair, metric))


def sentiment_metric(champion: int, challenger: int) -> str:
    """The metric of one cell of the confusion; both are 0 negative, 1 neutral, 2 positive."""
    return f"{_SIGNS[champion]}>{_SIGNS[challenger]}"


def total(found: Iterable[Disagreement]) -> Disagreement:
    """The sum of many."""
    metrics: dict[str, int] = defaultdict(int)
    for one in found:
        for row, counts in enumerate(one.sentiment):
            for column, n in enumerate(counts):
                metrics[sentiment_metric(row, column)] += n
        metrics[TOPIC_METRIC] += one.topic_differs
        metrics[SKIPPED_METRIC] += one.skipped
    return _from_metrics(metrics)


def _from_metrics(metrics: Mapping[str, int]) -> Disagreement:
    confusion: Any = tuple(
        tuple(metrics.get(sentiment_metric(row, column), 0) for column in range(3)) for row in range(3)
    )
    return Disagreement(confusion, metrics.get(TOPIC_METRIC, 0), metrics.get(SKIPPED_METRIC, 0))
