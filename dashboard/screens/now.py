"""The page Now: what is firing and why, the watchlist, topics by hour, and whether the feeds are well."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import firing, guard, health_line, heat_chart, reads, watchlist, windows
from dashboard.markup import Html, el, join
from dashboard.ranges import HOUR
from dashboard.visit import Visit
from dashboard.words.now import Now

REFRESH_S: Final = 3
ALERTS_REFRESH_S: Final = 2
"""An alert has to be seen within 5 s, of which the browser needs some."""
CHARTS_REFRESH_S: Final = 5
HOURS: Final = 24
TOPICS_SHOWN: Final = 12
HOUR_MS: Final = HOUR * 1000


def draw(visit: Visit) -> None:
    _firing(visit)
    with guard.calm(visit.locale):
        chosen = watchlist.choose(visit)
        _watchlist(visit, chosen)
    _heat(visit)
    _health(visit)


@st.fragment(run_every=ALERTS_REFRESH_S)
def _firing(visit: Visit) -> None:
    with guard.calm(visit.locale):
        firing.draw(visit)


@st.fragment(run_every=CHARTS_REFRESH_S)
def _watchlist(visit: Visit, chosen: tuple[str, ...]) -> None:
    with guard.calm(visit.locale):
        st.html(watchlist.table(visit, chosen))


@st.fragment(run_every=CHARTS_REFRESH_S)
def _heat(visit: Visit) -> None:
    say, now_ms = Now(visit.locale.language), visit.now_ms()
    zone = visit.locale.times(now_ms)
    with guard.calm(visit.locale):
        found = windows.by_hour(visit.url, visit.streams, reads.topics(visit.url), HOURS, now_ms)
        last = now_ms // HOUR_MS * HOUR
        hours = range(last - (HOURS - 1) * HOUR, last + 1, HOUR)
        rows, option = heat_chart.drawn(found, TOPICS_SHOWN, hours, visit.locale)
        note = el("small", say.heat_note.format(zone=zone))
        heading: Html = el("h2", say.heat, note, class_="ut-heading")
        if not rows:
            st.html(join(heading, el("p", say.no_heat, class_="ut-none")))
            return
        st.html(heading)
        st.echarts_chart(option, height=heat_chart.height(rows), key="heat", alt=say.heat_alt.format(n=rows))


@st.fragment(run_every=REFRESH_S)
def _health(visit: Visit) -> None:
    with guard.calm(visit.locale):
        st.html(health_line.line(visit))
