"""Sections of Models: what the shadow found, who changed what, and changing who serves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import streamlit as st

from dashboard import address, model_charts, model_reads
from dashboard.access import Person, Role
from dashboard.acting import attempt, role_name
from dashboard.guard import store, wall_ms
from dashboard.kept import kept
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.model_reads import Serving
from dashboard.ranges import DAY
from dashboard.visit import Visit
from dashboard.words.models import Models
from undertone import audit
from undertone.errors import ModelError
from undertone.lifecycle import WHY_CHARACTERS
from undertone.messages import SENTIMENTS, from_ms, to_ms
from undertone.registry import SHIPPED_VERSION, Event, Registry, State, open_registry
from undertone.shadow_store import Disagreement, Example, Pair, ShadowStore, total

ROLE: Final = Role.ADMIN
LIVE_S: Final = 15
EXAMPLES: Final = 8
NAME_LIMIT: Final = 80
WHY_LIMIT: Final = 300
HOUR_MS: Final = 3_600_000


@kept(LIVE_S, most=8)
def _shadow(url: str, stream: str, end_ms: int) -> tuple[dict[Pair, Disagreement], tuple[Example, ...]]:
    """What was found in the day before ``end_ms``, a whole hour, by pair; and examples."""
    found, begin_ms = ShadowStore(store(url).redis), end_ms - DAY * 1000
    hourly = found.disagreement(stream, begin_ms, end_ms)
    pairs = {pair: total(hours.values()) for pair, hours in hourly.items()}
    return pairs, tuple(found.examples(stream, begin_ms, end_ms))


def shadow(visit: Visit) -> Html:
    """Where the challenger answers otherwise than the champion."""
    say, locale = Models(visit.locale.language), visit.locale
    end_ms = (max(0, visit.now_ms()) // HOUR_MS + 1) * HOUR_MS
    parts = []
    for stream in visit.streams:
        pairs, examples = _shadow(visit.url, stream, end_ms)
        name = {"news": locale.units.news, "comments": locale.units.comments}.get(stream, stream)
        for pair, found in pairs.items():
            mine = [one for one in examples if (one.champion, one.challenger) == pair][:EXAMPLES]
            parts.append(_pair(pair, found, mine, name, locale))
    return join(el("h2", say.shadow), *(parts or [el("p", say.shadow_none, class_="ut-facts")]))


def _pair(pair: Pair, found: Disagreement, examples: list[Example], stream: str, locale: Locale) -> Html:
    say, n = Models(locale.language), found.compared
    title = say.shadow_pair.format(
        challenger=plain(pair.challenger, NAME_LIMIT), champion=plain(pair.champion, NAME_LIMIT)
    )
    counts = say.shadow_counts.format(
        n=locale.number(n),
        sentiment=f"{found.sentiment_differs / n:.1%}" if n else "–",
        topic=f"{found.topic_differs / n:.1%}" if n else "–",
        skipped=locale.number(found.skipped),
    )
    heading = el("h3", title, el("small", say.shadow_note.format(stream=stream)), class_="ut-heading")
    words = [str(getattr(locale.units, one)) for one in SENTIMENTS]
    table = model_charts.confusion(words, found.sentiment, say.shadow_confusion, locale) if n else None
    rows = el("ul", *(_example(one, locale, say) for one in examples), class_="ut-plain")
    told = join(el("h4", say.shadow_examples), rows) if examples else None
    return join(heading, el("p", counts, class_="ut-facts"), table, told)


def _example(one: Example, locale: Locale, say: Models) -> Html:
    before, after = (
        f"{getattr(locale.units, sentiment.value)}, {plain(locale.topic(topic), NAME_LIMIT)}"
        for sentiment, topic in (
            (one.champion_sentiment, one.champion_topic),
            (one.challenger_sentiment, one.challenger_topic),
        )
    )
    when = el("a", locale.moment(one.published_ms), href=address.link("stories", story=one.position), target="_self")
    return el("li", when, " ", say.shadow_example.format(before=before, after=after))


def history(found: Serving, locale: Locale) -> Html:
    """Who changed what, when and why, newest first."""
    say = Models(locale.language)
    heading = el("h2", say.history)
    if not found.events:
        return join(heading, el("p", say.no_history, class_="ut-facts"))
    return join(heading, el("ol", *(_event(one, locale, say) for one in found.events), class_="ut-history"))


def _event(one: Event, locale: Locale, say: Models) -> Html:
    did = {
        "promote": say.did_promote,
        "challenge": say.did_challenge,
        "rollback": say.did_rollback,
        "retire": say.did_retire,
    }[one.action]
    head = el("p", el("strong", plain(one.by, NAME_LIMIT)), " ", did.format(version=plain(one.version, NAME_LIMIT)))
    why = el("p", plain(one.reason, WHY_LIMIT), dir="auto")
    return el("li", el("small", locale.moment(to_ms(one.at), year=True)), el("div", head, why))


def change(visit: Visit, found: Serving) -> None:
    """Promote, put in shadow, roll back and end the shadow; for administrators where there is a registry."""
    say = Models(visit.locale.language)
    if visit.settings.registry is None:
        return
    if not visit.may(ROLE):
        st.html(el("p", say.look_only.format(role=role_name(ROLE, visit.locale)), class_="ut-facts"))
        return
    others = [one for one in (*found.versions, SHIPPED_VERSION) if one != found.state.champion]
    st.html(el("h2", say.change))
    with st.container(horizontal=True, gap="small"):
        if others:
            with st.popover(say.promote, key="model-promote"), st.form("promote", border=False):
                st.selectbox(say.version, others, key="promote-version")
                _submit(visit, found.state, say.promote, "promote", _promote, say)
            with st.popover(say.put_in_shadow, key="model-challenge"), st.form("challenge", border=False):
                st.selectbox(say.version, others, key="challenge-version")
                st.number_input(say.share, 1, 100, value=round(100 * found.state.shadow_share), key="challenge-share")
                _submit(visit, found.state, say.put_in_shadow, "challenge", _challenge, say)
        if found.state.previous:
            with st.popover(say.rollback, key="model-rollback"), st.form("rollback", border=False):
                st.html(el("p", say.rollback_to.format(version=found.state.previous[0]), class_="ut-facts"))
                _submit(visit, found.state, say.rollback, "rollback", _rollback, say)
        if found.state.challenger:
            with st.popover(say.retire, key="model-retire"), st.form("retire", border=False):
                _submit(visit, found.state, say.retire, "retire", _retire, say)
    if not others:
        st.html(el("p", say.no_other, class_="ut-facts"))


Change = Callable[[Registry, State, str, str, datetime, Models], str]
"""Changes the registry at a state, by whom, why and when, and returns what to say of it."""


def _submit(visit: Visit, state: State, label: str, name: str, do: Change, say: Models) -> None:
    st.text_input(say.why, max_chars=WHY_CHARACTERS, key=f"{name}-why")
    if name in ("promote", "challenge"):
        st.checkbox(say.allow_research, key=f"{name}-research")
    st.form_submit_button(label, on_click=partial(_changed, visit, state, name, do), key=f"{name}-do", type="primary")


def _changed(visit: Visit, state: State, name: str, do: Change) -> None:
    say, why = Models(visit.locale.language), str(st.session_state.get(f"{name}-why") or "")

    def act(person: Person) -> str:
        opened, at_ms = open_registry(visit.settings), wall_ms()
        if opened is None:
            raise ModelError(say.no_registry)
        told = do(opened, state, person.name, why, from_ms(at_ms), say)
        after = opened.state()
        record = audit.record(
            person.name,
            f"model-{name}",
            at_ms=at_ms,
            before={"champion": state.champion, "challenger": state.challenger},
            after={"champion": after.champion, "challenger": after.challenger},
            why=why,
        )
        audit.append(store(visit.url).redis, record)
        return told

    attempt(visit, ROLE, act)
    model_reads.changed(visit.settings)


def _promote(opened: Registry, state: State, by: str, why: str, at: datetime, say: Models) -> str:
    version = str(st.session_state.get("promote-version"))
    research = st.session_state.get("promote-research") is True
    opened.promote(version, by=by, reason=why, at=at, allow_research=research, expected=state.revision)
    return say.done_promote.format(version=version)


def _challenge(opened: Registry, state: State, by: str, why: str, at: datetime, say: Models) -> str:
    version, share = str(st.session_state.get("challenge-version")), st.session_state.get("challenge-share")
    research = st.session_state.get("challenge-research") is True
    opened.promote(
        version, by=by, reason=why, at=at, allow_research=research, as_challenger=True,
        shadow_share=None if not isinstance(share, int) else share / 100, expected=state.revision,
    )  # fmt: skip
    return say.done_challenge.format(version=version)


def _rollback(opened: Registry, state: State, by: str, why: str, at: datetime, say: Models) -> str:
    after = opened.rollback(by=by, reason=why, at=at, expected=state.revision)
    return say.done_rollback.format(version=after.champion)


def _retire(opened: Registry, state: State, by: str, why: str, at: datetime, say: Models) -> str:
    opened.retire_challenger(by=by, reason=why, at=at, expected=state.revision)
    return say.done_retire
