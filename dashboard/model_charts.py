"""Pictures of a model's figures: confusion as a table with tinted cells, reliability as a diagram. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dashboard.charts import FIXED, GRID, NEUTRAL, POSITIVE, TOOLTIP, value_axis
from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, plain
from dashboard.model_reads import Bin
from dashboard.words.models import Models

HEIGHT: Final = 300
LABEL_LIMIT: Final = 40


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]], note: str, locale: Locale) -> Html:
    """Counts by row and column; a cell is tinted by its share of the row."""
    names = [plain(one, LABEL_LIMIT) for one in labels]
    head = el("thead", el("tr", el("th", note, scope="col"), *(el("th", one, scope="col") for one in names)))
    rows = []
    for place, (name, row) in enumerate(zip(names, counts, strict=True)):
        whole = sum(row) or 1
        cells = (_cell(n, n / whole, locale, own=column == place) for column, n in enumerate(row))
        rows.append(el("tr", el("th", name, scope="row"), *cells))
    table = el("table", head, el("tbody", *rows))
    return el("div", table, class_="ut-scroll ut-confusion", tabindex="0", role="region", aria_label=note)


def _cell(count: int, share: float, locale: Locale, *, own: bool) -> Html:
    tint = f"background:color-mix(in srgb, var({'--ut-pos' if own else '--ut-neg'}) {70 * share:.0f}%, transparent)"
    return el("td", locale.number(count), style=tint, title=percent(share), class_="ut-number")


def reliability(bins: Sequence[Bin], locale: Locale) -> dict[str, Any]:
    """The option: how often right against how sure, a point for each bin, larger where there are more texts."""
    say = Models(locale.language)
    most = max((one.rows for one in bins), default=1)
    points = [
        {
            "value": [round(100 * one.confidence, 1), round(100 * one.accuracy, 1)],
            "symbolSize": 7 + 17 * (one.rows / most) ** 0.5,
            "name": f"{percent(one.confidence)} {say.reliability_sure}, {percent(one.accuracy)} "
            f"{say.reliability_right}, {say.reliability_rows.format(n=locale.number(one.rows))}",
        }
        for one in bins
    ]
    low = min((10 * int(10 * min(one.confidence, one.accuracy)) for one in bins), default=0)
    axis: dict[str, Any] = {"min": low, "max": 100, "axisLabel": {"formatter": "{value}%"}}
    return {
        "animation": False,
        "grid": {**FIXED, "left": 52, "right": 18, "top": 14, "bottom": 42},
        "tooltip": {**TOOLTIP, "formatter": "{b}"},
        "xAxis": {
            **value_axis(**axis), "name": say.reliability_sure, "nameLocation": "middle", "nameGap": 26,
            "splitLine": {"lineStyle": {"color": GRID}},
        },
        "yAxis": value_axis(**axis),
        "series": [
            {
                "type": "line", "data": [[low, low], [100, 100]], "showSymbol": False, "silent": True,
                "lineStyle": {"type": "dashed", "color": NEUTRAL, "width": 1},
            },
            {
                "type": "line", "data": points, "symbol": "circle", "itemStyle": {"color": POSITIVE},
                "lineStyle": {"color": POSITIVE, "width": 1, "opacity": 0.4},
            },
        ],
    }  # fmt: skip


def told(bins: Sequence[Bin], locale: Locale) -> str:
    """The same in words."""
    say = Models(locale.language)
    points = "; ".join(
        f"{percent(one.confidence)} {say.reliability_sure}, {percent(one.accuracy)} {say.reliability_right}"
        for one in bins
    )
    return say.reliability_alt.format(points=points)
