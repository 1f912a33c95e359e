"""Charts: ECharts options from counts. Pure; no Streamlit, no Redis, and no text from the feed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pandas as pd

from dashboard.filters import Range
from dashboard.words import EN as W
from undertone.messages import from_ms
from undertone.trends import Counts

# Told apart by all common forms of colour vision, and at 3:1 or more against both the light and the dark ground.
NEGATIVE: Final = "#d5640f"
NEUTRAL: Final = "#8a93a0"
POSITIVE: Final = "#2f7fd6"
GRID: Final = "rgba(138, 147, 160, 0.22)"
MARK: Final = "rgba(213, 100, 15, 0.13)"

HEIGHT: Final = 520
DOTTED: Final = 48
_LEFT, _RIGHT = 46, 14
_TIME: Final = {
    "year": "{yyyy}", "month": "{MMM} {yyyy}", "day": "{d} {MMM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}",
}  # fmt: skip


class Mark(NamedTuple):
    """An alert's time on the chart, ms of event time."""

    start_ms: int
    end_ms: int
    critical: bool


def frame(bars: dict[int, Counts]) -> pd.DataFrame:
    """One row a bar: time (UTC), stories by sentiment, net sentiment, negative share in per cent (NaN: no data)."""
    rows = [
        (
            from_ms(start * 1000),
            *one.stories,
            round(one.net, 4) if one.total_messages else None,
            round(100 * one.negative_share, 2) if one.total_stories else None,
        )
        for start, one in sorted(bars.items())
    ]
    columns = ["time", W.negative, W.neutral, W.positive, W.net, W.negative_share]
    return pd.DataFrame(rows, columns=columns).astype({W.net: float, W.negative_share: float})


def trend(bars: dict[int, Counts], span: Range, marks: Iterable[Mark] = ()) -> dict[str, Any]:
    """Stories by sentiment as stacked bars, over net sentiment, over the negative share; one time axis for all."""
    table = frame(bars)
    # Without dots a single point between gaps would not be seen at all.
    dots = int(table[W.net].count()) <= DOTTED
    start, end = min(bars, default=0) * 1000, (max(bars, default=0) + span.bar_s) * 1000
    # Bars stand on their start and would be cut in half at both ends of the axis.
    pad = span.bar_s * 500
    low, high = start - pad, end - pad
    grids = [(44, 214), (306, 74), (428, 62)]
    titles = [W.axis_stories, f"{W.net} ({W.net_scale})", W.negative_share]
    return {
        "useUTC": True,
        "animation": False,
        "dataset": {"source": table},
        "title": [
            {"text": text, "left": 0, "top": top - 28, "textStyle": {"fontSize": 13, "fontWeight": 600}}
            for text, (top, _) in zip(titles, grids, strict=True)
        ],
        "legend": {
            "data": [W.negative, W.neutral, W.positive],
            "right": _RIGHT, "left": "auto", "top": 12, "itemWidth": 10, "itemHeight": 10, "itemGap": 14,
            "icon": "roundRect", "selectedMode": False,
        },
        "grid": [{"left": _LEFT, "right": _RIGHT, "top": top, "height": height} for top, height in grids],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "tooltip": {"trigger": "axis", "confine": True, "axisPointer": {"type": "line"}},
        "xAxis": [
            {
                "type": "time", "gridIndex": index, "min": low, "max": high,
                "axisLabel": {"show": index == 2, "hideOverlap": True, "showMinLabel": False, "formatter": _TIME},
                "axisTick": {"show": index == 2}, "splitLine": {"show": False},
                "axisLine": {"lineStyle": {"color": GRID}, "onZero": False},
            }
            for index in range(3)
        ],
        "yAxis": [
            _value_axis(0, min=0, minInterval=1, splitNumber=4, boundaryGap=["0%", "14%"]),
            _value_axis(1, min=-1, max=1, interval=1),
            _value_axis(2, min=0, max=100, interval=50, axisLabel={"formatter": "{value}%"}),
        ],
        "series": [
            _bar(W.negative, NEGATIVE, marks, low, high),
            _bar(W.neutral, NEUTRAL),
            _bar(W.positive, POSITIVE),
            _line(W.net, 1, POSITIVE, area=False, dots=dots),
            _line(W.negative_share, 2, NEGATIVE, area=True, dots=dots),
        ],
    }  # fmt: skip


def _value_axis(index: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "value",
        "gridIndex": index,
        "splitLine": {"lineStyle": {"color": GRID}},
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        **more,
    }


def _bar(name: str, color: str, marks: Iterable[Mark] = (), low: int = 0, high: int = 0) -> dict[str, Any]:
    series: dict[str, Any] = {
        "type": "bar", "name": name, "stack": "stories", "encode": {"x": "time", "y": name},
        "itemStyle": {"color": color}, "barCategoryGap": "18%", "tooltip": {"valueFormatter": "%,d"},
        "emphasis": {"disabled": True},
    }  # fmt: skip
    areas = [
        [
            {
                "xAxis": max(low, one.start_ms),
                "name": "▲" if one.critical else "●",
                "label": {"color": NEGATIVE, "position": "insideTop", "fontSize": 15},
            },
            {"xAxis": min(high, max(one.end_ms, one.start_ms + 60_000))},
        ]
        for one in marks
        if one.start_ms < high and one.end_ms > low
    ]
    if areas:
        series["markArea"] = {"silent": True, "data": areas, "itemStyle": {"color": MARK}}
    return series


def _line(name: str, grid: int, color: str, *, area: bool, dots: bool) -> dict[str, Any]:
    return {
        "type": "line", "name": name, "xAxisIndex": grid, "yAxisIndex": grid, "encode": {"x": "time", "y": name},
        "showSymbol": dots, "symbolSize": 5, "connectNulls": False, "lineStyle": {"width": 2, "color": color},
        "itemStyle": {"color": color}, "emphasis": {"disabled": True},
        "tooltip": {"valueFormatter": "%.0f%%" if area else "%+.2f"},
        **({"areaStyle": {"color": color, "opacity": 0.14}} if area else {}),
    }  # fmt: skip
