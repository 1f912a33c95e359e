"""Section: the health of the pipeline, one quiet strip with the details folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard import figures
from dashboard.data import Health
from dashboard.markup import Html, el, join, plain
from dashboard.words import EN as W

NAME_LIMIT = 60


def draw(health: Health) -> None:
    st.html(join(el("h2", W.pipeline, class_="ut-heading"), _strip(health)))
    with st.expander(W.details, key="pipeline-details"):
        st.html(join(_partitions(health), _dead(health), _workers(health)))


def lag(health: Health) -> dict[str, int]:
    """Records behind by partition, as the workers that own them say."""
    found: dict[str, int] = {}
    for report in health.workers.values():
        for name, value in report.items():
            if name.startswith("lag:"):
                found[name.removeprefix("lag:")] = int(_number(value) or 0)
    return found


def _strip(health: Health) -> Html:
    reports = health.workers.values()
    rates = [_number(one.get("rate")) for one in reports]
    p50 = max((_number(one.get("latency_p50_ms")) or 0 for one in reports), default=None)
    p99 = max((_number(one.get("latency_p99_ms")) or 0 for one in reports), default=None)
    ready = sum(one.get("ready") == "1" for one in reports)
    dead = sum(health.dead.values())
    misfits = W.unlinked.format(
        late=figures.number(health.counter("late")),
        future=figures.number(health.counter("future")),
        duplicate=figures.number(health.counter("duplicate")),
    )
    lags = lag(health)
    tiles = (
        (W.lag, figures.number(sum(lags.values())) if lags else W.none, W.lag_note),
        (W.rate, figures.number(round(sum(filter(None, rates)), 1)) if rates else W.none, W.rate_note),
        (W.latency, _ms(p50), W.latency_note.format(p99=_ms(p99))),
        (W.freshness, figures.age(health.age_ms) if health.updated_ms else W.none, W.freshness_note),
        (W.dead, figures.number(dead), f"{W.dead_note.format(n=figures.number(health.records))} · {misfits}"),
        (
            W.workers,
            W.workers_busy.format(ready=ready, n=len(health.workers)) if health.workers else "0",
            W.workers_note.format(model=plain(health.model, NAME_LIMIT) or W.none),
        ),
    )
    cells = (
        el("div", el("dt", name), el("dd", value), el("dd", note, class_="ut-note")) for name, value, note in tiles
    )
    return el("dl", *cells, class_="ut-tiles ut-strip")


def _partitions(health: Health) -> Html:
    lags = lag(health)
    rows = []
    for one in health.states:
        name = f"{one.stream}-{one.partition}"
        dead = sum(n for counter, n in one.counters.items() if counter.startswith("dead:"))
        counters = (one.counters.get(key, 0) for key in ("counted", "late", "future", "duplicate"))
        rows.append((
            name,
            figures.number(one.offset),
            figures.number(lags[name]) if name in lags else W.none,
            figures.moment(one.watermark_ms, year=True) if one.watermark_ms >= 0 else W.none,
            figures.age(max(0, health.now_ms - one.updated_ms)) if one.updated_ms else W.none,
            *(figures.number(n) for n in counters),
            figures.number(dead),
        ))  # fmt: skip
    headings = (
        W.column_partition, W.column_offset, W.column_lag, W.column_watermark, W.column_age, W.column_counted,
        W.column_late, W.column_future, W.column_duplicate, W.column_dead,
    )  # fmt: skip
    return _table(W.partitions, headings, rows)


def _dead(health: Health) -> Html:
    rows = [(plain(reason, NAME_LIMIT), figures.number(n)) for reason, n in health.dead.items()]
    if not rows:
        return join(el("h3", W.dead_by_reason), el("p", W.no_dead, class_="ut-facts"))
    return _table(W.dead_by_reason, (W.column_reason, W.column_count), rows)


def _workers(health: Health) -> Html:
    if not health.workers:
        return join(el("h3", W.workers), el("p", W.no_workers, class_="ut-facts"))
    rows = []
    for name, one in health.workers.items():
        memory = _number(one.get("memory_mb"))
        rows.append((
            plain(name, NAME_LIMIT),
            plain(one.get("model", ""), NAME_LIMIT) or W.none,
            figures.number(_number(one.get("rate")) or 0),
            _ms(_number(one.get("latency_p50_ms"))),
            _ms(_number(one.get("latency_p99_ms"))),
            plain(one.get("queue", W.none), NAME_LIMIT),
            W.none if memory is None else f"{memory:.0f} MB",
            plain(one.get("errors", W.none), NAME_LIMIT),
        ))  # fmt: skip
    headings = (
        W.column_worker, W.column_model, W.column_rate, W.column_p50, W.column_p99, W.column_queue, W.column_memory,
        W.column_errors,
    )  # fmt: skip
    return _table(W.workers, headings, rows)


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in headings)))
    lines = (
        el("tr", el("th", row[0], scope="row"), *(el("td", cell, class_="ut-number") for cell in row[1:]))
        for row in rows
    )
    table = el("div", el("table", head, el("tbody", *lines)), class_="ut-scroll", tabindex="0", role="region")
    return join(el("h3", title), table)


def _ms(value: float | None) -> str:
    if value is None:
        return W.none
    return f"{value:.0f} ms" if value < 10_000 else figures.age(value)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
