"""The app around the pages: guard, who reads and how, freshness, navigation. Run it with ``undertone dashboard``.

Each page is a module of :mod:`dashboard.screens` with one ``draw``, and reads downward: filters, data, charts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st
from redis.exceptions import RedisError

from dashboard import address, guard, live, saved, shell
from dashboard.screens import PAGES, Page
from dashboard.visit import Visit
from dashboard.words.shell import Shell
from undertone.errors import StoreError

ICON: Final = "〰️"
STYLES: Final = tuple(Path(__file__).parent / name for name in ("style.css", "desk.css"))
REFRESH_S: Final = 3


def main() -> None:
    live.begin()
    locale = shell.locale()
    say = Shell(locale.language)
    st.set_page_config(page_title=say.title, page_icon=ICON, layout="wide", initial_sidebar_state="collapsed")
    for sheet in STYLES:
        st.html(sheet)
    settings = guard.settings(locale)
    person = guard.person(settings, locale)

    def shown(name: str) -> Callable[[], None]:
        return partial(_draw, Visit(settings, locale, person, name), PAGES[name])

    chosen = st.navigation(
        [
            st.Page(
                shown(name),
                title=getattr(say, name),
                icon=one.icon,
                url_path=None if name == address.HOME else name,
                default=name == address.HOME,
            )
            for name, one in PAGES.items()
        ],
        position="top",
    )
    visit = Visit(settings, locale, person, chosen.url_path or address.HOME)
    # In the app's frame and not in a page's: so they keep what they say from page to page.
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="masthead"):
        shell.strip(visit)
        if person.known:
            saved.menu(visit)
        shell.reading(locale, person)
    chosen.run()
    live.beat()


def _draw(visit: Visit, page: Page) -> None:
    # The same places in every state: what a live part sends late must still find its place, or the browser gives up.
    with st.container(key="page"):
        try:
            empty = visit.now_ms() < 0
        except (StoreError, RedisError):
            _away(visit)
            return
        if empty and page.needs_data:
            _empty(visit)
            return
        page.draw(visit)


@st.fragment(run_every=REFRESH_S)
def _empty(visit: Visit) -> None:
    with guard.calm(visit.locale):
        if visit.now_ms() >= 0:
            st.rerun(scope="app")
        guard.nothing_yet(visit.locale)


@st.fragment(run_every=guard.RETRY_S)
def _away(visit: Visit) -> None:
    try:
        visit.now_ms()
    except (StoreError, RedisError):
        guard.away(visit.locale)
    else:
        st.rerun(scope="app")


main()
