"""Saved views: addresses that one person has given a name, to come back to."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import address
from dashboard.guard import calm, store
from dashboard.kept import kept
from dashboard.markup import Html, el, plain
from dashboard.visit import Visit
from dashboard.words.shell import Shell
from undertone.errors import InputError
from undertone.view_store import NAME_CHARACTERS, View, ViewStore

KEPT_S: Final = 5.0
NAME: Final = "view-name"
CHOSEN: Final = "view-chosen"
TROUBLE: Final = "view-trouble"


@kept(KEPT_S, most=256)
def _stored(url: str, person: str) -> dict[str, View]:
    return ViewStore(store(url).redis).views(person)


def menu(visit: Visit) -> None:
    """The views of who visits, and the way to save this one."""
    say = Shell(visit.locale.language)
    with st.popover(say.views, key="views", icon=":material/bookmark:"), calm(visit.locale):
        found = _stored(visit.url, visit.person.name)
        st.html(_links(found) if found else el("p", say.no_views, class_="ut-facts"))
        st.text_input(say.view_name, key=NAME, max_chars=NAME_CHARACTERS)
        st.button(say.save_view, key="view-save", on_click=_save, args=(visit,))
        if found:
            st.selectbox(say.delete_view, [*found], key=CHOSEN, index=None, format_func=plain)
            st.button(say.delete_view, key="view-delete", on_click=_delete, args=(visit,))
        trouble = st.session_state.pop(TROUBLE, "")
        if trouble:
            st.html(el("p", plain(trouble), class_="ut-facts", role="alert"))


def _links(found: dict[str, View]) -> Html:
    links = (
        el("li", el("a", plain(name), href=address.link(view.page, **address.parsed(view.query)), target="_self"))
        for name, view in found.items()
        if view.page in address.PAGES
    )
    return el("ul", *links, class_="ut-views")


def _save(visit: Visit) -> None:
    try:
        ViewStore(store(visit.url).redis).save(
            visit.person.name, str(st.session_state.get(NAME, "")), View(visit.page, address.query())
        )
    except InputError as error:
        st.session_state[TROUBLE] = str(error)
        return
    st.session_state[NAME] = ""
    _stored.drop(visit.url, visit.person.name)


def _delete(visit: Visit) -> None:
    name = st.session_state.get(CHOSEN)
    if isinstance(name, str):
        ViewStore(store(visit.url).redis).delete(visit.person.name, name)
        _stored.drop(visit.url, visit.person.name)
