"""The address of the page: all that is chosen lives in the URL, so that it can be shared, bookmarked and reloaded.

What a URL brings is cleaned before anything uses it. Streamlit can bind a widget to the URL itself, but would write
the label that is shown, which is another one in another language. Language and zone also follow the reader from page
to page, which Streamlit opens with an empty query.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode

import streamlit as st

VALUE_LIMIT: Final = 600
"""Characters of one value at most."""
VALUES_LIMIT: Final = 24
"""Values of one name at most."""
CARRIED: Final = ("lang", "zone")
PAGES: Final = ("now", "trends", "stories", "alerts", "rules", "models", "pipeline")
HOME: Final = PAGES[0]
"""The page at the root."""


Value = str | Sequence[str]
Carried = tuple[tuple[str, Value], ...]
Presented = tuple[tuple[str, tuple[str, ...]], ...]


def value(name: str, valid: Collection[str] | None = None) -> str:
    """The value of a parameter; empty if it is missing, cannot be printed, is too long or not among ``valid``."""
    found: Value | None = st.query_params.get(name)
    if found is None and name in CARRIED:
        found = _carried().get(name)
    if not isinstance(found, str) or not _usable(found):
        return ""
    return found if valid is None or found in valid else ""


def values(name: str) -> list[str]:
    """All values of a parameter that may come more than once, each of them usable, in order and without repeats."""
    found = st.query_params.get_all(name)[:VALUES_LIMIT]
    return [*dict.fromkeys(one for one in found if one and _usable(one))]


def write(**chosen: Value) -> None:
    """Put values into the URL and take empty ones out; names that are not given stay as they are."""
    carried = {name: one for name, one in chosen.items() if name in CARRIED and isinstance(one, str)}
    if carried:
        st.session_state["carried"] = _carried() | carried
    for name, one in chosen.items():
        wanted = [one] if isinstance(one, str) else list(one)
        if one and st.query_params.get_all(name) != wanted:
            st.query_params[name] = wanted if len(wanted) > 1 else wanted[0]
        elif not one and name in st.query_params:
            del st.query_params[name]


def link(page: str, **chosen: Value) -> str:
    """The address of a page of this dashboard with these parameters, in the reader's language and zone."""
    query = {name: one for name, one in (_carried() | chosen).items() if one}
    return f"{'' if page == HOME else page}?{urlencode(query, doseq=True)}"


def here(page: str, **changes: Value) -> str:
    """The address of the page that is shown, with some parameters changed; an empty one goes."""
    return link(page, **(present() | changes))


def present() -> dict[str, Value]:
    """All parameters of the page that is shown."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def carried() -> Carried:
    """What every link of this reader has in it: part of the key of whatever is kept with links inside."""
    return tuple(_carried().items())


def presented() -> Presented:
    """All parameters of the page that is shown, as part of a key."""
    return tuple((name, tuple(st.query_params.get_all(name))) for name in st.query_params)


def _carried() -> dict[str, Value]:
    # Asked for every link on a page: one look into the session costs less than two into the URL.
    found: dict[str, Value] = st.session_state.get("carried", {})
    return found


def query() -> str:
    """The query of the page that is shown, without how its reader reads."""
    present = {name: st.query_params.get_all(name) for name in st.query_params if name not in CARRIED}
    return urlencode(present, doseq=True)


def parsed(text: str) -> dict[str, Value]:
    """The parameters of a query that :func:`query` gave."""
    return {name: found for name, found in parse_qs(text).items() if _usable(name)}


def _usable(text: str) -> bool:
    return len(text) <= VALUE_LIMIT and text.isprintable()


def seed(kind: str, wanted: Mapping[str, object]) -> None:
    """Before widgets with these keys are drawn: set them to ``wanted`` where the URL knows better than they.

    That is on a first visit, when the browser went back, and after they were off the page for a while. ``kind`` names
    the group; :func:`settle` ends it.
    """
    if st.session_state.get(f"in-url-{kind}") != wanted or not wanted.keys() <= st.session_state.keys():
        for name, one in wanted.items():
            st.session_state[name] = one


def settle(kind: str, chosen: Mapping[str, object], query: Mapping[str, Value]) -> None:
    """After the widgets: remember what they say, and write it into the URL as ``query``, where empty is the default."""
    st.session_state[f"in-url-{kind}"] = dict(chosen)
    write(**query)
