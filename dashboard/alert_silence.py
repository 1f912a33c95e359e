"""Silencing from an alert's page, and the silences in force with the way to end one."""

from __future__ import annotations

import glob
from datetime import timedelta
from functools import partial
from typing import Final

import streamlit as st

from dashboard import alert_reads
from dashboard.access import Person, Role
from dashboard.acting import attempt
from dashboard.guard import store, wall_ms
from dashboard.markup import el, plain
from dashboard.ranges import HOUR
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.alert_store import AlertStore
from undertone.lifecycle import WHY_CHARACTERS
from undertone.messages import Alert, from_ms, to_ms
from undertone.rules import Match, series_kind
from undertone.silences import Silence, silence

HOURS: Final = (1, 2, 4, 8, 24, 72, 168)
DEFAULT_HOURS: Final = 4
NAME_LIMIT: Final = 80
ROLE: Final = Role.ANALYST


def draw(visit: Visit, alert: Alert) -> None:
    """The form."""
    say, locale = Alerts(visit.locale.language), visit.locale
    names = {
        "series": say.silence_series,
        "entity": say.silence_entity,
        "topic": say.silence_topic,
        "rule": say.silence_rule,
    }
    with st.popover(say.silence, key="alert-silence"), st.form("silence", border=False):
        st.radio(say.silence_what, [*matches(alert)], format_func=names.__getitem__, key="silence-what")
        st.selectbox(
            say.silence_for, HOURS, index=HOURS.index(DEFAULT_HOURS), key="silence-hours",
            format_func=lambda hours: locale.span(hours * HOUR),
        )  # fmt: skip
        st.text_input(say.why, max_chars=WHY_CHARACTERS, key="silence-why")
        st.form_submit_button(say.silence, on_click=partial(_silenced, visit, alert), key="silence-do")


def matches(alert: Alert) -> dict[str, Match]:
    """What may be silenced beside the alert itself; names are matched as they are, whatever characters they hold."""
    topic, entity = (glob.escape(one) if one else "*" for one in (alert.topic, alert.entity))
    series = series_kind(alert.topic, alert.entity)
    found = {"series": Match(rule=alert.rule, stream=alert.stream, series=series, topic=topic, entity=entity)}
    if alert.entity:
        found["entity"] = Match(entity=entity)
    if alert.topic:
        found["topic"] = Match(topic=topic)
    return found | {"rule": Match(rule=alert.rule)}


def in_force(visit: Visit) -> None:
    """The silences that hold now, each with a button that ends it for those who may."""
    say, locale = Alerts(visit.locale.language), visit.locale
    now = from_ms(max(0, visit.now_ms()))
    holding = [one for one in alert_reads.silences(visit.url) if one.covers(now)]
    if not holding:
        return
    st.html(el("h2", say.silences, " ", el("span", str(len(holding)), class_="ut-count"), class_="ut-heading"))
    for one in holding:
        with st.container(horizontal=True, vertical_alignment="center", key=f"silence-{one.id}"):
            line = say.silence_line.format(
                when=locale.moment(to_ms(one.ends_at), year=True), by=plain(one.by, NAME_LIMIT)
            )
            why = f" · {plain(one.why)}" if one.why else ""
            st.html(el("p", el("strong", _matched(one, say), dir="auto"), " ", el("small", line + why, dir="auto")))
            if visit.may(ROLE):
                st.button(say.silence_end, on_click=partial(_ended, visit, one.id), key=f"silence-end-{one.id}")


def _matched(one: Silence, say: Alerts) -> str:
    told = []
    for name in one.match.__struct_fields__:
        globs: str | tuple[str, ...] = getattr(one.match, name)
        if globs != "*":
            told.append(f"{name} {globs if isinstance(globs, str) else ', '.join(globs)}")
    return plain(" · ".join(told)) or say.silence_all


def _silenced(visit: Visit, alert: Alert) -> None:
    what, hours = st.session_state.get("silence-what"), st.session_state.get("silence-hours")
    why, found = st.session_state.get("silence-why"), matches(alert)
    if what not in found or hours not in HOURS:
        return
    starts_at = from_ms(max(0, visit.now_ms()))
    ends_at = starts_at + timedelta(hours=hours)

    def do(person: Person) -> str:
        made = silence(
            found[what], starts_at, ends_at, by=person.name, why=str(why or ""), created_at=from_ms(wall_ms())
        )
        AlertStore(store(visit.url).redis).silences.add(made)
        when = visit.locale.moment(to_ms(ends_at), year=True)
        return Alerts(visit.locale.language).done_silence.format(when=when)

    attempt(visit, ROLE, do)
    alert_reads.changed(visit.url, alert.id)


def _ended(visit: Visit, silence_id: str) -> None:
    at = from_ms(max(0, visit.now_ms()))

    def do(person: Person) -> str:
        AlertStore(store(visit.url).redis).silences.end(silence_id, person.name, at)
        return Alerts(visit.locale.language).done_silence_end

    attempt(visit, ROLE, do)
    alert_reads.changed(visit.url)
