"""One alert in full: what, since when, why in a sentence, observed against expected, and the headlines."""

from __future__ import annotations

from typing import Final

from dashboard.firing import severity, title
from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, join, outward, plain
from dashboard.words.alerts import Alerts
from undertone.messages import VOLUME_SURGE, Alert, AlertState, Evidence, Severity, to_ms

SHOWN_AT_ONCE: Final = 3
NAME_LIMIT: Final = 80
REASON_LIMIT: Final = 1_000


def card(alert: Alert, locale: Locale) -> Html:
    """The alert as an article."""
    say = Alerts(locale.language)
    state = ""
    if alert.state == AlertState.ACKNOWLEDGED:
        state = say.acknowledged.format(by=plain(alert.acknowledged_by or "?", NAME_LIMIT))
    facts = [
        plain(alert.rule, NAME_LIMIT).replace("-", " "),
        say.since.format(when=locale.moment(to_ms(alert.started_at), year=True)),
        say.window.format(window=locale.span(alert.window_s)),
        {"news": locale.units.news, "comments": locale.units.comments}.get(alert.stream, alert.stream),
        state,
    ]
    head = el(
        "header",
        severity(alert, locale),
        el("h3", title(alert, locale), dir="auto"),
        el("p", " · ".join(filter(None, facts)), class_="ut-facts"),
    )
    reason = el("p", plain(alert.reason, REASON_LIMIT), class_="ut-reason", dir="auto")
    kind = "critical" if alert.severity == Severity.CRITICAL else "warning"
    body = (head, reason, _figures(alert, locale, say), _evidence(alert.evidence, locale, say))
    return el("article", *body, class_=f"ut-alert ut-{kind}")


def _figures(alert: Alert, locale: Locale, say: Alerts) -> Html:
    interval = say.interval.format(low=locale.number(alert.expected_low), high=locale.number(alert.expected_high))
    expected = say.expected.format(mean=locale.number(round(alert.expected, 1)))
    counted = say.observed_plain if alert.rule == VOLUME_SURGE else say.observed
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
    return join(_gauge(alert, locale, say), el("dl", *cells, class_="ut-figures"))


def _gauge(alert: Alert, locale: Locale, say: Alerts) -> Html:
    """Observed as a bar, the usual interval as a band and the mean as a tick, on one scale from 0."""
    scale = max(alert.stories, alert.expected_high, alert.expected, 1) * 1.04

    def place(value: float) -> str:
        return f"{100 * min(max(value, 0) / scale, 1):.2f}%"

    band = f"left:{place(alert.expected_low)};width:{place(alert.expected_high - alert.expected_low)}"
    words = say.gauge.format(
        observed=alert.stories,
        expected=locale.number(round(alert.expected, 1)),
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


def _evidence(found: tuple[Evidence, ...], locale: Locale, say: Alerts) -> Html:
    heading = el("h4", say.evidence)
    if not found:
        return el("div", heading, el("p", say.no_evidence, class_="ut-facts"), class_="ut-evidence")
    first = el("ul", *(_headline(one, locale) for one in found[:SHOWN_AT_ONCE]))
    rest = None
    if found[SHOWN_AT_ONCE:]:
        summary = el("summary", say.more_evidence.format(n=len(found) - SHOWN_AT_ONCE))
        rest = el("details", summary, el("ul", *(_headline(one, locale) for one in found[SHOWN_AT_ONCE:])))
    return el("div", heading, first, rest, class_="ut-evidence")


def _headline(story: Evidence, locale: Locale) -> Html:
    meta = f"{plain(story.source, NAME_LIMIT)} · {locale.moment(story.published_ms)}"
    return el("li", outward(plain(story.text), story.url, locale.units.opens), el("small", meta, dir="auto"))
