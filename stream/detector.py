"""The test for a surge: how unlikely are this many stories, and this share of negative ones, in a window?

Pure and vectorised over series; it judges one minute and remembers nothing. What is usual comes from
:mod:`stream.baseline`, what becomes of a reading from :mod:`stream.alerting`.

A surge must be unusual in count *and* in share, in one and the same window: a busy day raises negative counts, and
one bad story makes a share of 1. Three windows are looked at and the smallest count tail counts, so it is
multiplied by three (Bonferroni; since both tests must pass in one window, correcting one of them bounds the joint
error by the count threshold). The looks of successive minutes overlap almost wholly and are not corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stream.baseline import Bools, CountBaseline, Floats, Ints, ShareBaseline
from undertone import messages
from undertone.messages import Severity
from undertone.rules import Rule, Thresholds
from undertone.rules.file import shipped

WINDOWS_S = (900, 3_600, 21_600)
WINDOWS_MIN = tuple(seconds // 60 for seconds in WINDOWS_S)
LOOKS = len(WINDOWS_S)
MOST_SUMMED = 2_048
PORTION = 256
TERMS = 64
NO_MORE = 1e-14
"""Part of a sum that may be left out."""

LOWER_BAR = 10.0
"""An episode goes on while the count tail is within this factor of the warning threshold."""


RULES = shipped().rules
"""The rules that hold without a rules file, most telling first: of two that explain the same stories the first is
announced."""
SURGES = (messages.NEGATIVE_SURGE, messages.VOLUME_SURGE)
"""The kinds of rule that are judged here."""
(NEGATIVE_SURGE,) = (one for one in RULES if one.kind == messages.NEGATIVE_SURGE)
(VOLUME_SURGE,) = (one for one in RULES if one.kind == messages.VOLUME_SURGE)


_SEVERITIES = (None, Severity.WARNING, Severity.CRITICAL)


class Reading(NamedTuple):
    """What one rule sees of one series at one minute, in the window where it is most unusual.

    ``series`` is the column that was given. ``severity`` is None where the condition does not hold but an episode
    would go on; either still needs its sources. ``p_count`` is corrected for the three windows. ``wide`` is the
    stories in the widest window, ``precision`` that of the expected share. A tail that the rule's kind does not test
    is 1.
    """

    rule: Rule
    series: int
    window_s: int
    stories: int
    total: int
    expected: float
    dispersion: float
    p_count: float
    share: float
    expected_share: float
    p_share: float
    severity: Severity | None
    wide: int
    precision: float = 0.0


def count_tail(n: Ints, mean: Floats, dispersion: Floats) -> Floats:
    """P(X ≥ n) of a negative binomial with this mean and variance μ + αμ².

    With r = 1/α it is the regularised incomplete beta I(n, r) at μ/(r + μ) (DLMF §8.17; Johnson, Kemp & Kotz,
    Univariate Discrete Distributions, eq. 5.31).
    """
    n, mean, dispersion = np.broadcast_arrays(n, mean, dispersion)
    size = 1.0 / np.maximum(dispersion, 1e-6)
    tail = special.betainc(np.maximum(n, 1), size, mean / (size + mean))
    result: Floats = np.where(n <= 0, 1.0, tail)
    return result


def share_tail(k: Ints, n: Ints, mean: Floats, precision: Floats) -> Floats:
    """P(K ≥ k) of a beta-binomial of n draws with shapes mean·precision and (1-mean)·precision.

    Up to MOST_SUMMED draws it sums the mass C(n,j) B(j+a, n-j+b) / B(a,b) from k to n, or what is below k, each from
    the one before (Johnson, Kemp & Kotz, §6.2.2); beyond them it is the tail, at k - 1/2, of the beta distribution with
    the mean and variance of K / n, which lies within a tenth of it down to 1e-5.
    """
    k, n, mean, precision = np.broadcast_arrays(*map(np.atleast_1d, (k, n, mean, precision)))
    a = np.clip(mean, 1e-6, 1 - 1e-6) * precision
    b = precision - a
    many = n > MOST_SUMMED
    tail = np.ones(k.shape)
    for some in _portions(~many, k, n):
        tail[some] = _summed(k[some], n[some], a[some], b[some])
    if many.any():
        draws, all_ = n[many].astype(np.float64), precision[many]
        wide = draws * (all_ + 1) / (all_ + draws) - 1  # precision of the beta distribution
        at = np.clip((k[many] - 0.5) / draws, 0.0, 1.0)
        share = a[many] / all_
        tail[many] = special.betaincc(share * wide, (1 - share) * wide, at)
    tail[k > n] = 0.0
    return np.where(k <= 0, 1.0, np.minimum(tail, 1.0))


def _portions(wanted: Bools, k: Ints, n: Ints) -> list[Ints]:
    """Places of the sums to be made, in portions that take about as many terms each and little memory."""
    places = np.flatnonzero(wanted & (k > 0) & (k <= n))
    places = places[np.argsort((n - k)[places], kind="stable")]
    return [places[first : first + PORTION] for first in range(0, len(places), PORTION)]


def _summed(k: Ints, n: Ints, a: Floats, b: Floats) -> Floats:
    """The sum from the side of k on which there is less, so that it soon comes to an end."""
    upper = k * (a + b) > n * a
    at, more = np.where(upper, k, k - 1), np.where(upper, n - k, k - 1)
    first = (
        special.betaln(at + a, n - at + b) - special.betaln(a, b) - special.betaln(at + 1, n - at + 1) - np.log(n + 1)
    )
    # Going down from j to j - 1 is going up from n - j to n - j + 1 with a and b changed over.
    at, a, b = np.where(upper, at, n - at), np.where(upper, a, b), np.where(upper, b, a)
    falls = bool((np.minimum(a, b) >= 1).all())  # then each ratio of two masses is below the one before
    total, mass = np.ones(len(k)), np.ones(len(k))
    for begin in range(0, int(more.max(initial=0)), TERMS):
        j = at + begin + np.arange(min(TERMS, int(more.max()) - begin))[:, None]  # (terms, series)
        left = np.maximum(n - j, 0.0)
        ratio = left * (j + a) / ((j + 1) * np.maximum(left - 1 + b, 1e-300))
        masses = mass * np.cumprod(ratio, axis=0)
        total += masses.sum(axis=0)
        mass, last = masses[-1], ratio[-1]
        if falls and (mass * last <= NO_MORE * (1 - last) * total).all():
            break
    some = np.exp(first) * total
    tail: Floats = np.where(upper, some, 1 - some)
    return tail


def _overlap(minute: int) -> Floats:
    within = minute % 60 + 1  # minutes of the watched hour that are over
    oldest = within + np.arange(7) * 60  # age in minutes at which each hour began
    newest = np.maximum(oldest - 60, 0)
    lengths = np.array(WINDOWS_MIN)[:, None]
    parts: Floats = np.clip(np.minimum(oldest, lengths) - newest, 0, None) / 60
    return parts


_OVERLAPS = np.stack([_overlap(minute) for minute in range(60)])


def overlap(minute: int) -> Floats:
    """The part of each hour in each window that ends with ``minute`` (included): (3, 7), 0..1.

    Column ``j`` is the hour ``j`` before that of the minute.
    """
    parts: Floats = _OVERLAPS[minute % 60]
    return parts


def look(
    rules: Sequence[Rule],
    minute: int,
    negative: NDArray[np.integer],
    total: NDArray[np.integer],
    negatives: CountBaseline,
    totals: CountBaseline,
    shares: ShareBaseline,
    near: Bools | None = None,
) -> list[Reading]:
    """The series that stand out at the end of ``minute``, a reading for each rule that sees it.

    Args:
        rules: What to look for; of SURGES.
        minute: Event time in minutes since 1970; the windows end with it.
        negative: (3, series) distinct negative stories in each of WINDOWS_S.
        total: The same of all stories.
        negatives: Baseline of ``negative``.
        totals: Baseline of ``total``.
        shares: Usual negative share.
        near: (rules, 3, series) which rule asks about which series in which windows; all about all by default. In
            those that it does not ask about nothing stands out.
    """
    hours = overlap(minute)
    readings: list[Reading] = []
    for place, rule in enumerate(rules):
        counts, baseline = (negative, negatives) if rule.negative else (total, totals)
        asked = counts * 2 >= rule.min_stories
        if near is not None:
            asked &= near[place]
        wanted = np.flatnonzero(asked.any(axis=0))
        if not len(wanted):
            continue
        readings += _judge(rule, wanted, asked[:, wanted], counts, total, negative, baseline, shares, hours)
    return readings


def _judge(
    rule: Rule,
    wanted: Ints,
    asked: Bools,
    counts: NDArray[np.integer],
    total: NDArray[np.integer],
    negative: NDArray[np.integer],
    baseline: CountBaseline,
    shares: ShareBaseline,
    hours: Floats,
) -> list[Reading]:
    n = counts[:, wanted].astype(np.int64)
    mean = (hours @ baseline.base[:, wanted]) * baseline.level[:, wanted]
    spread = baseline.dispersion[:, wanted]
    p_count = np.ones(n.shape)
    p_count[asked] = np.minimum(LOOKS * count_tail(n[asked], mean[asked], spread[asked]), 1.0)
    over = asked & (p_count <= lower_bar(rule))
    some = np.flatnonzero(over.any(axis=0))
    if not len(some):
        return []
    wanted, over, n, mean, spread, p_count = (
        wanted[some], over[:, some], n[:, some], mean[:, some], spread[:, some], p_count[:, some],
    )  # fmt: skip
    of_all, k = total[:, wanted].astype(np.int64), negative[:, wanted].astype(np.int64)
    usual, precision = shares.mean[wanted], shares.precision[wanted]
    p_share = np.ones(n.shape)

    def judge_share(cells: tuple[Ints, ...]) -> None:
        p_share[cells] = share_tail(k[cells], of_all[cells], usual[cells[1]], precision[cells[1]])

    # A share is judged where it decides something, and where it is reported.
    may_warn = _holds(rule.warning, over & (n >= rule.min_stories), p_count, np.zeros(n.shape))
    judge_share(np.nonzero(may_warn))
    warns = _holds(rule.warning, may_warn, p_count, p_share)
    critical = np.zeros_like(warns) if rule.critical is None else _holds(rule.critical, warns, p_count, p_share)

    # Among the windows where the most severe condition holds, the most unusual one is reported.
    rank = np.where(critical, -2.0, np.where(warns, -1.0, 0.0)) * 2 + p_count
    best = rank.argmin(axis=0)
    left = np.flatnonzero(~may_warn[best, np.arange(len(best))])
    judge_share((best[left], left))
    at = best, np.arange(len(best))
    columns = (
        wanted, np.array(WINDOWS_S)[best], n[at], of_all[at], mean[at], spread[at], p_count[at],
        k[at] / np.maximum(of_all[at], 1), usual, p_share[at], warns[at].astype(np.int64) + critical[at], n[-1],
        precision,
    )  # fmt: skip
    return [
        Reading._make((rule, *figures, _SEVERITIES[severe], wide, sure))
        for *figures, severe, wide, sure in zip(*(one.tolist() for one in columns), strict=True)
    ]


def lower_bar(rule: Rule) -> float:
    """The count tail up to which an episode of a rule goes on; 1 where the rule does not test the count."""
    return 1.0 if rule.warning.p_count is None else min(rule.warning.p_count * LOWER_BAR, 1.0)


def _holds(bars: Thresholds, enough: Bools, p_count: Floats, p_share: Floats) -> Bools:
    holds = enough
    for bar, tail in ((bars.p_count, p_count), (bars.p_share, p_share)):
        if bar is not None:
            holds = holds & (tail <= bar)
    return holds


def share_interval(total: int, mean: float, precision: float) -> tuple[int, int]:
    """The central 95 % interval of negative stories among ``total``, from the beta-binomial of :func:`share_tail`."""
    a = min(max(mean, 1e-6), 1 - 1e-6) * precision
    b = precision - a
    k = np.arange(total + 1)
    mass = special.betaln(k + a, total - k + b) - special.betaln(a, b) - special.betaln(k + 1, total - k + 1)
    below = np.cumsum(np.exp(mass)) / (total + 1)  # P(K ≤ k)
    return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))


def interval(mean: float, dispersion: float) -> tuple[int, int]:
    """The central 95 % interval of stories: the 2.5 % and 97.5 % quantiles of the negative binomial."""
    size = 1.0 / max(dispersion, 1e-6)
    # Cantelli's inequality puts the upper quantile within √39 standard deviations of the mean.
    most = mean + 6.3 * math.sqrt(mean + dispersion * mean * mean) + 2
    below = special.betainc(size, np.arange(int(most) + 1) + 1.0, size / (size + mean))  # P(X ≤ k), DLMF §8.17
    return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))
