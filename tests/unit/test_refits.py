from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream.refits import due, in_course
from stream.takeover import UNSURE_H, Conversion, Takeover

MIDNIGHT = 480_000
OLD = MIDNIGHT - 672


def dues(begin: int, end: int, first: int | None = OLD, *takeovers: Takeover) -> list[int]:
    """For each hour for which fit the one was made that holds in it; from MIDNIGHT on."""
    return [due(hour, first, [one for one in takeovers if one.hour < hour]) - MIDNIGHT for hour in range(begin, end)]


def test_the_daily_fit_is_that_of_midnight_and_holds_from_one_in_the_morning_on() -> None:
    assert dues(MIDNIGHT, MIDNIGHT + 26) == [-24] + [0] * 24 + [24]
    assert [hour for hour in range(MIDNIGHT, MIDNIGHT + 48) if in_course(hour, [])] == [MIDNIGHT, MIDNIGHT + 24]


def test_a_young_stream_is_fitted_whenever_it_is_a_quarter_older() -> None:
    begin = MIDNIGHT + 5
    found = dues(begin, begin + 300, begin)
    assert found[:11] == [*range(5, 14), 13, 15]
    ages = [one - 5 for one in dict.fromkeys(found)]
    steps = [(after - before, before) for before, after in pairwise(ages)]
    assert all(step <= max(age // 4, 1) for step, age in steps)
    assert found[-1] % 24 == 0


def test_a_new_model_is_fitted_for_at_once_and_without_a_shadow_hourly_for_a_day() -> None:
    at = MIDNIGHT + 5
    assert dues(at, at + 4, OLD, Takeover(at, "a", "b", Conversion())) == [0, 6, 6, 6]
    blind = dues(at, at + UNSURE_H + 4, OLD, Takeover(at, "a", "b"))
    assert blind[:5] == [0, 6, 6, 7, 8]
    assert blind[-3:] == [28, 28, 28]


@given(st.integers(0, 2_000), st.one_of(st.none(), st.integers(0, 2_000)), st.lists(st.integers(0, 2_000), max_size=3))
def test_what_is_due_is_within_a_day_and_knows_nothing_that_comes_later(
    after: int, first: int | None, changes: list[int]
) -> None:
    hour = MIDNIGHT + after
    takeovers = [Takeover(MIDNIGHT + one, "a", "b") for one in sorted(changes) if one < after]
    begun = None if first is None else MIDNIGHT + min(first, after - 1)
    found = due(hour, begun, takeovers)
    assert hour - 24 <= found <= hour
    assert all(one.hour < found or hour - one.hour < 1 for one in takeovers)
