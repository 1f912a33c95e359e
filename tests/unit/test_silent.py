from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stream.baseline import DAY_H, HISTORY_H, RECENT_H, WEEK_H, Fit, Floats
from stream.silent import LIVE_MS, Pause, expected, fit_feed, nothing, pause, silent
from undertone.messages import Severity
from undertone.rules import Rule, Thresholds

RULE = Rule(
    name="silent",
    kind="feed-silent",
    warning=Thresholds(minutes=30, p_count=1e-5),
    critical=Thresholds(minutes=120, p_count=1e-6),
)
MONDAY_0H = 4 * DAY_H
"""Hours since 1970, which began on a Thursday, to a midnight before a Monday."""


def by_week(hours: Floats) -> Floats:
    """A feed that speaks by day on weekdays, and hardly by night and at weekends: stories an hour."""
    hour, day = hours % DAY_H, (hours // DAY_H + 4) % 7  # 1970 began on a Thursday; Sunday is 0
    return np.where((day == 0) | (day == 6) | (hour < 7) | (hour >= 21), 0.1, 120.0)


def fitted(hour: int, *, quiet: int = 0, seed: int = 1) -> tuple[Fit, Floats]:
    """Four weeks before an hour, the last ``quiet`` hours at a fifth of what is usual."""
    hours = np.arange(hour - HISTORY_H, hour)
    rate = by_week(hours.astype(float))
    counts = np.random.default_rng(seed).poisson(rate).astype(float)
    fit = fit_feed(counts, np.ones(HISTORY_H, bool), default_rate=1.0)
    if quiet:
        counts[-quiet:] = np.random.default_rng(seed + 1).poisson(rate[-quiet:] / 5)
    return fit, counts[-RECENT_H:]


def severity(hour: int, minutes: int, *, quiet: int = 0, rule: Rule = RULE) -> Severity | None:
    """What is said of a pause that begins with an hour."""
    fit, recent = fitted(hour, quiet=quiet)
    mean, unsure = expected(fit, 0, recent, np.ones_like(recent, bool), minute=0, minutes=minutes)
    reading = silent(rule, Pause(hour * 60, minutes), mean, float(fit.dispersion.max()) + unsure)
    return None if reading is None else reading.severity


WORKING_HOUR = MONDAY_0H + 8 * WEEK_H + 12  # a Monday noon


def test_a_feed_that_is_silent_on_a_working_day_is_told_of_after_half_an_hour_and_is_critical_later() -> None:
    assert severity(WORKING_HOUR, 29) is None
    assert severity(WORKING_HOUR, 45) is Severity.WARNING
    assert severity(WORKING_HOUR, 180) is Severity.CRITICAL


@pytest.mark.parametrize("begin", [WORKING_HOUR - 12, WORKING_HOUR - 2 * DAY_H, WORKING_HOUR + 11])
def test_a_night_and_a_weekend_are_no_silence(begin: int) -> None:
    assert severity(begin, 6 * 60) is None


def test_a_pause_over_the_weekend_is_told_of_on_monday_morning() -> None:
    friday_evening = WORKING_HOUR - 3 * DAY_H + 10
    assert severity(friday_evening, (2 * DAY_H + 8) * 60) is None
    assert severity(friday_evening, (2 * DAY_H + 12) * 60) is not None


def test_on_a_holiday_that_speaks_a_fifth_as_often_as_usual_no_gap_is_a_silence() -> None:
    """A market holiday is a quiet weekday, which the profile does not know but the level learns within hours."""
    rate = 120.0 / 5
    longest = max(
        int(60 * np.random.default_rng(seed).exponential(1 / rate, int(rate * 9)).max()) for seed in range(20)
    )
    at_once = Rule(name="at-once", kind="feed-silent", warning=Thresholds(minutes=1, p_count=1e-5))
    assert severity(WORKING_HOUR, longest, rule=at_once) is Severity.WARNING
    for into in (1, 2, 4, 6, 8):
        assert severity(WORKING_HOUR - 5 + into, longest, quiet=into + 7, rule=at_once) is None


def test_a_holiday_on_which_nothing_comes_at_all_is_told_of() -> None:
    assert severity(WORKING_HOUR - 5, 240) is not None


@given(st.floats(0, 1e4), st.floats(1e-3, 10))
def test_nothing_is_as_likely_as_scipys_negative_binomial_says(mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    assert nothing(mean, dispersion) == pytest.approx(stats.nbinom.pmf(0, size, size / (size + mean)), rel=1e-6)


@given(st.integers(0, WEEK_H - 1), st.integers(0, 59), st.integers(0, 3_000), st.integers(0, 3_000))
def test_what_is_expected_of_a_pause_adds_up(later: int, minute: int, first: int, second: int) -> None:
    base = np.random.default_rng(2).gamma(1.0, 5.0, (WEEK_H, 1))
    fit, none = Fit(base, np.full((3, 1), 0.2)), np.zeros(RECENT_H)

    def of(begin: int, minutes: int) -> float:
        hours, start = divmod(begin, 60)
        turned = Fit(np.roll(base, -hours, axis=0), fit.dispersion)
        return expected(turned, later, none, none > 0, minute=start, minutes=minutes)[0]

    whole = of(minute, first + second)
    assert whole == pytest.approx(of(minute, first) + of(minute + first, second), rel=1e-9, abs=1e-9)


def test_the_end_of_a_replay_is_no_pause() -> None:
    now = 1_800_000_000_000
    assert pause(now - 5 * 365 * 86_400_000, now - 60_000, now) is None
    assert pause(-1, now, now) is None
    assert pause(now - LIVE_MS - 60_000, now, now + 600_000) is None


def test_a_pause_is_counted_from_the_last_arrival() -> None:
    now = 1_800_000_000_000
    assert pause(now - 90_000, now - 60_000, now + 30 * 60_000) == Pause((now - 90_000) // 60_000 + 1, 31)
    assert pause(now, now + 5_000, now) == Pause(now // 60_000 + 1, 0)
