from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from undertone.errors import InputError
from undertone.lifecycle import BY_PEOPLE, COMMENTS_KEPT, DONE, LEADS_TO, WHY_CHARACTERS, Act, Action, act, checked
from undertone.messages import Alert, AlertState, Comment, Severity

FIRED = datetime(2014, 2, 18, 9, 30, tzinfo=UTC)
LOOKED = FIRED + timedelta(minutes=20)
WALL = datetime(2026, 1, 5, 12, tzinfo=UTC)


def alert(**fields: Any) -> Alert:
    known: dict[str, Any] = {
        "id": "a1", "rule": "negative-surge", "severity": Severity.WARNING, "state": AlertState.FIRING,
        "stream": "news", "topic": "Earnings", "entity": "ACME", "window_s": 900, "started_at": FIRED,
        "fired_at": FIRED, "updated_at": FIRED, "stories": 9, "messages": 12, "total_stories": 10, "sources": 3,
        "expected": 1.0, "expected_low": 0, "expected_high": 3, "share": 0.9, "expected_share": 0.3, "p_count": 1e-5,
        "p_share": 1e-4, "reason": "Nine.", "notifications": 1,
    }  # fmt: skip
    return Alert(**known | fields)


def doing(action: Action, **fields: Any) -> Act:
    given: dict[str, Any] = {"by": "maria", "at": WALL, "why": "because", "to": None}
    return Act(action, **given | fields)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", [AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RESOLVED])
def test_an_action_leads_where_the_table_says_or_is_refused_with_the_states_that_allow_it(
    action: Action, state: AlertState
) -> None:
    before = alert(state=state, resolved_at=FIRED if state is AlertState.RESOLVED else None)
    if state in LEADS_TO[action]:
        assert act(before, doing(action), LOOKED).alert.state is LEADS_TO[action][state]
    else:
        with pytest.raises(InputError) as refused:
            act(before, doing(action), LOOKED)
        assert f"is {state}" in str(refused.value)
        assert all(allowed in str(refused.value) for allowed in LEADS_TO[action])


def test_a_change_of_state_is_told_and_dated_in_event_time() -> None:
    after, tell = act(alert(), doing(Action.ACKNOWLEDGE), LOOKED)
    assert (after.state, after.acknowledged_by, after.updated_at) == (AlertState.ACKNOWLEDGED, "maria", LOOKED)
    assert (tell, after.notifications) == ("acknowledged", 2)
    over, tell = act(after, doing(Action.RESOLVE, by="bob"), LOOKED)
    assert (over.state, over.resolved_at, over.acknowledged_by) == (AlertState.RESOLVED, LOOKED, "maria")
    assert (tell, over.notifications) == ("resolved", 3)


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE, Action.WRONG, Action.UNACKNOWLEDGE])
def test_doing_it_again_changes_nothing(action: Action) -> None:
    once = act(alert(state=AlertState.ACKNOWLEDGED, acknowledged_by="ann"), doing(action), LOOKED).alert
    again, tell = act(once, doing(action), LOOKED + timedelta(hours=1))
    assert again is once
    assert tell == ""


def test_assigning_and_commenting_change_no_time_and_are_not_told() -> None:
    assigned = act(alert(), doing(Action.ASSIGN, to="bob"), LOOKED)
    commented = act(assigned.alert, doing(Action.COMMENT, why="Looks real"), LOOKED)
    assert (assigned.tell, commented.tell) == ("", "")
    assert (commented.alert.updated_at, commented.alert.notifications) == (FIRED, 1)
    assert commented.alert.assigned_to == "bob"
    assert commented.alert.comments == (Comment(at=WALL, by="maria", text="Looks real"),)
    assert act(commented.alert, doing(Action.ASSIGN, to=None), LOOKED).alert.assigned_to is None


def test_the_latest_comments_are_kept() -> None:
    now = alert()
    for number in range(COMMENTS_KEPT + 5):
        now = act(now, doing(Action.COMMENT, why=f"{number}"), LOOKED).alert
    assert [int(one.text) for one in now.comments] == [*range(5, COMMENTS_KEPT + 5)]


