"""Section of Trends: which topics and companies the stories of the range are of; each name sets the filter."""

from __future__ import annotations

from typing import Final

from dashboard import address, windows
from dashboard.filters import Filters
from dashboard.kept import made
from dashboard.locale import Locale, signed
from dashboard.markup import Html, el, plain
from dashboard.visit import Visit
from dashboard.words.trends import Trends
from undertone.trends import Counts

RANKED: Final = 8
NAME_LIMIT: Final = 60


def tables(visit: Visit, chosen: Filters, now_ms: int) -> Html:
    """Two tables side by side."""
    say, asked = Trends(visit.locale.language), chosen.asked
    found = windows.ranking(visit.url, asked.streams, *chosen.span.bounds_ms(now_ms), now_ms)
    place = (visit.locale, address.presented(), address.carried())
    by_topic = _table(windows.by_topic(found, asked.entity), say.by_topic, "topic", asked.topic, *place)
    by_entity = _table(windows.by_entity(found, asked.topic), say.by_entity, "entity", asked.entity, *place)
    return el("div", by_topic, by_entity, class_="ut-tables")


@made(most=128)
def _table(
    found: dict[str, Counts], title: str, kind: str, chosen: str, locale: Locale, present: address.Presented,
    _carried: address.Carried,
) -> Html:  # fmt: skip
    say = Trends(locale.language)
    if not found:
        return el("div", el("h3", title), el("p", say.nothing_linked, class_="ut-facts"), class_="ut-rank")
    headings = (say.column_name, say.column_mix, locale.units.stories, say.column_net)
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in headings)))
    largest = max(counts.total_stories for counts in found.values()) or 1
    shown = [*found][:RANKED]
    if chosen in found and chosen not in shown:
        shown[-1] = chosen
    rows = [_row(locale, name, found[name], largest, kind, chosen, dict(present)) for name in shown]
    return el("div", el("h3", title), el("table", head, el("tbody", *rows)), class_="ut-rank")


def _row(
    locale: Locale, name: str, counts: Counts, largest: int, kind: str, chosen: str, present: dict[str, address.Value]
) -> Html:
    units = locale.units
    target = address.link("trends", **(present | {kind: "" if name == chosen else name, "at": ""}))
    current = "true" if name == chosen else None
    label = el(
        "a",
        plain(locale.topic(name) if kind == "topic" else name, NAME_LIMIT),
        href=target,
        target="_self",
        aria_current=current,
    )
    negative, neutral, positive = counts.stories
    parts = (("negative", negative), ("neutral", neutral), ("positive", positive))
    pieces = (el("i", class_=f"ut-{tone}", style=f"width:{100 * n / largest:.2f}%") for tone, n in parts)
    words = f"{units.negative} {negative}, {units.neutral} {neutral}, {units.positive} {positive}"
    mix = el("div", *pieces, class_="ut-mix", role="img", aria_label=words, title=words)
    cells = (
        el("td", mix),
        el("td", locale.number(counts.total_stories), class_="ut-number"),
        el("td", signed(counts.net), class_="ut-number"),
    )
    return el("tr", el("th", label, scope="row", dir="auto"), *cells)
