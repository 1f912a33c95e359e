"""Section: the newest stories that pass the filters."""

from __future__ import annotations

import streamlit as st

from dashboard import data, figures
from dashboard.filters import Filters
from dashboard.markup import Html, el, outward, plain
from dashboard.words import EN as W
from undertone.messages import Evidence, Sentiment

SHOWN_AT_ONCE = 10
NAME_LIMIT = 60
ENTITIES_SHOWN = 4

_TONE = {
    Sentiment.NEGATIVE: ("▼", W.negative),
    Sentiment.NEUTRAL: ("●", W.neutral),
    Sentiment.POSITIVE: ("▲", W.positive),
}


def draw(url: str, filters: Filters, now_ms: int) -> None:
    found = data.newest(url, filters, now_ms)
    heading = el("h2", W.newest, class_="ut-heading")
    if not found:
        st.html(el("section", heading, el("p", W.no_stories, class_="ut-none")))
        return
    first = el("ul", *map(row, found[:SHOWN_AT_ONCE]), class_="ut-stories")
    rest = None
    if found[SHOWN_AT_ONCE:]:
        summary = el("summary", W.more_evidence.format(n=len(found) - SHOWN_AT_ONCE))
        rest = el("details", summary, el("ul", *map(row, found[SHOWN_AT_ONCE:]), class_="ut-stories"))
    st.html(el("section", heading, first, rest))


def row(story: Evidence) -> Html:
    """One story: its tone by shape and word, its text as text, then where it is from and what it is about."""
    mark, word = _TONE[story.sentiment]
    tone = el(
        "span",
        el("span", mark, aria_hidden="true"),
        f" {word} {figures.percent(story.p)}",
        class_=f"ut-tone ut-tone-{story.sentiment}",
    )
    names = [plain(name, NAME_LIMIT) for name in story.entities[:ENTITIES_SHOWN]]
    meta = [plain(story.source, NAME_LIMIT), figures.moment(story.published_ms), story.topic, *names]
    text = el("div", outward(plain(story.text), story.url, W.opens), el("small", " · ".join(meta), dir="auto"))
    return el("li", tone, text)
