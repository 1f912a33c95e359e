"""The list of alerts: filters in the URL, rows, and pages of older ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from dashboard import address, alert_reads, company_names, reads
from dashboard.alert_card import gauge, people, state
from dashboard.firing import severity, title, urgency
from dashboard.kept import made
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.reason import reason, rule_name
from dashboard.visit import Visit
from dashboard.words.alerts import Alerts
from undertone.alert_reading import AlertPlace, WantedAlerts
from undertone.messages import Alert, AlertState, Severity, to_ms

OPEN: Final = "open"
EVERY: Final = "all"
STATES: Final = (OPEN, "firing", "acknowledged", "resolved", EVERY)
ANY: Final = ""
RESOLVED_SHOWN: Final = 20
NAME_LIMIT: Final = 80


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts; an empty part means any. ``after`` is the place in the list that the page begins at."""

    state: str = OPEN
    severity: str = ANY
    rule: str = ANY
    about: str = ANY
    after: AlertPlace | None = None

    def fits(self, alert: Alert) -> bool:
        """Whether an alert is wanted, whatever its place."""
        return (
            (self.state == EVERY or (reads.is_open(alert) if self.state == OPEN else alert.state == self.state))
            and self.severity in (ANY, alert.severity)
            and self.rule in (ANY, alert.rule)
            and self.about in (ANY, alert.entity, alert.topic)
        )


def choose(visit: Visit) -> Wanted:
    """Draw the filters, set to what the URL says, and write what is chosen back to it."""
    say, units = Alerts(visit.locale.language), visit.locale.units
    current = from_url()
    wanted = {
        "state": current.state, "severity": current.severity, "alert-rule": current.rule, "about": current.about
    }  # fmt: skip
    address.seed("alerts", wanted)
    states = {
        OPEN: say.open,
        "firing": say.firing,
        "acknowledged": say.acknowledged_state,
        "resolved": say.resolved,
        EVERY: say.every,
    }
    severities = {ANY: say.every, "critical": units.critical, "warning": units.warning}
    known = [one for one in reads.alerts(visit.url) if one.stream in visit.streams]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="alert-filters"):
        state = st.segmented_control(say.state, STATES, key="state", required=True, format_func=states.__getitem__)
        severe = st.segmented_control(
            say.severity, [*severities], key="severity", required=True, format_func=severities.__getitem__
        )
        kinds = {one.rule: rule_name(one, visit.locale) for one in known}
        rule = _select(say.rule, "alert-rule", kinds, current.rule, say.every)
        names = {one.entity: one.entity for one in known if one.entity}
        names |= {one.topic: visit.locale.topic(one.topic) for one in known if one.topic}
        about = _select(say.about, "about", names, current.about, say.anything)
    chosen = Wanted(state or OPEN, severe or ANY, rule, about)
    if chosen == Wanted(current.state, current.severity, current.rule, current.about):
        chosen = current
    query = {
        "state": "" if chosen.state == OPEN else chosen.state,
        "severity": chosen.severity,
        "rule": rule,
        "about": about,
        "after": "" if chosen.after is None else f"{chosen.after.fired_ms}-{chosen.after.id}",
    }
    settled = {"state": state, "severity": severe, "alert-rule": rule, "about": about}
    address.settle("alerts", settled, query)
    return chosen


def from_url() -> Wanted:
    """The filters in the URL; what cannot be used falls back to the default."""
    rule, about = (one if len(one) <= 2 * NAME_LIMIT else ANY for one in map(address.value, ("rule", "about")))
    at, _, alert_id = address.value("after").partition("-")
    after = AlertPlace(int(at), alert_id) if at.isascii() and at.isdigit() and len(at) < 16 and alert_id else None
    return Wanted(address.value("state", STATES) or OPEN, address.value("severity", [*Severity]), rule, about, after)


def rows(visit: Visit, wanted: Wanted) -> Html:
    """What is wanted, newest or most urgent first."""
    say = Alerts(visit.locale.language)
    found, after = _found(visit, wanted)
    together = Counter(one.incident for one in reads.alerts(visit.url) if one.incident)
    carried = address.carried()
    items = [
        _row(
            one,
            visit.locale,
            together[one.incident] - 1 if one.incident else 0,
            company_names.name(visit.settings, one.entity),
            carried,
        )
        for one in found
    ]
    heading = el("h2", say.title, " ", el("span", str(len(found)), class_="ut-count"), class_="ut-heading")
    if not items:
        return join(heading, _nothing(visit, wanted, say))
    return join(heading, el("ul", *items, class_="ut-alert-list"), _ways(visit, wanted, after, say))


