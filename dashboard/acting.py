"""Doing something: only with the role that it needs at that moment, and told in one calm line.

Every button of the dashboard that changes anything goes through :func:`attempt`. That a page does not offer a button
to a viewer is for the viewer's sake; that it would do nothing is held here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import streamlit as st
from redis.exceptions import RedisError

from dashboard import access
from dashboard.access import Person, Role
from dashboard.locale import Locale
from dashboard.markup import el, plain
from dashboard.visit import Visit
from dashboard.words.acting import ActingWords
from dashboard.words.shell import Shell
from undertone.errors import UndertoneError

SHOWN_S: Final = 12.0
REASON_LIMIT: Final = 1_200
_NOTICE: Final = "notice"


class Notice(NamedTuple):
    """What is said of the last action; ``at_s`` is by the monotonic clock."""

    text: str
    done: bool
    at_s: float


def attempt(visit: Visit, role: Role, do: Callable[[Person], str]) -> bool:
    """Do something as whoever visits, if they may; whether it was done.

    Args:
        visit: Who asks. The role is looked up anew: it may have been taken back since the page was drawn.
        role: The least role that may.
        do: Does it and returns what to say of it. Its UndertoneError or RedisError is told, not raised.
    """
    say = ActingWords(visit.locale.language)
    person = access.who(visit.settings)
    if person is None or not person.may(role):
        return _tell(say.may_not.format(role=role_name(role, visit.locale)), done=False)
    try:
        return _tell(do(person), done=True)
    except UndertoneError as error:
        return _tell(say.refused.format(reason=error), done=False)
    except RedisError:
        return _tell(say.store_away, done=False)


def notice() -> None:
    """Show what became of the last action, for a while. The place is there in any case."""
    said = st.session_state.get(_NOTICE)
    if not isinstance(said, Notice) or time.monotonic() - said.at_s > SHOWN_S:
        st.html(el("p", class_="ut-no-notice", role="status"))
        return
    mark = el("span", "✓ " if said.done else "■ ", aria_hidden="true")
    kind = "ut-notice" if said.done else "ut-notice ut-refused"
    st.html(el("p", mark, plain(said.text, REASON_LIMIT), class_=kind, role="status"))


def role_name(role: Role, locale: Locale) -> str:
    """A role in the reader's language."""
    name: str = getattr(Shell(locale.language), role.word)
    return name


def _tell(text: str, *, done: bool) -> bool:
    st.session_state[_NOTICE] = Notice(text, done, time.monotonic())
    return done