def test_an_escalation_makes_a_warning_critical_once_and_leaves_the_state() -> None:
    after, tell = act(alert(state=AlertState.ACKNOWLEDGED), doing(Action.ESCALATE), LOOKED)
    assert (after.severity, after.state, tell) == (Severity.CRITICAL, AlertState.ACKNOWLEDGED, "escalated")
    with pytest.raises(InputError, match="critical already"):
        act(after, doing(Action.ESCALATE), LOOKED)


def test_a_false_alarm_is_resolved_and_names_each_person_who_said_so() -> None:
    after, tell = act(alert(), doing(Action.WRONG), LOOKED)
    assert (after.state, after.wrong_by, tell) == (AlertState.RESOLVED, ("maria",), "resolved")
    after, tell = act(after, doing(Action.WRONG, by="bob"), LOOKED + timedelta(hours=1))
    assert (after.wrong_by, after.resolved_at, tell) == (("maria", "bob"), LOOKED, "")


def test_words_and_names_are_cleaned_and_bounded() -> None:
    clean = checked(doing(Action.COMMENT, by=" ma\u202eria\n", why="one\x00\r\ntwo"))
    assert (clean.by, clean.why) == ("maria", "one two")
    for wrong, words in (
        ({"by": " \u200b"}, "valid are 1 to"),
        ({"by": "m" * 129}, "129 characters"),
        ({"why": " "}, "is empty"),
        ({"why": "x" * (WHY_CHARACTERS + 1)}, "2,001 characters"),
    ):
        with pytest.raises(InputError, match=words):
            checked(doing(Action.COMMENT, **wrong))
    assert checked(doing(Action.ACKNOWLEDGE, why="")).why == ""


def test_every_action_has_a_name_when_done_and_a_place_in_the_table() -> None:
    assert DONE.keys() == LEADS_TO.keys() == {*Action}
    assert AlertState.PENDING not in {state for row in LEADS_TO.values() for state in (*row, *row.values())}


class AnyActs(RuleBasedStateMachine):
    """Whatever people do in whatever order: an end is an end, numbers only grow, a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.alert = alert()
        self.ended: datetime | None = None
        self.told = 1

    @rule(
        action=st.sampled_from(Action),
        by=st.sampled_from(["ann", "bob"]),
        skew_h=st.integers(-1000, 1000),
        looked_min=st.integers(0, 600),
        to=st.sampled_from([None, "carol"]),
    )
    def try_it(self, action: Action, by: str, skew_h: int, looked_min: int, to: str | None) -> None:
        wall, looked = WALL + timedelta(hours=skew_h), FIRED + timedelta(minutes=looked_min)
        before = self.alert
        try:
            self.alert, tell = act(before, doing(action, by=by, at=wall, to=to), looked)
        except InputError:
            assert before.state not in LEADS_TO[action] or before.severity is Severity.CRITICAL
            return
        assert self.alert.state is LEADS_TO[action][before.state]
        self.told += bool(tell)
        # A person's clock shows in comments alone.
        for name in ("started_at", "fired_at", "updated_at", "resolved_at"):
            assert getattr(self.alert, name) in (getattr(before, name), max(looked, before.updated_at))

    @precondition(lambda self: self.alert.state is AlertState.RESOLVED)
    @rule()
    def it_stays_over(self) -> None:
        self.ended = self.ended or self.alert.resolved_at
        assert self.alert.resolved_at == self.ended

    @invariant()
    def it_is_whole(self) -> None:
        assert self.alert.notifications == self.told
        assert (self.alert.resolved_at is not None) == (self.alert.state is AlertState.RESOLVED)
        assert self.alert.state is not AlertState.ACKNOWLEDGED or self.alert.acknowledged_by is not None
        assert msgspec.json.decode(msgspec.json.encode(self.alert), type=Alert) == self.alert


AnyActs.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestAnyActs = AnyActs.TestCase


def test_what_only_people_change_is_named() -> None:
    changed = set()
    for action in Action:
        before = alert(state=AlertState.ACKNOWLEDGED, acknowledged_by="ann")
        after = act(before, doing(action, to="bob"), LOOKED).alert
        changed |= {name for name in Alert.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    assert changed - {"state", "severity", "updated_at", "resolved_at", "notifications"} == {*BY_PEOPLE}
