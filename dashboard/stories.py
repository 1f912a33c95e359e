"""Section: the newest stories that pass the filters."""

from __future__ import annotations

import streamlit as st

from dashboard import data, figures
from dashboard.filters import Filters
from dashboard.markup import Html, el, outward, plain
from dashboard.words import EN as W
from undertone.messages import Evidence, Sentiment

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
    body = el("ul", *map(row, found), class_="ut-stories") if found else el("p", W.no_stories, class_="ut-none")
    st.html(el("section", heading, body))


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
