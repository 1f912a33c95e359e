"""The page Stories: what was told in the range, newest first, with filters and a search; and one story in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from dashboard import address, export, filters, guard, live, story_copies, story_page, story_reads
from dashboard.clusters import Cluster, clustered
from dashboard.filters import Filters
from dashboard.kept import made
from dashboard.live import Offer, Shown
from dashboard.locale import Locale
from dashboard.markup import Html, el, join
from dashboard.story_row import row
from dashboard.visit import Visit
from dashboard.words.filters import FilterWords
from dashboard.words.stories import Stories
from undertone.messages import Evidence

EVERY: Final = 3
SHOWN_AT_ONCE: Final = 25
SHOWN: Final = 60
QUERY_LIMIT: Final = 100


def draw(visit: Visit) -> None:
    with guard.calm(visit.locale):
        position = address.value("story")
        if position:
            story_page.draw(visit, position)
            return
        chosen = filters.choose(visit)
        _list(visit, chosen, _search(visit))


def _search(visit: Visit) -> str:
    say = FilterWords(visit.locale.language)
    address.seed("search", {"q": address.value("q")[:QUERY_LIMIT]})
    found = st.text_input(
        say.search, key="q", placeholder=say.search_hint, max_chars=QUERY_LIMIT, icon=":material/search:"
    )
    address.settle("search", {"q": found}, {"q": found})
    return found


@live.part(EVERY)
def _list(visit: Visit, chosen: Filters, wanted: str) -> Shown:
    say, locale, now_ms = Stories(visit.locale.language), visit.locale, visit.now_ms()
    kept = story_reads.newest(visit.url, chosen.asked, *chosen.span.bounds_ms(now_ms), now_ms, story_reads.SEARCHED)
    found = clustered(story_reads.matching(kept, wanted))
    note = say.searched.format(n=sum(len(one.tellings) for one in found), of=len(kept))
    heading = el("h2", say.title, el("small", note), class_="ut-heading")
    if not found:
        clear = el("a", say.clear, href=address.link("stories"), target="_self")
        none = el("div", el("p", say.none_found if wanted else say.none), clear, class_="ut-none")
        return [el("section", heading, none)]
    copies = story_copies.counts(visit, [one for each in found[:SHOWN] for one in each.tellings])

    def taken() -> export.Table:
        stories = [one for each in found for one in each.tellings]
        return _table(stories, story_copies.counts(visit, stories), visit)

    return [
        join(heading, _rows(found, copies, locale, address.carried())),
        Offer(lambda: export.buttons(visit, "stories", taken)),
    ]


@made(most=32, same=2)
def _rows(found: Sequence[Cluster], copies: Mapping[str, int], locale: Locale, _carried: address.Carried) -> Html:
    items = [
        row(one.tellings[-1], locale, *story_page.summary(one, locale, _copies(one, copies))) for one in found[:SHOWN]
    ]
    first, more = items[:SHOWN_AT_ONCE], items[SHOWN_AT_ONCE:]
    rest = None
    if more:
        summary = el("summary", Stories(locale.language).more.format(n=len(more)))
        rest = el("details", summary, el("ul", *more, class_="ut-stories"))
    return join(el("ul", *first, class_="ut-stories"), rest)


def _copies(cluster: Cluster, copies: Mapping[str, int]) -> int:
    return sum(copies.get(one.position, 0) for one in cluster.tellings)


def _table(stories: list[Evidence], copies: Mapping[str, int], visit: Visit) -> export.Table:
    units, say = visit.locale.units, Stories(visit.locale.language)
    headings = [
        f"{say.column_time} (UTC)", units.stream, say.column_source, units.topic, units.entity, say.column_sentiment,
        say.column_probability, say.copies_title, say.column_text, say.column_url, say.column_position,
    ]  # fmt: skip
    rows = [
        (
            export.moment(one.published_ms), one.stream, one.source, one.topic, ", ".join(one.entities),
            one.sentiment.value, one.p, copies.get(one.position, 0), one.text, one.url or "", one.position,
        )
        for one in stories
    ]  # fmt: skip
    return export.Table(headings, rows)
