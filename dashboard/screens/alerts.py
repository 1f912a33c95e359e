"""The page Alerts: those that are open, each with its evidence, and those that ended lately."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import guard, reads
from dashboard.alert_card import card
from dashboard.firing import title, urgency
from dashboard.locale import Locale
from dashboard.markup import Html, el, join
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.messages import Alert, AlertState, to_ms

REFRESH_S: Final = 3
RESOLVED_SHOWN: Final = 20


@st.fragment(run_every=REFRESH_S)
def draw(visit: Visit) -> None:
    say, locale = Alerts(visit.locale.language), visit.locale
    with guard.calm(locale):
        known = [one for one in reads.alerts(visit.url) if one.stream in visit.streams]
        open_ones = sorted(filter(reads.is_open, known), key=urgency)
        resolved = [one for one in known if one.state == AlertState.RESOLVED][:RESOLVED_SHOWN]
        cards = [card(one, locale) for one in open_ones] or [el("p", say.none_open, class_="ut-none")]
        st.html(el("section", el("h2", say.title), *cards, class_="ut-firing", aria_live="polite"))
        if resolved:
            rows = el("ul", *(_resolved(one, locale, say) for one in resolved))
            summary = el("summary", f"{say.earlier} ({len(resolved)})")
            st.html(join(el("details", summary, rows, class_="ut-earlier")))


def _resolved(alert: Alert, locale: Locale, say: Alerts) -> Html:
    end = to_ms(alert.resolved_at or alert.updated_at)
    when = say.resolved_line.format(start=locale.moment(to_ms(alert.started_at)), end=locale.moment(end))
    return el("li", el("strong", title(alert, locale), dir="auto"), " ", el("small", when))
