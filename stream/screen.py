"""From how many stories on a series may stand out within an hour: what a backtest passes over minutes of no account by.

It is as :mod:`stream.headroom` is, for a whole hour at once. Pure.
"""

from __future__ import annotations

import numpy as np

from stream.baseline import Bools, CountBaseline, Floats, Ints
from stream.detector import LOOKS, count_tail, overlap

_SLACK = 1.001
"""So that a tail which rounds differently here and in the detector is looked at."""
_TURNS = (0, 14, 59)
"""Minutes of an hour at which an expectation may be lowest: in between each window's is linear in time."""


def lowest(usual: CountBaseline) -> Floats:
    """The least that is expected of each window at any minute of the hour, (3, series)."""
    result: Floats = np.min([usual.expected(overlap(minute)) for minute in _TURNS], axis=0)
    return result


def least(bar: float, fewest: int, mean: Floats, dispersion: Floats, most: Ints) -> Ints:
    """The fewest stories, in each window, whose count tail is at most ``bar``; more than ``most`` where none is.

    The tail falls with the count, so that each is found by halving.

    Args:
        bar: Largest tail that stands out.
        fewest: Stories that are needed at least.
        mean: (3, series) the lowest expectation within the hour.
        dispersion: (3, series) as the baseline has it.
        most: (3, series) the most stories that a window holds within the hour.
    """
    high: Ints = np.maximum(most + 1, fewest)  # never tried, and where nothing stands out the answer
    cells = np.flatnonzero(most >= fewest)
    cells = cells[_stands_out(bar, most.flat[cells], mean.flat[cells], dispersion.flat[cells])]
    if not cells.size:
        return high
    low, top = np.full(cells.size, fewest), most.flat[cells]
    mean, dispersion = mean.flat[cells], dispersion.flat[cells]
    while (open_ := np.flatnonzero(low < top)).size:
        middle = (low[open_] + top[open_]) // 2
        stands = _stands_out(bar, middle, mean[open_], dispersion[open_])
        top[open_] = np.where(stands, middle, top[open_])
        low[open_] = np.where(stands, low[open_], middle + 1)
    high.flat[cells] = top
    return high


def _stands_out(bar: float, n: Ints, mean: Floats, dispersion: Floats) -> Bools:
    return np.minimum(LOOKS * count_tail(n, mean, dispersion), 1.0) <= bar * _SLACK
