"""Filters: what the reader looks at, kept in the URL so that a page can be shared, bookmarked and reloaded.

What a URL brings is cleaned before anything uses it. Streamlit can bind a widget to the URL itself, but would write the
label that is shown, which is another one in another language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

import streamlit as st

from dashboard import figures
from dashboard.markup import plain
from dashboard.words import EN as W
from undertone.trends import bucket

NAME_LIMIT: Final = 120
ALL: Final = ""
HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Range:
    """A length of event time up to now, the bars that fit it, and the stored windows that those bars are made of."""

    name: str
    span_s: int
    bar_s: int
    window_s: int

    def bounds_ms(self, now_ms: int) -> tuple[int, int]:
        """[start, end) in whole bars, the last of which holds ``now_ms``."""
        end = bucket(now_ms, self.bar_s) + self.bar_s
        return (end - self.span_s) * 1000, end * 1000


RANGES: Final = (
    Range("1h", HOUR, 60, 60),
    Range("6h", 6 * HOUR, 300, 300),
    Range("1d", DAY, 900, 300),
    Range("7d", 7 * DAY, HOUR, HOUR),
    Range("30d", 30 * DAY, DAY, DAY),
)
_BY_NAME = {one.name: one for one in RANGES}
DEFAULT_RANGE: Final = "1d"
DEFAULTS: Final = {"range": DEFAULT_RANGE, "stream": ALL, "topic": ALL, "entity": ALL}
"""The filters by their names in the URL, which are also the keys of their widgets."""
WRITTEN: Final = "filters-in-url"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked at. An empty topic or entity means all of them."""

    streams: tuple[str, ...]
    range: Range
    topic: str = ALL
    entity: str = ALL

    def query(self) -> dict[str, str]:
        """These filters as parameters of the URL; defaults are left out to keep it short."""
        wanted = {
            "stream": self.streams[0] if len(self.streams) == 1 else ALL,
            "range": self.range.name,
            "topic": self.topic,
            "entity": self.entity,
        }
        return {name: value for name, value in wanted.items() if value != DEFAULTS[name]}

    def link(self, *, topic: str | None = None, entity: str | None = None) -> str:
        """The query of this page with a filter changed."""
        changed = replace(
            self,
            topic=self.topic if topic is None else topic,
            entity=self.entity if entity is None else entity,
        )
        return "?" + urlencode(changed.query())


def from_url(served: Sequence[str]) -> Filters:
    """The filters in the URL; what cannot be used falls back to the default."""
    query = st.query_params
    stream = query.get("stream", ALL)
    return Filters(
        streams=(stream,) if stream in served else tuple(served),
        range=_BY_NAME.get(query.get("range", DEFAULT_RANGE), _BY_NAME[DEFAULT_RANGE]),
        topic=_name(query.get("topic")),
        entity=_name(query.get("entity")),
    )


def choose(current: Filters, served: Sequence[str], topics: Sequence[str], entities: Sequence[str]) -> Filters:
    """Draw the filters, set to ``current`` where the URL has changed, and write what is chosen back to the URL.

    A topic or entity that a URL names stays selectable though nothing in the range has it.
    """
    wanted = current.query()
    # A first visit, the browser went back, or the widgets were off the page for a while: the URL is right.
    if st.session_state.get(WRITTEN) != wanted or not DEFAULTS.keys() <= st.session_state.keys():
        for name, default in DEFAULTS.items():
            st.session_state[name] = wanted.get(name, default)
    kinds = {ALL: W.all_streams, "news": W.news, "comments": W.comments}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="filters"):
        span = st.segmented_control(
            W.range,
            [*_BY_NAME],
            key="range",
            required=True,
            format_func=lambda name: figures.span(_BY_NAME[name].span_s),
        )
        stream: str | None = ALL
        if len(served) > 1:
            stream = st.segmented_control(
                W.stream, [ALL, *served], key="stream", required=True, format_func=lambda name: kinds[name]
            )
        topic = st.selectbox(
            W.topic,
            _options(topics, current.topic),
            key="topic",
            width=230,
            format_func=lambda name: plain(name, NAME_LIMIT) or W.all_topics,
        )
        entity = st.selectbox(
            W.entity,
            _options(entities, current.entity),
            key="entity",
            width=200,
            format_func=lambda name: plain(name, NAME_LIMIT) or W.all_entities,
        )
    chosen = Filters(
        streams=(stream,) if stream else tuple(served),
        range=_BY_NAME[span or DEFAULT_RANGE],
        topic=topic or ALL,
        entity=entity or ALL,
    )
    _write(chosen.query())
    return chosen


def _write(query: dict[str, str]) -> None:
    st.session_state[WRITTEN] = query
    for name in DEFAULTS:
        if name in query and st.query_params.get(name) != query[name]:
            st.query_params[name] = query[name]
        elif name not in query and name in st.query_params:
            del st.query_params[name]


def _options(known: Sequence[str], chosen: str) -> list[str]:
    return [ALL, *sorted({*known, chosen} - {ALL}, key=str.casefold)]


def _name(value: str | None) -> str:
    return value if value and len(value) <= NAME_LIMIT and value.isprintable() else ALL
