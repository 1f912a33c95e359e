"""The page Alerts: the list, with states and filters; and one alert with all that makes it believable."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard import (
    acting,
    address,
    alert_actions,
    alert_history,
    alert_list,
    alert_reads,
    alert_silence,
    alert_story,
    company_names,
    guard,
    live,
)
from dashboard.alert_card import card, evidence
from dashboard.alert_list import Wanted
from dashboard.live import Shown
from dashboard.markup import el, join
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.messages import Alert

SLOWLY: Final = 7


def draw(visit: Visit) -> None:
    with guard.calm(visit.locale):
        alert_id = address.value("alert")
        if alert_id:
            _one(visit, alert_id)
        else:
            _all(visit)


def _all(visit: Visit) -> None:
    acting.notice()
    wanted = alert_list.choose(visit)
    _rows(visit, wanted)
    alert_silence.in_force(visit)


@live.part()
def _rows(visit: Visit, wanted: Wanted) -> Shown:
    rows = el("section", alert_list.rows(visit, wanted), aria_live="polite")
    return [rows, el("div", alert_list.resolved(visit, wanted))]


def _one(visit: Visit, alert_id: str) -> None:
    say = Alerts(visit.locale.language)
    alert = alert_reads.one(visit.url, alert_id)
    back = el("p", el("a", f"← {say.back}", href=address.link("alerts"), target="_self"), class_="ut-facts")
    if alert is None:
        st.html(join(back, el("p", say.gone, class_="ut-none")))
        return
    st.html(back)
    _card(visit, alert)
    acting.notice()
    alert_actions.draw(visit, alert)
    _proof(visit, alert_id)
    _people(visit, alert_id)
    _link(visit, alert)


@live.part()
def _card(visit: Visit, drawn: Alert) -> Shown:
    """The head of the page. The actions below are those of a state: they are drawn anew when it changes."""
    alert = alert_reads.one(visit.url, drawn.id) or drawn
    if (alert.state, alert.severity, alert.wrong_by) != (drawn.state, drawn.severity, drawn.wrong_by):
        st.rerun(scope="app")
    return [card(alert, visit.locale, company_names.name(visit.settings, alert.entity))]


@live.part(SLOWLY)
def _proof(visit: Visit, alert_id: str) -> Shown:
    alert = alert_reads.one(visit.url, alert_id)
    if alert is None:
        return []
    moves, trouble = alert_story.moves(visit, alert)
    return [
        alert_story.paragraph(visit, alert, moves),
        *alert_story.picture(visit, alert, visit.now_ms()),
        el("div", alert_story.price(visit, alert, moves, trouble)),
        evidence(alert, visit.locale),
        el("div", alert_story.incident(visit, alert)),
    ]


@live.part(SLOWLY)
def _people(visit: Visit, alert_id: str) -> Shown:
    done = alert_history.history(alert_reads.trail(visit.url, alert_id), visit.locale)
    told = alert_history.deliveries(alert_reads.deliveries(visit.url, alert_id), visit.locale)
    return [el("div", el("section", done), el("section", told), class_="ut-tables")]


def _link(visit: Visit, alert: Alert) -> None:
    """Without the reader's language and zone: whoever opens it has their own."""
    base = (st.context.url or "").partition("?")[0]
    st.html(el("h3", Alerts(visit.locale.language).link))
    st.code(f"{base}?alert={alert.id}", language=None)
