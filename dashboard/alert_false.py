"""“This was wrong”: ends a false alarm and labels the texts that made it."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from dashboard import alert_reads, reads
from dashboard.access import Person, Role
from dashboard.acting import attempt
from dashboard.guard import store, wall_ms
from dashboard.markup import el, plain
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.alert_store import AlertStore
from undertone.errors import BrokerError
from undertone.false_alarm import Verdicts, corrections
from undertone.lifecycle import WHY_CHARACTERS, Action
from undertone.messages import SENTIMENTS, Alert, Sentiment, from_ms

AS_JUDGED: Final = ""
TEXT_LIMIT: Final = 90
ROLE: Final = Role.ANALYST


def draw(visit: Visit, alert: Alert) -> None:
    """The form."""
    say, units = Alerts(visit.locale.language), visit.locale.units
    words = {AS_JUDGED: say.wrong_as_judged, **{one: getattr(units, one) for one in SENTIMENTS}}
    texts = {one.position: plain(one.text, TEXT_LIMIT) for one in alert.evidence}
    with st.popover(say.wrong, key="alert-wrong"), st.form("wrong", border=False):
        st.html(el("p", say.wrong_note, class_="ut-facts"))
        st.radio(say.wrong_sentiment, [*words], format_func=words.__getitem__, key="wrong-sentiment", horizontal=True)
        st.selectbox(
            say.wrong_topic, [AS_JUDGED, *reads.topics(visit.url)], key="wrong-topic",
            format_func=lambda topic: plain(visit.locale.topic(topic)) or say.wrong_as_judged,
        )  # fmt: skip
        if texts:
            st.multiselect(say.wrong_texts, [*texts], format_func=texts.__getitem__, key="wrong-texts")
        st.text_input(say.why, max_chars=WHY_CHARACTERS, key="wrong-why")
        st.form_submit_button(say.wrong, on_click=partial(_wrong, visit, alert), key="wrong-do")


def _wrong(visit: Visit, alert: Alert) -> None:
    chosen = {name: st.session_state.get(f"wrong-{name}") for name in ("sentiment", "topic", "texts", "why")}

    def do(person: Person) -> str:
        at_ms, why = wall_ms(), str(chosen["why"] or "")
        labels = corrections(
            alert,
            by=person.name,
            at=from_ms(at_ms),
            sentiment=Sentiment(chosen["sentiment"]) if chosen["sentiment"] else None,
            topic=chosen["topic"] or None,
            positions=chosen["texts"] or (),
            why=why,
        )
        opened = store(visit.url).redis
        AlertStore(opened).act(alert.id, Action.WRONG, person.name, at_ms, why=why, labels=labels)
        say = Alerts(visit.locale.language)
        return (say.done_wrong if _sent(visit, Verdicts(opened), person) else say.labels_wait).format(n=len(labels))

    attempt(visit, ROLE, do)
    alert_reads.changed(visit.url, alert.id)


def _sent(visit: Visit, verdicts: Verdicts, person: Person) -> bool:
    """Carry the labels to Kafka; where it is away they wait for the watch."""
    if not verdicts.waiting():
        return True
    try:
        verdicts.carry(visit.settings, f"dashboard:{person.name}")
    except BrokerError:
        return False
    return not verdicts.waiting()
