"""Section of Trends: the stories of the moment that was clicked or brushed on the chart, else the newest ones.

The moment is in the URL, so that it can be shared, and it stays the same moment while the chart moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st
from streamlit.typing import EChartsState

from dashboard import address, ranges, story_reads
from dashboard.filters import Filters
from dashboard.locale import Locale
from dashboard.markup import el, join
from dashboard.story_row import row
from dashboard.visit import Visit
from dashboard.words.trends import Trends
from undertone.messages import to_ms

CHART: Final = "trend"
SHOWN: Final = 12


def take(locale: Locale, starts: range) -> Callable[[], None]:
    """What to do when something is picked on the chart that was drawn with these bars."""
    return partial(_take, locale, starts)


def _take(locale: Locale, starts: range) -> None:
    state = st.session_state.get(CHART)
    span = moment(state, locale, starts) if isinstance(state, EChartsState) else None
    address.write(at="" if span is None else ranges.between(*span))


def moment(state: EChartsState, locale: Locale, starts: range) -> tuple[int, int] | None:
    """[begin, end) in ms of event time of what is picked: whole bars; None if nothing is."""
    if not starts:
        return None
    shift_s = locale.offset_ms(starts[-1] * 1000) // 1000
    for area in state.selection.areas:
        if area.get("brush_type") == "lineX" and len(area.get("coord_range", ())) == 2:
            begin_s, end_s = (float(one) / 1000 - shift_s for one in area["coord_range"])
            inside = [one for one in starts if begin_s - starts.step / 2 <= one <= end_s + starts.step / 2]
            return None if not inside else (inside[0] * 1000, (inside[-1] + starts.step) * 1000)
    for group in state.selection.selected:
        for index in group.get("data_indices", ()):
            if isinstance(index, int) and 0 <= index < len(starts):
                return starts[index] * 1000, (starts[index] + starts.step) * 1000
    return None


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


def draw(visit: Visit, chosen: Filters, now_ms: int) -> None:
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
    st.html(join(heading, rows if found else el("p", say.none_picked, class_="ut-none")))
