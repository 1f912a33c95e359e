"""Event time: which records are admitted to windows, how the watermark moves, and how messages become cells.

Pure: numbers in, numbers out. It knows nothing of Kafka, Redis, texts or the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.keys import MODEL_FIELD, SIZES_S
from undertone.trends import METRICS, Series, fields_of

NO_WATERMARK = -1
"""The watermark of a partition from which nothing was admitted yet."""

_STORY, _SCORE = 3, 6
_MS = 1000

assert METRICS == ("m-", "m0", "m+", "s-", "s0", "s+", "v")
assert all(larger % smaller == 0 for smaller, larger in pairwise(SIZES_S))


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of each of n records, and the watermark after the last; a record is never both late and future.

    ``late`` and ``future`` are boolean arrays of shape (n,).
    """

    late: NDArray[np.bool_]
    future: NDArray[np.bool_]
    watermark_ms: int

    @property
    def admitted(self) -> NDArray[np.bool_]:
        """The records that are neither late nor future, shape (n,)."""
        return ~(self.late | self.future)


def admit(
    published_ms: Sequence[int] | NDArray[np.int64],
    timestamp_ms: Sequence[int] | NDArray[np.int64],
    *,
    watermark_ms: int,
    lateness_ms: int,
    future_ms: int,
) -> Admission:
    """Judge the records of one partition in offset order.

    A record is future when it was published more than ``future_ms`` after its Kafka timestamp, and moves nothing.
    Otherwise it is late when it was published more than ``lateness_ms`` before the greatest event time seen so far.
    Everything is read from the log, so the same log gives the same answer however it is cut into chunks.

    Args:
        published_ms: Event times, shape (n,).
        timestamp_ms: Kafka's record timestamps, shape (n,).
        watermark_ms: The greatest event time before the first record, or NO_WATERMARK.
        lateness_ms: How far behind the watermark a record may be.
        future_ms: How far ahead of its Kafka timestamp a record may be.

    >>> admission = admit([5_000, 9_000, 5_000], [9_000] * 3, watermark_ms=-1, lateness_ms=3_000, future_ms=0)
    >>> admission.late.tolist(), admission.watermark_ms
    ([False, False, True], 9000)
    """
    published = np.asarray(published_ms, np.int64)
    if not published.size:
        nothing = np.zeros(0, np.bool_)
        return Admission(nothing, nothing, watermark_ms)
    future = published > np.asarray(timestamp_ms, np.int64) + future_ms
    seen = np.where(future, NO_WATERMARK, published)
    seen[0] = max(int(seen[0]), watermark_ms)
    after = np.maximum.accumulate(seen)
    before = np.concatenate(([watermark_ms], after[:-1]))
    late = (published < before - lateness_ms) & ~future
    return Admission(late, future, int(after[-1]))


class Cell(NamedTuple):
    """One counted message as windows see it. ``sentiment`` is 0 negative, 1 neutral, 2 positive."""

    published_ms: int
    topic: str
    entities: tuple[str, ...]
    sentiment: int
    score_micro: int
    opens_story: bool


def aggregate(cells: Iterable[Cell], model: str) -> dict[tuple[int, int], dict[str, int]]:
    """Counts by (size in seconds, start in seconds) and field, in the shape of ``Run.windows``.

    Each cell counts once for its topic and once for its topic with each of its entities, in the window of every
    size that holds it, and once for the model's version.
    """
    smallest, *larger = SIZES_S
    model_field = MODEL_FIELD + model
    finer: dict[int, dict[str, int]] = {}
    for start_s, (messages, series) in _finest(cells, smallest).items():
        window = finer[start_s] = {model_field: messages}
        for (topic, entity), counts in series.items():
            for name, n in zip(_fields(topic, entity), counts, strict=True):
                if n:
                    window[name] = n
    windows = {(smallest, start_s): window for start_s, window in finer.items()}
    for size_s in larger:  # each size divides the next
        finer = _coarser(finer, size_s)
        windows.update({(size_s, start_s): window for start_s, window in finer.items()})
    return windows


def _coarser(finer: dict[int, dict[str, int]], size_s: int) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for start_s, window in finer.items():
        start_s -= start_s % size_s
        known = found.get(start_s)
        if known is None:
            found[start_s] = window.copy()
        else:
            get = known.get
            for name, n in window.items():
                known[name] = get(name, 0) + n
    return found


def _finest(cells: Iterable[Cell], size_s: int) -> dict[int, tuple[int, dict[tuple[str, str], list[int]]]]:
    """Messages, and counts by series in the order of METRICS, for each start of the smallest window."""
    size_ms = size_s * _MS
    found: dict[int, tuple[int, dict[tuple[str, str], list[int]]]] = {}
    for published_ms, topic, entities, sentiment, score_micro, opens_story in cells:
        start_s = published_ms // size_ms * size_s
        messages, series = found.get(start_s) or (0, {})
        found[start_s] = (messages + 1, series)
        for entity in ("", *entities):
            counts = series.get((topic, entity))
            if counts is None:
                counts = series[topic, entity] = [0] * len(METRICS)
            counts[sentiment] += 1
            counts[_SCORE] += score_micro
            if opens_story:
                counts[_STORY + sentiment] += 1
    return found


@lru_cache(maxsize=65_536)
def _fields(topic: str, entity: str) -> tuple[str, ...]:
    return fields_of(Series(topic, entity))
