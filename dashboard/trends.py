"""Section: sentiment and volume over the chosen range, and which topics and companies they come from."""

from __future__ import annotations

import streamlit as st

from dashboard import charts, data, figures
from dashboard.charts import Mark
from dashboard.filters import Filters
from dashboard.markup import Html, el, join, plain
from dashboard.words import EN as W
from undertone.messages import Severity, to_ms
from undertone.trends import Counts, total

RANKED = 8
NAME_LIMIT = 60


def draw(url: str, filters: Filters, now_ms: int) -> None:
    """``now_ms`` is event time, the right end of the chart."""
    known = data.topics(url)
    bars = data.bars(url, filters, known, now_ms)
    counts = total(bars.values())
    start_ms, _ = filters.range.bounds_ms(now_ms)
    before = data.sum_of(url, filters, known, start_ms - filters.range.span_s * 1000, start_ms, now_ms)
    step = W.step.format(step=figures.span(filters.range.bar_s))
    st.html(join(el("h2", W.trends, el("small", step), class_="ut-heading"), _tiles(counts, before, filters)))
    if not counts.total_messages:
        clear = el("a", W.clear, href=filters.link(topic="", entity=""), target="_self")
        st.html(el("div", el("p", W.no_trend), clear, class_="ut-none"))
        return
    alt = W.chart_alt.format(range=figures.span(filters.range.span_s))
    option = charts.trend(bars, filters.range, _marks(url, filters, now_ms))
    st.echarts_chart(option, height=charts.HEIGHT, key="trend", alt=alt)
    ranking = data.ranking(url, filters, now_ms)
    by_topic = _table(W.by_topic, data.by_topic(ranking, filters), filters, "topic")
    by_entity = _table(W.by_entity, data.by_entity(ranking, filters), filters, "entity")
    st.html(el("div", by_topic, by_entity, class_="ut-tables"))


def _marks(url: str, filters: Filters, now_ms: int) -> list[Mark]:
    """The alerts of what is shown; a filter hides those of other topics and companies."""
    return [
        Mark(
            to_ms(one.started_at),
            to_ms(one.resolved_at) if one.resolved_at else now_ms,
            one.severity == Severity.CRITICAL,
        )
        for one in data.alerts(url)
        if one.stream in filters.streams
        and (not filters.topic or one.topic in (None, filters.topic))
        and (not filters.entity or one.entity in (None, filters.entity))
    ]


def _tiles(now: Counts, before: Counts, filters: Filters) -> Html:
    span = figures.span(filters.range.span_s)
    copies = 1 - now.total_stories / now.total_messages if now.total_messages else 0.0

    def then(value: str, counted: int) -> str | None:
        return W.before.format(value=value, range=span) if counted else None

    tiles = (
        (W.stories_count, figures.number(now.total_stories), then(figures.number(before.total_stories), 1)),
        (
            W.messages_count,
            figures.number(now.total_messages),
            W.copies.format(share=figures.percent(copies)),
        ),
        (W.net, figures.signed(now.net), then(figures.signed(before.net), before.total_messages)),
        (
            W.negative_share,
            figures.percent(now.negative_share),
            then(figures.percent(before.negative_share), before.total_stories),
        ),
    )
    cells = (
        el("div", el("dt", label), el("dd", value), el("dd", note, class_="ut-note") if note else None)
        for label, value, note in tiles
    )
    return el("dl", *cells, class_="ut-tiles")


def _table(title: str, found: dict[str, Counts], filters: Filters, kind: str) -> Html:
    """A ranking as a table whose names are links that set the filter."""
    if not found:
        return el("div", el("h3", title), el("p", W.nothing_linked, class_="ut-facts"), class_="ut-rank")
    headings = (W.column_name, W.column_mix, W.stories_count, W.column_net)
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in headings)))
    largest = max(counts.total_stories for counts in found.values()) or 1
    shown = [*found][:RANKED]
    chosen = getattr(filters, kind)
    if chosen in found and chosen not in shown:
        shown[-1] = chosen
    rows = [_row(name, found[name], largest, filters, kind) for name in shown]
    return el("div", el("h3", title), el("table", head, el("tbody", *rows)), class_="ut-rank")


def _row(name: str, counts: Counts, largest: int, filters: Filters, kind: str) -> Html:
    chosen = name == getattr(filters, kind)
    target = filters.link(**{kind: "" if chosen else name})
    label = el("a", plain(name, NAME_LIMIT), href=target, target="_self", aria_current="true" if chosen else None)
    negative, neutral, positive = counts.stories
    parts = (("negative", negative), ("neutral", neutral), ("positive", positive))
    pieces = (el("i", class_=f"ut-{tone}", style=f"width:{100 * n / largest:.2f}%") for tone, n in parts)
    words = f"{W.negative} {negative}, {W.neutral} {neutral}, {W.positive} {positive}"
    mix = el("div", *pieces, class_="ut-mix", role="img", aria_label=words, title=words)
    number = figures.number(counts.total_stories)
    cells = (
        el("td", mix),
        el("td", number, class_="ut-number"),
        el("td", figures.signed(counts.net), class_="ut-number"),
    )
    return el("tr", el("th", label, scope="row", dir="auto"), *cells)