def resolved(visit: Visit, wanted: Wanted) -> Html | None:
    """Under the open ones: those that ended lately, folded away."""
    if wanted.state != OPEN:
        return None
    say, locale = Alerts(visit.locale.language), visit.locale
    over = [
        one for one in reads.alerts(visit.url)
        if one.state == AlertState.RESOLVED and one.stream in visit.streams
        and Wanted(EVERY, wanted.severity, wanted.rule, wanted.about).fits(one)
    ][:RESOLVED_SHOWN]  # fmt: skip
    if not over:
        return None
    items = el("ul", *(_ended(one, locale, address.carried()) for one in over))
    return el("details", el("summary", f"{say.earlier} ({len(over)})"), items, class_="ut-earlier")


def _found(visit: Visit, wanted: Wanted) -> tuple[Sequence[Alert], AlertPlace | None]:
    """The alerts of this page, and where the next one begins."""
    if wanted.state == OPEN:
        known = [one for one in reads.alerts(visit.url) if one.stream in visit.streams and wanted.fits(one)]
        return sorted(known, key=urgency), None
    asked = WantedAlerts(
        state=None if wanted.state == EVERY else wanted.state,
        severity=wanted.severity or None,
        rule=wanted.rule or None,
    )
    page = alert_reads.page(visit.url, asked, wanted.after)
    return [one for one in page.alerts if one.stream in visit.streams and wanted.fits(one)], page.after


@made(most=512)
def _row(alert: Alert, locale: Locale, others: int, company: str, _carried: address.Carried) -> Html:
    say = Alerts(locale.language)
    facts = [
        *([plain(company, NAME_LIMIT)] if company else []),
        state(alert, locale),
        say.since.format(when=locale.moment(to_ms(alert.started_at), year=True)),
        plain(rule_name(alert, locale), NAME_LIMIT),
        {"news": locale.units.news, "comments": locale.units.comments}.get(alert.stream, alert.stream),
        *people(alert, locale),
        *([say.with_others.format(n=others)] if others > 0 else []),
    ]
    name = el("a", title(alert, locale), href=address.link("alerts", alert=alert.id), target="_self", dir="auto")
    words = el(
        "div",
        el("h3", severity(alert, locale), " ", name),
        el("p", reason(alert, locale), class_="ut-reason"),
        el("p", " · ".join(facts), class_="ut-facts"),
    )
    counted = say.counted.format(n=locale.number(alert.stories), mean=locale.mean(alert.expected))
    picture = el("div", gauge(alert, locale), el("small", counted), class_="ut-small-gauge")
    kind = "critical" if alert.severity == Severity.CRITICAL else "warning"
    over = " ut-over" if alert.state == AlertState.RESOLVED else ""
    return el("li", words, picture, class_=f"ut-{kind}{over}")


@made(most=512)
def _ended(alert: Alert, locale: Locale, _carried: address.Carried) -> Html:
    say = Alerts(locale.language)
    end = to_ms(alert.resolved_at or alert.updated_at)
    when = say.resolved_line.format(start=locale.moment(to_ms(alert.started_at)), end=locale.moment(end))
    name = el("a", title(alert, locale), href=address.link("alerts", alert=alert.id), target="_self", dir="auto")
    return el("li", name, " ", el("small", " · ".join([when, *people(alert, locale)])))


def _nothing(visit: Visit, wanted: Wanted, say: Alerts) -> Html:
    if wanted == Wanted():
        return el("p", say.none_open, class_="ut-none")
    clear = el("a", say.clear, href=address.link("alerts"), target="_self")
    return el("div", el("p", say.none_found), clear, class_="ut-none")


def _ways(visit: Visit, wanted: Wanted, after: AlertPlace | None, say: Alerts) -> Html | None:
    links = []
    if wanted.after is not None:
        links.append(el("a", f"← {say.newest}", href=address.here(visit.page, after=""), target="_self"))
    if after is not None:
        place = f"{after.fired_ms}-{after.id}"
        links.append(el("a", f"{say.older} →", href=address.here(visit.page, after=place), target="_self"))
    return el("p", *[part for link in links for part in (link, " ")], class_="ut-facts") if links else None


def _select(label: str, key: str, known: Mapping[str, str], current: str, everything: str) -> str:
    """One of what is known, each with the name that is shown, or of what the URL names."""
    options = [ANY, *sorted({*known, current} - {ANY}, key=lambda one: known.get(one, one).casefold())]
    found = st.selectbox(
        label, options, key=key, width=190,
        format_func=lambda name: plain(known.get(name, name), NAME_LIMIT) or everything,
    )  # fmt: skip
    return found or ANY
