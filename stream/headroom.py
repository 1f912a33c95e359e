"""How many stories each series may have, within one hour, before the detector need look at it. Pure.

Most series on most minutes are far from any threshold. Whether that is so is settled here by one comparison, so that
what is costly is computed for the few that may stand out; what the detector finds is the same.
"""

from __future__ import annotations

import numpy as np

from stream.baseline import Bools, CountBaseline, Floats, Ints
from stream.detector import LOOKS, count_tail, overlap

_SLACK = 1.001
"""So that a tail which rounds differently here and in the detector is looked at."""
_TURNS = (0, 14, 59)
"""Minutes of an hour at which an expectation may be lowest: in between each window's is linear in time."""


class Headroom:
    """Of one bar and all series in one hour.

    The expectation of a window moves within the hour. A count whose tail is too thick even under the lowest of them
    cannot stand out at any minute, nor can a smaller one (the tail grows with the mean and falls with the count); it
    is remembered, so that each series is judged once for each new height that it reaches.
    """

    def __init__(self, usual: CountBaseline, bar: float, least: int) -> None:
        """``bar`` is the largest tail that stands out, ``least`` the fewest stories that may."""
        self._bar = bar * _SLACK
        self._lowest: Floats = np.min([usual.expected(overlap(minute)) for minute in _TURNS], axis=0)  # (3, series)
        self._dispersion = usual.dispersion
        self._harmless: Ints = np.full(self._lowest.shape, least - 1)

    def exceeded(self, columns: Ints, counts: Ints) -> Bools:
        """Which series may stand out, (columns,).

        Args:
            columns: Their columns in the baseline.
            counts: (3, columns) stories that the rule looks at, in each window.
        """
        higher = counts > self._harmless[:, columns]
        window, place = np.nonzero(higher)
        if len(window):
            cells, n = (window, columns[place]), counts[window, place]
            tail = count_tail(n, self._lowest[cells], self._dispersion[cells])
            harmless = np.minimum(LOOKS * tail, 1.0) > self._bar
            self._harmless[window[harmless], columns[place[harmless]]] = n[harmless]
            higher[window[harmless], place[harmless]] = False
        return np.asarray(higher.any(axis=0))
