"""From how many stories on a series may warn within an hour: what lets a backtest pass over the minutes of no account.

It is as :mod:`stream.headroom` is, for a whole hour at once and with the bar of a warning itself, under which an
episode can go on but none begins. Pure.
"""

from __future__ import annotations

import numpy as np

from stream.baseline import CountBaseline, Floats, Ints
from stream.detector import LOOKS, count_tail, overlap
from undertone.rules import Rule

_SLACK = 1.001
"""So that a tail which rounds differently here and in the detector is looked at."""
_TURNS = (0, 14, 59)
"""Minutes of an hour at which an expectation may be lowest: in between each window's is linear in time."""


def lowest(usual: CountBaseline) -> Floats:
    """The least that is expected of each window at any minute of the hour, (3, series)."""
    result: Floats = np.min([usual.expected(overlap(minute)) for minute in _TURNS], axis=0)
    return result


def least(rule: Rule, mean: Floats, dispersion: Floats, most: Ints) -> Ints:
    """The fewest stories, in each window, whose count may warn; one more than ``most`` where that many do not.

    The tail falls with the count, so that each is found by halving.

    Args:
        rule: Of the kind that counts stories.
        mean: (3, series) the lowest expectation within the hour.
        dispersion: (3, series) as the baseline has it.
        most: (3, series) the most stories that a window holds within the hour.
    """
    bar = 1.0 if rule.warning.p_count is None else rule.warning.p_count * _SLACK
    low = np.full(most.shape, rule.min_stories, np.int64)
    high: Ints = np.maximum(most + 1, low)  # never tried, and where nothing warns the answer
    while (open_ := np.flatnonzero((low < high).ravel())).size:
        middle = (low.flat[open_] + high.flat[open_]) // 2
        tail = LOOKS * count_tail(middle, mean.flat[open_], dispersion.flat[open_])
        warns = np.minimum(tail, 1.0) <= bar
        high.flat[open_] = np.where(warns, middle, high.flat[open_])
        low.flat[open_] = np.where(warns, low.flat[open_], middle + 1)
    return high
