"""What is usual for each series: expected counts, their dispersion, and the usual negative share.

Pure numpy over all series at once; no clock, no Redis. It fits hourly history and gives parameters; how unlikely
an observation is under them is the detector's business.

Arrays of history are chronological, (hours, series): 28 days, the last row being the hour before the one that is
watched. Since 28 days are four whole weeks, row ``r`` has the hour of week of row ``r + 168``, and slot 0 of a
profile is the hour that is watched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DAY_H = 24
WEEK_H = 168
DAYS = WEEK_H // DAY_H
HISTORY_H = 4 * WEEK_H
RECENT_H = DAY_H + 6
"""Hours that the level needs: a day before the widest window begins."""

PROFILE_PRIOR = 20.0
"""Stories that a series' own hour of day, and then hour of week, must outweigh to leave the pooled profile."""
LEVEL_PRIOR = 10.0
"""Stories that the last 24 hours must outweigh to leave the level of 28 days."""
RATE_PRIOR_HOURS = 24.0
"""Series-hours that the default rate weighs when the pooled rate is estimated."""
DISPERSION_PRIOR = 25.0
"""Sum of squared expectations at which a series' own dispersion weighs as much as the pooled one: there its
standard error, √(2/Σμ²) for counts that are nearly Poisson, is about .3."""
DEFAULT_DISPERSION = 0.3
SHARE_PRIOR = 20.0
"""Stories that a series' own negative share must outweigh to leave the pooled share."""
DEFAULT_SHARE = 0.3
DEFAULT_SHARE_PRECISION = 10.0
DEFAULT_CORRELATION = 1 / (1 + DEFAULT_SHARE_PRECISION)
BLOCK = 64
"""Series that are fitted at a time: what is computed of so many stays in a core's cache."""

_MIN_DISPERSION = 0.005
_MAX_DISPERSION = 10.0


@dataclass(frozen=True, slots=True)
class CountBaseline:
    """Negative binomial expectation of each series' stories, for windows that end in the watched hour.

    ``base`` is stories an hour, (7, series): row ``j`` is the hour ``j`` before the watched one, before the level.
    ``level`` multiplies it, and ``dispersion`` is α of variance = μ + αμ², what is not known of the level included;
    both (3, series), one row each for windows of 15 minutes, 1 hour and 6 hours.
    """

    base: Floats
    level: Floats
    dispersion: Floats

    def expected(self, hours: Floats) -> Floats:
        """Mean stories in each window, (3, series).

        ``hours`` is (3, 7): the part of each of the last seven hours, 0..1, that lies in the window.
        """
        mean: Floats = (hours @ self.base) * self.level
        return mean


@dataclass(frozen=True, slots=True)
class Fit:
    """The slow part of a baseline: ``base``, (168, series), slot 0 being the hour fitted for, and ``dispersion``.

    The dispersion is without what is not known of the level, which :meth:`now` adds.
    """

    base: Floats
    dispersion: Floats

    def now(self, later: int, counts: Floats, usable: Bools) -> CountBaseline:
        """The baseline ``later`` hours (0..167) after the fit.

        ``counts`` and ``usable`` are the last RECENT_H rows of history at that time. The level of each window is
        taken up to where it begins: the window of an hour may begin in the hour before, that of six hours began six
        hours ago.
        """
        slots = (later - RECENT_H + np.arange(RECENT_H + 1)) % WEEK_H
        base = self.base[slots]
        level, unsure = _level(counts * usable, base[:-1] * usable)
        ends = [-2, -2, -7]
        return CountBaseline(base[:-8:-1], level[ends], self.dispersion + unsure[ends])


@dataclass(frozen=True, slots=True)
class ShareBaseline:
    """Beta prior of each series' negative share: mean and precision (the sum of the two shape parameters)."""

    mean: Floats
    precision: Floats


