from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.baseline import (
    DAY_H,
    HISTORY_H,
    LEVEL_PRIOR,
    RECENT_H,
    WEEK_H,
    CountBaseline,
    Fit,
    Floats,
    fit_counts,
    fit_shares,
)
from stream.detector import count_tail, overlap

NO_HOURS = np.zeros((HISTORY_H, 1), bool)
ALL_HOURS = np.ones((HISTORY_H, 1), bool)
WHOLE_HOUR = overlap(59)


def baseline(
    counts: Floats, usable: np.ndarray | None = None, later: int = 0, default_rate: float = 1.0
) -> CountBaseline:
    usable = np.ones_like(counts, bool) if usable is None else usable
    kinds = np.zeros(counts.shape[1], np.int64)
    fit = fit_counts(counts, usable, kinds, pooled=counts.sum(axis=1), default_rate=default_rate)
    return fit.now(later, counts[-RECENT_H:], usable[-RECENT_H:])


def test_a_series_about_which_nothing_is_known_is_expected_at_the_default_rate_with_wide_dispersion() -> None:
    cold = baseline(np.zeros((HISTORY_H, 1)), NO_HOURS, default_rate=2.0)
    assert cold.expected(WHOLE_HOUR)[1, 0] == pytest.approx(2.0)
    assert cold.dispersion.min() >= 0.2


def test_a_new_series_among_known_ones_is_expected_at_their_rate_shrunk_by_the_hours_it_was_silent() -> None:
    counts = np.random.default_rng(1).poisson(3.0, (HISTORY_H, 20)).astype(float)
    usable = np.ones_like(counts, bool)
    usable[:, 0] = False  # it has no history at all
    assert baseline(counts, usable).expected(WHOLE_HOUR)[1, 0] == pytest.approx(3.0, rel=0.1)


def test_a_steady_series_is_expected_at_its_own_rate_in_every_window() -> None:
    counts = np.random.default_rng(2).poisson(4.0, (HISTORY_H, 5)).astype(float)
    found = baseline(counts).expected(WHOLE_HOUR).mean(axis=1)
    assert found == pytest.approx([1.0, 4.0, 24.0], rel=0.15)


def test_the_hour_of_day_is_learnt() -> None:
    busy = np.where(np.arange(HISTORY_H) % 24 == 5, 20.0, 1.0)  # row 0 is the hour of the one that is watched
    counts = np.random.default_rng(3).poisson(np.tile(busy[:, None], (1, 4))).astype(float)
    kinds = np.zeros(4, np.int64)
    fit = fit_counts(counts, np.ones_like(counts, bool), kinds, pooled=counts.sum(axis=1), default_rate=1.0)
    assert fit.base[5].mean() > 10 * fit.base[6].mean()
    assert fit.base[5 + 24].mean() == pytest.approx(20.0, rel=0.2)


def weekly(seed: int, weeks: int = 4) -> Floats:
    """One series, 3 stories an hour and .6 on the last two days of each week; of ``weeks`` alone anything is known."""
    rate = np.where(np.arange(HISTORY_H) % WEEK_H < 5 * DAY_H, 3.0, 0.6)
    counts = np.random.default_rng(seed).poisson(rate)[:, None].astype(float)
    counts[: HISTORY_H - weeks * WEEK_H] = 0
    return counts


def test_days_on_which_little_is_told_are_learnt_and_do_not_lower_what_is_expected_of_the_next() -> None:
    fits = [fit_of(weekly(seed)) for seed in range(10)]
    days = np.mean([fit.base[:, 0].reshape(7, DAY_H).mean(axis=1) for fit in fits], axis=0)
    assert days[:5] == pytest.approx([3.0] * 5, rel=0.1)
    assert days[5:] == pytest.approx([0.6] * 2, rel=0.3)
    after = [fit.now(0, weekly(seed)[-RECENT_H:], ALL_HOURS[-RECENT_H:]) for seed, fit in enumerate(fits)]
    assert np.mean([one.expected(WHOLE_HOUR)[1] for one in after]) == pytest.approx(3.0, rel=0.1)


def test_one_week_does_not_tell_which_days_are_busy() -> None:
    counts = weekly(1, weeks=1)[-WEEK_H:]
    days = fit_of(counts).base[:, 0].reshape(7, DAY_H).mean(axis=1)
    assert days[5:].mean() > 0.4 * days[:5].mean()


def fit_of(counts: Floats) -> Fit:
    kinds = np.zeros(counts.shape[1], np.int64)
    return fit_counts(counts, np.ones_like(counts, bool), kinds, pooled=counts.sum(axis=1), default_rate=1.0)


def test_now_uses_the_slot_of_the_hour_it_is_asked_for() -> None:
    counts = np.random.default_rng(3).poisson(2.0, (HISTORY_H, 3)).astype(float)
    kinds = np.zeros(3, np.int64)
    fit = fit_counts(counts, np.ones_like(counts, bool), kinds, pooled=counts.sum(axis=1), default_rate=1.0)
    recent, usable = counts[-RECENT_H:], np.ones((RECENT_H, 3), bool)
    for later in (0, 1, 30, WEEK_H - 1):
        assert np.array_equal(fit.now(later, recent, usable).base[0], fit.base[later])
        assert np.array_equal(fit.now(later, recent, usable).base[3], fit.base[(later - 3) % WEEK_H])


