"""A holiday: a weekday on which a market is closed, which no profile of hours of the week knows."""

from __future__ import annotations

import numpy as np
import pytest

from stream.baseline import DAY_H, HISTORY_H, RECENT_H, Floats
from stream.detector import count_tail, overlap
from stream.usual import Baselines, Fitting, levelled, lift

MIDNIGHT = 480_000  # hours since 1970, and the beginning of a day
TOPICS = 30


def rate(hours: Floats) -> Floats:
    """Stories an hour of one topic: busy by day and quiet by night."""
    return np.where((hours % DAY_H >= 8) & (hours % DAY_H < 20), 6.0, 0.6)


def around(hour: int, *, holiday: int | None, quiet: float = 0.15, seed: int = 1) -> tuple[Baselines, Floats, float]:
    """The baselines of an hour, its own stories, and the lift, where a day began ``holiday`` hours before it."""
    hours = np.arange(hour - HISTORY_H, hour + 1)
    usual_rate = rate(hours.astype(float))[:, None] * np.ones(TOPICS)
    if holiday is not None:
        begin = HISTORY_H - holiday
        usual_rate[begin : begin + DAY_H] *= quiet
    counts = np.random.default_rng(seed).poisson(usual_rate).astype(float)
    before, own = counts[:-1], counts[-1]
    negative, usable = np.floor(before * 0.25), np.ones_like(before, bool)
    kinds = np.zeros(TOPICS, np.int64)
    fitted = Fitting(hour, (negative, before, usable), kinds, [], []).finish()
    up = lift(fitted.feed, 0, before[-RECENT_H:].sum(axis=1), usable[-RECENT_H:, 0])
    baselines = levelled(fitted, hour, lambda _, n: (negative[-n:], before[-n:], usable[-n:]), [], lift=up)
    return baselines, own, up


def expected(baselines: Baselines) -> float:
    return float(baselines.totals.expected(overlap(59))[1].mean())


@pytest.mark.parametrize("into", [9, 10, 12, 15])
def test_the_morning_after_a_holiday_is_expected_to_be_as_busy_as_any(into: int) -> None:
    hour = MIDNIGHT + into
    ordinary, _, never = around(hour, holiday=None)
    after, _, up = around(hour, holiday=into + DAY_H)
    assert never == 1.0
    assert up > 1.0
    assert expected(after) > 0.7 * expected(ordinary)


def test_the_morning_after_a_holiday_rings_no_more_than_the_threshold_says() -> None:
    tails = []
    for seed in range(15):
        baselines, own, _ = around(MIDNIGHT + 10, holiday=10 + DAY_H, seed=seed)
        mean, dispersion = baselines.totals.expected(overlap(59))[1], baselines.totals.dispersion[1]
        tails.append(count_tail(own.astype(np.int64), mean, dispersion))
    assert (np.concatenate(tails) <= 0.01).mean() <= 2 * 0.01


def test_on_a_holiday_itself_nothing_is_lifted_and_less_is_expected_than_on_a_working_day() -> None:
    baselines, own, up = around(MIDNIGHT + 15, holiday=15)
    assert up == 1.0
    assert own.mean() < expected(baselines) < 0.75 * 6.0


def test_a_day_that_is_busier_than_usual_is_not_lifted_further() -> None:
    _, _, up = around(MIDNIGHT + 15, holiday=15, quiet=3.0)
    assert up == 1.0
