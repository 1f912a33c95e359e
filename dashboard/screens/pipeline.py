"""The page Pipeline: lag, rate, latency and freshness at a glance, then partitions, dead letters and workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard import guard, reads
from dashboard.health_line import lag, milliseconds, number
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.reads import Health
from dashboard.visit import Visit
from dashboard.words.pipeline import Pipeline

NAME_LIMIT = 60
REFRESH_S = 3


@st.fragment(run_every=REFRESH_S)
def draw(visit: Visit) -> None:
    say, locale = Pipeline(visit.locale.language), visit.locale
    with guard.calm(locale):
        health = reads.health(visit.url, visit.streams)
        st.html(join(el("h2", say.title, class_="ut-heading"), _strip(health, locale, say)))
        st.html(join(_partitions(health, locale, say), _dead(health, locale, say), _workers(health, locale, say)))


def _strip(health: Health, locale: Locale, say: Pipeline) -> Html:
    reports = health.workers.values()
    rates = [number(one.get("rate")) for one in reports]
    p50 = max((number(one.get("latency_p50_ms")) for one in reports), default=None)
    p99 = max((number(one.get("latency_p99_ms")) for one in reports), default=None)
    ready = sum(one.get("ready") == "1" for one in reports)
    dead = sum(health.dead.values())
    misfits = say.misfits.format(
        late=locale.number(health.counter("late")),
        future=locale.number(health.counter("future")),
        duplicate=locale.number(health.counter("duplicate")),
    )
    lags = lag(health)
    tiles = (
        (say.lag, locale.number(sum(lags.values())) if lags else say.none, say.lag_note),
        (say.rate, locale.number(round(sum(rates), 1)) if rates else say.none, say.rate_note),
        (say.latency, _ms(p50, locale, say), say.latency_note.format(p99=_ms(p99, locale, say))),
        (say.freshness, locale.age(health.age_ms) if health.updated_ms else say.none, say.freshness_note),
        (say.dead, locale.number(dead), f"{say.dead_note.format(n=locale.number(health.records))} · {misfits}"),
        (
            say.workers,
            say.workers_busy.format(ready=ready, n=len(health.workers)) if health.workers else "0",
            say.workers_note.format(model=plain(health.model, NAME_LIMIT) or say.none),
        ),
    )
    cells = (
        el("div", el("dt", name), el("dd", value), el("dd", note, class_="ut-note")) for name, value, note in tiles
    )
    return el("dl", *cells, class_="ut-tiles ut-strip")


def _partitions(health: Health, locale: Locale, say: Pipeline) -> Html:
    lags = lag(health)
    rows = []
    for one in health.states:
        name = f"{one.stream}-{one.partition}"
        dead = sum(n for counter, n in one.counters.items() if counter.startswith("dead:"))
        counters = (one.counters.get(key, 0) for key in ("counted", "late", "future", "duplicate"))
        rows.append((
            name,
            locale.number(one.offset),
            locale.number(lags[name]) if name in lags else say.none,
            locale.moment(one.watermark_ms, year=True) if one.watermark_ms >= 0 else say.none,
            locale.age(max(0, health.now_ms - one.updated_ms)) if one.updated_ms else say.none,
            *(locale.number(n) for n in counters),
            locale.number(dead),
        ))  # fmt: skip
    headings = (
        say.column_partition, say.column_offset, say.column_lag, say.column_watermark, say.column_age,
        say.column_counted, say.column_late, say.column_future, say.column_duplicate, say.column_dead,
    )  # fmt: skip
    return _table(say.partitions, headings, rows)


def _dead(health: Health, locale: Locale, say: Pipeline) -> Html:
    rows = [(plain(reason, NAME_LIMIT), locale.number(n)) for reason, n in health.dead.items()]
    if not rows:
        return join(el("h3", say.dead_by_reason), el("p", say.no_dead, class_="ut-facts"))
    return _table(say.dead_by_reason, (say.column_reason, say.column_count), rows)


def _workers(health: Health, locale: Locale, say: Pipeline) -> Html:
    if not health.workers:
        return join(el("h3", say.workers), el("p", say.no_workers, class_="ut-facts"))
    rows = []
    for name, one in health.workers.items():
        memory = one.get("memory_mb")
        rows.append((
            plain(name, NAME_LIMIT),
            plain(one.get("model", ""), NAME_LIMIT) or say.none,
            locale.number(number(one.get("rate"))),
            milliseconds(number(one.get("latency_p50_ms")), locale),
            milliseconds(number(one.get("latency_p99_ms")), locale),
            plain(one.get("queue", say.none), NAME_LIMIT),
            say.none if memory is None else f"{number(memory):.0f} MB",
            plain(one.get("errors", say.none), NAME_LIMIT),
        ))  # fmt: skip
    headings = (
        say.column_worker, say.column_model, say.column_rate, say.column_p50, say.column_p99, say.column_queue,
        say.column_memory, say.column_errors,
    )  # fmt: skip
    return _table(say.workers, headings, rows)


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in headings)))
    lines = (
        el("tr", el("th", row[0], scope="row"), *(el("td", cell, class_="ut-number") for cell in row[1:]))
        for row in rows
    )
    table = el("div", el("table", head, el("tbody", *lines)), class_="ut-scroll", tabindex="0", role="region")
    return join(el("h3", title), table)


def _ms(value: float | None, locale: Locale, say: Pipeline) -> str:
    return say.none if value is None else milliseconds(value, locale)
