"""Which bar or bars of the chart are meant, when the chart still holds what was picked before."""

from __future__ import annotations

from streamlit.typing import EChartsState

from dashboard import picked
from dashboard.locale import Locale
from dashboard.picked import Seen

STARTS = range(1_392_800_400, 1_392_804_000, 300)
BRUSHED = (1_392_801_500_000.0, 1_392_802_000_000.0)


def span(first: int, end: int) -> tuple[int, int]:
    return STARTS[first] * 1000, (STARTS[first] + (end - first) * STARTS.step) * 1000


def moment(points: dict[int, int], before: Seen, *, brushed: bool = False) -> tuple[int, int] | None:
    selected = [{"series_index": series, "data_indices": [bar]} for series, bar in points.items()]
    areas = [{"brush_type": "lineX", "coord_range": [*BRUSHED]}] if brushed else []
    state = EChartsState({"selection": {"selected": selected, "areas": areas}})
    return picked.moment(state, Locale(), STARTS, before)


def test_of_the_points_that_each_series_keeps_the_new_one_is_meant() -> None:
    before = Seen(frozenset({(0, 2)}))
    assert moment({0: 2, 5: 7}, before) == span(7, 8)
    assert moment({0: 9}, before) == span(9, 10)


def test_a_point_after_a_brush_is_meant_and_a_brush_after_a_point() -> None:
    assert moment({0: 8}, Seen(brushed=BRUSHED), brushed=True) == span(8, 9)
    assert moment({0: 8}, Seen(frozenset({(0, 8)})), brushed=True) == span(4, 6)


def test_what_is_taken_back_leaves_nothing_picked() -> None:
    before = Seen(frozenset({(0, 2), (5, 7)}), BRUSHED)
    assert moment({0: 2}, Seen(before.points)) is None
    assert moment({0: 2, 5: 7}, before) is None
    assert moment({}, before) is None
