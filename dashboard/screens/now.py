"""The page Now: what is firing and why, the watchlist, topics by hour, and whether the feeds are well."""

from __future__ import annotations

from typing import Final

from dashboard import firing, guard, health_line, heat_chart, live, reads, watchlist, windows
from dashboard.live import Chart, Shown
from dashboard.markup import Html, el, join
from dashboard.ranges import HOUR
from dashboard.visit import Visit
from dashboard.words.now import Now

CHARTS_EVERY: Final = 3
HOURS: Final = 24
TOPICS_SHOWN: Final = 12
HOUR_MS: Final = HOUR * 1000


def draw(visit: Visit) -> None:
    _firing(visit)
    with guard.calm(visit.locale):
        chosen = watchlist.choose(visit)
        _watchlist(visit, chosen)
    _heat(visit)
    _health(visit)


@live.part()
def _firing(visit: Visit) -> Shown:
    return [firing.section(visit)]


@live.part(CHARTS_EVERY)
def _watchlist(visit: Visit, chosen: tuple[str, ...]) -> Shown:
    return [watchlist.table(visit, chosen)]


@live.part(CHARTS_EVERY)
def _heat(visit: Visit) -> Shown:
    say, now_ms = Now(visit.locale.language), visit.now_ms()
    found = windows.by_hour(visit.url, visit.streams, reads.topics(visit.url), HOURS, now_ms)
    last = now_ms // HOUR_MS * HOUR
    hours = range(last - (HOURS - 1) * HOUR, last + 1, HOUR)
    rows, option = heat_chart.drawn(found, TOPICS_SHOWN, hours, visit.locale)
    note = el("small", say.heat_note.format(zone=visit.locale.times(now_ms)))
    heading: Html = el("h2", say.heat, note, class_="ut-heading")
    if not rows:
        return [join(heading, el("p", say.no_heat, class_="ut-none"))]
    return [heading, Chart(option, heat_chart.height(rows), "heat", say.heat_alt.format(n=rows))]


@live.part()
def _health(visit: Visit) -> Shown:
    return [health_line.line(visit)]
