"""What daily budget a receiver needs, and how strict the rules must be for the one that it has: by replays. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from stream.backtest import Ringing
from stream.backtest_report import budget
from undertone.messages import Severity
from undertone.rules import Rule, Rules, Thresholds

FACTORS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""By what the largest tails of all rules are multiplied, one after the other, until a budget is kept."""

Replay = Callable[[Rules], Sequence[Ringing]]


class Daily(NamedTuple):
    """Notifications that cost budget, by UTC day."""

    median: float
    p95: int
    most: int


class Calibration(NamedTuple):
    """What one receiver would have been sent without a budget, and what would keep it within its own.

    Attributes:
        receiver: Its name.
        per_day: Its budget, the smallest of the routes that lead to it; None if it has none.
        needs: What it would have been sent.
        critical: What of it was critical.
        factor: By what the tails of the rules must be multiplied so that the budget is kept on 19 days of 20: 1 if it
            is kept as it is, None if the strictest of FACTORS does not do it or there is no budget.
    """

    receiver: str
    per_day: int | None
    needs: Daily
    critical: Daily
    factor: float | None


def calibrate(rules: Rules, replay: Replay, first: date, days: int) -> list[Calibration]:
    """A calibration for each receiver of the rules, from replays of the same days under ever stricter rules.

    Args:
        rules: With receivers and routes.
        replay: Gives the alerts of the days under some rules.
        first: The first UTC day.
        days: How many there are.
    """
    given = {one.name: _per_day(rules, one.name) for one in rules.receivers}
    free = _unlimited(rules)
    needs: dict[str, Daily] = {}
    critical: dict[str, Daily] = {}
    factors: dict[str, float] = {}
    for factor in FACTORS:
        found = replay(stricter(free, factor))
        now = _daily(found, free, first, days)
        if not needs:
            needs = now
            critical = _daily([one for one in found if one.alert.severity is Severity.CRITICAL], free, first, days)
        for name, per_day in given.items():
            if per_day is not None and now[name].p95 <= per_day:
                factors.setdefault(name, factor)
        if all(name in factors for name, per_day in given.items() if per_day is not None):
            break
    return [Calibration(name, given[name], needs[name], critical[name], factors.get(name)) for name in given]


def stricter(rules: Rules, factor: float) -> Rules:
    """The same rules with every largest tail multiplied by a factor."""
    return msgspec.structs.replace(rules, rules=tuple(_stricter(one, factor) for one in rules.rules))


def _stricter(rule: Rule, factor: float) -> Rule:
    def bars(one: Thresholds) -> Thresholds:
        tails = {"p_count": one.p_count, "p_share": None if one.p_count is not None else one.p_share}
        return msgspec.structs.replace(one, **{name: p * factor for name, p in tails.items() if p is not None})

    critical = None if rule.critical is None else bars(rule.critical)
    return msgspec.structs.replace(rule, warning=bars(rule.warning), critical=critical)


def _unlimited(rules: Rules) -> Rules:
    routes = tuple(msgspec.structs.replace(one, budget=None) for one in rules.routes)
    return msgspec.structs.replace(rules, routes=routes)


def _per_day(rules: Rules, name: str) -> int | None:
    return min((one.budget.per_day for one in rules.routes if name in one.to and one.budget is not None), default=None)


def _daily(found: Sequence[Ringing], rules: Rules, first: date, days: int) -> dict[str, Daily]:
    names = [(first + timedelta(days=day)).isoformat() for day in range(days)]
    used = budget(found, rules)
    return {
        receiver: _summed([by_day.get(name, {}).get("sent", 0) for name in names]) for receiver, by_day in used.items()
    }


def _summed(counts: Sequence[int]) -> Daily:
    """Median, the 95th percentile by nearest rank, and the most."""
    ordered = sorted(counts)
    n = len(ordered)
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Daily(median, ordered[math.ceil(0.95 * n) - 1], ordered[-1])
