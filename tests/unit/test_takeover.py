from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.baseline import HISTORY_H
from stream.takeover import MIN_COMPARED, UNSURE_H, Conversion, Takeover, converted, seen, since, takeovers
from stream.usual import Fitting, conversions_of, levelled
from undertone.shadow_store import Disagreement

HOUR = 500_000
WIDTH = 6
KINDS = np.array([0, 0, 0, 1, 1, 2])
probabilities = st.floats(0, 1)


def history(after: int, factor: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four weeks of which the last ``after`` hours were counted by a model that finds ``factor`` as many negative."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(20.0, (HISTORY_H, WIDTH))
    share = np.full(total.shape, 0.2)
    if after:
        share[-after:] *= factor
    return rng.binomial(total, share).astype(float), total.astype(float), np.ones(total.shape, bool)


def test_a_takeover_is_where_another_model_counts_most_messages() -> None:
    versions = {5: {"a": 9}, 6: {"a": 8, "b": 1}, 7: {"a": 1, "b": 8}, 9: {"b": 9}, 8: {}, 10: {"a": 3, "b": 2}}
    assert takeovers(versions) == [Takeover(7, "a", "b"), Takeover(10, "b", "a")]
    assert takeovers({}) == []
    assert takeovers({1: {"a": 5}, 2: {"a": 5, "b": 5}}) == []


def test_the_shadow_tells_what_the_new_model_makes_of_the_olds_answers() -> None:
    found = seen(Disagreement(((450, 50, 0), (50, 400, 50), (0, 0, 1000))))
    assert found is not None
    assert found.kept == pytest.approx(0.9, abs=0.01)
    assert found.gained == pytest.approx(50 / 1500, abs=0.01)
    assert seen(Disagreement(((MIN_COMPARED - 1, 0, 0), (0, 0, 0), (0, 0, 0)))) is None


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_a_conversion_is_of_probabilities_and_never_makes_more_negative_than_all(n: int, k: int, share: float) -> None:
    found = since(min(n, k), n, share)
    assert 0 <= found.kept <= 1
    assert 0 <= found.gained <= 1
    counts = found.of(np.array([0.0, 3.0, 10.0]), np.array([0.0, 10.0, 10.0]))
    assert (counts >= 0).all()
    assert (counts <= np.array([0.0, 10.0, 10.0]) + 1e-9).all()


@given(probabilities, probabilities, st.integers(0, HISTORY_H))
def test_only_what_came_before_a_takeover_is_converted(kept: float, gained: float, at: int) -> None:
    negative, total, _ = history(0, 1.0)
    found = converted(negative, total, HOUR - HISTORY_H, [Takeover(HOUR - at, "a", "b")], [Conversion(kept, gained)])
    assert np.array_equal(found[HISTORY_H - at :], negative[HISTORY_H - at :])
    assert found[: HISTORY_H - at].sum() == pytest.approx(
        (kept * negative + gained * (total - negative))[: HISTORY_H - at].sum()
    )


@pytest.mark.parametrize("factor", [0.4, 2.0])
@pytest.mark.parametrize("shadow", [True, False])
def test_a_day_after_a_new_model_the_usual_share_is_that_which_it_finds(factor: float, shadow: bool) -> None:
    after = 24
    negative, total, usable = history(after, factor)
    exact = Conversion(min(factor, 1.0), max(factor - 1, 0) * 0.2 / 0.8)
    change = Takeover(HOUR - after, "a", "b", exact if shadow else None)
    old = Fitting(HOUR, (negative, total, usable), KINDS, [], []).finish()
    new = Fitting(HOUR, (negative, total, usable), KINDS, [change], []).finish()
    right = 0.2 * factor
    assert abs(old.shares.mean.mean() - right) > 0.6 * abs(0.2 - right)
    left = 0.05 if shadow else 0.25
    assert abs(new.shares.mean.mean() - right) < left * abs(0.2 - right)
    assert abs(new.negatives.base.mean() - 20 * right) < (left + 0.05) * abs(20 * 0.2 - 20 * right)


def test_without_a_shadow_the_first_day_is_less_sure_than_with_one() -> None:
    negative, total, usable = history(1, 1.0)

    def baselines(*found: Takeover) -> tuple[float, float]:
        fitted = Fitting(HOUR, (negative, total, usable), KINDS, found, []).finish()
        hourly = levelled(fitted, HOUR, lambda hour, n: (negative[-n:], total[-n:], usable[-n:]), found)
        return float(hourly.negatives.dispersion.mean()), float(hourly.shares.precision.mean())

    none, shadowed, blind = (
        baselines(),
        baselines(Takeover(HOUR - 1, "a", "b", Conversion())),
        baselines(Takeover(HOUR - 1, "a", "b")),
    )
    assert none[0] < shadowed[0] < blind[0]
    assert none[1] > shadowed[1] > blind[1]
    assert baselines(Takeover(HOUR - UNSURE_H, "a", "b", Conversion())) == none


def test_of_two_takeovers_each_is_judged_by_the_hours_until_the_next() -> None:
    rng = np.random.default_rng(3)
    total = np.full(300, 1000.0)
    share = np.repeat([0.2, 0.4, 0.1], 100)
    negative = rng.binomial(1000, share).astype(float)
    found = conversions_of(negative, total, HOUR, [Takeover(HOUR + 100, "a", "b"), Takeover(HOUR + 200, "b", "c")])
    assert found[0].of(np.array(0.2), np.array(1.0)) == pytest.approx(0.4, rel=0.02)
    assert found[1].of(np.array(0.4), np.array(1.0)) == pytest.approx(0.1, rel=0.02)
