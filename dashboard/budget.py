"""Section of Rules: how much of its day's budget each receiver has used, and what was held back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dashboard.guard import store
from dashboard.kept import kept
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.visit import Visit
from dashboard.words.rules import RulesWords
from undertone.alert_store import INCIDENT, SILENCED, AlertStore
from undertone.messages import from_ms
from undertone.rules import Rules
from undertone.rules.check import FROM_SETTING
from undertone.rules.routing import BUDGET, MUTED, NOT_REPEATED

LIVE_S: Final = 5
NAME_LIMIT: Final = 60
SENT: Final = "sent"
HELD: Final = "held:"


class Used(NamedTuple):
    """Of one receiver on one day; ``most`` is its budget, None without one."""

    receiver: str
    most: int | None
    tally: Mapping[str, int]


@kept(LIVE_S)
def _tally(url: str, receiver: str, day: str) -> Mapping[str, int]:
    return MappingProxyType(AlertStore(store(url).redis).tally(receiver, day))


def used(visit: Visit, rules: Rules, day: str) -> list[Used]:
    """Every receiver that is told of alerts, but for Kafka, which is told of all."""
    names = [one.name for one in rules.receivers] + ([FROM_SETTING] if visit.settings.webhook_url else [])
    found = []
    for name in names:
        budgets = [one.budget.per_day for one in rules.routes if name in one.to and one.budget is not None]
        found.append(Used(name, min(budgets, default=None), _tally(visit.url, name, day)))
    return found


def gauges(visit: Visit, rules: Rules) -> Html:
    """A bar for each receiver."""
    say, locale = RulesWords(visit.locale.language), visit.locale
    day = f"{from_ms(max(0, visit.now_ms())):%Y-%m-%d}"
    heading = el("h2", say.budgets, el("small", say.budgets_note.format(day=day)), class_="ut-heading")
    rows = [_gauge(one, locale, say) for one in used(visit, rules, day)]
    return join(heading, *(rows or [el("p", say.no_receivers, class_="ut-facts")]))


def _gauge(one: Used, locale: Locale, say: RulesWords) -> Html:
    sent = one.tally.get(SENT, 0)
    if one.most is None:
        told, part = say.sent.format(sent=locale.number(sent)), 0.0
    else:
        told = say.sent_of.format(sent=locale.number(sent), budget=locale.number(one.most))
        part = min(1.0, sent / one.most) if one.most else 1.0
    held = [f"{_why(name.removeprefix(HELD), say)} {n}" for name, n in sorted(one.tally.items()) if name != SENT]
    rest = say.held.format(what=", ".join(held)) if held else say.held_nothing
    spent = " ut-spent" if one.most is not None and sent >= one.most else ""
    bar = el(
        "div", el("i", style=f"width:{100 * part:.0f}%"), class_=f"ut-budget-bar{spent}", role="img", aria_label=told
    )
    name = el("strong", plain(one.receiver, NAME_LIMIT))
    return el(
        "div",
        el("p", name, f" {told} · {rest}", class_="ut-facts"),
        bar if one.most is not None else None,
        class_="ut-budget",
    )


def _why(reason: str, say: RulesWords) -> str:
    """Why something was held back, in a word; of one without a word its own name."""
    known = {
        BUDGET: say.why_budget,
        INCIDENT: say.why_incident,
        MUTED: say.why_muted,
        NOT_REPEATED: say.why_not_repeated,
        SILENCED: say.why_silenced,
    }
    name, _, timing = reason.partition(":")
    word = known.get(name, plain(name.replace("-", " "), NAME_LIMIT))
    return f"{word} ({plain(timing, NAME_LIMIT)})" if timing else word
