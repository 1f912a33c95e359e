"""The heat map of Now: net sentiment of each topic in each hour. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashboard.charts import FIXED, GRID, NEGATIVE, POSITIVE, TOOLTIP, label
from dashboard.kept import made
from dashboard.locale import Locale, signed
from dashboard.posterior import net_mean
from dashboard.windows import Totals
from undertone.trends import Counts

ROW: Final = 26
LEFT: Final = 162
NARROW_LEFT: Final = 118
NARROW: Final = 560
"""Up to this width, pixels, names are cut shorter."""
STRONG: Final = 0.3


def height(rows: int) -> int:
    """Of the whole chart, pixels."""
    return rows * ROW + 34


@made(most=32)
def drawn(found: Mapping[str, Totals], most: int, hours: range, locale: Locale) -> tuple[int, dict[str, Any]]:
    """How many topics have a row, and the option: up to ``most`` topics, those most told of first."""
    volume = {topic: sum(one.total_stories for one in hourly.values()) for topic, hourly in found.items()}
    topics = sorted((one for one in volume if volume[one]), key=lambda one: (-volume[one], one))[:most]
    return len(topics), heat(found, topics, hours, locale)


def heat(found: Mapping[str, Totals], topics: Sequence[str], hours: Sequence[int], locale: Locale) -> dict[str, Any]:
    """The option; ``topics`` from above, ``hours`` are starts in seconds."""
    names = [label(locale.topic(one), 30) for one in topics]
    places = [
        (column, row, found[topic][hour])
        for row, topic in enumerate(topics)
        for column, hour in enumerate(hours)
        if hour in found[topic] and found[topic][hour].total_stories
    ]
    # The posterior mean: a single story is no strong colour.
    nets = net_mean([counts for *_, counts in places])
    cells = [
        _cell(column, row, counts, float(one), locale) for (column, row, counts), one in zip(places, nets, strict=True)
    ]
    axis: dict[str, Any] = {"type": "category", "axisTick": {"show": False}, "axisLine": {"show": False}}
    narrow = {
        "grid": {"left": NARROW_LEFT},
        "yAxis": {"axisLabel": {"width": NARROW_LEFT - 6, "margin": NARROW_LEFT, "fontSize": 11}},
    }
    base: dict[str, Any] = {
        "animation": False,
        "grid": {**FIXED, "left": LEFT, "right": 8, "top": 4, "bottom": 30},
        "tooltip": {**TOOLTIP, "formatter": "{b}"},
        "xAxis": {**axis, "data": [locale.clock(hour * 1000) for hour in hours], "axisLabel": {"interval": "auto"}},
        "yAxis": {
            **axis, "data": names, "inverse": True,
            "axisLabel": {"width": LEFT - 12, "margin": LEFT, "align": "left", "overflow": "truncate", "interval": 0},
        },
        "visualMap": {
            "min": -0.8, "max": 0.8, "show": False, "dimension": 2,
            "inRange": {"color": [NEGATIVE, "rgba(138, 147, 160, 0.26)", POSITIVE]},
        },
        "series": [
            {
                "type": "heatmap", "data": cells, "itemStyle": {"borderWidth": 1, "borderColor": GRID},
                "label": {
                    "show": True, "formatter": "", "color": "#fff", "textBorderColor": "#1b2430", "textBorderWidth": 2,
                    "fontSize": 10,
                },
                "emphasis": {"disabled": True},
            }
        ],
    }  # fmt: skip
    return {"baseOption": base, "media": [{"query": {"maxWidth": NARROW}, "option": narrow}]}


def _cell(column: int, row: int, counts: Counts, mean: float, locale: Locale) -> dict[str, Any]:
    mark = ("▲" if mean > 0 else "▼") if abs(mean) >= STRONG else ""
    return {
        "value": [column, row, round(mean, 3)],
        "name": f"{signed(mean)} · {locale.units.stories} {counts.total_stories}",
        **({"label": {"formatter": mark}} if mark else {}),
    }
