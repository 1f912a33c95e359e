"""Section of Pipeline: the dead letters, read from Kafka when somebody asks, and sending them in again."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

import streamlit as st

from dashboard.access import Person, Role
from dashboard.acting import attempt, role_name
from dashboard.guard import store, wall_ms
from dashboard.markup import Html, el, join, plain
from dashboard.visit import Visit
from dashboard.words.pipeline import Pipeline
from undertone import audit, dead_letters
from undertone.dead_letters import DeadLetter
from undertone.errors import BrokerError
from undertone.messages import to_ms

ROLE: Final = Role.ADMIN
NEWEST: Final = 200
SHOWN: Final = 30
TEXT_LIMIT: Final = 400
NAME_LIMIT: Final = 80
EVERY: Final = ""
_READ: Final = "letters"


class Read(NamedTuple):
    """The newest letters, newest first, when they were read (ms, by the clock on the wall), and what went wrong."""

    letters: tuple[DeadLetter, ...]
    at_ms: int
    trouble: str = ""


def draw(visit: Visit) -> None:
    """The button that reads them; what was read; and, for administrators, sending again."""
    say = Pipeline(visit.locale.language)
    st.html(el("h2", say.letters, el("small", say.letters_note), class_="ut-heading"))
    st.button(say.letters_read, on_click=partial(_read, visit), key="letters-read")
    found = st.session_state.get(_READ)
    if not isinstance(found, Read):
        return
    if found.trouble:
        reason = plain(found.trouble, TEXT_LIMIT)
        st.html(el("p", "◌ ", say.letters_away.format(reason=reason), class_="ut-notice ut-refused", role="status"))
        return
    if not found.letters:
        st.html(el("p", say.letters_none, class_="ut-none"))
        return
    reasons = sorted({one.reason for one in found.letters})
    reason = st.selectbox(
        say.letters_reason, [EVERY, *reasons], key="letters-reason", width=260,
        format_func=lambda one: plain(one, NAME_LIMIT) or say.letters_all,
    )  # fmt: skip
    chosen = [one for one in found.letters if reason in (EVERY, one.reason)][:SHOWN]
    age = visit.locale.age(max(0, wall_ms() - found.at_ms))
    told = el("p", say.letters_shown.format(n=len(chosen), age=age), class_="ut-facts")
    st.html(join(told, *(_letter(one, visit, say) for one in chosen)))
    _again(visit, chosen, say)


def _read(visit: Visit) -> None:
    try:
        newest = deque(dead_letters.read(visit.settings), maxlen=NEWEST)
    except BrokerError as error:
        st.session_state[_READ] = Read((), wall_ms(), str(error))
        return
    st.session_state[_READ] = Read(tuple(reversed(newest)), wall_ms())


def _letter(one: DeadLetter, visit: Visit, say: Pipeline) -> Html:
    said = say.letters_stage.format(
        reason=plain(one.reason, NAME_LIMIT),
        stage=plain(one.stage, NAME_LIMIT) or "?",
        when=_moment(one.failed_at, visit),
    )
    head = el("p", el("strong", plain(one.position, NAME_LIMIT)), " ", said)
    detail = el("p", plain(one.obstacle or one.detail, TEXT_LIMIT), class_="ut-facts", dir="auto")
    value = say.letters_no_value if one.value is None else plain(_text(one.value), TEXT_LIMIT)
    return el("article", head, detail, el("p", value, class_="ut-mono", dir="auto"), class_="ut-letter")


def _text(value: bytes) -> str:
    return value[: 4 * TEXT_LIMIT].decode("utf-8", "backslashreplace")


def _moment(text: str, visit: Visit) -> str:
    try:
        return visit.locale.moment(to_ms(datetime.fromisoformat(text)), year=True)
    except (ValueError, TypeError):
        return plain(text, NAME_LIMIT)


def _again(visit: Visit, shown: list[DeadLetter], say: Pipeline) -> None:
    if not visit.may(ROLE):
        may_not = say.letters_look_only.format(role=role_name(ROLE, visit.locale))
        st.html(el("p", may_not, class_="ut-facts"))
        return
    sendable = [one.position for one in shown if not one.obstacle]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.multiselect(
            say.letters_which, sendable, key="letters-which", width=420,
            format_func=lambda position: plain(position, NAME_LIMIT),
        )  # fmt: skip
        st.button(say.letters_redrive, on_click=partial(_sent, visit, shown), key="letters-redrive")


def _sent(visit: Visit, shown: list[DeadLetter]) -> None:
    say, wanted = Pipeline(visit.locale.language), st.session_state.get("letters-which") or []
    chosen = [one for one in shown if not wanted or one.position in wanted]

    def do(person: Person) -> str:
        sent, left = dead_letters.redrive(visit.settings, chosen)
        record = audit.record(
            person.name,
            "dead-letters-redriven",
            at_ms=wall_ms(),
            before={},
            after={"positions": [one.position for one in chosen if not one.obstacle]},
        )
        audit.append(store(visit.url).redis, record)
        return say.letters_sent.format(n=sent, left=len(left))

    attempt(visit, ROLE, do)
