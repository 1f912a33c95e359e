"""Real background as arrays: distinct stories by five minutes and series, and the surges that are put into it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.alerts.surges import MINUTE_MS, SHAPES, SIZES, offsets
from stream.scored_log import ScoredLog, mentions
from undertone.messages import SENTIMENTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLOT_MIN = 5
SLOT_MS = SLOT_MIN * MINUTE_MS
WEEK_MS = 7 * 86_400_000
WEEK = WEEK_MS // SLOT_MS
JUMP = 60
"""Stories of a jump of volume with the usual share, told within half an hour."""


class Ground(NamedTuple):
    """(slots, series) negative and all stories, the series' kinds as numbers, and where tuning and judging begin."""

    name: str
    negative: Floats
    total: Floats
    kinds: Ints
    tune: int
    judge: int

    @property
    def judged_days(self) -> float:
        return (len(self.total) - self.judge) * SLOT_MIN / 1440

    @property
    def a_day(self) -> float:
        """Stories a day of all series together."""
        return float(self.total.sum()) / (len(self.total) * SLOT_MIN / 1440)


def ground(
    name: str,
    log: ScoredLog,
    *,
    entities: bool,
    topics: bool,
    least: float,
    parts: tuple[float, float],
    layers: int = 1,
) -> Ground:
    """The series of a log that have ``least`` stories a day or more.

    Args:
        name: What it is called.
        log: Whose stories.
        entities: Whether companies are among the series.
        topics: Whether topics are.
        least: Stories a day.
        parts: The shares of the time at which tuning and judging begin.
        layers: So many whole stretches of the log are laid over each other, week on week: a stream so much busier, with
            the hours, weekends and events of the real one.
    """
    begin = -(-int(log.published_ms[0]) // WEEK_MS) * WEEK_MS
    weeks = (int(log.published_ms[-1]) - begin) // WEEK_MS // layers
    told = mentions(log)
    row, series = told.message, told.series
    slot = (log.published_ms[row] - begin) // SLOT_MS
    inside = log.opens[row] & (slot >= 0) & (slot < weeks * layers * WEEK)
    row, series, slot = row[inside], series[inside], slot[inside] % (weeks * WEEK)
    kind = np.array([2 if one.topic and one.entity else 1 if one.entity else 0 for one in told.names])
    often = np.bincount(series, minlength=len(kind)) >= least * weeks * 7
    chosen = np.flatnonzero(often & ((kind == 1) & entities | (kind == 0) & topics))
    place = np.full(len(kind), -1)
    place[chosen] = np.arange(len(chosen))
    wanted = place[series] >= 0
    row, column, slot = row[wanted], place[series[wanted]], slot[wanted]
    negative, total = np.zeros((2, weeks * WEEK, len(chosen)))
    np.add.at(total, (slot, column), 1)
    bad = log.sentiment[row] == SENTIMENTS.index("negative")
    np.add.at(negative, (slot[bad], column[bad]), 1)
    tune, judge = (int(part * weeks) * WEEK for part in parts)
    return Ground(name, negative, total, kind[chosen].astype(np.int64), tune, judge)


class Planted(NamedTuple):
    """One surge: series, stories, shape, and the slots of its first and last story."""

    series: int
    size: int
    shape: str
    begin: int
    end: int


def surged(ground: Ground, judged: Sequence[bool], *, a_day: float, seed: int) -> tuple[Ground, list[Planted]]:
    """The ground with surges in the judged part, each size and shape in turn.

    Args:
        ground: Without them.
        judged: Of texts that are truly negative, whether the model calls them so.
        a_day: Surges a day.
        seed: Of all that is drawn.
    """
    draw = np.random.default_rng(seed)
    negative, total = ground.negative.copy(), ground.total.copy()
    kinds = [(size, shape) for size in SIZES for shape in SHAPES]
    planted = []
    for number, begin in enumerate(_times(ground, a_day, draw)):
        size, shape = kinds[number % len(kinds)]
        series = int(draw.integers(total.shape[1]))
        slots = np.array([begin + late // SLOT_MS for late in offsets(shape, size, draw)])
        bad = np.asarray(judged)[draw.integers(len(judged), size=size)]
        np.add.at(total[:, series], slots, 1)
        np.add.at(negative[:, series], slots[bad], 1)
        planted.append(Planted(series, size, shape, int(slots[0]), int(slots[-1])))
    return ground._replace(negative=negative, total=total), planted


def jumped(ground: Ground, *, a_day: float, seed: int) -> tuple[Ground, list[Planted]]:
    """The ground with jumps of volume whose negative share is the series' own: much is said, and no worse than ever."""
    draw = np.random.default_rng(seed)
    negative, total = ground.negative.copy(), ground.total.copy()
    share = ground.negative.sum(axis=0) / np.maximum(ground.total.sum(axis=0), 1)
    planted = []
    for begin in _times(ground, a_day, draw):
        series = int(draw.integers(total.shape[1]))
        slots = begin + draw.integers(0, 6, JUMP)
        bad = draw.random(JUMP) < share[series]
        np.add.at(total[:, series], slots, 1)
        np.add.at(negative[:, series], slots[bad], 1)
        planted.append(Planted(series, JUMP, "jump", int(slots.min()), int(slots.max())))
    return ground._replace(negative=negative, total=total), planted


def _times(ground: Ground, a_day: float, draw: np.random.Generator) -> list[int]:
    """When to put something in, spread over the judged part but its last day."""
    last = len(ground.total) - 1440 // SLOT_MIN
    n = max(int(ground.judged_days * a_day), 1)
    step = (last - ground.judge) / n
    return [int(ground.judge + (number + 0.8 * draw.random()) * step) for number in range(n)]
