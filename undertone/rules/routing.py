"""Who is told of a notification, and why somebody is not. Pure: what was sent before comes in.

A receiver that has been told of an alert hears of its end, whatever budget, mute timings and silences say: else it
would show for ever what is long over. One that has not been told does not hear of the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from undertone.messages import Alert, Severity
from undertone.rules.matching import matches
from undertone.rules.model import Match, Route, Rules, series_kind
from undertone.rules.muting import muted

FIRED = "fired"
ESCALATED = "escalated"
RESOLVED = "resolved"
AFTERWARDS = ("acknowledged", "unacknowledged", RESOLVED)
"""News about an alert that its receivers know; they cost no budget, and mean nothing to others."""

UNROUTED = "unrouted"
UNTOLD = "untold"
NOT_REPEATED = "not-repeated"
BUDGET = "budget"
MUTED = "muted"


class Decision(NamedTuple):
    """What becomes of one notification for one receiver.

    Attributes:
        receiver: Its name.
        held: Why it is not sent: ``unrouted``, ``untold``, ``not-repeated``, ``muted:<timing>``, ``budget``, or why
            people are spared. Empty where it is sent.
        costs: Whether it counts against the day's budget.
    """

    receiver: str
    held: str
    costs: bool

    @property
    def send(self) -> bool:
        return not self.held


def route(
    rules: Rules,
    alert: Alert,
    what: str,
    at: datetime,
    sent_today: Mapping[str, int],
    told: Collection[str],
    receivers: Sequence[str] = (),
    quiet: str = "",
) -> tuple[Decision, ...]:
    """A decision for each receiver, in the order of the file.

    Args:
        rules: With the routes.
        alert: As it is told.
        what: Why it is told: ``fired``, or one of the news that a route's ``repeat_on`` names.
        at: Event time of the notification; mute timings are looked at there.
        sent_today: What each receiver has been sent on the UTC day of ``at``, as far as it costs budget.
        told: The receivers that have been sent any notification of this alert.
        receivers: Further receivers by name, from settings; each is told of everything unless a route names it.
        quiet: Why people are to be spared, such as a silence; empty where they are not.
    """
    found: dict[str, Decision] = {}
    for path in matching(rules, alert, receivers):
        for name in path.to:
            if name not in found or found[name].held:
                held = _held(rules, path, alert, what, at, sent_today.get(name, 0), name in told, quiet)
                found[name] = Decision(name, held, costs=what not in AFTERWARDS)
    everyone = dict.fromkeys((*(one.name for one in rules.receivers), *receivers))
    return tuple(found.get(name, Decision(name, UNROUTED, costs=False)) for name in everyone)


def matching(rules: Rules, alert: Alert, receivers: Sequence[str] = ()) -> list[Route]:
    """The routes that an alert takes."""
    if not rules.routes:
        return [Route(to=(*(one.name for one in rules.receivers), *receivers))]
    taken: list[Route] = []
    for path in rules.routes:
        if concerns(path.match, alert):
            taken.append(path)
            if not path.continue_:
                break
    named = {name for path in rules.routes for name in path.to}
    rest = tuple(name for name in receivers if name not in named)
    return [*taken, Route(to=rest)] if rest else taken


def concerns(match: Match, alert: Alert) -> bool:
    """Whether an alert is one of those meant."""
    return (
        matches(match.rule, alert.rule)
        and matches(match.stream, alert.stream)
        and matches(match.series, series_kind(alert.topic, alert.entity))
        and matches(match.topic, alert.topic or "")
        and matches(match.entity, alert.entity or "")
        and matches(match.severity, alert.severity.value)
        and (match.source == "*" or any(matches(match.source, one.source) for one in alert.evidence))
    )


def _held(rules: Rules, path: Route, alert: Alert, what: str, at: datetime, sent: int, told: bool, quiet: str) -> str:
    """Why a route does not let a notification through; empty if it does."""
    if what in AFTERWARDS and not told:
        return UNTOLD
    if quiet and what != RESOLVED:
        return quiet
    critical = alert.severity is Severity.CRITICAL
    if told and what != FIRED and not _repeats(path, what):
        return NOT_REPEATED
    if what != RESOLVED and not (critical and path.critical_pierces):
        for timing in rules.mute_timings:
            if timing.name in path.mute and muted(timing, at):
                return f"{MUTED}:{timing.name}"
    spent = path.budget is not None and sent >= path.budget.per_day
    if spent and what not in AFTERWARDS and not critical and what != ESCALATED:
        return BUDGET
    return ""


def _repeats(path: Route, what: str) -> bool:
    return ("acknowledged" if what == "unacknowledged" else what) in path.repeat_on
