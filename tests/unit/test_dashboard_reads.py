"""What the page reads: ranges, covers and the charts made from counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard import charts
from dashboard.charts import Mark
from dashboard.data import cover
from dashboard.filters import DEFAULTS, RANGES, Filters
from undertone.keys import SIZES_S
from undertone.trends import Counts

NOW_MS = 1_392_843_912_345


@given(st.integers(0, 60 * 24 * 90), st.integers(1, 60 * 24 * 40))
def test_a_cover_tiles_the_range_with_stored_windows_and_no_gap(start_min: int, minutes: int) -> None:
    at = start_min * 60_000
    for size, start, end in cover(at, at + minutes * 60_000):
        assert size in SIZES_S
        assert start == at
        assert start < end
        assert start % (size * 1000) == 0
        assert end % (size * 1000) == 0
        at = end
    assert at == (start_min + minutes) * 60_000


def test_a_month_is_covered_by_days_and_not_by_minutes() -> None:
    month = RANGES[-1]
    assert [size for size, *_ in cover(*month.bounds_ms(NOW_MS))] == [86_400]


def test_every_range_ends_with_the_bar_that_holds_now_and_is_as_long_as_it_says() -> None:
    for one in RANGES:
        start_ms, end_ms = one.bounds_ms(NOW_MS)
        assert end_ms - one.bar_s * 1000 <= NOW_MS < end_ms
        assert end_ms - start_ms == one.span_s * 1000
        assert one.bar_s % one.window_s == 0
        assert one.window_s in SIZES_S
        assert 24 <= one.span_s // one.bar_s <= 200


def test_a_link_changes_one_filter_keeps_the_others_and_leaves_defaults_out() -> None:
    week = next(one for one in RANGES if one.name == "7d")
    filters = Filters(("news",), week, topic="M&A | Investments")
    assert filters.link(entity="FB") == "?stream=news&range=7d&topic=M%26A+%7C+Investments&entity=FB"
    day = next(one for one in RANGES if one.name == DEFAULTS["range"])
    assert Filters(("news", "comments"), day).link() == "?"


def test_the_chart_has_one_bar_for_each_window_and_leaves_empty_ones_without_a_line() -> None:
    hour = RANGES[0]
    start_ms, _ = hour.bounds_ms(NOW_MS)
    bars = {start_ms // 1000 + 60 * n: Counts() for n in range(60)}
    bars[start_ms // 1000] = Counts((1, 1, 0), (1, 1, 0), -900_000)
    table = charts.frame(bars)
    assert len(table) == 60
    assert table.iloc[0].tolist()[1:] == [1, 1, 0, -0.45, 50.0]
    assert table.iloc[1:, 4:].isna().all().all()


def test_an_alert_is_marked_on_the_chart_only_if_it_is_in_the_range() -> None:
    hour = RANGES[0]
    start_ms, end_ms = hour.bounds_ms(NOW_MS)
    bars = {start_ms // 1000 + 60 * n: Counts() for n in range(60)}
    inside, before = Mark(start_ms + 60_000, end_ms, True), Mark(0, 60_000, False)
    series = charts.trend(bars, hour, [inside, before])["series"]
    assert [area[0]["xAxis"] for area in series[0]["markArea"]["data"]] == [inside.start_ms]
