"""Incidents as people see them: the alerts of one event under the id of its first. Pure.

Which alerts belong together is decided when they fire (:mod:`stream.incidents`) and written on each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from undertone.messages import Alert, AlertState, Severity


class Incident(NamedTuple):
    """The alerts of one event, in the order in which they fired.

    ``severity`` is the worst of them; ``state`` is firing if any is, else acknowledged if any is, else resolved.
    """

    id: str
    severity: Severity
    state: AlertState
    alerts: tuple[Alert, ...]

    @property
    def fired_at(self) -> datetime:
        return self.alerts[0].fired_at

    @property
    def updated_at(self) -> datetime:
        return max(one.updated_at for one in self.alerts)

    @property
    def notifications(self) -> int:
        """Of all its alerts, those included that nobody was called for."""
        return sum(one.notifications for one in self.alerts)

    @property
    def entities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.entity for one in self.alerts if one.entity))

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.topic for one in self.alerts if one.topic))


def incidents(alerts: Iterable[Alert]) -> list[Incident]:
    """The incidents that these alerts belong to, the newest first. An alert without one is one of its own."""
    together: dict[str, list[Alert]] = {}
    for one in sorted(alerts, key=lambda one: (one.fired_at, one.id != one.incident, one.id)):
        together.setdefault(one.incident or one.id, []).append(one)
    found = [_incident(name, tuple(members)) for name, members in together.items()]
    return sorted(found, key=lambda one: (one.fired_at, one.id), reverse=True)


def _incident(name: str, alerts: tuple[Alert, ...]) -> Incident:
    worst = Severity.CRITICAL if any(one.severity is Severity.CRITICAL for one in alerts) else Severity.WARNING
    states = {one.state for one in alerts}
    order = (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.PENDING, AlertState.RESOLVED)
    return Incident(name, worst, next(state for state in order if state in states), alerts)
