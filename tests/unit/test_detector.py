from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stream.baseline import HISTORY_H, RECENT_H, CountBaseline, ShareBaseline, fit_counts, fit_shares
from stream.detector import (
    LOOKS,
    MOST_SUMMED,
    NEGATIVE_SURGE,
    VOLUME_SURGE,
    Reading,
    count_tail,
    interval,
    look,
    overlap,
    share_tail,
)
from undertone.messages import Severity

means = st.floats(1e-6, 1e4)
dispersions = st.floats(1e-3, 10)
shares = st.floats(0.01, 0.99)
precisions = st.floats(0.5, 500)


@given(st.integers(0, 500), means, dispersions)
def test_count_tail_is_that_of_scipys_negative_binomial(n: int, mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    expected = stats.nbinom.sf(n - 1, size, size / (size + mean))
    found = count_tail(np.array([n]), np.array([mean]), np.array([dispersion]))
    assert found[0] == pytest.approx(expected, rel=1e-6, abs=1e-290)


@given(st.integers(0, 60), st.integers(0, 60), shares, precisions)
def test_share_tail_is_that_of_scipys_beta_binomial(k: int, more: int, mean: float, precision: float) -> None:
    n = k + more
    expected = stats.betabinom.sf(k - 1, n, mean * precision, (1 - mean) * precision)
    found = share_tail(np.array([k]), np.array([n]), np.array([mean]), np.array([precision]))
    assert found[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(means, dispersions)
def test_more_stories_are_never_more_likely(mean: float, dispersion: float) -> None:
    tail = count_tail(np.arange(200), np.full(200, mean), np.full(200, dispersion))
    assert tail[0] == 1.0
    assert (np.diff(tail) <= 1e-12).all()


@given(st.integers(1, 80), shares, precisions)
def test_a_larger_share_is_never_more_likely(n: int, mean: float, precision: float) -> None:
    k = np.arange(n + 1)
    tail = share_tail(k, np.full(n + 1, n), np.full(n + 1, mean), np.full(n + 1, precision))
    assert (np.diff(tail) <= 1e-12).all()


@given(st.integers(0, 10**9))
def test_the_parts_of_the_hours_add_up_to_the_windows(minute: int) -> None:
    assert overlap(minute).sum(axis=1) == pytest.approx([0.25, 1.0, 6.0])
    assert overlap(minute).min() >= 0


def test_a_window_in_the_middle_of_an_hour_takes_its_part_of_the_hour_before() -> None:
    parts = overlap(60 + 19)  # ends at 1:20
    assert parts[0, :2] == pytest.approx([0.25, 0])
    assert parts[1, :2] == pytest.approx([20 / 60, 40 / 60])
    assert parts[2] == pytest.approx([20 / 60, 1, 1, 1, 1, 1, 40 / 60])


def usual(rate: float, dispersion: float = 0.2, share: float = 0.3, width: int = 1) -> tuple[CountBaseline, ...]:
    def of(mean: float) -> CountBaseline:
        return CountBaseline(np.full((7, width), mean), np.ones((3, width)), np.full((3, width), dispersion))

    return of(rate * share), of(rate)


def see(negative: list[int], total: list[int], *, rate: float = 1.0) -> list[Reading]:
    negatives, totals = usual(rate)
    beta = ShareBaseline(np.array([0.3]), np.array([10.0]))
    return look(
        (NEGATIVE_SURGE, VOLUME_SURGE),
        59,
        np.array(negative)[:, None],
        np.array(total)[:, None],
        negatives,
        totals,
        beta,
    )


def test_a_surge_of_negative_stories_is_critical() -> None:
    (reading,) = [one for one in see([10, 10, 10], [11, 11, 12]) if one.rule is NEGATIVE_SURGE]
    assert reading.severity is Severity.CRITICAL
    assert (reading.window_s, reading.stories, reading.total) == (900, 10, 11)
    assert reading.p_count <= 3e-4
    assert reading.p_share <= 5e-3


def test_three_stories_never_ring() -> None:
    assert not [one for one in see([3, 3, 3], [3, 3, 3], rate=0.001) if one.severity]


def test_a_usual_share_is_no_negative_surge_but_a_surge_of_volume() -> None:
    ringing = {one.rule.name for one in see([6, 6, 6], [30, 30, 30]) if one.severity}
    assert ringing == {VOLUME_SURGE.name}


def test_a_usual_count_is_no_surge_whatever_the_share() -> None:
    assert not [one for one in see([6, 6, 8], [6, 6, 8], rate=20.0) if one.severity]


def test_silence_is_no_reading() -> None:
    assert see([0, 0, 0], [0, 0, 0]) == []


def test_the_reported_tail_is_corrected_for_three_looks() -> None:
    (reading,) = [one for one in see([10, 10, 10], [11, 11, 12]) if one.rule is NEGATIVE_SURGE]
    raw = count_tail(np.array([10]), np.array([reading.expected]), np.array([reading.dispersion]))[0]
    assert reading.p_count == pytest.approx(LOOKS * raw)


@given(st.floats(1e-3, 2e3), dispersions)
def test_the_interval_is_that_of_scipys_quantiles(mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    usual_count = stats.nbinom(size, size / (size + mean))
    found = interval(mean, dispersion)
    for quantile, level in zip(found, (0.025, 0.975), strict=True):
        assert usual_count.cdf(quantile) >= level - 1e-9
        assert quantile == 0 or usual_count.cdf(quantile - 1) < level + 1e-9


@pytest.mark.parametrize("seed", [1, 2])
def test_the_null_rings_about_as_often_as_its_threshold(seed: int) -> None:
    """A week of hours like those that were fitted, each looked at with the level of its own day.

    At 1e-3 a factor of 3 is allowed: a level and a profile that are estimated make the tail a little heavier than
    the negative binomial's. It is what the correction for three windows, which overlap, gives away.
    """
    rng = np.random.default_rng(seed)
    width, ahead = 300, 60
    rate = rng.gamma(2.0, 1.0, width)
    total = rng.poisson(rate * rng.gamma(4.0, 0.25, (HISTORY_H + ahead, width)))
    negative = rng.binomial(total, 0.3)
    kinds, usable = np.zeros(width, np.int64), np.ones((HISTORY_H, width), bool)
    known = total[:HISTORY_H].astype(float)
    fit = fit_counts(known, usable, kinds, pooled=known.sum(axis=1), default_rate=1.0)
    beta = fit_shares(negative[:HISTORY_H].astype(float), known, usable, kinds)
    p_count, p_share = np.empty((ahead, width)), np.empty((ahead, width))
    for later in range(ahead):
        at = HISTORY_H + later
        baseline = fit.now(later, total[at - RECENT_H : at].astype(float), usable[:RECENT_H])
        p_count[later] = count_tail(total[at], baseline.expected(overlap(59))[1], baseline.dispersion[1])
        p_share[later] = share_tail(negative[at], total[at], beta.mean, beta.precision)
    assert (p_count <= 0.05).mean() <= 1.5 * 0.05
    assert (p_count <= 0.001).mean() <= 3 * 0.001
    assert (p_share <= 0.05).mean() <= 1.5 * 0.05
    assert (p_share <= 0.001).mean() <= 2 * 0.001
    # Nor may they be so careful that they are blind; the tails of small counts are a few times below the threshold.
    assert (p_count <= 0.2).mean() >= 0.2 / 4
    assert (p_share <= 0.2)[total[HISTORY_H:] >= 8].mean() >= 0.2 / 4


def test_the_share_tail_of_very_many_stories_goes_over_into_that_of_few_without_a_step() -> None:
    below, above = np.array([MOST_SUMMED]), np.array([MOST_SUMMED + 1])
    for mean, precision in ((0.1, 20.0), (0.3, 50.0), (0.5, 150.0)):
        shapes = np.array([mean]), np.array([precision])
        k = (below * (mean + 2.5 * (mean * (1 - mean) / precision) ** 0.5)).astype(np.int64)
        assert share_tail(k, above, *shapes)[0] == pytest.approx(share_tail(k, below, *shapes)[0], rel=0.1)
