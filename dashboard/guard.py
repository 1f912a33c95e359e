"""Guard: what must hold before anything is drawn, and what is shown when it does not.

A page never shows a traceback for a server that is away: it shows what it read last and says how old that is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import NoReturn

import redis
import streamlit as st
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dashboard import access, brand
from dashboard.access import Person
from dashboard.kept import KEEPER
from dashboard.locale import Locale
from dashboard.markup import Html, el, join
from dashboard.words.shell import Shell
from undertone.errors import SettingsError, StoreError
from undertone.settings import PREFIX, Settings
from undertone.store import Store, connect

RETRY_S = 3
READ_TIMEOUT_S = 5.0
PARTITIONS_S = 10.0
PARTITIONS_MOST = 64

_opening = threading.Lock()


def wall_ms() -> int:
    """Now, on the wall: only for ages of data and heartbeats. Everything else here is event time."""
    return time.time_ns() // 1_000_000


def store(url: str) -> Store:
    """One store for all visitors of this server. It gives up soon: the page itself tries again."""
    with _opening:
        return _open(url)


class Shared(Store):
    """One store for all visitors: it asks once in a while which partitions there are, and not for every read."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        super().__init__(client)
        self._url = url

    def partitions(self, stream: str) -> list[int]:
        read = partial(super().partitions, stream)
        return KEEPER.get(self._url, "partitions", (self._url, stream), PARTITIONS_S, PARTITIONS_MOST, read)


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    client = connect(url)
    client.connection_pool.connection_kwargs.update(
        retry=Retry(NoBackoff(), 1), socket_timeout=READ_TIMEOUT_S, socket_connect_timeout=READ_TIMEOUT_S
    )
    return Shared(url, client)


def settings(locale: Locale) -> Settings:
    """The settings of this page, or a calm page that names the one that cannot be used."""
    try:
        found = _settings(*_environment())
        if found.dashboard_roles is not None:
            access.load(found.dashboard_roles)
    except SettingsError as error:
        lines = (el("p", line, class_="ut-mono") for line in str(error).splitlines())
        _stop(locale, "■", Shell(locale.language).settings_title, *lines, kind="away")
    return found


def _environment() -> tuple[tuple[tuple[str, str], ...], int]:
    """All that settings are made of: our variables, and when the ``.env`` file was changed last."""
    try:
        changed_ns = Path(".env").stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    return tuple((name, value) for name, value in os.environ.items() if name.startswith(PREFIX)), changed_ns


@lru_cache(maxsize=4)
def _settings(_variables: tuple[tuple[str, str], ...], _changed_ns: int) -> Settings:
    # Checking them costs more than drawing a page, and they are asked for on every run.
    return Settings()


def person(found: Settings, locale: Locale) -> Person:
    """Who visits, or a page that asks them to sign in."""
    one = access.who(found)
    if one is not None:
        return one
    say = Shell(locale.language)
    if not access.can_sign_in():
        _stop(locale, "■", say.settings_title, el("p", say.sign_in_missing), kind="away")
    mail = access.claimed()
    title, text = say.sign_in_title, say.sign_in_text
    if mail:
        title, text = say.not_listed_title, say.not_listed_text.format(name=mail)
    st.html(join(brand.masthead(say), _state("○", title, el("p", text), kind="empty")))
    with st.container(horizontal=True, horizontal_alignment="center"):
        if mail:
            st.button(say.sign_out, on_click=st.logout, key="sign-out")
        else:
            st.button(say.sign_in, on_click=st.login, key="sign-in", type="primary")
    st.stop()


@contextmanager
def calm(locale: Locale) -> Iterator[None]:
    """Around a section: what cannot be read stays a quiet line in its place."""
    try:
        yield
    except (StoreError, RedisError):
        st.html(el("p", Shell(locale.language).section_away, class_="ut-none", role="status"))


def away(locale: Locale) -> None:
    """The store is away and nothing was read before: say what that means."""
    say = Shell(locale.language)
    lines = (say.away_text, say.away_never, say.away_retry.format(n=RETRY_S))
    st.html(_state("◌", say.away_title, *(el("p", line) for line in lines), kind="away"))


def nothing_yet(locale: Locale) -> None:
    """The store answers and has never counted a message."""
    say = Shell(locale.language)
    commands = el("pre", "undertone demo\nundertone replay FILE --speed 60", class_="ut-mono", tabindex="0")
    st.html(_state("○", say.empty_title, el("p", say.empty_text), el("p", say.empty_try), commands, kind="empty"))


def _stop(locale: Locale, mark: str, title: str, *body: Html, kind: str) -> NoReturn:
    st.html(join(brand.masthead(Shell(locale.language)), _state(mark, title, *body, kind=kind)))
    st.stop()


def _state(mark: str, title: str, *body: Html, kind: str) -> Html:
    head = el("span", mark, class_="ut-state-mark", aria_hidden="true")
    return el("section", head, el("h2", title), join(*body), class_=f"ut-state ut-{kind}", role="status")