def test_a_day_that_is_twice_as_busy_raises_the_expectation() -> None:
    counts = np.full((HISTORY_H, 2), 5.0)
    counts[-30:, 0] *= 2
    expected = baseline(counts).expected(WHOLE_HOUR)[1]
    assert 1.6 * expected[1] < expected[0] < 2.2 * expected[1]


def test_after_a_quiet_day_less_is_known_of_the_level_than_after_a_busy_one() -> None:
    counts = np.random.default_rng(6).poisson(2.0, (HISTORY_H, 2)).astype(float)
    counts[-RECENT_H:] = [0.0, 8.0]
    quiet, busy = baseline(counts).dispersion[1]
    assert quiet - busy == pytest.approx(1 / LEVEL_PRIOR - 1 / (LEVEL_PRIOR + 24 * 8), rel=0.2)


def test_a_masked_alert_period_does_not_raise_the_expectation() -> None:
    counts = np.full((HISTORY_H, 2), 2.0)
    surged, usable = counts.copy(), np.ones_like(counts, bool)
    surged[100:106, 0] = 200.0
    usable[100:106, 0] = False
    with_surge = baseline(surged, usable)
    # The pool is of whole streams and keeps what was masked in one series; one series must not be moved by it much.
    assert with_surge.expected(WHOLE_HOUR)[1, 0] == pytest.approx(baseline(counts).expected(WHOLE_HOUR)[1, 0], rel=0.35)
    assert with_surge.dispersion[1, 0] < baseline(surged).dispersion[1, 0]


def test_bursty_series_get_more_dispersion_than_steady_ones() -> None:
    rng = np.random.default_rng(4)
    counts = np.full((HISTORY_H, 10), 4.0)
    counts[:, 0] = rng.poisson(4.0 * rng.gamma(0.5, 2.0, HISTORY_H))
    counts[:, 1:] = rng.poisson(4.0, (HISTORY_H, 9))
    dispersion = baseline(counts).dispersion
    assert dispersion[1, 0] > 3 * dispersion[1, 1:].max()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, HISTORY_H), st.sampled_from([0.0, 0.01, 1.0, 1000.0]))
def test_no_history_gives_a_number_that_is_not_finite_and_positive(seed: int, hours: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    total = rng.poisson(rate, (HISTORY_H, 4)).astype(float)
    negative = rng.binomial(total.astype(int), 0.3).astype(float)
    usable = rng.random((HISTORY_H, 4)) < 0.9
    usable[: HISTORY_H - hours] = False
    found = baseline(negative, usable)
    shares = fit_shares(negative, total, usable, np.zeros(4, np.int64))
    for array in (found.expected(WHOLE_HOUR), found.dispersion, shares.mean, shares.precision):
        assert np.isfinite(array).all()
        assert (array > 0).all()
    assert (shares.mean < 1).all()


def test_the_usual_share_is_shrunk_to_the_pooled_one() -> None:
    total = np.full((HISTORY_H, 3), 5.0)
    negative = np.array([1.0, 1.0, 0.0]) * np.ones((HISTORY_H, 3))
    total[:, 2], negative[:, 2] = 0.0, 0.0
    shares = fit_shares(negative, total, np.ones_like(total, bool), np.zeros(3, np.int64))
    assert shares.mean == pytest.approx([0.2, 0.2, 0.2], abs=0.01)
    assert shares.precision[2] < shares.precision[0]


def test_a_tail_of_a_busy_dispersed_series_is_as_rare_as_it_says_in_the_week_after_the_fit() -> None:
    rng = np.random.default_rng(5)
    counts = rng.poisson(8.0 * rng.gamma(2.0, 0.5, (HISTORY_H + WEEK_H, 60))).astype(float)
    known = counts[:HISTORY_H]
    every = np.ones_like(known, bool)
    fit = fit_counts(known, every, np.zeros(60, np.int64), pooled=known.sum(axis=1), default_rate=1.0)
    rare = []
    for later in range(WEEK_H):
        hour = HISTORY_H + later
        usual = fit.now(later, counts[hour - RECENT_H : hour], every[:RECENT_H])
        n = counts[hour].astype(np.int64)
        rare.append(count_tail(n, usual.expected(WHOLE_HOUR)[1], usual.dispersion[1]) < 1e-2)
    assert 0.005 < np.mean(rare) < 0.02  # .034 where residuals are taken from the weeks that the profile has learnt


def test_one_great_event_does_not_widen_the_shares_of_all_series() -> None:
    rng = np.random.default_rng(6)
    total = rng.poisson(2.0, (HISTORY_H, 40)).astype(float)
    negative = rng.binomial(total.astype(int), 0.1).astype(float)
    kinds, usable = np.zeros(40, np.int64), np.ones_like(total, bool)
    calm = fit_shares(negative, total, usable, kinds)
    total[100, 0] += 200.0
    negative[100, 0] += 180.0
    stirred = fit_shares(negative, total, usable, kinds)
    assert stirred.precision.min() > calm.precision.min() / 3  # 1.0 where hours weigh n²
    assert stirred.mean[0] == pytest.approx(calm.mean[0], abs=0.02)  # .2 where stories weigh the same
