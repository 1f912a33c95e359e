"""What people may do to an alert: which action is allowed in which state, and what it makes of the alert. Pure.

How an alert begins, grows and ends by itself is for the watch to say (:mod:`stream.alerting`); both meet in
:mod:`undertone.alert_store`, where every change is written together with its record in the audit.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from undertone.errors import InputError
from undertone.messages import Alert, AlertState, Comment, Severity
from undertone.text import clean

NAME_CHARACTERS = 128
WHY_CHARACTERS = 2_000
COMMENTS_KEPT = 20


class Action(StrEnum):
    """What a person does to an alert."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    WRONG = "wrong"


_FIRING, _ACKNOWLEDGED, _RESOLVED = AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RESOLVED

LEADS_TO: dict[Action, dict[AlertState, AlertState]] = {
    Action.ACKNOWLEDGE: {_FIRING: _ACKNOWLEDGED, _ACKNOWLEDGED: _ACKNOWLEDGED},
    Action.UNACKNOWLEDGE: {_FIRING: _FIRING, _ACKNOWLEDGED: _FIRING},
    Action.ASSIGN: {_FIRING: _FIRING, _ACKNOWLEDGED: _ACKNOWLEDGED},
    Action.COMMENT: {_FIRING: _FIRING, _ACKNOWLEDGED: _ACKNOWLEDGED, _RESOLVED: _RESOLVED},
    Action.ESCALATE: {_FIRING: _FIRING, _ACKNOWLEDGED: _ACKNOWLEDGED},
    Action.RESOLVE: {_FIRING: _RESOLVED, _ACKNOWLEDGED: _RESOLVED, _RESOLVED: _RESOLVED},
    Action.WRONG: {_FIRING: _RESOLVED, _ACKNOWLEDGED: _RESOLVED, _RESOLVED: _RESOLVED},
}
"""The state that each action leads to from each state; where there is none, the action is refused."""

DONE = {
    Action.ACKNOWLEDGE: "acknowledged",
    Action.UNACKNOWLEDGE: "unacknowledged",
    Action.ASSIGN: "assigned",
    Action.COMMENT: "commented",
    Action.ESCALATE: "escalated",
    Action.RESOLVE: "resolved",
    Action.WRONG: "wrong",
}
"""What each action is called once it is done: in the audit, and to receivers."""


BY_PEOPLE = ("acknowledged_by", "assigned_to", "comments", "wrong_by")
"""The fields of an alert that only people change: the watch hands them on as they are."""


class Act(NamedTuple):
    """One action of one person.

    Attributes:
        action: What.
        by: Who.
        at: When, by the clock on the wall.
        why: The reason; of a comment its text. May be empty but of a comment and an escalation.
        to: Whom an alert is assigned to; None takes the assignment back.
    """

    action: Action
    by: str
    at: datetime
    why: str = ""
    to: str | None = None


class Acted(NamedTuple):
    """The alert after an act; ``tell`` is what receivers are told, empty for nothing."""

    alert: Alert
    tell: str


def act(alert: Alert, doing: Act, event_at: datetime) -> Acted:
    """The alert after an act. It is the same object where the act changes nothing.

    Args:
        alert: As it is.
        doing: Checked by :func:`checked`.
        event_at: The event time up to which the alert's stream has been looked at: an alert keeps event time only,
            so that a person's clock can change nothing of what rings.

    Raises:
        InputError: if the alert's state does not allow it; says which states do.
    """
    state = LEADS_TO[doing.action].get(alert.state)
    if state is None:
        allowed = " or ".join(LEADS_TO[doing.action])
        raise InputError(f"alert {alert.id!r} is {alert.state}: {doing.action} is for one that is {allowed}")
    changes = _effect(alert, doing)
    tell = "escalated" if "severity" in changes else ""
    if state is not alert.state:
        changes["state"] = state
        tell = "resolved" if state is AlertState.RESOLVED else DONE[doing.action]
    if all(getattr(alert, name) == value for name, value in changes.items()):
        return Acted(alert, "")
    if tell:
        changes["updated_at"] = max(event_at, alert.updated_at)
        changes["notifications"] = alert.notifications + 1
    if changes.get("state") is AlertState.RESOLVED:
        changes["resolved_at"] = changes["updated_at"]
    return Acted(msgspec.structs.replace(alert, **changes), tell)


def _effect(alert: Alert, doing: Act) -> dict[str, Any]:
    """The fields that an act changes beside the state."""
    match doing.action:
        case Action.ACKNOWLEDGE:  # whoever was first has it
            return {} if alert.state is AlertState.ACKNOWLEDGED else {"acknowledged_by": doing.by}
        case Action.UNACKNOWLEDGE:
            return {"acknowledged_by": None}
        case Action.ASSIGN:
            return {"assigned_to": doing.to}
        case Action.COMMENT:
            said = Comment(at=doing.at, by=doing.by, text=doing.why)
            return {"comments": (*alert.comments, said)[-COMMENTS_KEPT:]}
        case Action.ESCALATE:
            if alert.severity is Severity.CRITICAL:
                raise InputError(f"alert {alert.id!r} is critical already: there is nothing above it")
            return {"severity": Severity.CRITICAL}
        case Action.WRONG:
            known = {name.casefold() for name in alert.wrong_by}
            return {} if doing.by.casefold() in known else {"wrong_by": (*alert.wrong_by, doing.by)}
        case Action.RESOLVE:
            return {}


def handed_on(before: Alert | None, after: Alert) -> Alert:
    """The watch's new view of an alert, with what people did to it."""
    if before is None:
        return after
    return msgspec.structs.replace(after, **{name: getattr(before, name) for name in BY_PEOPLE})


def checked(doing: Act) -> Act:
    """The same act with names and words cleaned.

    Raises:
        InputError: if it lacks a name or a reason that it needs, or one is too long.
    """
    by = named(doing.by, f"whoever would {doing.action} it")
    to = None if doing.to is None else named(doing.to, "whom it is assigned to")
    if doing.action in (Action.COMMENT, Action.ESCALATE) and not clean(doing.why):
        what = "the text of the comment" if doing.action is Action.COMMENT else "the reason of the escalation"
        raise InputError(f"{what} is empty: say it in up to {WHY_CHARACTERS:,} characters")
    return doing._replace(by=by, to=to, why=reason(doing.why))


def named(name: str, whose: str) -> str:
    """A person's name, cleaned.

    Raises:
        InputError: if it is empty or too long.
    """
    found = clean(name)
    if not 0 < len(found) <= NAME_CHARACTERS:
        raise InputError(
            f"the name of {whose} is {name[:40]!r}, {len(found):,} characters: valid are 1 to {NAME_CHARACTERS}"
        )
    return found


def reason(why: str) -> str:
    """What a person gives as a reason, cleaned; it may be empty.

    Raises:
        InputError: if it is too long.
    """
    if len(why) > WHY_CHARACTERS:
        raise InputError(f"the text has {len(why):,} characters: valid are up to {WHY_CHARACTERS:,}")
    return clean(why)
