"""The page Pipeline: lag, rate, latency and freshness at a glance, then partitions, workers, feeds and dead letters."""

from __future__ import annotations

from typing import Final, cast

from dashboard import acting, guard, letters, live, pipeline_tables, reads, windows
from dashboard.guard import store
from dashboard.health_line import lag, milliseconds, number
from dashboard.kept import kept
from dashboard.live import Shown
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.ranges import HOUR, Range
from dashboard.reads import Health
from dashboard.sparkline import sparkline
from dashboard.visit import Visit
from dashboard.windows import Asked
from dashboard.words.pipeline import Pipeline
from undertone.trends import total

NAME_LIMIT: Final = 60
SLOW_S: Final = 15
SLOWLY: Final = 7
VOLUME: Final = Range("6h", 6 * HOUR, 900, 300)


def draw(visit: Visit) -> None:
    acting.notice()
    _live(visit)
    _feeds(visit)
    with guard.calm(visit.locale):
        letters.draw(visit)


@live.part()
def _live(visit: Visit) -> Shown:
    say, locale = Pipeline(visit.locale.language), visit.locale
    health = reads.health(visit.url, visit.streams)
    return [
        join(el("h2", say.title, class_="ut-heading"), _strip(visit, health, say)),
        join(pipeline_tables.partitions(health, locale, say), pipeline_tables.workers(health, locale, say)),
    ]


@live.part(SLOWLY)
def _feeds(visit: Visit) -> Shown:
    say, locale = Pipeline(visit.locale.language), visit.locale
    health, now_ms = reads.health(visit.url, visit.streams), visit.now_ms()
    dead = el("section", pipeline_tables.dead(health, locale, say))
    if now_ms < 0:
        return [dead]
    parts = (el("section", _volume(visit, now_ms), pipeline_tables.feeds(visit, now_ms)), dead)
    return [el("div", *parts, class_="ut-tables")]


def _volume(visit: Visit, now_ms: int) -> Html:
    """Stories by quarters of an hour, of each stream."""
    say, units = Pipeline(visit.locale.language), visit.locale.units
    rows = []
    for stream in visit.streams:
        bars = [*windows.bars(visit.url, Asked((stream,)), reads.topics(visit.url), VOLUME, now_ms).values()]
        counts = total(bars)
        words = say.volume_words.format(n=counts.total_stories, negative=counts.stories[0])
        name = {"news": units.news, "comments": units.comments}.get(stream, stream)
        rows.append(el("p", el("span", name, class_="ut-facts"), " ", sparkline(bars, words), class_="ut-volume"))
    return join(el("h3", say.volume), *rows)


@kept(SLOW_S, most=4)
def _memory_bytes(url: str) -> int:
    """What the store uses."""
    found = cast("dict[str, int]", store(url).redis.info("memory"))
    return int(found["used_memory"])


def _strip(visit: Visit, health: Health, say: Pipeline) -> Html:
    locale, reports = visit.locale, health.workers.values()
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
    busy = say.workers_busy.format(ready=ready, n=len(health.workers)) if health.workers else "0"
    model = say.workers_note.format(model=plain(health.model, NAME_LIMIT) or say.none)
    note = f"{say.dead_note.format(n=locale.number(health.records))} · {misfits}"
    lagging = locale.number(sum(lags.values())) if lags else say.none
    memory = f"{_memory_bytes(visit.url) / 1e6:,.0f} MB"
    rate = locale.number(round(sum(rates), 1)) if rates else say.none
    age = locale.about(health.age_ms) if health.updated_ms else say.none
    tiles = (
        (say.lag, say.about_lag, lagging, say.lag_note),
        (say.rate, say.about_rate, rate, say.rate_note),
        (say.latency, say.about_latency, _ms(p50, locale, say), say.latency_note.format(p99=_ms(p99, locale, say))),
        (say.freshness, say.about_freshness, age, say.freshness_note),
        (say.dead, say.about_dead, locale.number(dead), note),
        (say.workers, say.about_workers, busy, model),
        (say.store, say.about_store, memory, say.store_note),
    )
    cells = (
        el(
            "div",
            el("dt", el("abbr", name, title=meaning, tabindex="0")),
            el("dd", value),
            el("dd", remark, class_="ut-note"),
        )
        for name, meaning, value, remark in tiles
    )
    return el("dl", *cells, class_="ut-tiles ut-strip")


def _ms(value: float | None, locale: Locale, say: Pipeline) -> str:
    return say.none if value is None else milliseconds(value, locale)
