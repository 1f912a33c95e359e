"""Section of Trends: the stories of the moment that was clicked or brushed on the chart, else the newest ones.

The moment is in the URL, so that it can be shared, and it stays the same moment while the chart moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import streamlit as st
from streamlit.typing import EChartsState

from dashboard import address, ranges, story_reads
from dashboard.filters import Filters
from dashboard.locale import Locale
from dashboard.markup import Html, el, join
from dashboard.story_row import row
from dashboard.visit import Visit
from dashboard.words.trends import Trends
from undertone.messages import to_ms

CHART: Final = "trend"
SHOWN: Final = 12


class Seen(NamedTuple):
    """What the chart has said is picked: (series, bar) of the points, and the brushed times as the chart draws them."""

    points: frozenset[tuple[int, int]] = frozenset()
    brushed: tuple[float, float] | None = None


NOTHING: Final = Seen()


def take(locale: Locale, starts: range) -> Callable[[], None]:
    """What to do when something is picked on the chart that is about to be drawn with these bars."""
    state = st.session_state.get(CHART)
    return partial(_take, locale, starts, _seen(state) if isinstance(state, EChartsState) else NOTHING)


def _take(locale: Locale, starts: range, before: Seen) -> None:
    state = st.session_state.get(CHART)
    span = moment(state, locale, starts, before) if isinstance(state, EChartsState) else None
    address.write(at="" if span is None else ranges.between(*span))


def moment(state: EChartsState, locale: Locale, starts: range, before: Seen = NOTHING) -> tuple[int, int] | None:
    """[begin, end) in ms of event time of what is picked: whole bars; None if nothing is.

    Each series keeps its own point and the brush its area, so what counts is what was not there ``before``.
    """
    if not starts:
        return None
    now = _seen(state)
    fresh = sorted(bar for _, bar in now.points - before.points if 0 <= bar < len(starts))
    if now.brushed is not None and (now.brushed != before.brushed or not fresh):
        shift_s = locale.offset_ms(starts[-1] * 1000) // 1000
        begin_s, end_s = (one / 1000 - shift_s for one in now.brushed)
        inside = [one for one in starts if begin_s - starts.step / 2 <= one <= end_s + starts.step / 2]
        return None if not inside else (inside[0] * 1000, (inside[-1] + starts.step) * 1000)
    return (starts[fresh[0]] * 1000, (starts[fresh[0]] + starts.step) * 1000) if fresh else None


def _seen(state: EChartsState) -> Seen:
    points = frozenset(
        (group.get("series_index", 0), index)
        for group in state.selection.selected
        for index in group.get("data_indices", ())
        if isinstance(index, int)
    )
    for area in state.selection.areas:
        if area.get("brush_type") == "lineX" and len(area.get("coord_range", ())) == 2:
            begin, end = area["coord_range"]
            return Seen(points, (float(begin), float(end)))
    return Seen(points)


def in_url() -> tuple[int, int] | None:
    """The moment that the URL names, ms, None if it names none; what cannot be read is taken out of it."""
    begin, _, end = address.value("at").partition("..")
    try:
        found = [to_ms(datetime.fromisoformat(one).replace(tzinfo=UTC)) for one in (begin, end)]
    except (ValueError, OverflowError):
        found = [0, 0]
    if 0 <= found[0] < found[1]:
        return found[0], found[1]
    address.write(at="")
    return None


def stories(visit: Visit, chosen: Filters, now_ms: int) -> Html:
    """The stories, and the way to another moment or back."""
    say, locale, span = Trends(visit.locale.language), visit.locale, in_url()
    begin_ms, end_ms = span or chosen.span.bounds_ms(now_ms)
    found = story_reads.newest(visit.url, chosen.asked, begin_ms, end_ms, now_ms, SHOWN)
    if span is None:
        heading = el("h2", say.newest, el("small", say.pick), class_="ut-heading")
    else:
        name = say.picked.format(begin=locale.moment(begin_ms, named=False), end=locale.moment(end_ms))
        closer = address.here(visit.page, at="", range=ranges.between(begin_ms, end_ms))
        ways = el(
            "small",
            el("a", say.unpick, href=address.here(visit.page, at=""), target="_self"),
            " · ",
            el("a", say.zoom, href=closer, target="_self"),
        )
        heading = el("h2", name, ways, class_="ut-heading")
    rows = el("ul", *(row(one, locale) for one in found), class_="ut-stories")
    return join(heading, rows if found else el("p", say.none_picked, class_="ut-none"))
