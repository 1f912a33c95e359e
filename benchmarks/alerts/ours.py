"""Our own test as a detector among others: a score by five minutes and series, from the functions that the watch uses.

States, evidence and incidents are left out, so that what is compared is the test alone. Pure.
"""

from __future__ import annotations

import numpy as np

from benchmarks.alerts.grounds import SLOT_MIN, Floats, Ground, Ints
from stream.baseline import DAY_H, HISTORY_H, RECENT_H, Bools, CountBaseline, Fit, ShareBaseline, fit_counts, fit_shares
from stream.detector import LOOKS, NEGATIVE_SURGE, WINDOWS_MIN, count_tail, overlap, share_tail
from stream.usual import DEFAULT_NEGATIVE_H

SLOTS_H = 60 // SLOT_MIN
P_COUNT = 3.0
"""The score of a warning as shipped."""
P_SHARE = NEGATIVE_SURGE.warning.p_share or 1.0
LOOSER = 0.05
"""Another bar for the share, to see what it buys."""


def score(ground: Ground, p_share: float = P_SHARE) -> Floats:
    """Of each slot from four weeks on, (slots, series): -log10 p_count where the share's tail is up to ``p_share``.

    It is the largest of the three windows, and -inf where none holds enough stories of an unusual share. Hours of a
    score over that of a warning are not learnt for a day, as the watch does with its alerts.
    """
    windows = [minutes // SLOT_MIN for minutes in WINDOWS_MIN]
    negative = np.stack([_trailing(ground.negative, slots) for slots in windows]).astype(np.int64)
    total = np.stack([_trailing(ground.total, slots) for slots in windows]).astype(np.int64)
    k, n = (one.reshape(-1, SLOTS_H, one.shape[1]).sum(axis=1) for one in (ground.negative, ground.total))
    usable = np.ones(n.shape, bool)
    result = np.full(ground.negative.shape, -np.inf)
    fit: Fit | None = None
    for hour in range(HISTORY_H, len(n)):
        if fit is None or hour % DAY_H == 0:
            begin, known = hour, slice(hour - HISTORY_H, hour)
            fit = fit_counts(
                k[known],
                usable[known],
                ground.kinds,
                pooled=k[known].sum(axis=1),
                default_rate=DEFAULT_NEGATIVE_H,
            )
            shares = fit_shares(k[known], n[known], usable[known], ground.kinds)
        slots = slice(hour * SLOTS_H, (hour + 1) * SLOTS_H)
        columns = np.flatnonzero(negative[-1, slots].max(axis=0) >= NEGATIVE_SURGE.min_stories)
        if len(columns):
            recent = slice(hour - RECENT_H, hour)
            usual = fit.now(hour - begin, k[recent], usable[recent])
            result[slots, columns] = _hour(negative[:, slots], total[:, slots], usual, shares, columns, p_share)
            _mask(usable, result[slots] >= P_COUNT, hour)
    return result


def _hour(negative: Ints, total: Ints, usual: CountBaseline, shares: ShareBaseline, of: Ints, bar: float) -> Floats:
    """Scores of one hour, (slots, columns)."""
    found = np.empty((SLOTS_H, len(of)))
    for slot in range(SLOTS_H):
        mean = usual.expected(overlap((slot + 1) * SLOT_MIN - 1))[:, of]
        n, everything = negative[:, slot, of], total[:, slot, of]
        p_count = np.minimum(LOOKS * count_tail(n, mean, usual.dispersion[:, of]), 1.0)
        p_share = np.stack(
            [share_tail(n[w], everything[w], shares.mean[of], shares.precision[of]) for w in range(LOOKS)]
        )
        holds = (n >= NEGATIVE_SURGE.min_stories) & (p_share <= bar)
        found[slot] = np.where(holds, -np.log10(p_count + 1e-300), -np.inf).max(axis=0)
    return found


def _mask(usable: Bools, over: Bools, hour: int) -> None:
    for column in np.flatnonzero(over.any(axis=0)):
        if usable[max(hour - DAY_H, 0) : hour, column].any():
            usable[hour, column] = False


def _trailing(values: Floats, slots: int) -> Floats:
    sums = np.cumsum(values, axis=0)
    result: Floats = sums.copy()
    result[slots:] -= sums[:-slots]
    return result
