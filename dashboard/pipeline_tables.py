"""Tables of Pipeline: partitions, workers, dead letters by reason and feeds, each heading with what it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from dashboard import story_reads
from dashboard.health_line import lag, milliseconds, number
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.ranges import HOUR
from dashboard.reads import Health
from dashboard.visit import Visit
from dashboard.windows import Asked
from dashboard.words.pipeline import Pipeline

NAME_LIMIT: Final = 60
FEEDS_SHOWN: Final = 30
STORIES_READ: Final = 1_000


class Column(NamedTuple):
    """A heading and what its numbers mean."""

    name: str
    meaning: str = ""

    @property
    def told(self) -> Html | str:
        return el("abbr", self.name, title=self.meaning, tabindex="0") if self.meaning else self.name


def partitions(health: Health, locale: Locale, say: Pipeline) -> Html:
    """Offsets, lag and counters of each partition."""
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
            locale.about(max(0, health.now_ms - one.updated_ms)) if one.updated_ms else say.none,
            *(locale.number(n) for n in counters),
            locale.number(dead),
        ))  # fmt: skip
    columns = (
        Column(say.column_partition), Column(say.column_offset, say.about_offset),
        Column(say.column_lag, say.about_partition_lag), Column(say.column_watermark, say.about_watermark),
        Column(say.column_age, say.about_age), Column(say.column_counted, say.about_counted),
        Column(say.column_late, say.about_late), Column(say.column_future, say.about_future),
        Column(say.column_duplicate, say.about_duplicate), Column(say.column_dead, say.about_partition_dead),
    )  # fmt: skip
    return _table(say.partitions, columns, rows)


def dead(health: Health, locale: Locale, say: Pipeline) -> Html:
    """Dead letters by reason, as the counters have them."""
    rows = [(plain(reason, NAME_LIMIT), locale.number(n)) for reason, n in health.dead.items()]
    if not rows:
        return join(el("h3", say.dead_by_reason), el("p", say.no_dead, class_="ut-facts"))
    return _table(say.dead_by_reason, (Column(say.column_reason), Column(say.column_count, say.about_dead)), rows)


def workers(health: Health, locale: Locale, say: Pipeline) -> Html:
    """What each worker says of itself."""
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
    columns = (
        Column(say.column_worker), Column(say.column_model), Column(say.column_rate, say.about_rate),
        Column(say.column_p50, say.about_latency), Column(say.column_p99, say.about_latency),
        Column(say.column_queue, say.about_queue), Column(say.column_memory, say.about_memory),
        Column(say.column_errors, say.about_errors),
    )  # fmt: skip
    return _table(say.workers, columns, rows)


def feeds(visit: Visit, now_ms: int) -> Html:
    """Stories kept of the last hour by source, the busiest first; a feed that stands still sinks in the last column."""
    say, locale = Pipeline(visit.locale.language), visit.locale
    found = story_reads.newest(visit.url, Asked(visit.streams), now_ms - HOUR * 1000, now_ms + 1, now_ms, STORIES_READ)
    newest: dict[str, int] = {}
    counts: dict[str, int] = {}
    for one in found:
        newest[one.source] = max(one.published_ms, newest.get(one.source, 0))
        counts[one.source] = counts.get(one.source, 0) + 1
    busiest = sorted(counts, key=lambda source: (-counts[source], source))[:FEEDS_SHOWN]
    if not busiest:
        return join(el("h3", say.feeds), el("p", say.no_feeds, class_="ut-facts"))
    rows = [
        (plain(one, NAME_LIMIT), locale.number(counts[one]), locale.age(max(0, now_ms - newest[one])))
        for one in busiest
    ]
    columns = (Column(say.column_feed), Column(say.column_stories), Column(say.column_newest, say.about_newest))
    return _table(say.feeds, columns, rows, say.feeds_note)


def _table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], note: str = "") -> Html:
    head = el("thead", el("tr", *(el("th", one.told, scope="col") for one in columns)))
    lines = (
        el("tr", el("th", row[0], scope="row", dir="auto"), *(el("td", cell, class_="ut-number") for cell in row[1:]))
        for row in rows
    )
    heading = el("h3", title, el("small", note) if note else None, class_="ut-heading")
    body = el("table", head, el("tbody", *lines))
    return join(heading, el("div", body, class_="ut-scroll", tabindex="0", role="region", aria_label=title))
