"""Guard: what must hold before anything is drawn, and what is shown when it does not.

A page never shows a traceback for a server that is away: it says so, says how old the last data is, and tries again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dashboard import brand, figures
from dashboard.markup import Html, el, join
from dashboard.words import EN as W
from undertone.errors import SettingsError, StoreError
from undertone.settings import Settings
from undertone.store import Store, connect

RETRY_S = 3
READ_TIMEOUT_S = 5.0


def wall_ms() -> int:
    """Now, on the wall: only for ages of data and heartbeats. Everything else here is event time."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class LastSeen:
    """When this server last read fresh data, and when that data was written; shared by all its visitors."""

    read_ms: int = 0
    written_ms: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, read_ms: int, written_ms: int) -> None:
        with self.lock:
            self.read_ms, self.written_ms = read_ms, written_ms


@st.cache_resource(show_spinner=False)
def last_seen(url: str) -> LastSeen:
    return LastSeen()


@st.cache_resource(show_spinner=False, max_entries=8)
def store(url: str) -> Store:
    """One store for all visitors of this server. It gives up soon: the page itself tries again."""
    client = connect(url)
    client.connection_pool.connection_kwargs.update(
        retry=Retry(NoBackoff(), 1), socket_timeout=READ_TIMEOUT_S, socket_connect_timeout=READ_TIMEOUT_S
    )
    return Store(client)


def settings() -> Settings:
    """The settings of this page, or a calm page that names the one that cannot be used."""
    try:
        return Settings()
    except SettingsError as error:
        lines = (el("p", line, class_="ut-mono") for line in str(error).splitlines())
        st.html(join(brand.masthead(), _state("■", W.settings_title, *lines, kind="away")))
        st.stop()


def require_store(url: str) -> Store:
    """The store if it answers; else the calm page, which comes back by itself."""
    try:
        opened = store(url)
        opened.ping()
    except StoreError:
        away(url)
        st.stop()
    return opened


@st.fragment(run_every=RETRY_S)
def away(url: str) -> None:
    """Redis is gone: say what that means and how old the last data is, and come back with it."""
    try:
        store(url).ping()
    except StoreError:
        pass
    else:
        st.rerun(scope="app")
    seen, now = last_seen(url), wall_ms()
    last = W.away_never
    if seen.read_ms:
        data_age = figures.age(max(0, seen.read_ms - seen.written_ms))
        last = W.away_last.format(age=data_age, gone=figures.age(now - seen.read_ms))
    again = W.away_retry.format(n=RETRY_S)
    state = _state("◌", W.away_title, el("p", W.away_text), el("p", last), el("p", again), kind="away")
    st.html(join(brand.masthead(), state))


@contextmanager
def calm(url: str) -> Iterator[None]:
    """Around a section: if Redis goes away meanwhile the whole page turns calm, and a bad reply stays in its place."""
    try:
        yield
    except (StoreError, RedisError):
        try:
            store(url).ping()
        except StoreError:
            st.rerun(scope="app")
        st.html(el("p", W.section_away, class_="ut-none", role="status"))


def nothing_yet() -> None:
    """The store answers and has never counted a message."""
    commands = el("pre", "undertone demo\nundertone replay FILE --speed 60", class_="ut-mono", tabindex="0")
    st.html(_state("○", W.empty_title, el("p", W.empty_text), el("p", W.empty_try), commands, kind="empty"))


def _state(mark: str, title: str, *body: Html, kind: str) -> Html:
    head = el("span", mark, class_="ut-state-mark", aria_hidden="true")
    return el("section", head, el("h2", title), join(*body), class_=f"ut-state ut-{kind}", role="status")
