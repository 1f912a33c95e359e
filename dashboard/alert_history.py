"""Sections of an alert's page about people: what was done to it, by whom and why, and who was told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.words.alerts import Alerts
from undertone.audit import Entry
from undertone.messages import to_ms
from undertone.rules.routing import BUDGET, MUTED, NOT_REPEATED

WHY_LIMIT: Final = 600
NAME_LIMIT: Final = 80
WATCH: Final = "watch:"
HELD: Final = "held:"


def history(entries: Sequence[Entry], locale: Locale) -> Html:
    """The audit of an alert, newest first; times are by the clock on the wall."""
    say = Alerts(locale.language)
    if not entries:
        return join(el("h3", say.history), el("p", say.no_history, class_="ut-facts"))
    return join(el("h3", say.history), el("ol", *(_row(one, locale, say) for one in entries), class_="ut-history"))


def _row(one: Entry, locale: Locale, say: Alerts) -> Html:
    who = say.the_watch if one.by.startswith(WATCH) else plain(one.by, NAME_LIMIT)
    # What the watch gives as its reason is in English.
    told = one.why and not (one.by.startswith(WATCH) and locale.language != "en")
    why = el("p", plain(one.why, WHY_LIMIT), dir="auto") if told else None
    head = el("p", el("strong", who, dir="auto"), " ", _did(one, say))
    return el("li", el("small", locale.moment(to_ms(one.at), year=True)), el("div", head, why))


def _did(one: Entry, say: Alerts) -> str:
    if one.action == "assigned":
        to = one.after.get("assigned_to")
        return say.did_assigned.format(to=plain(str(to), NAME_LIMIT)) if to else say.did_unassigned
    known = {
        "fired": say.did_fired,
        "escalated": say.did_escalated,
        "grown": say.did_grown,
        "new-tier": say.did_new_tier,
        "acknowledged": say.did_acknowledged,
        "unacknowledged": say.did_unacknowledged,
        "commented": say.did_commented,
        "resolved": say.did_resolved,
        "wrong": say.did_wrong,
    }
    return known.get(one.action) or say.did_other.format(action=plain(one.action, NAME_LIMIT))


def deliveries(found: Mapping[str, str], locale: Locale) -> Html | None:
    """How each channel's last notification ended; what comes after a space is when."""
    say = Alerts(locale.language)
    if not found:
        return None
    rows = []
    for key, value in sorted(found.items()):
        outcome, _, at = value.rpartition(" ")
        channel = key.rpartition(":")[0] or key  # what follows is the number of the notification
        when = locale.moment(int(at), year=True) if at.isdigit() else ""
        text = _outcome(outcome or value, say).format(channel=plain(channel, NAME_LIMIT))
        rows.append(el("li", text, " ", el("small", when)))
    return join(el("h3", say.deliveries), el("ul", *rows, class_="ut-plain"))


def _outcome(outcome: str, say: Alerts) -> str:
    """What became of a notification, with a place for the channel's name."""
    if outcome == "ok":
        return say.delivered
    if outcome.startswith(HELD):
        reason = outcome.removeprefix(HELD)
        known = {NOT_REPEATED: say.held_repeated, BUDGET: say.held_budget, MUTED: say.held_muted}
        return known.get(reason.partition(":")[0]) or say.held_other.replace(
            "{reason}", _literal(reason.replace("-", " "))
        )
    return say.not_delivered.replace("{outcome}", _literal(outcome))


def _literal(text: str) -> str:
    return plain(text, WHY_LIMIT).replace("{", "{{").replace("}", "}}")
