"""The page Trends: sentiment and volume of any topic, company or both, compared, and the stories of a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from dashboard import (
    address,
    export,
    filters,
    guard,
    live,
    overlay,
    picked,
    ranges,
    rankings,
    reads,
    topic_entity,
    trend_chart,
    windows,
)
from dashboard.alert_marks import Mark
from dashboard.filters import Filters
from dashboard.live import Chart, Offer, Shown
from dashboard.locale import percent, signed
from dashboard.markup import Html, el, join
from dashboard.trend_chart import Line, Trend
from dashboard.visit import Visit
from dashboard.words.filters import FilterWords
from dashboard.words.trends import Trends
from undertone.messages import Severity, to_ms
from undertone.trends import Counts, total

EVERY: Final = 3
WEEK_S: Final = 7 * ranges.DAY
OFFERED: Final = 300


@dataclass(frozen=True, slots=True)
class Compared:
    """What else is drawn: words of :func:`dashboard.topic_entity.key`, and whether each a week before."""

    words: tuple[str, ...] = ()
    week: bool = False


def draw(visit: Visit) -> None:
    with guard.calm(visit.locale):
        chosen = filters.choose(visit)
        compared = _compare(visit, chosen)
        picked.in_url()
        _trend(visit, chosen, compared)
        _rankings(visit, chosen)


def _compare(visit: Visit, chosen: Filters) -> Compared:
    say = Trends(visit.locale.language)
    current = [one for one in address.values("vs") if topic_entity.valid(one)][: trend_chart.MOST_SERIES - 1]
    week = address.value("week", ("1",)) == "1"
    address.seed("compare", {"vs": current, "week": week})
    now_ms = visit.now_ms()
    ranked = windows.ranking(visit.url, chosen.asked.streams, *chosen.span.bounds_ms(now_ms), now_ms)
    offered = [
        *(topic_entity.key(topic=name) for name in windows.by_topic(ranked, "")),
        *(topic_entity.key(entity=name) for name in [*windows.by_entity(ranked, "")][:OFFERED]),
        *(topic_entity.key(name, chosen.asked.entity) for name in windows.by_topic(ranked, chosen.asked.entity)),
    ]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="compare"):
        words = st.multiselect(
            say.compare, [*dict.fromkeys([*current, *offered])], key="vs", max_selections=trend_chart.MOST_SERIES - 1,
            placeholder=say.compare_hint, format_func=lambda word: topic_entity.title(word, visit.locale), width=420,
        )  # fmt: skip
        week = st.toggle(say.week, key="week")
    address.settle("compare", {"vs": words, "week": week}, {"vs": words, "week": "1" if week else ""})
    return Compared(tuple(words), week)


@live.part(EVERY)
def _trend(visit: Visit, chosen: Filters, compared: Compared) -> Shown:
    say, locale = Trends(visit.locale.language), visit.locale
    now_ms = visit.now_ms(chosen.asked.streams)
    lines = _lines(visit, chosen, compared, now_ms)
    counts = total(lines[0].bars.values())
    zone = locale.times(now_ms)
    notes = [say.step.format(step=locale.span(chosen.span.bar_s), zone=zone), *([say.band] if len(lines) == 1 else [])]
    step = el("small", " · ".join(notes))
    heading = el("h2", say.title, step, class_="ut-heading")
    head = join(heading, _tiles(visit, chosen, counts, now_ms))
    if not any(one.total_messages for line in lines for one in line.bars.values()):
        clear = el("a", FilterWords(locale.language).clear, href=address.link("trends"), target="_self")
        return [head, el("div", el("p", say.no_trend), clear, class_="ut-none")]
    starts = chosen.span.starts(now_ms)
    price, trouble = overlay.price(visit.settings.prices, chosen.asked.entity, *chosen.span.bounds_ms(now_ms), locale)
    trend = Trend(starts, lines, _marks(visit, chosen, now_ms), _models(visit, chosen, now_ms), price)
    names = ", ".join(one.name for one in lines)
    alt = say.chart_alt.format(names=names, range=locale.span(chosen.span.span_s))
    option = trend_chart.drawn(trend, locale)
    return [
        head,
        Chart(option, trend_chart.HEIGHT, picked.CHART, alt, picked.take(locale, starts)),
        *([el("p", say.prices_unread.format(reason=trouble), class_="ut-facts")] if trouble else []),
        Offer(lambda: export.buttons(visit, "trends", lambda: _table(lines, say, visit))),
        picked.stories(visit, chosen, now_ms),
    ]


def _lines(visit: Visit, chosen: Filters, compared: Compared, now_ms: int) -> list[Line]:
    say, asked = Trends(visit.locale.language), chosen.asked
    own = topic_entity.key(asked.topic, asked.entity)
    words = [*dict.fromkeys([own, *compared.words])][: trend_chart.MOST_SERIES]
    known = reads.topics(visit.url)
    lines = []
    for place, word in enumerate(words):
        name, wanted = topic_entity.title(word, visit.locale), topic_entity.asked(word, asked.streams)
        lines.append(Line(name, windows.bars(visit.url, wanted, known, chosen.span, now_ms), place))
        if compared.week:
            before = windows.bars(visit.url, wanted, known, chosen.span, now_ms, WEEK_S)
            lines.append(Line(say.last_week.format(name=name), before, place, faint=True))
    return lines


def _marks(visit: Visit, chosen: Filters, now_ms: int) -> list[Mark]:
    """The alerts of what is shown; a filter hides those of other topics and companies."""
    asked = chosen.asked
    return [
        Mark(
            to_ms(one.started_at),
            to_ms(one.resolved_at) if one.resolved_at else now_ms,
            one.severity == Severity.CRITICAL,
        )
        for one in reads.alerts(visit.url)
        if one.stream in asked.streams
        and (not asked.topic or one.topic in (None, asked.topic))
        and (not asked.entity or one.entity in (None, asked.entity))
    ]


def _models(visit: Visit, chosen: Filters, now_ms: int) -> tuple[tuple[int, str], ...]:
    return windows.models(visit.url, chosen.asked.streams, chosen.span, now_ms)


def _tiles(visit: Visit, chosen: Filters, now: Counts, now_ms: int) -> Html:
    say, locale = Trends(visit.locale.language), visit.locale
    span, units = locale.span(chosen.span.span_s), locale.units
    start_ms, end_ms = chosen.span.bounds_ms(now_ms)
    known = reads.topics(visit.url)
    before = windows.sum_of(visit.url, chosen.asked, known, 2 * start_ms - end_ms, start_ms, now_ms)
    copies = 1 - now.total_stories / now.total_messages if now.total_messages else 0.0

    def then(value: str, counted: int) -> str | None:
        return say.before.format(value=value, range=span) if counted else None

    tiles = (
        (units.stories, locale.number(now.total_stories), then(locale.number(before.total_stories), 1)),
        (units.messages, locale.number(now.total_messages), say.copies.format(share=percent(copies))),
        (units.net, signed(now.net), then(signed(before.net), before.total_messages)),
        (units.negative_share, percent(now.negative_share), then(percent(before.negative_share), before.total_stories)),
    )
    cells = (
        el("div", el("dt", label), el("dd", value), el("dd", note, class_="ut-note") if note else None)
        for label, value, note in tiles
    )
    return el("dl", *cells, class_="ut-tiles")


@live.part(EVERY)
def _rankings(visit: Visit, chosen: Filters) -> Shown:
    return [rankings.tables(visit, chosen, visit.now_ms(chosen.asked.streams))]


def _table(lines: list[Line], say: Trends, visit: Visit) -> export.Table:
    units = visit.locale.units
    headings = [
        say.column_time, say.column_series, units.negative, units.neutral, units.positive, units.messages, units.net,
        units.negative_share,
    ]  # fmt: skip
    rows = [
        (export.moment(start * 1000), line.name, *one.stories, one.total_messages, one.net, one.negative_share)
        for line in lines
        for start, one in line.bars.items()
    ]
    return export.Table(headings, rows)
