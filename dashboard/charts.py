"""What all charts share: colours, axes, and how a name may enter one. Pure; no Streamlit, no Redis.

A name goes through :func:`label`; tooltips are drawn as text (``richText``), never as HTML.
"""

from __future__ import annotations

from typing import Any, Final

from dashboard.markup import plain

# Told apart by all common forms of colour vision, and at 3:1 or more against both the light and the dark ground.
NEGATIVE: Final = "#d5640f"
NEUTRAL: Final = "#8a93a0"
POSITIVE: Final = "#2f7fd6"
GRID: Final = "rgba(138, 147, 160, 0.22)"
MARK: Final = "rgba(213, 100, 15, 0.13)"
BAND: Final = 0.16

# Okabe and Ito's palette without its yellow, darkened where needed for 3:1 on both grounds; dashes tell them apart too.
SERIES: Final = ("#2f7fd6", "#d5640f", "#0a8f6c", "#b4569a", "#8a7a12", "#6a6fd0")
DASHES: Final = ("solid", "dashed", "dotted", [8, 3, 2, 3], [12, 4], [2, 5])

FIXED: Final = {"outerBoundsMode": "none"}
"""For a grid: it stays where its margins put it. ECharts would move it further in, though its labels have room."""

LABEL_LIMIT: Final = 48
TOOLTIP: Final[dict[str, Any]] = {"confine": True, "renderMode": "richText"}
TIME: Final = {
    "year": "{yyyy}", "month": "{MMM} {yyyy}", "day": "{d} {MMM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}",
}  # fmt: skip
TIME_ZH: Final = {
    "year": "{yyyy}年", "month": "{yyyy}年{M}月", "day": "{M}月{d}日", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}",
}  # fmt: skip


def label(text: str, limit: int = LABEL_LIMIT) -> str:
    """A name as a chart may show it: one line of visible text without what ECharts reads as a template or a style."""
    return plain(text, limit).translate(_TEMPLATE)


def value_axis(grid: int = 0, **more: Any) -> dict[str, Any]:
    """A y axis with faint lines only."""
    return {
        "type": "value",
        "gridIndex": grid,
        "splitLine": {"lineStyle": {"color": GRID}},
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        **more,
    }


def time_axis(grid: int, low: int, high: int, *, shown: bool, language: str) -> dict[str, Any]:
    """An x axis of time from ``low`` to ``high``, ms, labelled as clocks show it."""
    return {
        "type": "time", "gridIndex": grid, "min": low, "max": high,
        "axisLabel": {
            "show": shown, "hideOverlap": True, "showMinLabel": False,
            "formatter": TIME_ZH if language == "zh" else TIME,
        },
        "axisTick": {"show": shown}, "splitLine": {"show": False},
        "axisLine": {"lineStyle": {"color": GRID}, "onZero": False},
    }  # fmt: skip


_TEMPLATE = str.maketrans({"{": "(", "}": ")", "|": "/"})
