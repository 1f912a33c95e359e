"""One story in full: its text, how sure the judgement is, its copies and tellings, and the words that mattered."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import address, explained, guard, story_copies, story_reads
from dashboard.clusters import Cluster, clustered
from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, join, outward, plain
from dashboard.story_row import MARKS, NAME_LIMIT, row
from dashboard.visit import Visit
from dashboard.windows import Asked
from dashboard.words.stories import Stories
from undertone.errors import UndertoneError
from undertone.messages import Evidence

AROUND_MS: Final = 24 * story_reads.HOUR_MS
TEXT_LIMIT: Final = 2_000


def draw(visit: Visit, position: str) -> None:
    """The story of a position, which the URL names together with its time."""
    say = Stories(visit.locale.language)
    back = el("a", f"← {say.back}", href=address.here("stories", story="", t=""), target="_self")
    story = find(visit, position, address.value("t"))
    if story is None:
        st.html(el("section", back, el("p", say.gone, class_="ut-none")))
        return
    st.html(join(el("p", back, class_="ut-facts"), _head(visit, story, say)))
    with guard.calm(visit.locale):
        _explanation(visit, story)
        st.html(story_copies.section(visit, story))
        _tellings(visit, story, say)


def find(visit: Visit, position: str, published: str) -> Evidence | None:
    """The kept story at a position, published at that time (ms); None if there is none."""
    stream = position.rpartition("-")[0]
    if stream not in visit.streams or not (published.isascii() and published.isdigit()):
        return None
    ms = int(published)
    hour = story_reads.hour(visit.url, Asked((stream,)), ms, ms + 1, visit.now_ms())
    return next((one for one in hour if one.position == position), None)


def _head(visit: Visit, story: Evidence, say: Stories) -> Html:
    locale = visit.locale
    sure = say.probability.format(label=getattr(locale.units, story.sentiment.value), p=percent(story.p))
    mark = el("span", MARKS[story.sentiment], aria_hidden="true")
    facts = [
        plain(story.source, NAME_LIMIT),
        locale.moment(story.published_ms, year=True),
        plain(locale.topic(story.topic), NAME_LIMIT),
    ]
    facts += [plain(story.author, NAME_LIMIT)] if story.author else []
    names = (
        el("a", plain(name, NAME_LIMIT), href=address.link("trends", entity=name), target="_self", dir="auto")
        for name in story.entities
    )
    original = outward(say.open_original, story.url, locale.units.opens)
    return el(
        "article",
        el("h2", plain(story.text, TEXT_LIMIT), dir="auto"),
        el("p", mark, f" {sure}", class_=f"ut-tone ut-tone-{story.sentiment}", title=say.probability_note),
        el("p", " · ".join(facts), class_="ut-facts", dir="auto"),
        el("p", *names, class_="ut-names") if story.entities else None,
        el("p", original if story.url else say.no_original, class_="ut-facts"),
        class_="ut-story",
    )


@st.fragment
def _explanation(visit: Visit, story: Evidence) -> None:
    say = Stories(visit.locale.language)
    if not st.button(say.explain, key=f"explain-{story.position}", icon=":material/psychology:"):
        return
    try:
        with st.spinner(say.explaining):
            found = explained.explain(visit.settings, story.text)
    except UndertoneError as error:
        st.html(el("p", say.explain_unable.format(reason=plain(str(error))), class_="ut-facts", role="status"))
        return
    st.html(el("section", el("h3", say.why), explained.marked(found, visit.locale), class_="ut-why"))


def _tellings(visit: Visit, story: Evidence, say: Stories) -> None:
    """The kept stories of the day before and the day after that tell the same."""
    begin_ms, end_ms = story.published_ms - AROUND_MS, story.published_ms + AROUND_MS
    entity = story.entities[0] if story.entities else ""
    asked = Asked(visit.streams, "" if entity else story.topic, entity)
    near = story_reads.newest(visit.url, asked, begin_ms, end_ms, visit.now_ms(), story_reads.SEARCHED)
    cluster = next((one for one in clustered(near) if story in one.tellings), Cluster((story,)))
    others = [one for one in cluster.tellings if one.position != story.position]
    if not others:
        return
    note = " · ".join(summary(cluster, visit.locale))
    heading = el("h3", say.other, " ", el("small", note), class_="ut-heading")
    st.html(el("section", heading, el("ul", *(row(one, visit.locale) for one in others), class_="ut-stories")))


def summary(cluster: Cluster, locale: Locale, copies: int = 0) -> list[str]:
    """What is told of a cluster: its copies, and of several tellings how often, where, from when to when."""
    say = Stories(locale.language)
    copied = [story_copies.told(copies, locale)] if copies else []
    if len(cluster.tellings) == 1:
        return copied
    first, last = locale.moment(cluster.first.published_ms, named=False), locale.moment(cluster.last_ms)
    return [
        say.copies.format(n=len(cluster.tellings)),
        say.source if len(cluster.sources) == 1 else say.sources.format(n=len(cluster.sources)),
        say.first_last.format(first=first, last=last),
        *copied,
    ]
