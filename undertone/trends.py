"""Windowed counts: what one cell of a window holds, how cells merge, and how they are named as Redis fields.

Pure: no Redis, no clock. Everything is an integer, so that merging is exact and associative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from undertone.errors import InputError
from undertone.keys import SIZES_S, field
from undertone.messages import SENTIMENTS

MICRO = 1_000_000
"""The calibrated score (probability of positive minus negative, -1..1) is summed in millionths."""

MESSAGE_METRICS = ("m-", "m0", "m+")
STORY_METRICS = ("s-", "s0", "s+")
SCORE_METRIC = "v"
METRICS = (*MESSAGE_METRICS, *STORY_METRICS, SCORE_METRIC)

_NAMED_SIZES = {"1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}


class Series(NamedTuple):
    """What a count is about. An empty entity is the topic as a whole, an empty topic an entity under all topics."""

    topic: str
    entity: str


WHOLE = Series("", "")
"""A stream as a whole: all that is told in it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one series in one window, by sentiment in the order negative, neutral, positive.

    ``messages`` counts every message, ``stories`` only the first of each story; ``score_micro`` sums the calibrated
    score of the messages in millionths.
    """

    messages: tuple[int, int, int] = (0, 0, 0)
    stories: tuple[int, int, int] = (0, 0, 0)
    score_micro: int = 0

    @classmethod
    def of(cls, cells: Sequence[int]) -> Counts:
        """Counts from seven integers in the order of METRICS."""
        a, b, c, d, e, f, score_micro = cells
        return cls((a, b, c), (d, e, f), score_micro)

    def __add__(self, other: Counts) -> Counts:
        a, b = self.messages, other.messages
        c, d = self.stories, other.stories
        return Counts(
            (a[0] + b[0], a[1] + b[1], a[2] + b[2]),
            (c[0] + d[0], c[1] + d[1], c[2] + d[2]),
            self.score_micro + other.score_micro,
        )

    @property
    def total_messages(self) -> int:
        return sum(self.messages)

    @property
    def total_stories(self) -> int:
        return sum(self.stories)

    @property
    def net(self) -> float:
        """Mean calibrated score of the messages, -1..1; 0 where there are none."""
        return self.score_micro / MICRO / self.total_messages if self.total_messages else 0.0

    @property
    def negative_share(self) -> float:
        """Share of negative among distinct stories, 0..1; 0 where there are none."""
        return self.stories[0] / self.total_stories if self.total_stories else 0.0

    def as_json(self) -> dict[str, object]:
        """The stable shape that ``--json`` outputs use."""
        return {
            "messages": dict(zip(SENTIMENTS, self.messages, strict=True)),
            "stories": dict(zip(SENTIMENTS, self.stories, strict=True)),
            "net_sentiment": round(self.net, 6),
            "negative_share": round(self.negative_share, 6),
        }


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of many counts."""
    rows = [(*one.messages, *one.stories, one.score_micro) for one in counts]
    return Counts.of([sum(column) for column in zip(*rows, strict=True)]) if rows else Counts()


def fields_of(series: Series) -> tuple[str, ...]:
    """The seven fields of a series, in the order of METRICS."""
    return tuple(field(series.topic, series.entity, metric) for metric in METRICS)


def parse_size(text: str) -> int:
    """Seconds of a window size written as 1m, 5m, 1h or 1d.

    Raises:
        InputError: for any other text.
    """
    try:
        return _NAMED_SIZES[text]
    except KeyError:
        raise InputError(f"window {text!r} is not kept: valid are {', '.join(_NAMED_SIZES)}") from None


def bucket(ms: int, size_s: int) -> int:
    """Start, in seconds since 1970, of the tumbling window of ``size_s`` that holds event time ``ms``."""
    return ms // (size_s * 1000) * size_s


def buckets(start_ms: int, end_ms: int, size_s: int) -> range:
    """Starts in seconds of all windows that overlap [start_ms, end_ms)."""
    return range(bucket(start_ms, size_s), -(-end_ms // 1000), size_s)


assert tuple(_NAMED_SIZES.values()) == SIZES_S
