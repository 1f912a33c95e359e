from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.baseline import HISTORY_H
from stream.detector import WINDOWS_MIN
from stream.rings import KEPT_H, KINDS, MINUTES, Rings, Told
from undertone.trends import WHOLE, Counts, Series

names = st.builds(Series, st.sampled_from(["Earnings", "Macro"]), st.sampled_from(["", "ACME", "BUST"]))
cells = st.builds(
    lambda messages, stories: Counts(messages, tuple(map(min, messages, stories))),
    st.tuples(*[st.integers(0, 5)] * 3),
    st.tuples(*[st.integers(0, 5)] * 3),
)
minutes = st.dictionaries(names, cells, max_size=4)


def expected(written: dict[int, dict[Series, Counts]], minute: int, series: Series) -> list[tuple[int, int]]:
    """Stories of a series in each window, counted one by one."""
    found = []
    for length in WINDOWS_MIN:
        negative = total = 0
        for at in range(minute - length + 1, minute + 1):
            for one, cell in written.get(at, {}).items():
                if one == series or (not series.topic and one.entity == series.entity):
                    negative += cell.stories[0]
                    total += cell.total_stories
        found.append((negative, total))
    return found


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 300), minutes), max_size=12), st.integers(0, 30), minutes)
def test_windows_are_those_of_a_plain_count_also_after_a_minute_is_written_again(
    steps: list[tuple[int, dict[Series, Counts]]], back: int, late: dict[Series, Counts]
) -> None:
    rings, written, minute = Rings(), dict[int, dict[Series, Counts]](), 1_000
    rings.write_minute(minute, {})
    for gap, counts in steps:
        for quiet in range(minute + 1, minute + gap):
            rings.write_minute(quiet, {})
        minute += gap
        written[minute] = counts
        rings.write_minute(minute, counts)
    written[minute - back] = late
    rings.write_minute(minute - back, late)
    live, negative, total = rings.windows()
    found = {rings.names[column]: place for place, column in enumerate(live)}
    wanted = {one for counts in written.values() for one in counts}
    for series in wanted | {Series("", one.entity) for one in wanted} | {WHOLE}:
        counted = expected(written, minute, series)
        if series in found:
            place = found[series]
            assert list(zip(negative[:, place], total[:, place], strict=True)) == counted
        else:
            assert counted[-1] == (0, 0)


def test_the_ring_grows_past_its_first_columns() -> None:
    rings = Rings()
    for number in range(200):
        rings.write_minute(number, {Series("Macro", f"E{number}"): Counts((1, 0, 0), (1, 0, 0))})
    live, negative, _ = rings.windows()
    assert len(live) == 400  # each with its sum over topics
    assert negative[-1].sum() == 400
    assert negative[0].sum() == 30


def told(negative: int) -> Counts:
    return Counts((negative, 0, 0), (negative, 0, 0))


def test_hours_older_than_four_weeks_are_forgotten_with_their_masks() -> None:
    rings, series = Rings(), Series("Macro", "")
    rings.write_hour(10, {series: told(3)})
    rings.mask(series, [10], at=10)
    for hour in range(11, 10 + KEPT_H + 1):
        rings.write_hour(hour, {series: told(1)})
    negative, total, usable = rings.history(10 + KEPT_H + 1, columns=np.array([rings.column(series)]))
    assert negative.sum() == total.sum() == HISTORY_H
    assert usable.all()


def test_a_mask_set_during_an_hour_outlives_the_writing_of_the_hour_and_holds_from_the_next() -> None:
    rings, series = Rings(), Series("Macro", "")
    rings.write_hour(49, {series: told(1)})
    assert rings.mask(series, [49, 50], at=50) == [49, 50]
    assert rings.mask(series, [49, 50], at=51) == []
    rings.write_hour(50, {series: told(9)})
    column = rings.column(series)
    assert rings.history(50)[2][-1, column]
    _, _, usable = rings.history(51)
    assert not usable[-2:, column].any()
    assert usable[-2:, :KINDS].all()


def test_a_silence_makes_hours_unknown_from_the_hour_after_it_was_found_on() -> None:
    rings = Rings()
    for hour in range(100, 110):
        rings.write_hour(hour, {Series("Macro", ""): told(1)})
    assert rings.silence([104, 105], at=108) == [104, 105]
    rings.write_hour(105, {})
    for hour, unknown in ((108, []), (109, [104, 105])):
        usable = rings.history(hour, hour - 100)[2].any(axis=1)
        assert (100 + np.flatnonzero(~usable)).tolist() == unknown


def test_what_came_before_the_first_story_and_what_was_never_written_is_unknown_rather_than_quiet() -> None:
    rings, series = Rings(), Series("Macro", "")
    rings.write_hour(99, {})
    rings.write_hour(100, {series: told(1)})
    rings.write_hour(102, {})
    _, _, usable = rings.history(103)
    assert len(usable) == 168
    assert np.flatnonzero(usable.any(axis=1)).tolist() == [165, 167]
    assert MINUTES == 360


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.integers(700, 760), minutes, max_size=20))
def test_many_hours_written_at_once_are_those_written_one_by_one(hours: dict[int, dict[Series, Counts]]) -> None:
    one_by_one, at_once = Rings(), Rings()
    for hour in range(700, 761):
        one_by_one.write_hour(hour, hours.get(hour, {}))
    names = [*{series for counts in hours.values() for series in counts}]
    rows = [
        (hour, names.index(series), cell.stories[0], cell.total_stories)
        for hour, counts in hours.items()
        for series, cell in counts.items()
    ]
    at_once.write_hours(700, 761, Told(names, *np.array(rows, np.int64).reshape(-1, 4).T))
    assert at_once.first(761) == one_by_one.first(761)
    for ours, reference in zip(at_once.history(761), one_by_one.history(761), strict=True):
        for series in [*names, WHOLE]:
            assert np.array_equal(ours[:, at_once.column(series)], reference[:, one_by_one.column(series)])
