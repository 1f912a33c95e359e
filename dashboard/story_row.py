"""One story as a row: its tone by shape and word, its text as text, where it is from and what it is about."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from dashboard import address
from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, outward, plain
from undertone.messages import Evidence, Sentiment

NAME_LIMIT: Final = 60
ENTITIES_SHOWN: Final = 4
MARKS: Final = {Sentiment.NEGATIVE: "▼", Sentiment.NEUTRAL: "●", Sentiment.POSITIVE: "▲"}


def tone(story: Evidence, locale: Locale) -> Html:
    """The sentiment and its calibrated probability."""
    mark = el("span", MARKS[story.sentiment], aria_hidden="true")
    word = getattr(locale.units, story.sentiment.value)
    return el("span", mark, f" {word} {percent(story.p)}", class_=f"ut-tone ut-tone-{story.sentiment}")


def link(story: Evidence) -> str:
    """The address of a story's own page; the time says where it is kept."""
    return address.link("stories", story=story.position, t=str(story.published_ms))


def row(story: Evidence, locale: Locale, *notes: str) -> Html:
    """A list item; ``notes`` are said after its facts."""
    return _row(story, locale, notes, address.carried())


@lru_cache(maxsize=4_096)
def _row(story: Evidence, locale: Locale, notes: tuple[str, ...], _carried: address.Carried) -> Html:
    names = [plain(name, NAME_LIMIT) for name in story.entities[:ENTITIES_SHOWN]]
    when = el("a", locale.moment(story.published_ms), href=link(story), target="_self")
    facts = [plain(story.source, NAME_LIMIT), plain(locale.topic(story.topic), NAME_LIMIT), *names, *notes]
    meta = el("small", when, " · ", " · ".join(filter(None, facts)), dir="auto")
    text = outward(plain(story.text), story.url, locale.units.opens, link(story))
    return el("li", tone(story, locale), el("div", text, meta))
