"""The chart of Trends: stories over net sentiment over negative share, one time axis for all. Pure.

One series is told in full: its stories by sentiment as stacked bars, its bands, alerts, models and prices. Several are
lines, told apart by colour and by dash, without bands: bands over bands hide each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dashboard import posterior
from dashboard.alert_marks import Mark, merged
from dashboard.charts import (
    BAND,
    DASHES,
    MARK,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    SERIES,
    TOOLTIP,
    label,
    time_axis,
    value_axis,
)
from dashboard.kept import Same, made
from dashboard.locale import Locale
from dashboard.posterior import Floats, Interval
from dashboard.windows import Totals
from dashboard.words.trends import Trends

HEIGHT: Final = 560
DOTTED: Final = 48
MOST_SERIES: Final = 6
_LEFT, _RIGHT = 46, 14
_GRIDS: Final = ((58, 210), (318, 86), (454, 66))
VERSION_LIMIT: Final = 28

Values = Floats | NDArray[np.int64]
Point = tuple[int, float | None]
"""A time (ms) and a value, None for a gap."""


class Line(NamedTuple):
    """One series; ``faint`` is one of another week, in the colour of the series numbered ``colour``."""

    name: str
    bars: Totals
    colour: int = 0
    faint: bool = False


class Price(NamedTuple):
    """Prices over the range: the name to show, then times (ms) and values."""

    name: str
    times_ms: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Trend:
    """All that one chart shows; ``starts_s`` are the bars, ``models`` when (s) which version took over."""

    starts_s: range
    lines: Sequence[Line]
    marks: Sequence[Mark] = ()
    models: Sequence[tuple[int, str]] = ()
    price: Price | None = None


def drawn(trend: Trend, locale: Locale) -> dict[str, Any]:
    """The ECharts option, made anew only when what it shows has changed; shared, and not to be changed."""
    bars = tuple(Same(one.bars) for one in trend.lines)
    looks = tuple((one.name, one.colour, one.faint) for one in trend.lines)
    price = None if trend.price is None else (trend.price.name, *map(tuple, trend.price[1:]))
    return _drawn(trend.starts_s, bars, looks, tuple(trend.marks), tuple(trend.models), price, locale)


@lru_cache(maxsize=32)
def _drawn(
    starts: range,
    bars: tuple[Same[Totals], ...],
    looks: tuple[tuple[str, int, bool], ...],
    marks: tuple[Mark, ...],
    models: tuple[tuple[int, str], ...],
    price: tuple[str, tuple[int, ...], tuple[float, ...]] | None,
    locale: Locale,
) -> dict[str, Any]:
    lines = [Line(name, one.of, colour, faint) for one, (name, colour, faint) in zip(bars, looks, strict=True)]
    trend = Trend(starts, lines, marks, models, None if price is None else Price(*price))
    return option(trend, locale)


def option(trend: Trend, locale: Locale) -> dict[str, Any]:
    """The ECharts option."""
    say, units = Trends(locale.language), locale.units
    starts = trend.starts_s
    # Clocks of the reader as if they were UTC, in which the chart draws: ECharts knows the browser's zone only.
    shift_ms = locale.offset_ms(starts[-1] * 1000) if starts else 0
    half = starts.step * 500
    # Bars stand on their start and would be cut in half at both ends of the axis.
    low, high = starts[0] * 1000 - half + shift_ms, (starts[-1] + starts.step) * 1000 - half + shift_ms
    times = [start * 1000 + shift_ms for start in starts]
    single = sum(not one.faint for one in trend.lines) == 1
    first = trend.lines[0]
    bars = _stacked(first, starts, times, locale) if single else []
    told = (
        _lines(line.bars, line.name, line.colour, line.faint, starts, shift_ms, locale, single) for line in trend.lines
    )
    series = [*bars, *(dict(one) for each in told for one in each)]
    if series:
        series[0] |= _areas(trend.marks, low, high, shift_ms)
    net = next(one for one in series if one["yAxisIndex"] == 1)
    net |= _versions(trend.models, low, high, shift_ms, say)
    if trend.price is not None:
        series.append(_price(trend.price, shift_ms))
    titles = (units.stories, units.net if single else f"{units.net} (−1 … +1)", units.negative_share)
    names = [one["name"] for one in series if one["name"] not in (say.low, say.high)]
    return {
        "useUTC": True,
        "animation": False,
        "title": [
            {"text": text, "left": 0, "top": top - 30, "textStyle": {"fontSize": 13, "fontWeight": 600}}
            for text, (top, _) in zip(titles, _GRIDS, strict=True)
        ],
        "legend": {
            "type": "scroll", "data": [*dict.fromkeys(names)], "right": _RIGHT, "left": 100, "top": 0, "itemGap": 14,
            "itemWidth": 18, "itemHeight": 10,
        },
        "grid": [
            {"left": _LEFT, "right": _RIGHT + (40 if trend.price else 0), "top": top, "height": height}
            for top, height in _GRIDS
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "tooltip": {**TOOLTIP, "trigger": "axis", "axisPointer": {"type": "line"}},
        "brush": {"xAxisIndex": "all", "brushMode": "single", "toolbox": ["lineX", "clear"]},
        "toolbox": {"right": _RIGHT, "top": 22, "itemSize": 14},
        # Else ECharts makes the axis of the bars longer than the two below it, and no bar stands over its points.
        "xAxis": [
            time_axis(n, low, high, shown=n == 2, language=locale.language) | {"containShape": False} for n in range(3)
        ],
        "yAxis": [
            value_axis(0, min=0, minInterval=1, splitNumber=4, boundaryGap=["0%", "14%"]),
            value_axis(1, min=-1, max=1, interval=1),
            value_axis(2, min=0, max=100, interval=50, axisLabel={"formatter": "{value}%"}),
            *([value_axis(1, scale=True, position="right", splitLine={"show": False})] if trend.price else []),
        ],
        "series": series,
    }  # fmt: skip


def _stacked(line: Line, starts: range, times: Sequence[int], locale: Locale) -> list[dict[str, Any]]:
    stories = [line.bars[start].stories for start in starts]
    named = ((locale.units.negative, NEGATIVE), (locale.units.neutral, NEUTRAL), (locale.units.positive, POSITIVE))
    return [
        {
            "type": "bar", "name": name, "stack": "stories", "xAxisIndex": 0, "yAxisIndex": 0,
            "data": [*zip(times, column, strict=True)],
            "itemStyle": {"color": color}, "barCategoryGap": "18%", "tooltip": {"valueFormatter": "%,d"},
            "selectedMode": "single", "select": {"itemStyle": {"borderColor": "inherit", "borderWidth": 2}},
        }
        for (name, color), column in zip(named, zip(*stories, strict=True), strict=True)
    ]  # fmt: skip


@made(most=256)
def _lines(
    bars: Totals, name: str, number: int, faint: bool, starts: range, shift_ms: int, locale: Locale, single: bool
) -> list[dict[str, Any]]:
    say, counts = Trends(locale.language), posterior.stories_of([bars[start] for start in starts])
    line, times = Line(name, bars, number, faint), [start * 1000 + shift_ms for start in starts]
    named = single and not faint
    name, colour = label(name), SERIES[number % len(SERIES)]
    if not named:
        return [
            _line(name, 0, colour, line, times, counts.sum(axis=1).astype(np.int64), "%,d"),
            _line(name, 1, colour, line, times, posterior.net_mean(counts), "%+.2f"),
            _line(name, 2, colour, line, times, 100 * posterior.share_mean(counts), "%.0f%%"),
        ]
    net, share = posterior.net(counts), _times(posterior.share(counts), 100)
    return [
        *_band(1, net, POSITIVE, times, say, "%+.2f"),
        _line(locale.units.net, 1, POSITIVE, line, times, net.mean, "%+.2f"),
        *_band(2, share, NEGATIVE, times, say, "%.0f%%"),
        _line(locale.units.negative_share, 2, NEGATIVE, line, times, share.mean, "%.0f%%"),
    ]


def _line(
    name: str, grid: int, color: str, line: Line, times: Sequence[int], values: Values, pattern: str
) -> dict[str, Any]:
    # Without dots a point between gaps would not be seen at all.
    there = np.pad(~np.isnan(values), 1)
    dots = bool((there[1:-1] & ~there[:-2] & ~there[2:]).any() or there.sum() <= DOTTED)
    dash = DASHES[line.colour % len(DASHES)]
    return {
        "type": "line", "name": name, "xAxisIndex": grid, "yAxisIndex": grid, "data": _points(times, values),
        "showSymbol": dots, "symbolSize": 4, "connectNulls": False, "itemStyle": {"color": color},
        "tooltip": {"valueFormatter": pattern},
        "lineStyle": {
            "width": 1 if line.faint else 2, "color": color, "opacity": 0.6 if line.faint else 1,
            "type": "dotted" if line.faint else dash,
        },
        **({} if line.faint else {"selectedMode": "single"}),
    }  # fmt: skip


def _band(
    grid: int, found: Interval, color: str, times: Sequence[int], say: Trends, pattern: str
) -> list[dict[str, Any]]:
    """Two stacked lines that nobody sees: the lower end, and the width above it as a tinted area."""
    common: dict[str, Any] = {
        "type": "line", "xAxisIndex": grid, "yAxisIndex": grid, "stack": f"band-{grid}", "stackStrategy": "all",
        "lineStyle": {"opacity": 0}, "itemStyle": {"color": color}, "symbol": "none", "silent": True,
        "tooltip": {"valueFormatter": pattern},
    }  # fmt: skip
    ends = zip(times, _values(found.high - found.low), _values(found.high), strict=True)
    return [
        {**common, "name": say.low, "data": _points(times, found.low)},
        {
            **common, "name": say.high, "areaStyle": {"color": color, "opacity": BAND},
            "data": [*ends],
            "dimensions": ["time", "width", "high"], "encode": {"x": "time", "y": "width", "tooltip": "high"},
        },
    ]  # fmt: skip


def _areas(marks: Sequence[Mark], low: int, high: int, shift_ms: int) -> dict[str, Any]:
    areas = [
        [
            {
                "xAxis": max(low, one.start_ms + shift_ms),
                "name": "▲" if one.critical else "●",
                "label": {"color": NEGATIVE, "position": "insideTop", "fontSize": 15},
            },
            {"xAxis": min(high, one.end_ms + shift_ms)},
        ]
        for one in merged(marks)
        if one.start_ms + shift_ms < high and one.end_ms + shift_ms > low
    ]
    return {"markArea": {"silent": True, "data": areas, "itemStyle": {"color": MARK}}} if areas else {}


def _versions(models: Sequence[tuple[int, str]], low: int, high: int, shift_ms: int, say: Trends) -> dict[str, Any]:
    lines = [
        {"xAxis": at * 1000 + shift_ms, "name": say.model_line.format(version=label(version, VERSION_LIMIT))}
        for at, version in models
        if low <= at * 1000 + shift_ms <= high
    ]
    if not lines:
        return {}
    style = {"color": NEUTRAL, "type": "dashed"}
    text = {"formatter": "{b}", "position": "end", "fontSize": 11, "color": NEUTRAL}
    return {"markLine": {"silent": True, "symbol": "none", "data": lines, "lineStyle": style, "label": text}}


def _price(price: Price, shift_ms: int) -> dict[str, Any]:
    points = [[at + shift_ms, round(value, 4)] for at, value in zip(price.times_ms, price.values, strict=True)]
    return {
        "type": "line", "name": label(price.name), "xAxisIndex": 1, "yAxisIndex": 3, "data": points, "step": "end",
        "showSymbol": False, "lineStyle": {"width": 1.5, "color": NEUTRAL}, "itemStyle": {"color": NEUTRAL},
        "tooltip": {"valueFormatter": "%,.2f"},
    }  # fmt: skip


def _points(times: Sequence[int], values: Values) -> list[Point]:
    return [*zip(times, _values(values), strict=True)]


def _values(values: Values) -> list[float | None]:
    rounded = np.round(values, 3)
    gaps = np.isnan(rounded)
    found: list[float | None] = rounded.tolist()
    for place in np.flatnonzero(gaps):
        found[place] = None
    return found


def _times(found: Interval, factor: float) -> Interval:
    return Interval(*(factor * one for one in found))
