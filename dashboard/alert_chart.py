"""The picture of an alert: what was counted in its window up to each moment, against what was expected. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from dashboard.charts import BAND, FIXED, GRID, NEGATIVE, NEUTRAL, POSITIVE, TOOLTIP, time_axis, value_axis
from dashboard.locale import Locale
from dashboard.ranges import DAY, HOUR, Range
from dashboard.words.alerts import Alerts
from undertone.messages import VOLUME_SURGE, Alert, to_ms
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT
from undertone.trends import Counts

HEIGHT: Final = 240
STEP_S: Final = 300
LONG_STEP_S: Final = HOUR
BEFORE_S: Final = 6 * HOUR
AFTER_S: Final = HOUR
LONGEST_S: Final = {STEP_S: 2 * DAY, LONG_STEP_S: 14 * DAY}

Points = list[tuple[int, float]]


def has_picture(alert: Alert) -> bool:
    """Whether its counts can be drawn: nothing was counted in a silence."""
    return alert.kind != FEED_SILENT


def span(alert: Alert, now_ms: int) -> Range:
    """The windows to read: from well before it began to a little after its end, but none that is not over yet."""
    step = STEP_S if alert.window_s <= BEFORE_S else LONG_STEP_S
    end_s = to_ms(alert.resolved_at or alert.updated_at) // 1000 + AFTER_S
    end_s = min(end_s, now_ms // 1000) // step * step
    before_s = max(BEFORE_S, 2 * alert.window_s) + alert.window_s
    begin_s = max(to_ms(alert.started_at) // 1000 - before_s, end_s - LONGEST_S[step]) // step * step
    return Range("", end_s - begin_s, step, step, end_s * 1000)


def rolling(bars: Mapping[int, Counts], alert: Alert) -> Points:
    """What the rule looks at, by the end (ms) of each of its windows: stories, or their negative share in per cent."""
    starts = sorted(bars)
    if len(starts) < 2:
        return []
    step = starts[1] - starts[0]
    wide = max(1, alert.window_s // step)
    cells = [(bars[one].stories[0], bars[one].total_stories) for one in starts]
    sums = np.cumsum([(0, 0), *cells], axis=0)
    inside = sums[wide:] - sums[:-wide]  # (windows, negative and all)
    return [
        ((start + step) * 1000, _looked_at(int(negative), int(stories), alert))
        for start, (negative, stories) in zip(starts[wide - 1 :], inside.tolist(), strict=True)
    ]


def option(alert: Alert, points: Points, locale: Locale) -> dict[str, Any]:
    """The chart's option; times as the reader's clocks show them."""
    say = Alerts(locale.language)
    shift = locale.offset_ms(points[-1][0])
    drawn = [[at + shift, value] for at, value in points]
    first, last = points[0][0] + shift, points[-1][0] + shift
    share = alert.kind == SENTIMENT_SHIFT
    expected = 100 * alert.expected_share if share else alert.expected
    mean = f"{expected:.0f}%" if share else locale.mean(expected)
    fired = min(max(to_ms(alert.fired_at) + shift, first), last)
    line: dict[str, Any] = {
        "type": "line", "name": say.picture_observed, "data": drawn,
        "showSymbol": False, "step": "end", "lineStyle": {"width": 2, "color": NEGATIVE},
        "itemStyle": {"color": NEGATIVE}, "tooltip": {"valueFormatter": "%.0f%%" if share else "%,d"},
        "markLine": {
            "silent": True, "symbol": "none",
            "data": [
                _mark({"yAxis": expected}, say.picture_expected.format(mean=mean), POSITIVE, "insideStartTop"),
                _mark({"xAxis": fired}, say.picture_fired, NEUTRAL, "end"),
            ],
        },
    }  # fmt: skip
    if not share:
        area = [{"yAxis": alert.expected_low, "name": say.picture_usual}, {"yAxis": alert.expected_high}]
        style = {"color": POSITIVE, "opacity": BAND}
        line["markArea"] = {"silent": True, "data": [area], "itemStyle": style, "label": {"show": False}}
    top = max(*(value for _, value in points), expected, 0 if share else alert.expected_high, 1)
    return {
        "useUTC": True,
        "animation": False,
        "grid": {**FIXED, "left": 46, "right": 14, "top": 18, "bottom": 28},
        "tooltip": {**TOOLTIP, "trigger": "axis", "axisPointer": {"lineStyle": {"color": GRID}}},
        "xAxis": time_axis(0, first, last, shown=True, language=locale.language),
        "yAxis": value_axis(min=0, max=100 if share else math.ceil(top * 1.1), minInterval=1),
        "series": [line],
    }  # fmt: skip


def _looked_at(negative: int, stories: int, alert: Alert) -> float:
    if alert.kind == SENTIMENT_SHIFT:
        return round(100 * negative / stories, 1) if stories else 0.0
    return stories if alert.kind == VOLUME_SURGE else negative


def _mark(place: dict[str, float], name: str, color: str, position: str) -> dict[str, Any]:
    text = {"formatter": "{b}", "position": position, "fontSize": 11, "color": color}
    return {**place, "name": name, "label": text, "lineStyle": {"color": color, "type": "dashed"}}
