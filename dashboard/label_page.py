"""The label queue: one text at a time, one key for each answer, and the next text at once."""

from __future__ import annotations

from functools import partial
from typing import Final, cast

import streamlit as st

from dashboard import label_queue, reads
from dashboard.access import Person, Role
from dashboard.acting import attempt, notice, role_name
from dashboard.guard import calm, store, wall_ms
from dashboard.label_queue import Item
from dashboard.locale import percent
from dashboard.markup import Html, el, join, plain
from dashboard.visit import Visit
from dashboard.words.models import Labelling
from undertone import audit
from undertone.labels import judge, person
from undertone.messages import Sentiment, from_ms

ROLE: Final = Role.ANALYST
TEXT_LIMIT: Final = 100_000
"""Nobody should judge what they were not shown: a long text is scrolled."""
LONG: Final = 1_000
"""Of more characters than this it says how many there are."""
SOURCE: Final = "page"
KEYS: Final = {"1": Sentiment.NEGATIVE, "2": Sentiment.NEUTRAL, "3": Sentiment.POSITIVE}
SKIP, UNDO = "S", "U"
UNSAID: Final = ""
_DONE, _SKIPPED = "labels-given", "labels-skipped"


def draw(visit: Visit) -> None:
    """The queue, for those who may label."""
    say = Labelling(visit.locale.language)
    st.html(join(el("h2", say.title), el("p", say.note, class_="ut-facts")))
    if not visit.may(ROLE):
        st.html(el("p", say.look_only.format(role=role_name(ROLE, visit.locale)), class_="ut-facts"))
        return
    _queue(visit)


@st.fragment
def _queue(visit: Visit) -> None:
    with calm(visit.locale):
        say = Labelling(visit.locale.language)
        items, away = _items(visit)
        notice()
        if not items:
            st.html(el("p", say.empty.format(span=visit.locale.span(label_queue.SPAN_S)), class_="ut-none"))
        else:
            st.html(_shown(visit, items[0]))
            _answers(visit, items[0])
        _progress(visit, len(items), away=away)


def _items(visit: Visit) -> tuple[list[Item], bool]:
    """What is left to label, and whether Kafka is away."""
    known = label_queue.judged(visit.settings)
    done = {*_given(), *_skips(), *known.by.get(person(visit.person.name), ())}
    doubtful = label_queue.unsure(visit.url, visit.streams, visit.now_ms())
    return label_queue.queue(known.disputed, doubtful, done), known.away


def _given() -> dict[str, str]:
    """The texts that were labelled in this visit, by their key, the latest last."""
    return cast("dict[str, str]", st.session_state.setdefault(_DONE, {}))


def _skips() -> set[str]:
    """The texts that were skipped in this visit, by their key."""
    return cast("set[str]", st.session_state.setdefault(_SKIPPED, set()))


def _shown(visit: Visit, item: Item) -> Html:
    say = Labelling(visit.locale.language)
    why = say.disputed.format(about=plain(item.disputed)) if item.disputed else ""
    if item.said is not None and item.said.sentiment_probability is not None and not why:
        why = say.uncertain.format(p=percent(item.said.sentiment_probability))
    text = plain(item.text, TEXT_LIMIT)
    long = say.length.format(n=visit.locale.number(len(text))) if len(text) > LONG else ""
    # Two texts in a row may look the same: by the number one sees that the next is there.
    number = say.number.format(n=len(_given()) + len(_skips()) + 1)
    facts = " · ".join(filter(None, (number, plain(item.source, 80), why, long)))
    quote = el("blockquote", text, dir="auto", tabindex="0" if long else None)
    return el("div", quote, el("p", facts, class_="ut-facts"), class_="ut-to-label", aria_live="polite")


def _answers(visit: Visit, item: Item) -> None:
    say, units = Labelling(visit.locale.language), visit.locale.units
    topics = [UNSAID, *reads.topics(visit.url)]
    topic_key = f"label-topic-{hash(item.key)}"
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="label-answers"):
        for key, sentiment in KEYS.items():
            label: str = getattr(units, sentiment.value)
            do = partial(_answered, visit, item, sentiment, topic_key)
            st.button(label, on_click=do, key=f"label-{sentiment}", shortcut=key)
        st.button(say.skip, on_click=partial(_skipped, item), key="label-skip", shortcut=SKIP)
        if _given():
            st.button(say.undo, on_click=partial(_undone, visit), key="label-undo", shortcut=UNDO)
        st.selectbox(
            say.topic,
            topics,
            key=topic_key,
            width=240,
            format_func=lambda topic: plain(visit.locale.topic(topic)) or say.topic_unsaid,
        )


def _progress(visit: Visit, left: int, *, away: bool) -> None:
    say = Labelling(visit.locale.language)
    told = [say.progress.format(done=len(_given()), left=visit.locale.number(left))]
    underway = label_queue.waiting(visit.url)
    if underway:
        told.append(say.waiting.format(n=visit.locale.number(underway)))
    lines = [el("p", " · ".join(told), class_="ut-facts")]
    if away:
        lines.append(el("p", "◌ ", say.kafka_away, class_="ut-facts", role="status"))
    st.html(join(*lines))


def _answered(visit: Visit, item: Item, sentiment: Sentiment, topic_key: str) -> None:
    say, topic = Labelling(visit.locale.language), st.session_state.get(topic_key)

    def do(who: Person) -> str:
        label = judge(
            item.text,
            by=who.name,
            at=from_ms(wall_ms()),
            sentiment=sentiment,
            topic=topic if isinstance(topic, str) and topic else None,
            model=item.model,
            position=item.position,
            was=item.said,
            source=SOURCE,
        )
        label_queue.give(visit.settings, label)
        if not _given():
            _recorded(visit, who)
        word: str = getattr(visit.locale.units, sentiment.value)
        return say.given.format(label=word)

    if attempt(visit, ROLE, do):
        _given()[item.key] = item.text


def _recorded(visit: Visit, who: Person) -> None:
    """In the audit it says once in a visit that somebody labels; each label bears its name on its own topic."""
    opened = store(visit.url).redis
    audit.append(opened, audit.record(who.name, "labels", at_ms=wall_ms(), before={}, after={"topic": "labels"}))


def _skipped(item: Item) -> None:
    _skips().add(item.key)


def _undone(visit: Visit) -> None:
    given = _given()
    if not given:
        return
    key, text = next(reversed(given.items()))

    def do(who: Person) -> str:
        taken = judge(text, by=who.name, at=from_ms(wall_ms()), source=SOURCE, retracts=True)
        label_queue.give(visit.settings, taken)
        return Labelling(visit.locale.language).undone

    if attempt(visit, ROLE, do):
        del given[key]
