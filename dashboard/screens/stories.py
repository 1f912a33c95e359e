"""The page Stories: what was told in the range, newest first, with filters and a search over what is kept."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import filters, guard, story_reads
from dashboard.filters import Filters
from dashboard.markup import Html, el, join
from dashboard.story_row import row
from dashboard.visit import Visit
from dashboard.words.stories import Stories

REFRESH_S: Final = 5
SHOWN_AT_ONCE: Final = 20


def draw(visit: Visit) -> None:
    with guard.calm(visit.locale):
        chosen = filters.choose(visit)
        _list(visit, chosen)


@st.fragment(run_every=REFRESH_S)
def _list(visit: Visit, chosen: Filters) -> None:
    say, now_ms = Stories(visit.locale.language), visit.now_ms()
    with guard.calm(visit.locale):
        found = story_reads.newest(visit.url, chosen.asked, *chosen.span.bounds_ms(now_ms), now_ms)
        heading: Html = el("h2", say.title, class_="ut-heading")
        if not found:
            st.html(el("section", heading, el("p", say.none, class_="ut-none")))
            return
        rows = [row(one, visit.locale) for one in found]
        st.html(join(heading, el("ul", *rows[:SHOWN_AT_ONCE], class_="ut-stories")))
