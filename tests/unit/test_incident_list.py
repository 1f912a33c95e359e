from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.alerts import START, alert
from undertone.incidents import incidents
from undertone.messages import Alert, AlertState, Severity


def one(name: str, incident: str, minute: int, **changes: Any) -> Alert:
    at = START + timedelta(minutes=minute)
    return alert(id=name, incident=incident, fired_at=at, updated_at=at, **changes)


def test_alerts_of_one_event_are_one_incident_under_the_id_of_the_first() -> None:
    known = [
        one("b", "a", 3, entity=None, severity=Severity.CRITICAL, state=AlertState.ACKNOWLEDGED),
        one("a", "a", 1, state=AlertState.RESOLVED),
        one("c", "c", 2, state=AlertState.RESOLVED),
    ]
    newest, older = incidents(known)
    assert (newest.id, older.id) == ("c", "a")
    assert [member.id for member in older.alerts] == ["a", "b"]
    assert (older.severity, older.state) == (Severity.CRITICAL, AlertState.ACKNOWLEDGED)
    assert (older.entities, older.topics, older.notifications) == (("ACME",), ("Earnings",), 2)
    assert older.updated_at == START + timedelta(minutes=3)
    assert (newest.severity, newest.state) == (Severity.WARNING, AlertState.RESOLVED)


def test_an_alert_from_before_there_were_incidents_is_one_of_its_own() -> None:
    assert [found.id for found in incidents([one("a", "", 1), one("b", "", 2)])] == ["b", "a"]
