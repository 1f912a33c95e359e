"""Filters: what the reader looks at, kept in the URL so that a page can be shared, bookmarked and reloaded.

Widgets are bound to query parameters; what a URL brings is cleaned before anything uses it.
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


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked at. An empty topic or entity means all of them."""

    streams: tuple[str, ...]
    range: Range
    topic: str = ALL
    entity: str = ALL

    def link(self, *, topic: str | None = None, entity: str | None = None) -> str:
        """The query of this page with one filter changed; defaults are left out to keep the URL short."""
        changed = replace(self, topic=self.topic if topic is None else topic)
        changed = replace(changed, entity=self.entity if entity is None else entity)
        wanted = {
            "stream": changed.streams[0] if len(changed.streams) == 1 else "",
            "range": changed.range.name if changed.range.name != DEFAULT_RANGE else "",
            "topic": changed.topic,
            "entity": changed.entity,
        }
        return "?" + urlencode({name: value for name, value in wanted.items() if value})


def from_url(served: Sequence[str]) -> Filters:
    """The filters in the URL; what cannot be used falls back to the default."""
    query = st.query_params
    stream = query.get("stream", "")
    return Filters(
        streams=(stream,) if stream in served else tuple(served),
        range=_BY_NAME.get(query.get("range", ""), _BY_NAME[DEFAULT_RANGE]),
        topic=_name(query.get("topic")),
        entity=_name(query.get("entity")),
    )


def choose(current: Filters, served: Sequence[str], topics: Sequence[str], entities: Sequence[str]) -> Filters:
    """Draw the filters, set to ``current``, and return what is chosen.

    A topic or entity that a URL names stays selectable though nothing in the range has it.
    """
    names = {"": W.all_streams, "news": W.news, "comments": W.comments}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="filters"):
        span = st.segmented_control(
            W.range, [one.name for one in RANGES], default=DEFAULT_RANGE, key="range", bind="query-params",
            format_func=lambda name: figures.span(_BY_NAME[name].span_s), required=True,
        )  # fmt: skip
        stream = ALL
        if len(served) > 1:
            stream = st.segmented_control(
                W.stream, [ALL, *served], default=ALL, key="stream", bind="query-params",
                format_func=lambda name: names.get(name, name), required=True,
            )  # fmt: skip
        topic = st.selectbox(
            W.topic, _options(topics, current.topic), key="topic", bind="query-params", width=230,
            format_func=lambda name: plain(name, NAME_LIMIT) or W.all_topics,
        )  # fmt: skip
        entity = st.selectbox(
            W.entity, _options(entities, current.entity), key="entity", bind="query-params", width=200,
            format_func=lambda name: plain(name, NAME_LIMIT) or W.all_entities,
        )  # fmt: skip
    return Filters(
        streams=(stream,) if stream else tuple(served),
        range=_BY_NAME[span or DEFAULT_RANGE],
        topic=topic or ALL,
        entity=entity or ALL,
    )


def _options(known: Sequence[str], chosen: str) -> list[str]:
    return [ALL, *sorted({*known, chosen} - {ALL}, key=str.casefold)]


def _name(value: str | None) -> str:
    return value if value and len(value) <= NAME_LIMIT and value.isprintable() else ALL
