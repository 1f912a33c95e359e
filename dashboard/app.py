"""The page, read downward: guard, filters, data, charts. Run it with ``undertone dashboard``.

Each section is a module with one ``draw``; the live ones are fragments that refresh by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from dashboard import data, filters, firing, guard, masthead, pipeline, stories, trends
from dashboard.filters import Filters
from dashboard.words import EN as W

ICON = "〰️"
STYLE = Path(__file__).parent / "style.css"
REFRESH_S = 3
CHARTS_REFRESH_S = 5
ENTITIES_LISTED = 500


def main() -> None:
    st.set_page_config(page_title=W.title, page_icon=ICON, layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)

    # The same places in every state: what a live part sends late must still find its place, or the browser gives up.
    top, alarm, controls, charts, latest, health = (st.container() for _ in range(6))

    # Guard.
    with top:
        settings = guard.settings()
        url, served = settings.redis_url, settings.streams
        guard.require_store(url)
        source = Source(url, served, settings.idle_partition_s)
        _masthead(source)
    with alarm:
        empty = True
        with guard.calm(url):
            empty = source.now_ms() < 0
        if empty:
            _empty(source)
            return
        _firing(source)  # never filtered away

    # Filters.
    current = filters.from_url(served)
    everything = replace(current, topic=filters.ALL, entity=filters.ALL)
    with controls, guard.calm(url):
        entities = data.by_entity(data.ranking(url, everything, source.now_ms()), everything)
        current = filters.choose(current, served, data.topics(url), [*entities][:ENTITIES_LISTED])

    # Charts.
    with charts:
        _trends(source, current)
    with latest:
        _stories(source, current)
    with health:
        _pipeline(source)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the page reads: a store, the streams that are served, and when an idle partition steps aside."""

    url: str
    streams: tuple[str, ...]
    idle_s: float

    def now_ms(self, streams: tuple[str, ...] = ()) -> int:
        """Event time of the stream that is furthest, -1 before any message."""
        return max(data.event_now_ms(self.url, stream, self.idle_s) for stream in streams or self.streams)


@st.fragment(run_every=REFRESH_S)
def _masthead(source: Source) -> None:
    with guard.calm(source.url):
        masthead.draw(data.health(source.url, source.streams), source.now_ms())


@st.fragment(run_every=REFRESH_S)
def _empty(source: Source) -> None:
    with guard.calm(source.url):
        if source.now_ms() >= 0:
            st.rerun(scope="app")
        guard.nothing_yet()


@st.fragment(run_every=REFRESH_S)
def _firing(source: Source) -> None:
    with guard.calm(source.url):
        firing.draw(source.url, source.streams, source.now_ms())


@st.fragment(run_every=CHARTS_REFRESH_S)
def _trends(source: Source, chosen: Filters) -> None:
    with guard.calm(source.url):
        trends.draw(source.url, chosen, source.now_ms(chosen.streams))


@st.fragment(run_every=CHARTS_REFRESH_S)
def _stories(source: Source, chosen: Filters) -> None:
    with guard.calm(source.url):
        stories.draw(source.url, chosen, source.now_ms(chosen.streams))


@st.fragment(run_every=REFRESH_S)
def _pipeline(source: Source) -> None:
    with guard.calm(source.url):
        pipeline.draw(data.health(source.url, source.streams))


main()
