"""How sure a share or a net sentiment is, given how few stories it rests on. Pure.

Stories by sentiment are taken as draws with unknown probabilities θ under Jeffreys' prior, Dirichlet(½, ½, ½). Then
the negative share is Beta(½ + n₋, 1 + n₀ + n₊), exactly. The net sentiment θ₊ − θ₋ has the mean (a₊ − a₋)/A and the
variance ((a₊ + a₋)/A − mean²)/(A + 1), where aᵢ = ½ + nᵢ and A is their sum; its interval is that of the Beta on
[−1, 1] with these two moments, which is exact where no story is neutral and the prior of neutral is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from undertone.trends import Counts

PRIOR: Final = 0.5
LEVEL: Final = 0.95

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Posterior mean and central credible interval, one of each for every count; NaN where there is no story."""

    mean: Floats
    low: Floats
    high: Floats


def share(counts: Sequence[Counts] | Floats, level: float = LEVEL) -> Interval:
    """Of the negative share, 0..1.

    >>> [round(float(one[0]), 2) for one in share([Counts(stories=(1, 1, 0))])]
    [0.43, 0.05, 0.88]
    """
    stories = _stories(counts)
    a = PRIOR + stories[:, 0]
    b = 2 * PRIOR + stories[:, 1] + stories[:, 2]
    return _hidden(Interval(a / (a + b), *_central(a, b, level)), stories)


def net(counts: Sequence[Counts] | Floats, level: float = LEVEL) -> Interval:
    """Of the net sentiment, -1..1.

    >>> [round(float(one[0]), 2) for one in net([Counts(stories=(0, 0, 1))])]
    [0.4, -0.56, 0.97]
    """
    stories = _stories(counts)
    a = PRIOR + stories
    total = a.sum(axis=1)
    mean = (a[:, 2] - a[:, 0]) / total
    variance = ((a[:, 2] + a[:, 0]) / total - mean**2) / (total + 1)
    middle = (mean + 1) / 2
    weight = middle * (1 - middle) / (variance / 4) - 1
    low, high = _central(middle * weight, (1 - middle) * weight, level)
    return _hidden(Interval(mean, 2 * low - 1, 2 * high - 1), stories)


def net_mean(counts: Sequence[Counts] | Floats) -> Floats:
    """The mean of :func:`net` alone, which costs far less."""
    stories = _stories(counts)
    a = PRIOR + stories
    return np.where(stories.sum(axis=1) == 0, np.nan, (a[:, 2] - a[:, 0]) / a.sum(axis=1))


def share_mean(counts: Sequence[Counts] | Floats) -> Floats:
    """The mean of :func:`share` alone."""
    stories = _stories(counts)
    total = stories.sum(axis=1)
    return np.where(total == 0, np.nan, (PRIOR + stories[:, 0]) / (3 * PRIOR + total))


def stories_of(counts: Sequence[Counts]) -> Floats:
    """Stories by sentiment, (counts, 3): what the functions here take too, for who asks several of them."""
    return np.array([one.stories for one in counts], np.float64).reshape(-1, 3)


def _stories(counts: Sequence[Counts] | Floats) -> Floats:
    return counts if isinstance(counts, np.ndarray) else stories_of(counts)


def _central(a: Floats, b: Floats, level: float) -> tuple[Floats, Floats]:
    tail = (1 - level) / 2
    low: Floats = betaincinv(a, b, tail).astype(np.float64)
    high: Floats = betaincinv(a, b, 1 - tail).astype(np.float64)
    return low, high


def _hidden(found: Interval, stories: Floats) -> Interval:
    none = stories.sum(axis=1) == 0
    return Interval(*(np.where(none, np.nan, one) for one in found))
