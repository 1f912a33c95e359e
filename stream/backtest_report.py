"""What a backtest comes to: figures, the budgets that would have been used, two sets of rules side by side. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from stream.backtest import Ringing
from undertone.messages import Severity
from undertone.rules import Rules
from undertone.rules.routing import route

SAME_WITHIN = timedelta(hours=6)
"""Two sets of rules ring on the same thing if they name the same series within so long of each other."""


class Pair(NamedTuple):
    """The same event under two sets of rules; None where one does not ring."""

    first: Ringing | None
    second: Ringing | None

    @property
    def later_min(self) -> int | None:
        """Minutes by which the second rings later; negative if it is earlier."""
        if self.first is None or self.second is None:
            return None
        return round((self.second.fired_at - self.first.fired_at).total_seconds() / 60)


def shape(ringing: Ringing) -> dict[str, Any]:
    """One alert for scripts: the published form of an alert, and what became of it."""
    alert = ringing.alert
    found: dict[str, Any] = msgspec.to_builtins(alert)
    found["notifications"] = ringing.notifications
    found["incident"] = ringing.incident
    found["resolved_at"] = ringing.resolved_at
    found["told"] = [one._asdict() for one in ringing.told]
    return found


def totals(found: Sequence[Ringing], days: float) -> dict[str, Any]:
    """Counts for a summary; ``days`` is the length of the period."""
    incidents = len({one.incident for one in found})
    notifications = sum(one.notifications for one in found)
    return {
        "days": round(days, 2),
        "alerts": len(found),
        "warnings": sum(one.alert.severity is Severity.WARNING for one in found),
        "criticals": sum(one.alert.severity is Severity.CRITICAL for one in found),
        "incidents": incidents,
        "notifications": notifications,
        "notifications_per_incident": round(notifications / incidents, 3) if incidents else 0.0,
        "alerts_per_day": round(len(found) / days, 3) if days else 0.0,
        "by_rule": dict(sorted(Counter(one.alert.rule for one in found).items())),
    }


def budget(found: Sequence[Ringing], rules: Rules) -> dict[str, dict[str, dict[str, int]]]:
    """What each receiver would have been sent by UTC day: ``sent``, ``ended`` (which costs no budget), and each
    reason for which something was held.
    """
    sent: Counter[tuple[str, date]] = Counter()
    told: dict[str, set[str]] = {}
    used: dict[str, dict[str, dict[str, int]]] = {one.name: {} for one in rules.receivers}
    news = [(news, one.alert) for one in found for news in one.told if not news.quiet]
    for (at, what, _, severity), alert in sorted(news, key=lambda one: (one[0].at, one[1].id)):
        today = {name: sent[name, at.date()] for name in used}
        of_alert = told.setdefault(alert.id, set())
        as_told = msgspec.structs.replace(alert, severity=severity)
        for decision in route(rules, as_told, what, at, today, of_alert):
            day = used[decision.receiver].setdefault(at.date().isoformat(), {})
            name = decision.held or ("sent" if decision.costs else "ended")
            day[name] = day.get(name, 0) + 1
            if decision.send:
                of_alert.add(decision.receiver)
                sent[decision.receiver, at.date()] += decision.costs
    return used


def side_by_side(first: Sequence[Ringing], second: Sequence[Ringing]) -> list[Pair]:
    """The alerts of two sets of rules, each with the other's on the same series that is nearest in time."""
    open_second = list(second)
    pairs: list[Pair] = []
    for one in first:
        same = [other for other in open_second if _series(other) == _series(one)]
        nearest = min(same, key=lambda other: abs(other.fired_at - one.fired_at), default=None)
        if nearest is not None and abs(nearest.fired_at - one.fired_at) <= SAME_WITHIN:
            open_second.remove(nearest)
            pairs.append(Pair(one, nearest))
        else:
            pairs.append(Pair(one, None))
    pairs += [Pair(None, one) for one in open_second]
    return sorted(pairs, key=lambda pair: min(one.fired_at for one in pair if one is not None))


def _series(ringing: Ringing) -> tuple[str, str | None, str | None, str]:
    alert = ringing.alert
    return alert.stream, alert.topic, alert.entity, alert.kind


def differences(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Two sets of rules for a summary."""
    both = [pair.later_min for pair in pairs if pair.later_min is not None]
    return {
        "only_first": sum(pair.second is None for pair in pairs),
        "only_second": sum(pair.first is None for pair in pairs),
        "both": len(both),
        "second_earlier": sum(later < 0 for later in both),
        "second_later": sum(later > 0 for later in both),
        "second_later_min": round(sum(both) / len(both), 1) if both else None,
    }