def fit_counts(counts: Floats, usable: Bools, kinds: Ints, *, pooled: Floats, default_rate: float) -> Fit:
    """What each series' history says of it, for the day that follows; :meth:`Fit.now` adds the level of the hour.

    A series' mean is rate × profile × level:

    * rate: Gamma-Poisson posterior mean (a + N) / (b + T), with the prior of its kind by moments (Robbins 1956;
      Gelman et al., Bayesian Data Analysis, §2.6). N = 0, T = 0 gives the pooled rate: the cold start.
    * profile: hour of day, then hour of week within it, each a Gamma-Poisson factor (κ + N) / (κ + E) that is
      shrunk to the pooled profile; N and E are divided by 1 + αμ, since dispersed hours tell less. The pooled profile
      has the days of the week between the two (:func:`_by_day`).
    * level: (k + N₂₄) / (k + E₂₄) over the 24 hours before the window. Its posterior variance, 1 / (k + N₂₄) of its
      square, is added to the dispersion of the hour: after a quiet day less is known than after a busy one.

    The dispersion is the moment estimate Σ((x-μ)² - μ - vμ²) / Σμ² (Cameron & Trivedi, Regression Analysis of Count
    Data, §3.3), v being that variance, of residuals from the profile of the *other* weeks and the level of the day
    before, since those from a profile that has learnt the same hours are too small; shrunk to that of its kind; at 6 h
    of six-hour sums, and at 15 minutes extrapolated along the power law between the two, since history is kept by the
    hour. The posterior variance of the rate, 1 / (a + N), is added: the predictive distribution of a Gamma-Poisson is
    negative binomial.

    Args:
        counts: (672, series) stories an hour.
        usable: (672, series); False where there is no history and in past alert periods.
        kinds: (series,) small integers; series of one kind are pooled.
        pooled: (672,) stories an hour of the whole stream, NaN-free; its usable hours are those of any series.
        default_rate: Stories an hour of a series about which nothing at all is known.
    """
    known = usable.max(axis=1, initial=False)
    seen = known.astype(np.float64)
    profile = _pooled_profile(pooled * seen, seen)
    chosen, where = _distinct(counts, usable, known, kinds)
    blocks = [chosen[first : first + BLOCK] for first in range(0, len(chosen), BLOCK)]

    stretched = np.tile(profile, len(counts) // WEEK_H)
    exposed = [
        ((counts[:, some] * usable[:, some]).sum(axis=0), stretched @ usable[:, some].astype(np.float64))
        for some in blocks
    ]
    n, exposure = (np.concatenate(one)[where] for one in zip(*exposed, strict=True))
    shape, rate_prior = _rate_prior(n, exposure, kinds, default_rate)
    rate = (shape + n) / (shape / rate_prior + exposure)

    parts = [_block(counts[:, some], usable[:, some], rate[some], profile) for some in blocks]
    base = np.concatenate([part.base for part in parts], axis=1)[:, where]
    spread_1h, spread_6h = (
        np.concatenate(one, axis=1)[:, where] for one in zip(*(p.spread for p in parts), strict=True)
    )
    alpha_1h, alpha_6h = _shrunk(spread_1h, kinds), _shrunk(spread_6h, kinds)
    alpha_15m = alpha_1h * np.clip((alpha_1h / alpha_6h) ** (np.log(4) / np.log(6)), 1.0, 3.0)
    unsure = 1.0 / (shape + n)
    return Fit(base, np.stack([alpha_15m, alpha_1h, alpha_6h]) + unsure)


class _Block(NamedTuple):
    """What some columns come to: base rates, (168, columns), and the moments of dispersion at 1 h and 6 h."""

    base: Floats
    spread: tuple[Floats, Floats]  # (2, columns) each


def _block(counts: Floats, usable: Bools, rate: Floats, profile: Floats) -> _Block:
    weight = usable.astype(np.float64)
    x = counts * weight
    weeks = len(counts) // WEEK_H
    own, others = _own_profile(x, np.tile(profile, weeks)[:, None] * weight * rate, profile)
    mean = rate * others * weight
    level, unsure = _level(x, mean)
    spread_1h = _moments(x, mean * level[:-1], unsure[:-1], weight)
    spread_6h = _moments(_sixes(x), _sixes(mean) * level[:-1:6], unsure[:-1:6], _sixes(weight) == 6)
    return _Block(rate * own, (np.stack(spread_1h), np.stack(spread_6h)))


def _distinct(counts: Floats, usable: Bools, known: Bools, kinds: Ints) -> tuple[Ints, Ints]:
    """Columns that have to be computed, and for each column the place of the one that it is like.

    Most series are silent for weeks; those of one kind without a story and without a mask are all alike.
    """
    silent = ~counts.any(axis=0) & (usable.sum(axis=0) == known.sum())
    own = np.flatnonzero(~silent)
    where = np.empty(len(kinds), np.int64)
    where[own] = np.arange(len(own))
    chosen = [own]
    for place, kind in enumerate(np.unique(kinds[silent])):
        alike = np.flatnonzero(silent & (kinds == kind))
        where[alike] = len(own) + place
        chosen.append(alike[:1])
    return np.concatenate(chosen), where


def fit_shares(negative: Floats, total: Floats, usable: Bools, kinds: Ints) -> ShareBaseline:
    """The usual negative share of each series, as the Beta distribution that a window's own share is drawn from.

    The mean is Σwk / Σwn, shrunk to that of its kind. The precision comes from the pooled intra-class correlation of
    hourly shares, ρ = Σw((k - ns)² - ns(1-s))/n / Σw(n-1)s(1-s), as (1-ρ)/ρ (Griffiths 1973, Biometrics 29), less what
    the uncertainty of the mean takes away. The weights w = 1 / (1 + (n-1)ρ₀) are those of Williams (1982, Applied
    Statistics 31): without them the few hours in which most is told, which are events, would say alone what is usual.
    """
    cells = np.nonzero((total > 0) & usable)  # the others add nothing
    column, n, k = cells[1], total[cells], negative[cells]
    less = 1 + (n - 1) * DEFAULT_CORRELATION
    series = len(kinds)
    negatives = np.bincount(column, weights=k / less, minlength=series)
    totals = np.bincount(column, weights=n / less, minlength=series)
    mean, precision = np.empty(series), np.empty(series)
    for kind in np.unique(kinds):
        of, here = kinds == kind, kinds[column] == kind
        pooled = (negatives[of].sum() + SHARE_PRIOR * DEFAULT_SHARE) / (totals[of].sum() + SHARE_PRIOR)
        mean[of] = (negatives[of] + SHARE_PRIOR * pooled) / (totals[of] + SHARE_PRIOR)
        stories, share = n[here], mean[column[here]]
        spread = share * (1 - share)
        weight = 1 / (stories * less[here])
        excess = (((k[here] - stories * share) ** 2 - stories * spread) * weight).sum()
        pairs = (stories * (stories - 1) * spread * weight).sum()
        rho = (excess + DISPERSION_PRIOR * DEFAULT_CORRELATION) / (pairs + DISPERSION_PRIOR)
        variance = np.clip(rho, 0.005, 0.5) + 1 / (totals[of] + SHARE_PRIOR + 1)  # in units of s(1-s)
        precision[of] = np.maximum(1 / variance - 1, 0.5)
    return ShareBaseline(mean, precision)


def _pooled_profile(counts: Floats, seen: Floats) -> Floats:
    """Relative rate by hour of week, (168,), with mean about 1, of the whole stream."""
    rate = counts.sum() / max(seen.sum(), 1.0)
    n, hours = counts.reshape(-1, WEEK_H).sum(axis=0), seen.reshape(-1, WEEK_H).sum(axis=0)
    daily = np.tile(_factor(_daily(n), _daily(rate * hours)), DAYS)
    days = (-1, DAYS, DAY_H)
    expected = rate * seen * np.tile(daily, len(seen) // WEEK_H)
    by_day = _by_day(counts.reshape(days).sum(axis=2), expected.reshape(days).sum(axis=2))
    shape = daily * np.repeat(by_day, DAY_H)
    profile: Floats = shape * _factor(n, rate * hours * shape)
    return profile


def _by_day(n: Floats, expected: Floats) -> Floats:
    """Relative rate by day of week, (7,), from the stories of each day and those of a day like any other, (weeks, 7).

    The means r of the days are shrunk to 1 by τ² / (τ² + σ²), as in a random-effects model (Efron & Morris 1975,
    Journal of the American Statistical Association 70): σ² is how unsure each is, from how days of one name differ, and
    τ² by how much more they differ from each other. With a prior for σ² nothing is learnt from one week. Hours of week
    alone, a handful of stories each, would take a weekend for half a week day, and the level of the day after it would
    be too low.
    """
    whole = max(float(expected.max(initial=0)), 1e-9)
    known = expected.sum(axis=0) / whole  # days of each name
    ratio = np.where(known > 0, n.sum(axis=0) / np.maximum(expected.sum(axis=0), 1e-9), 1.0)
    prior = DAYS * (DEFAULT_DISPERSION + 1 / whole)
    spread = (((n - expected * ratio) / whole) ** 2).sum() + prior
    unsure = spread / max(known.sum(), DAYS) / np.maximum(known, 1e-9)
    apart = max(float(((ratio - 1) ** 2).sum() / (DAYS - 1) - unsure.mean()), 0.0)
    by_day: Floats = 1 + apart / (apart + unsure) * (ratio - 1)
    return by_day


def _own_profile(x: Floats, expected: Floats, pooled: Floats) -> tuple[Floats, Floats]:
    """Relative rate by hour of week of each series, shrunk to the pooled one.

    Returns:
        The profile, (168, series), and for each hour of history what the other weeks say of it, (hours, series).
    """
    weeks = (-1, WEEK_H, x.shape[1])
    by_week, e_by_week = x.reshape(weeks), expected.reshape(weeks)
    n, e = by_week.sum(axis=0), e_by_week.sum(axis=0)
    seen = len(by_week)
    others = [_shape(n - one, e - e_one, pooled, seen - 1) for one, e_one in zip(by_week, e_by_week, strict=True)]
    return _shape(n, e, pooled, seen), np.concatenate(others)


def _shape(n: Floats, expected: Floats, pooled: Floats, weeks: int) -> Floats:
    days = (DAYS, DAY_H, -1)
    by_day, e_by_day = n.reshape(days), expected.reshape(days)
    daily = _factor(by_day.sum(axis=0), e_by_day.sum(axis=0), weeks * days[0])
    shape = daily * _factor(by_day, e_by_day * daily, weeks)
    result: Floats = shape.reshape(n.shape) * pooled[:, None]
    return result


def _factor(n: Floats, expected: Floats, hours: float = math.inf) -> Floats:
    """(κ + N/d) / (κ + E/d) with d = 1 + αμ: stories of dispersed hours tell less. ``hours`` is how many there are."""
    less = PROFILE_PRIOR * DEFAULT_DISPERSION / max(hours, 1)
    result: Floats = (n + less * expected + PROFILE_PRIOR) / ((1 + less) * expected + PROFILE_PRIOR)
    return result


def _daily(by_week: Floats) -> Floats:
    result: Floats = by_week.reshape(DAYS, DAY_H, *by_week.shape[1:]).sum(axis=0)
    return result


def _rate_prior(n: Floats, exposure: Floats, kinds: Ints, default_rate: float) -> tuple[Floats, Floats]:
    """Shape and mean of the Gamma prior of each series' rate, pooled by kind, by moments."""
    shape, mean = np.empty_like(n), np.empty_like(n)
    for kind in np.unique(kinds):
        of = kinds == kind
        hours = exposure[of].sum()
        pooled = (n[of].sum() + RATE_PRIOR_HOURS * default_rate) / (hours + RATE_PRIOR_HOURS)
        own = n[of] / np.maximum(exposure[of], 1.0)
        between = own.var() - pooled * of.sum() / max(hours, 1.0)
        shape[of] = np.clip(pooled**2 / max(between, 1e-12), 0.2, 5.0)
        mean[of] = pooled
    return shape, mean


def _level(x: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Level factor before each row and after the last, and its squared coefficient of variation, (rows + 1, series)."""
    recent, usual = _trailing(x), _trailing(mean)
    return (LEVEL_PRIOR + recent) / (LEVEL_PRIOR + usual), 1 / (LEVEL_PRIOR + recent)


def _trailing(values: Floats) -> Floats:
    """Sum of the 24 rows before each row, and after the last."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    trailing = sums.copy()
    trailing[DAY_H:] -= sums[:-DAY_H]
    return trailing


def _sixes(values: Floats) -> Floats:
    result: Floats = values.reshape(-1, 6, values.shape[1]).sum(axis=1)
    return result


def _moments(x: Floats, mean: Floats, unsure: Floats, weight: Floats | Bools) -> tuple[Floats, Floats]:
    """Numerator and denominator of the moment estimate of dispersion, one each for every series."""
    residual, square = x - mean, mean * mean
    return ((residual * residual - mean - unsure * square) * weight).sum(axis=0), (square * weight).sum(axis=0)


def _shrunk(moments: Floats, kinds: Ints) -> Floats:
    over, squares = moments
    alpha = np.empty_like(over)
    for kind in np.unique(kinds):
        of = kinds == kind
        pooled = (over[of].sum() + DISPERSION_PRIOR * DEFAULT_DISPERSION) / (squares[of].sum() + DISPERSION_PRIOR)
        pooled = max(float(pooled), _MIN_DISPERSION)
        alpha[of] = (over[of] + DISPERSION_PRIOR * pooled) / (squares[of] + DISPERSION_PRIOR)
    result: Floats = np.clip(alpha, _MIN_DISPERSION, _MAX_DISPERSION)
    return result
