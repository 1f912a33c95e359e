"""What may be done to an alert from its page; each goes through :func:`dashboard.acting.attempt`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import streamlit as st

from dashboard import alert_false, alert_reads, alert_silence
from dashboard.access import Person, Role
from dashboard.acting import attempt, role_name
from dashboard.guard import store, wall_ms
from dashboard.markup import el, plain
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.alert_store import AlertStore
from undertone.lifecycle import LEADS_TO, NAME_CHARACTERS, WHY_CHARACTERS, Action
from undertone.messages import Alert, Severity

ROLE: Final = Role.ANALYST
NAME_LIMIT: Final = 80


def draw(visit: Visit, alert: Alert) -> None:
    """The actions that the alert's state allows; for who may only look, a line that says so."""
    say = Alerts(visit.locale.language)
    if not visit.may(ROLE):
        st.html(el("p", say.look_only.format(role=role_name(ROLE, visit.locale)), class_="ut-facts"))
        return
    may = {action for action, leads in LEADS_TO.items() if alert.state in leads}
    with st.container(horizontal=True, gap="small", key="alert-actions"):
        if alert.acknowledged_by and Action.UNACKNOWLEDGE in may:
            _button(say.unacknowledge, partial(_unacknowledge, visit, alert.id), "unacknowledge")
        elif Action.ACKNOWLEDGE in may:
            _button(say.acknowledge, partial(_acknowledge, visit, alert.id), "acknowledge", primary=True)
        if Action.ASSIGN in may:
            _assign(visit, alert, say)
        _comment(visit, alert, say)
        alert_silence.draw(visit, alert)
        if Action.ESCALATE in may and alert.severity is not Severity.CRITICAL:
            _reasoned(visit, alert, say.escalate, say.escalate_why, Action.ESCALATE, say.done_escalated)
        if Action.RESOLVE in may and not alert.resolved_at:
            _reasoned(visit, alert, say.resolve, say.why, Action.RESOLVE, say.done_resolved)
        if visit.person.name.casefold() not in {name.casefold() for name in alert.wrong_by}:
            alert_false.draw(visit, alert)


def perform(visit: Visit, alert_id: str, do: Callable[[AlertStore, Person, int], str]) -> None:
    """Act on an alert as an analyst, and read it anew."""

    def act(person: Person) -> str:
        return do(AlertStore(store(visit.url).redis), person, wall_ms())

    attempt(visit, ROLE, act)
    alert_reads.changed(visit.url, alert_id)


def _button(label: str, do: Callable[[], None], key: str, *, primary: bool = False) -> None:
    st.button(label, on_click=do, key=f"alert-{key}", type="primary" if primary else "secondary")


def _acknowledge(visit: Visit, alert_id: str) -> None:
    _act(visit, alert_id, Action.ACKNOWLEDGE, Alerts(visit.locale.language).done_acknowledged)


def _unacknowledge(visit: Visit, alert_id: str) -> None:
    _act(visit, alert_id, Action.UNACKNOWLEDGE, Alerts(visit.locale.language).done_unacknowledged)


def _act(visit: Visit, alert_id: str, action: Action, done: str, **more: Any) -> None:
    def do(alerts: AlertStore, person: Person, at_ms: int) -> str:
        alerts.act(alert_id, action, person.name, at_ms, **more)
        return done

    perform(visit, alert_id, do)


def _assign(visit: Visit, alert: Alert, say: Alerts) -> None:
    with st.popover(say.assign, key="alert-assign"), st.form("assign", border=False):
        st.text_input(
            say.assign_to, value=alert.assigned_to or visit.person.name, max_chars=NAME_CHARACTERS, key="assign-to"
        )
        st.form_submit_button(say.assign, on_click=partial(_assigned, visit, alert.id), key="assign-do")


def _assigned(visit: Visit, alert_id: str) -> None:
    say = Alerts(visit.locale.language)
    to = _typed("assign-to").strip() or None
    done = say.done_unassigned if to is None else say.done_assigned.format(to=plain(to, NAME_LIMIT))
    _act(visit, alert_id, Action.ASSIGN, done, to=to)


def _comment(visit: Visit, alert: Alert, say: Alerts) -> None:
    with st.popover(say.comment, key="alert-comment"), st.form("comment", border=False, clear_on_submit=True):
        st.text_area(say.comment_text, max_chars=WHY_CHARACTERS, key="comment-text")
        st.form_submit_button(say.comment, on_click=partial(_commented, visit, alert.id), key="comment-do")


def _commented(visit: Visit, alert_id: str) -> None:
    done = Alerts(visit.locale.language).done_comment
    _act(visit, alert_id, Action.COMMENT, done, why=_typed("comment-text"))


def _reasoned(visit: Visit, alert: Alert, label: str, question: str, action: Action, done: str) -> None:
    with st.popover(label, key=f"alert-{action}"), st.form(action.value, border=False):
        st.text_input(question, max_chars=WHY_CHARACTERS, key=f"{action}-why")
        st.form_submit_button(label, on_click=partial(_explained, visit, alert.id, action, done), key=f"{action}-do")


def _explained(visit: Visit, alert_id: str, action: Action, done: str) -> None:
    _act(visit, alert_id, action, done, why=_typed(f"{action}-why"))


def _typed(key: str) -> str:
    found = st.session_state.get(key)
    return found if isinstance(found, str) else ""
