"""The heat map of Now: net sentiment of each topic in each hour. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashboard.charts import GRID, NEGATIVE, POSITIVE, TOOLTIP, label
from dashboard.locale import Locale
from dashboard.windows import Totals
from undertone.trends import Counts

ROW: Final = 26
LEFT: Final = 150
STRONG: Final = 0.3
FEW: Final = 3
"""Fewer stories than this are too few for a mark."""


def height(rows: int) -> int:
    """Of the whole chart, pixels."""
    return rows * ROW + 46


def net_of_stories(counts: Counts) -> float:
    """Positive minus negative among distinct stories, as a share of them; 0 where there are none."""
    negative, _, positive = counts.stories
    return (positive - negative) / counts.total_stories if counts.total_stories else 0.0


def heat(found: Mapping[str, Totals], topics: Sequence[str], hours: Sequence[int], locale: Locale) -> dict[str, Any]:
    """The option; ``topics`` from above, ``hours`` are starts in seconds."""
    names = [label(one, 30) for one in topics]
    cells = [
        _cell(column, row, found[topic][hour], locale)
        for row, topic in enumerate(topics)
        for column, hour in enumerate(hours)
        if hour in found[topic] and found[topic][hour].total_stories
    ]
    axis: dict[str, Any] = {"type": "category", "axisTick": {"show": False}, "axisLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": LEFT, "right": 8, "top": 4, "bottom": 42},
        "tooltip": {**TOOLTIP, "formatter": "{b}"},
        "xAxis": {**axis, "data": [locale.clock(hour * 1000) for hour in hours], "axisLabel": {"interval": "auto"}},
        "yAxis": {
            **axis, "data": names, "inverse": True,
            "axisLabel": {"width": LEFT - 12, "overflow": "truncate", "interval": 0},
        },
        "visualMap": {
            "min": -1, "max": 1, "show": False, "dimension": 2, "inRange": {"color": [NEGATIVE, "#c9ccd1", POSITIVE]},
        },
        "series": [
            {
                "type": "heatmap", "data": cells, "itemStyle": {"borderWidth": 1, "borderColor": GRID},
                "label": {"show": True, "formatter": "", "color": "#fff", "fontSize": 10},
                "emphasis": {"disabled": True},
            }
        ],
    }  # fmt: skip


def _cell(column: int, row: int, counts: Counts, locale: Locale) -> dict[str, Any]:
    net = net_of_stories(counts)
    mark = ""
    if counts.total_stories >= FEW and abs(net) >= STRONG:
        mark = "▲" if net > 0 else "▼"
    return {
        "value": [column, row, round(net, 3)],
        "name": f"{net:+.2f} · {locale.units.stories} {counts.total_stories}",
        **({"label": {"formatter": mark}} if mark else {}),
    }
