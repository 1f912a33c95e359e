from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.baseline import HISTORY_H
from stream.detector import WINDOWS_MIN
from stream.rings import KINDS, MINUTES, Rings
from undertone.trends import Counts, Series

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
    for series in wanted | {Series("", one.entity) for one in wanted if one.entity}:
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


def test_hours_older_than_four_weeks_are_forgotten_with_their_masks() -> None:
    rings, series = Rings(), Series("Macro", "")
    rings.write_hour(10, {series: Counts((3, 0, 0), (3, 0, 0))})
    rings.mask(series, [10])
    for hour in range(11, 10 + HISTORY_H + 1):
        rings.write_hour(hour, {})
    negative, total, usable = rings.history(10 + HISTORY_H + 1)
    assert negative.sum() == total.sum() == 0
    assert usable.all()


def test_a_mask_set_during_an_hour_outlives_the_writing_of_the_hour() -> None:
    rings, series = Rings(), Series("Macro", "")
    rings.mask(series, [50])
    rings.write_hour(50, {series: Counts((9, 0, 0), (9, 0, 0))})
    _, _, usable = rings.history(51)
    assert not usable[-1, rings.column(series)]
    assert usable[-1, :KINDS].all()


def test_hours_that_were_never_written_are_unknown_rather_than_quiet() -> None:
    rings = Rings()
    rings.write_hour(100, {})
    _, _, usable = rings.history(101)
    assert np.flatnonzero(usable.any(axis=1)).tolist() == [HISTORY_H - 1]
    assert MINUTES == 360
