"""One alert as a card: what, since when, why in a sentence, observed against expected; and the stories behind it."""

from __future__ import annotations

from typing import Final

from dashboard import story_row
from dashboard.firing import severity, title
from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, join, plain
from dashboard.reason import reason, rule_name
from dashboard.words.alerts import Alerts
from undertone.messages import VOLUME_SURGE, Alert, AlertState, Severity, to_ms

SHOWN_AT_ONCE: Final = 4
NAME_LIMIT: Final = 80


def card(alert: Alert, locale: Locale, name: str = "") -> Html:
    """The alert as an article; ``name`` is that of its company, if it is known."""
    say = Alerts(locale.language)
    facts = [
        *([plain(name, NAME_LIMIT)] if name else []),
        state(alert, locale),
        plain(rule_name(alert, locale), NAME_LIMIT),
        say.since.format(when=locale.moment(to_ms(alert.started_at), year=True)),
        say.window.format(window=locale.span(alert.window_s)),
        {"news": locale.units.news, "comments": locale.units.comments}.get(alert.stream, alert.stream),
        *people(alert, locale),
    ]
    head = el(
        "header",
        severity(alert, locale),
        el("h2", title(alert, locale), dir="auto"),
        el("p", " · ".join(facts), class_="ut-facts"),
    )
    why = el("p", reason(alert, locale), class_="ut-reason")
    kind = "critical" if alert.severity == Severity.CRITICAL else "warning"
    return el("article", head, why, _figures(alert, locale, say), class_=f"ut-alert ut-{kind}")


def state(alert: Alert, locale: Locale) -> str:
    """The state, and since when if it is over."""
    say = Alerts(locale.language)
    if alert.state == AlertState.RESOLVED:
        return say.over.format(when=locale.moment(to_ms(alert.resolved_at or alert.updated_at), year=True))
    if alert.state == AlertState.ACKNOWLEDGED:
        return say.acknowledged.format(by=plain(alert.acknowledged_by or "?", NAME_LIMIT))
    word: str = getattr(locale.units, alert.state.value)
    return word


def people(alert: Alert, locale: Locale) -> list[str]:
    """What people made of it beside its state."""
    say = Alerts(locale.language)
    told = [] if not alert.assigned_to else [say.assigned.format(to=plain(alert.assigned_to, NAME_LIMIT))]
    told += [say.silenced] if alert.silenced_by else []
    return told + ([say.false_alarm] if alert.wrong_by else [])


def gauge(alert: Alert, locale: Locale) -> Html:
    """Observed as a bar, the usual interval as a band and the mean as a tick, on one scale from 0."""
    say = Alerts(locale.language)
    scale = max(alert.stories, alert.expected_high, alert.expected, 1) * 1.04

    def place(value: float) -> str:
        return f"{100 * min(max(value, 0) / scale, 1):.2f}%"

    band = f"left:{place(alert.expected_low)};width:{place(alert.expected_high - alert.expected_low)}"
    words = say.gauge.format(
        observed=alert.stories,
        expected=locale.mean(alert.expected),
        low=alert.expected_low,
        high=alert.expected_high,
    )
    return el(
        "div",
        el("i", class_="ut-gauge-band", style=band),
        el("i", class_="ut-gauge-bar", style=f"width:{place(alert.stories)}"),
        el("i", class_="ut-gauge-tick", style=f"left:{place(alert.expected)}"),
        class_="ut-gauge",
        role="img",
        aria_label=words,
        title=words,
    )


def evidence(alert: Alert, locale: Locale) -> Html:
    """The stories, each with the way to it; the first ones at once."""
    say = Alerts(locale.language)
    heading = el("h3", say.evidence)
    if not alert.evidence:
        return join(heading, el("p", say.no_evidence, class_="ut-facts"))
    rows = [story_row.row(one, locale) for one in alert.evidence]
    first, later = rows[:SHOWN_AT_ONCE], rows[SHOWN_AT_ONCE:]
    rest = None
    if later:
        summary = el("summary", say.more_evidence.format(n=len(later)))
        rest = el("details", summary, el("ul", *later, class_="ut-stories"))
    return join(heading, el("ul", *first, class_="ut-stories"), rest)


def _figures(alert: Alert, locale: Locale, say: Alerts) -> Html:
    interval = say.interval.format(low=locale.number(alert.expected_low), high=locale.number(alert.expected_high))
    expected = say.expected.format(mean=locale.mean(alert.expected))
    counted = say.observed_plain if alert.kind == VOLUME_SURGE else say.observed
    tiles = (
        (locale.number(alert.stories), counted, f"{expected}, {interval}"),
        (percent(alert.share), say.share, say.share_usual.format(share=percent(alert.expected_share))),
        (locale.number(alert.sources), say.sources, say.messages.format(n=locale.number(alert.messages))),
        (locale.odds(alert.p_count), say.odds, None),
    )
    cells = (
        el("div", el("dt", label), el("dd", value), el("dd", note, class_="ut-note") if note else None)
        for value, label, note in tiles
    )
    return join(gauge(alert, locale), el("dl", *cells, class_="ut-figures"))
