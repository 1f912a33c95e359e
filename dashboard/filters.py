"""Filters of Trends and Stories: range, stream, topic and company, drawn as widgets and kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import streamlit as st

from dashboard import address, ranges, reads, windows
from dashboard.locale import Locale
from dashboard.locale import zone as zone_of
from dashboard.markup import plain
from dashboard.ranges import Range
from dashboard.visit import Visit
from dashboard.windows import Asked
from dashboard.words.filters import FilterWords
from undertone.messages import to_ms

NAME_LIMIT: Final = 120
ALL: Final = ""
CUSTOM: Final = "custom"
ENTITIES_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked at. An empty topic or company means all of them."""

    asked: Asked
    span: Range

    @property
    def query(self) -> dict[str, str]:
        """These filters as parameters of the URL; defaults are empty."""
        return {
            "range": "" if self.span.name == ranges.DEFAULT else self.span.name,
            "stream": self.asked.streams[0] if len(self.asked.streams) == 1 else ALL,
            "topic": self.asked.topic,
            "entity": self.asked.entity,
        }


def from_url(visit: Visit) -> Filters:
    """The filters in the URL; what cannot be used falls back to the default."""
    stream = address.value("stream", visit.streams)
    topic, entity = (one if len(one) <= NAME_LIMIT else ALL for one in map(address.value, ("topic", "entity")))
    streams = (stream,) if stream else visit.streams
    return Filters(Asked(streams, topic, entity), ranges.parse(address.value("range"), visit.now_ms()))


def choose(visit: Visit) -> Filters:
    """Draw the filters, set to what the URL says, and write what is chosen back to it.

    A topic or company that a URL names stays selectable though nothing in the range has it.
    """
    current, say, locale = from_url(visit), FilterWords(visit.locale.language), visit.locale
    asked = current.asked
    begin, end = _dates(current.span, visit)
    chosen_range = current.span.name if current.span.end_ms is None else CUSTOM
    stream = asked.streams[0] if len(asked.streams) < len(visit.streams) else ALL
    wanted = {
        "range": chosen_range,
        "dates": (begin, end),
        "stream": stream,
        "topic": asked.topic,
        "entity": asked.entity,
    }
    address.seed("filters", wanted)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="filters"):
        name = st.segmented_control(
            locale.units.range, [*ranges.NAMED, CUSTOM], key="range", required=True,
            format_func=lambda one: say.custom if one == CUSTOM else locale.span(ranges.NAMED[one]),
        )  # fmt: skip
        dates: object = (begin, end)
        if name == CUSTOM:
            dates = st.date_input(say.dates, key="dates", format="YYYY-MM-DD", width=230)
        kinds = {ALL: locale.units.all, "news": locale.units.news, "comments": locale.units.comments}
        if len(visit.streams) > 1:
            options = [ALL, *visit.streams]
            chosen = st.segmented_control(
                locale.units.stream, options, key="stream", required=True, format_func=lambda one: kinds[one]
            )
            stream = chosen or ALL
        topics = {name: locale.topic(name) for name in reads.topics(visit.url)}
        topic = _select(locale.units.topic, "topic", topics, asked.topic, locale.units.all_topics)
        names = {name: name for name in _entities(visit, current)}
        entity = _select(locale.units.entity, "entity", names, asked.entity, locale.units.all_entities)
    text = _absolute(current.span, dates, (begin, end), locale) if name == CUSTOM else name or ranges.DEFAULT
    streams = (stream,) if stream else visit.streams
    found = Filters(Asked(streams, topic, entity), ranges.parse(text, visit.now_ms()))
    settled = {"range": name, "dates": _dates(found.span, visit), "stream": stream, "topic": topic, "entity": entity}
    address.settle("filters", settled, found.query)
    return found


def _select(label: str, key: str, known: Mapping[str, str], current: str, everything: str) -> str:
    """One of what is known, each with the name that is shown, or of what the URL names."""
    options = [ALL, *sorted({*known, current} - {ALL}, key=lambda one: known.get(one, one).casefold())]
    found = st.selectbox(
        label, options, key=key, width=220,
        format_func=lambda name: plain(known.get(name, name), NAME_LIMIT) or everything,
    )  # fmt: skip
    return found or ALL


def _entities(visit: Visit, current: Filters) -> list[str]:
    now_ms = visit.now_ms()
    ranked = windows.ranking(visit.url, current.asked.streams, *current.span.bounds_ms(now_ms), now_ms)
    return [*windows.by_entity(ranked, ALL)][:ENTITIES_LISTED]


def _dates(span: Range, visit: Visit) -> tuple[date, date]:
    """The first and the last day of a range, as the reader's calendar has them."""
    begin_ms, end_ms = span.bounds_ms(visit.now_ms())
    if span.end_ms is not None:
        begin_ms, end_ms = span.end_ms - span.span_s * 1000, span.end_ms
    return visit.locale.at(begin_ms).date(), visit.locale.at(end_ms - 1).date()


def _absolute(span: Range, dates: object, before: tuple[date, date], locale: Locale) -> str:
    """The range between two days, both whole; the one that there is while they are not chosen anew."""
    if not isinstance(dates, tuple) or len(dates) != 2 or (dates == before and span.end_ms is not None):
        return span.name if span.end_ms is not None else _days(before, locale)
    return _days(dates, locale)


def _days(dates: tuple[date, date], locale: Locale) -> str:
    zone = zone_of(locale.zone_name) or UTC
    begin, end = (datetime.combine(one, time(), zone) for one in (dates[0], dates[1] + timedelta(days=1)))
    return ranges.between(to_ms(begin), to_ms(end))
