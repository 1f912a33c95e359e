"""Sections of Models: who serves, its figures beside the challenger's, and by class where the manifest has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard import model_charts, reads
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.model_reads import HELD_OUT, Bin, ByClass, Figures, Judged, Serving, judged, name_of
from dashboard.visit import Visit
from dashboard.words.models import Models
from undertone.messages import SENTIMENTS, to_ms
from undertone.model.artefact import Manifest

NAME_LIMIT: Final = 80
SOURCES: Final = 6
BESIDE: Final = 4
"""Up to so many classes their confusions need no more than half of the page."""


def serving(visit: Visit, found: Serving) -> Html:
    """Champion and challenger, and what the workers say that they run."""
    say, locale = Models(visit.locale.language), visit.locale
    since = None
    if found.crowned is not None:
        when = locale.moment(to_ms(found.crowned.at), year=True)
        since = say.since.format(when=when, by=plain(found.crowned.by, NAME_LIMIT))
    cards = [_card(say.champion, found.state.champion, found.champion, since, locale)]
    if found.state.challenger:
        share = f"{found.state.shadow_share:.0%}"
        title = say.challenger.format(share=share)
        cards.append(_card(title, found.state.challenger, found.challenger, None, locale))
    else:
        cards.append(el("div", el("p", say.no_challenger, class_="ut-facts")))
    return join(el("h2", say.title), el("div", *cards, class_="ut-serving"), _reported(visit, found, say))


def _card(title: str, version: str, manifest: Manifest | None, since: str | None, locale: Locale) -> Html:
    say = Models(locale.language)
    lines: list[str] = []
    if manifest is not None:
        heads = ", ".join(head_name(one.name, say) for one in manifest.heads)
        mb = f"{sum(one.bytes for one in manifest.files.values()) / 1e6:.1f}"
        lines.append(say.size.format(task=plain(manifest.task, NAME_LIMIT), mb=mb, heads=heads))
        sources = ", ".join(plain(one.name, NAME_LIMIT) for one in manifest.provenance.sources[:SOURCES])
        lines.append(say.trained_on.format(sources=sources or "–"))
        if not manifest.provenance.shippable:
            lines.append(f"■ {say.research}")
    name = version if manifest is None else name_of(version, manifest)
    return el(
        "div",
        el("p", title, class_="ut-facts"),
        el("strong", plain(name, NAME_LIMIT)),
        *(el("p", line, class_="ut-facts") for line in filter(None, (since, *lines))),
    )


def _reported(visit: Visit, found: Serving, say: Models) -> Html | None:
    versions = {one.get("model", "") for one in reads.health(visit.url, visit.streams).workers.values()} - {""}
    if not versions:
        return None
    told = say.reported.format(versions=", ".join(plain(one, NAME_LIMIT) for one in sorted(versions)))
    other = "" if versions == {name_of(found.state.champion, found.champion)} else f" {say.reported_other}"
    return el("p", told + other, class_="ut-facts")


def table(found: Serving, locale: Locale) -> Html:
    """One row for each set and question."""
    say = Models(locale.language)
    ours = judged(found.champion)
    theirs: Judged = {} if found.challenger is None else judged(found.challenger)
    noted = ((say.column_accuracy, say.note_accuracy), (say.column_f1, say.note_f1), (say.column_ece, say.note_ece))
    headings: list[Html | str] = [say.column_set, say.column_rows, *(el("abbr", a, title=b) for a, b in noted)]
    if theirs:
        headings += [say.challenger_column.format(figure=name) for name, _ in noted]
    rows = []
    for (name, head), one in ours.items():
        cells = [locale.number(one.rows), *_figures(one)]
        if theirs:
            other = theirs.get((name, head))
            cells += ["–"] * 3 if other is None else _figures(other)
        label = f"{set_name(name, say)} · {head_name(head, say)}"
        rows.append(el("tr", el("th", label, scope="row"), *(el("td", cell, class_="ut-number") for cell in cells)))
    head_row = el("thead", el("tr", *(el("th", one, scope="col") for one in headings)))
    heading = el("h2", say.figures, el("small", say.figures_note), class_="ut-heading")
    body = el("table", head_row, el("tbody", *rows))
    region = el("div", body, class_="ut-scroll", tabindex="0", role="region", aria_label=say.figures)
    return join(heading, region)


def by_class(visit: Visit, manifest: Manifest) -> None:
    """Precision, recall and F1 of each class, the confusion and the reliability of one set and question."""
    say, locale = Models(visit.locale.language), visit.locale
    labels: dict[str, tuple[str, ...]] = {head.name: head.labels for head in manifest.heads}
    known = {place: one for place, one in judged(manifest).items() if one.by_class(len(labels.get(place[1], ())))}
    st.html(el("h2", say.by_class))
    if not known:
        st.html(el("p", say.no_by_class, class_="ut-facts"))
        return
    names = {f"{name}·{head}": (name, head) for name, head in known}
    chosen = st.selectbox(
        say.which, [*names], key="by-class", width=460,
        format_func=lambda key: f"{set_name(names[key][0], say)} · {head_name(names[key][1], say)}",
    )  # fmt: skip
    one, classes = known[names[chosen]], labels[names[chosen][1]]
    found = one.by_class(len(classes))
    words = [_label(label, locale) for label in classes]
    if found is not None:
        st.html(_classes(found, words, locale))
    left, right = st.columns(2, gap="large") if len(classes) <= BESIDE else (st.container(), st.container())
    if found is not None:
        confusion = model_charts.confusion(words, found.confusion, say.confusion_note, locale)
        left.html(join(el("h3", say.confusion), confusion))
    if one.reliability:
        with right:
            _reliability(one.reliability, locale)


def _classes(found: ByClass, labels: Sequence[str], locale: Locale) -> Html:
    say = Models(locale.language)
    headings: tuple[Html | str, ...] = (
        say.column_class,
        say.column_rows,
        el("abbr", say.column_precision, title=say.note_precision),
        el("abbr", say.column_recall, title=say.note_recall),
        say.column_class_f1,
    )
    rows = []
    for label, n, *figures in zip(labels, found.support, found.precision, found.recall, found.f1, strict=True):
        cells = (locale.number(n), *(f"{one:.3f}" for one in figures))
        rows.append(el("tr", el("th", label, scope="row"), *(el("td", cell, class_="ut-number") for cell in cells)))
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in headings)))
    body = el("table", head, el("tbody", *rows))
    return el("div", body, class_="ut-scroll", tabindex="0", role="region", aria_label=say.by_class)


def _reliability(bins: Sequence[Bin], locale: Locale) -> None:
    say = Models(locale.language)
    st.html(el("h3", say.reliability, el("small", say.reliability_note), class_="ut-heading"))
    option = model_charts.reliability(bins, locale)
    st.echarts_chart(option, height=model_charts.HEIGHT, key="reliability", alt=model_charts.told(bins, locale))


def _label(label: str, locale: Locale) -> str:
    """A sentiment or a topic in the reader's language."""
    word: str = getattr(locale.units, label) if label in SENTIMENTS else locale.topic(label)
    return word


def _figures(one: Figures) -> list[str]:
    return [f"{one.accuracy:.3f}", f"{one.macro_f1:.3f}", f"{one.ece:.3f}"]


def set_name(name: str, say: Models) -> str:
    """A set as it is shown."""
    return say.held_out if name == HELD_OUT else plain(name, NAME_LIMIT)


def head_name(head: str, say: Models) -> str:
    """A question as it is shown."""
    known = {"topic": say.head_topic, "sentiment": say.head_sentiment, "entity": say.head_entity}
    return known.get(head) or plain(head, NAME_LIMIT)
