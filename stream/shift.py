"""The test for a slow shift: is the negative share of the last days above that of the weeks before them?

Pure and vectorised over series. A surge is judged over hours, in :mod:`stream.detector`; this looks at whole days, and
leaves out the hours of past alerts, so that what has rung once does not ring again as a trend.
"""

from __future__ import annotations

import numpy as np

from stream.baseline import (
    DAY_H,
    DEFAULT_SHARE,
    DEFAULT_SHARE_PRECISION,
    DISPERSION_PRIOR,
    SHARE_PRIOR,
    Bools,
    Floats,
    Ints,
    ShareBaseline,
)
from stream.detector import LOWER_BAR, Reading, share_tail
from undertone.messages import Severity
from undertone.rules import Rule, Thresholds

MIN_REFERENCE_DAYS = 7
"""Days that must be known before those that are judged."""

_MIN_RHO, _MAX_RHO = 0.002, 0.5


def fit_days(negative: Floats, total: Floats, usable: Bools, kinds: Ints, *, days: int) -> ShareBaseline | None:
    """The usual negative share of a stretch of ``days``, as the Beta distribution that such a stretch draws its from.

    The reference is all whole stretches before the newest one. The mean is shrunk to that of its kind. The spread
    comes from the intra-class correlation ρ of the stretches' shares (Griffiths 1973, Biometrics 29), pooled by kind;
    since stretches as long as the judged one are compared, what makes neighbouring days alike is in it. The variance
    of the mean itself, ρ Σn²/N² + (1-ρ)/N in units of s(1-s), is added: what is given is a predictive distribution.

    Args:
        negative: (hours, series) negative stories, chronological; the last ``days`` are not used.
        total: The same of all stories.
        usable: (hours, series) False where there is no history and in past alert periods.
        kinds: (series,) small integers; series of one kind are pooled.
        days: Length of a stretch.

    Returns:
        Mean and precision, (series,) each; None where less than MIN_REFERENCE_DAYS is known before the last stretch.
    """
    length = days * DAY_H
    stretches = len(negative) // length - 1
    begin = len(negative) - (stretches + 1) * length
    reference = slice(begin, len(negative) - length)
    known = usable[reference].any(axis=1).sum()
    if stretches < 2 or known < MIN_REFERENCE_DAYS * DAY_H:
        return None
    k = _by_stretch(negative[reference] * usable[reference], length)  # (stretches, series)
    n = _by_stretch(total[reference] * usable[reference], length)
    negatives, totals = k.sum(axis=0), n.sum(axis=0)
    mean, precision = np.empty_like(totals), np.empty_like(totals)
    for kind in np.unique(kinds):
        of = kinds == kind
        pooled = (negatives[of].sum() + SHARE_PRIOR * DEFAULT_SHARE) / (totals[of].sum() + SHARE_PRIOR)
        share = (negatives[of] + SHARE_PRIOR * pooled) / (totals[of] + SHARE_PRIOR)
        rho = _correlation(k[:, of], n[:, of], share)
        weights = (n[:, of] ** 2).sum(axis=0) / (totals[of] + SHARE_PRIOR) ** 2
        variance = rho * (1 + weights) + (1 - rho) / (totals[of] + SHARE_PRIOR)
        mean[of], precision[of] = share, np.maximum(1 / variance - 1, 0.5)
    return ShareBaseline(mean, precision)


def shifted(
    rule: Rule, negative: Floats, total: Floats, usable: Bools, usual: ShareBaseline, wanted: Bools
) -> list[Reading]:
    """The series whose negative share has risen, a reading for each.

    A share is judged by the beta-binomial tail of its stories (:func:`stream.detector.share_tail`), must have risen by
    ``change`` at least, and must lie above the usual one on more than half of the days: one bad day is no shift.

    Args:
        rule: Of the kind sentiment-shift.
        negative: (``rule.days`` · 24, series) negative stories of the hours up to now.
        total: The same of all stories.
        usable: The same shape; False in alert periods.
        usual: From :func:`fit_days`, with the same columns.
        wanted: (series,) which the rule asks about.
    """
    k_by_day, n_by_day = _by_stretch(negative * usable, DAY_H), _by_stretch(total * usable, DAY_H)
    k, n = k_by_day.sum(axis=0), n_by_day.sum(axis=0)
    share = k / np.maximum(n, 1)
    above = (k_by_day > n_by_day * usual.mean).sum(axis=0) * 2 > rule.days
    least = (rule.warning.change or 0.0) / 2
    standing = wanted & (n * 2 >= rule.min_stories) & above & (share - usual.mean >= max(least, 1e-9))
    readings = []
    columns = np.flatnonzero(standing)
    tails = share_tail(k[columns].astype(int), n[columns].astype(int), usual.mean[columns], usual.precision[columns])
    for column, p in zip(columns.tolist(), tails.tolist(), strict=True):
        if p > min((rule.warning.p_share or 1.0) * LOWER_BAR, 1.0):
            continue
        risen, enough = float(share[column] - usual.mean[column]), n[column] >= rule.min_stories
        warns = bool(enough) and _holds(rule.warning, p, risen)
        critical = warns and rule.critical is not None and _holds(rule.critical, p, risen)
        readings.append(
            Reading(
                rule=rule,
                series=column,
                window_s=rule.days * DAY_H * 3_600,
                stories=int(k[column]),
                total=int(n[column]),
                expected=float(n[column] * usual.mean[column]),
                dispersion=0.0,
                p_count=1.0,
                share=float(share[column]),
                expected_share=float(usual.mean[column]),
                p_share=p,
                severity=Severity.CRITICAL if critical else Severity.WARNING if warns else None,
                wide=int(k[column]),
                precision=float(usual.precision[column]),
            )
        )
    return readings


def _holds(bars: Thresholds, p_share: float, change: float) -> bool:
    return p_share <= (bars.p_share or 1.0) and change >= (bars.change or 0.0)


def _correlation(k: Floats, n: Floats, share: Floats) -> float:
    """ρ of the stretches of all series of a kind, shrunk to the default as in :func:`stream.baseline.fit_shares`."""
    spread = share * (1 - share)
    # The share is estimated from the same stretches, which takes one of them away.
    lost = len(k) / (len(k) - 1)
    excess = (lost * (k - n * share) ** 2 - n * spread).sum()
    pairs = (n * np.maximum(n - 1, 0) * spread).sum()
    prior = DISPERSION_PRIOR * 2
    rho = (excess + prior / (1 + DEFAULT_SHARE_PRECISION)) / (pairs + prior)
    return float(np.clip(rho, _MIN_RHO, _MAX_RHO))


def _by_stretch(values: Floats, length: int) -> Floats:
    result: Floats = values.reshape(-1, length, values.shape[1]).sum(axis=1)
    return result
