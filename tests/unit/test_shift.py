from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stream.baseline import DAY_H, HISTORY_H, Bools, Floats, ShareBaseline
from stream.detector import share_interval
from stream.shift import fit_days, shifted
from undertone.messages import Severity
from undertone.rules import Rule, Thresholds

RULE = Rule(
    name="shift",
    kind="sentiment-shift",
    min_stories=30,
    days=3,
    warning=Thresholds(p_share=1e-4, change=0.1),
    critical=Thresholds(p_share=1e-6, change=0.2),
)
RECENT_H = RULE.days * DAY_H


def days(share: Floats, *, seed: int = 1, rate: float = 2.0, precision: float = 100.0) -> tuple[Floats, Floats]:
    """Hours of stories, (672, series), whose share of negative ones varies from day to day around ``share``."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(rate, share.shape)
    daily = rng.beta(share[::DAY_H] * precision, (1 - share[::DAY_H]) * precision)
    return rng.binomial(total, np.repeat(daily, DAY_H, axis=0)).astype(float), total.astype(float)


def judged(
    negative: Floats, total: Floats, usable: Bools | None = None, rule: Rule = RULE
) -> dict[int, Severity | None]:
    usable = np.ones_like(total, bool) if usable is None else usable
    kinds = np.zeros(total.shape[1], np.int64)
    usual = fit_days(negative, total, usable, kinds, days=rule.days)
    assert usual is not None
    recent = rule.days * DAY_H
    found = shifted(rule, negative[-recent:], total[-recent:], usable[-recent:], usual, np.ones(total.shape[1], bool))
    return {one.series: one.severity for one in found}


def flat(width: int = 40, share: float = 0.25) -> Floats:
    return np.full((HISTORY_H, width), share)


def test_a_share_that_has_risen_for_three_days_is_told_and_the_others_are_not() -> None:
    share = flat()
    share[-RECENT_H:, 0] = 0.55
    negative, total = days(share)
    assert {column for column, severity in judged(negative, total).items() if severity} == {0}


def test_one_bad_day_is_no_shift() -> None:
    share = flat()
    share[-DAY_H:, 0] = 0.99
    negative, total = days(share)
    negative[-RECENT_H:-DAY_H, 0] = 0
    assert 0 not in judged(negative, total)


def test_hours_of_alerts_are_left_out() -> None:
    share = flat()
    share[-RECENT_H:, 0] = 0.55
    negative, total = days(share)
    usable = np.ones_like(total, bool)
    usable[-RECENT_H:, 0] = False
    assert 0 not in judged(negative, total, usable)


def test_a_small_rise_is_no_shift_however_sure_it_is() -> None:
    share = flat(share=0.3)
    share[-RECENT_H:, 0] = 0.36
    negative, total = days(share, rate=500.0, precision=1e5)
    assert not [one for one in judged(negative, total).values() if one]


def test_with_less_than_a_week_before_the_days_that_are_judged_nothing_is_usual() -> None:
    negative, total = days(flat())
    usable = np.zeros_like(total, bool)
    usable[-RECENT_H - 6 * DAY_H :] = True
    kinds = np.zeros(total.shape[1], np.int64)
    assert fit_days(negative, total, usable, kinds, days=3) is None
    usable[-RECENT_H - 7 * DAY_H :] = True
    assert fit_days(negative, total, usable, kinds, days=3) is not None


@pytest.mark.parametrize("precision", [15.0, 200.0])
def test_a_steady_stream_is_told_of_about_as_often_as_the_threshold_says(precision: float) -> None:
    """Also where days differ much, which a binomial test would call a shift all the time."""
    loose = Rule(name="any", kind="sentiment-shift", min_stories=1, days=3, warning=Thresholds(p_share=0.01))
    rang = 0
    for seed in range(12):
        negative, total = days(flat(200), seed=seed, precision=precision)
        rang += sum(severity is not None for severity in judged(negative, total, rule=loose).values())
    assert rang / (12 * 200) <= 2 * 0.01


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, HISTORY_H), st.sampled_from([0.0, 0.05, 3.0]), st.integers(1, 14))
def test_no_history_gives_a_share_that_is_no_distribution(seed: int, hours: int, rate: float, length: int) -> None:
    rng = np.random.default_rng(seed)
    total = rng.poisson(rate, (HISTORY_H, 4)).astype(float)
    negative = rng.binomial(total.astype(int), 0.3).astype(float)
    usable = rng.random(total.shape) < 0.9
    usable[: HISTORY_H - hours] = False
    usual = fit_days(negative, total, usable, np.array([0, 0, 1, 2]), days=length)
    if usual is not None:
        assert np.isfinite(usual.precision).all()
        assert (usual.precision > 0).all()
        assert (usual.mean > 0).all()
        assert (usual.mean < 1).all()


@given(st.integers(1, 400), st.floats(0.02, 0.98), st.floats(0.5, 500))
def test_the_interval_of_a_share_is_that_of_scipys_quantiles(total: int, mean: float, precision: float) -> None:
    usual = stats.betabinom(total, mean * precision, (1 - mean) * precision)
    for quantile, level in zip(share_interval(total, mean, precision), (0.025, 0.975), strict=True):
        assert usual.cdf(quantile) >= level - 1e-7
        assert quantile == 0 or usual.cdf(quantile - 1) < level + 1e-7


def test_a_rule_does_not_look_at_series_that_it_does_not_ask_about() -> None:
    negative, total = days(flat(2, 0.9))
    usual = ShareBaseline(np.full(2, 0.2), np.full(2, 100.0))
    recent = slice(-RECENT_H, None)
    usable = np.ones_like(total, bool)
    wanted = np.array([False, True])
    found = shifted(RULE, negative[recent], total[recent], usable[recent], usual, wanted)
    assert [one.series for one in found] == [1]
