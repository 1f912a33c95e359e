"""Two models on the same rows: how likely is it that chance alone makes the second one look worse? Pure.

Rows that both judge alike say nothing of the difference, so pairing sees differences that two separate intervals hide.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from training.metrics import expected_calibration_error, gaps_of

AT_ONCE = 100  # resamples, so that large sets fit in memory


def chance_of_loss(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """Return the one-sided p value of McNemar's exact test (1947) that `after` is right less often than `before`.

    Under the null hypothesis a row that only one of them gets right is a fair coin: P(gained ≤ seen).
    """
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binom.cdf(gained, gained + lost, 0.5))


def chance_of_drop(differences: NDArray[np.float64]) -> float:
    """Return the share of resampled differences, new less old, that are no loss: the one-sided bootstrap p value."""
    return float((differences >= 0).mean())


def ece_differences(
    truth: NDArray[np.integer],
    ours: NDArray[np.floating],
    theirs: NDArray[np.floating],
    seed: int,
    resamples: int,
) -> NDArray[np.float64]:
    """Return our ECE less theirs in each bootstrap resample of the rows, (resamples,).

    Shifted so that their mean is the difference that was measured: resampling alone raises the ECE of whoever is well
    calibrated more than that of whoever is not.
    """
    random = np.random.default_rng(seed)
    rows = len(truth)
    our_gaps, their_gaps = gaps_of(truth, ours), gaps_of(truth, theirs)
    found = np.empty(resamples)
    for start in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - start)
        times = random.multinomial(rows, np.full(rows, 1 / rows), size=size)  # (resamples, rows)
        found[start : start + size] = (np.abs(times @ our_gaps) - np.abs(times @ their_gaps)).sum(1) / rows
    measured = expected_calibration_error(truth, ours) - expected_calibration_error(truth, theirs)
    shift = measured - float(found.mean())
    return found + shift
