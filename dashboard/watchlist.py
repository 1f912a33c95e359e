"""Section of Now: sentiment and volume of what the reader watches. Kept by name for who signed in, else in the URL."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import streamlit as st

from dashboard import address, company_names, reads, topic_entity, windows
from dashboard.guard import store
from dashboard.kept import Same, kept, made
from dashboard.locale import Locale, percent, signed
from dashboard.markup import Html, el, join, plain
from dashboard.ranges import DAY, HOUR, Range
from dashboard.sparkline import sparkline
from dashboard.visit import Visit
from dashboard.windows import Totals
from dashboard.words.now import Now
from undertone.trends import Counts, total
from undertone.view_store import WATCHED, ViewStore

SPAN: Final = Range("1d", DAY, HOUR, HOUR)
MOST_TOLD: Final = 6
OFFERED: Final = 300
KEPT_S: Final = 5.0
OPTIONS_S: Final = 30.0
STEP_MS: Final = 300_000
MULTIPLE: Final = 3
NAME_LIMIT: Final = 40


@kept(KEPT_S, most=256)
def _stored(url: str, person: str) -> tuple[str, ...] | None:
    found = ViewStore(store(url).redis).watchlist(person)
    return None if found is None else tuple(found)


def choose(visit: Visit) -> tuple[str, ...]:
    """Draw the heading with the choice of what is watched, and return it; empty if the reader never chose."""
    say = Now(visit.locale.language)
    offered = options(visit)
    current = _current(visit)
    address.seed("watch", {"watch": list(current)})
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="watch-head"
    ):
        notes = [say.watchlist_note] if current else [say.watchlist_note, say.most_told]
        st.html(el("h2", say.watchlist, el("small", " · ".join(notes)), class_="ut-heading"))
        with st.popover(say.choose, key="watch-choose"):
            chosen = st.multiselect(
                say.choose_what,
                [*dict.fromkeys([*current, *offered])],
                key="watch",
                max_selections=WATCHED,
                format_func=lambda word: topic_entity.title(word, visit.locale),
            )
            where = say.kept_for.format(name=visit.person.name) if visit.person.signed_in else say.kept_in_url
            st.html(el("p", where, class_="ut-facts"))
    if visit.person.signed_in:
        if tuple(chosen) != current:
            ViewStore(store(visit.url).redis).watch(visit.person.name, chosen)
            _stored.drop(visit.url, visit.person.name)
        address.settle("watch", {"watch": chosen}, {})
    else:
        address.settle("watch", {"watch": chosen}, {"watch": chosen})
    return tuple(chosen)


def options(visit: Visit) -> tuple[str, ...]:
    """What may be watched: the companies of the last day, most told of first, then the topics."""
    return _options(visit.url, visit.streams, visit.now_ms() // STEP_MS * STEP_MS)


@kept(OPTIONS_S, most=16)
def _options(url: str, streams: tuple[str, ...], now_ms: int) -> tuple[str, ...]:
    ranked = windows.ranking(url, streams, *SPAN.bounds_ms(now_ms), now_ms)
    companies = [topic_entity.key(entity=name) for name in windows.by_entity(ranked, "")][:OFFERED]
    return (*companies, *(topic_entity.key(topic=name) for name in windows.by_topic(ranked, "")))


def table(visit: Visit, chosen: tuple[str, ...]) -> Html:
    """One row for each that is watched, and one for all together."""
    say, now_ms = Now(visit.locale.language), visit.now_ms()
    words = chosen or options(visit)[:MOST_TOLD]
    if not words:
        return el("p", say.nothing_watched, class_="ut-none")
    counts = [_counts(visit, word, now_ms) for word in words]
    rows = [
        _told(bars, before, word, _company(visit, word), visit.locale, address.carried())
        for word, (bars, before) in zip(words, counts, strict=True)
    ]
    if len(words) > 1:
        rows.append(_together(tuple(map(Same, (one for both in counts for one in both))), visit.locale))
    units = visit.locale.units
    headings = (say.column_name, say.column_spark, units.stories, say.column_change, units.net, units.negative_share)
    head = el("thead", el("tr", *(el("th", one, scope="col") for one in headings)))
    return el("table", head, el("tbody", *rows), class_="ut-watch")


def _current(visit: Visit) -> tuple[str, ...]:
    if visit.person.signed_in:
        return tuple(filter(topic_entity.valid, _stored(visit.url, visit.person.name) or ()))
    return tuple(filter(topic_entity.valid, address.values("watch")))


def _counts(visit: Visit, word: str, now_ms: int) -> tuple[Totals, Totals]:
    asked, known = topic_entity.asked(word, visit.streams), reads.topics(visit.url)
    bars = windows.bars(visit.url, asked, known, SPAN, now_ms)
    before = windows.bars(visit.url, asked, known, SPAN, now_ms, DAY)
    return bars, before


def _company(visit: Visit, word: str) -> str:
    """The name of the company that a word is about; empty for a topic."""
    return plain(company_names.name(visit.settings, word.partition(topic_entity.SEPARATOR)[0]), NAME_LIMIT)


@made(most=512, same=2)
def _told(bars: Totals, before: Totals, word: str, company: str, locale: Locale, _carried: address.Carried) -> Html:
    entity, _, topic = word.partition(topic_entity.SEPARATOR)
    target = address.link("trends", entity=entity, topic=topic)
    link = el("a", topic_entity.title(word, locale), href=target, target="_self")
    name = join(link, el("small", f" {company}") if company else None)
    return _row(locale, name, [*bars.values()], total(before.values()))


@lru_cache(maxsize=64)
def _together(bars_and_before: tuple[Same[Totals], ...], locale: Locale) -> Html:
    each = [[*one.of.values()] for one in bars_and_before]
    bars = [total(column) for column in zip(*each[::2], strict=True)]
    before = total(counts for one in each[1::2] for counts in one)
    return _row(locale, el("strong", Now(locale.language).together), bars, before)


def _row(locale: Locale, name: Html, bars: list[Counts], before: Counts) -> Html:
    say, counts = Now(locale.language), total(bars)
    words = say.spark_watch.format(n=counts.total_stories, negative=counts.stories[0])
    change = _change(counts.total_stories, before.total_stories)
    cells = (
        locale.number(counts.total_stories),
        change,
        signed(counts.net) if counts.total_messages else "–",
        percent(counts.negative_share) if counts.total_stories else "–",
    )
    return el(
        "tr",
        el("th", name, scope="row", dir="auto"),
        el("td", sparkline(bars, words)),
        *(el("td", cell, class_="ut-number") for cell in cells),
    )


def _change(now: int, before: int) -> str:
    """How a count compares with the one before it, in per cent or, from three times on, as a multiple.

    >>> _change(11, 10), _change(5, 10), _change(59, 3), _change(3, 3), _change(4, 0)
    ('▲ 10%', '▼ 50%', '▲ 20×', '= 0%', '–')
    """
    if not before:
        return "–"
    ratio = now / before
    mark = "▲" if ratio > 1 else "▼" if ratio < 1 else "="
    return f"{mark} {ratio:.0f}×" if ratio >= MULTIPLE else f"{mark} {abs(ratio - 1):.0%}"
