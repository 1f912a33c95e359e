"""The copies of stories: how many, by which sources, and in which hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from dashboard.guard import store
from dashboard.kept import kept
from dashboard.locale import Locale
from dashboard.markup import Html, el, plain
from dashboard.visit import Visit
from dashboard.words.stories import Stories
from undertone import copies
from undertone.copies import Copies
from undertone.messages import Evidence

LIVE_S: Final = 15
SOURCES_SHOWN: Final = 12
HOURS_SHOWN: Final = 24
NAME_LIMIT: Final = 80


@kept(LIVE_S, most=64)
def _counts(url: str, window_s: int, stories: tuple[Evidence, ...]) -> Mapping[str, int]:
    return MappingProxyType(copies.counts(store(url), stories, window_s=window_s))


@kept(LIVE_S, most=64)
def _of(url: str, window_s: int, story: Evidence) -> Copies:
    return copies.of(store(url), story, window_s=window_s)


def counts(visit: Visit, stories: Sequence[Evidence]) -> Mapping[str, int]:
    """How many copies each story has, by position; those without are left out."""
    return _counts(visit.url, visit.settings.story_window_s, tuple(stories))


def told(n: int, locale: Locale) -> str:
    """A number of copies in words."""
    say = Stories(locale.language)
    return say.copied_once if n == 1 else say.copied.format(n=locale.number(n))


def section(visit: Visit, story: Evidence) -> Html:
    """The copies of one story; nothing where it has none."""
    found = _of(visit.url, visit.settings.story_window_s, story)
    if not found.count:
        return el("span")
    locale, say = visit.locale, Stories(visit.locale.language)
    by_source = [*found.by_source.items()][:SOURCES_SHOWN]
    by_hour = [*found.by_hour.items()][:HOURS_SHOWN]
    heading = el("h3", say.copies_title, " ", el("small", told(found.count, locale)), class_="ut-heading")
    return el(
        "section",
        heading,
        el("p", say.copies_note, class_="ut-facts"),
        el("h4", say.copies_by_source),
        _bars([(plain(name, NAME_LIMIT), n) for name, n in by_source], locale),
        el("h4", say.copies_by_hour),
        _bars([(locale.moment(start_s * 1000), n) for start_s, n in by_hour], locale),
        class_="ut-copies",
    )


def _bars(rows: Sequence[tuple[str, int]], locale: Locale) -> Html:
    return el("ul", *(el("li", el("span", name, dir="auto"), " ", el("b", locale.number(n))) for name, n in rows))
