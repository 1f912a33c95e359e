"""Section: what is firing now, and why."""

from __future__ import annotations

import streamlit as st

from dashboard import data, figures
from dashboard.filters import DAY
from dashboard.markup import Html, el, join, outward, plain
from dashboard.words import EN as W
from undertone.messages import VOLUME_SURGE, Alert, AlertState, Evidence, Severity, from_ms, to_ms

SHOWN_AT_ONCE = 3
RESOLVED_SHOWN = 5
NAME_LIMIT = 80


def draw(url: str, streams: tuple[str, ...], now_ms: int) -> None:
    """The open alerts, worst and most surprising first; calm where there are none."""
    known = [one for one in data.alerts(url) if one.stream in streams]
    firing = sorted(filter(data.is_open, known), key=_urgency)
    resolved = [one for one in known if one.state == AlertState.RESOLVED][:RESOLVED_SHOWN]
    if firing:
        heading = el("h2", W.firing, " ", el("span", str(len(firing)), class_="ut-count"))
        st.html(el("section", heading, *(card(one) for one in firing), class_="ut-firing", aria_live="polite"))
    else:
        st.html(_calm(url, streams, now_ms))
    if resolved:
        rows = (_resolved(one) for one in resolved)
        st.html(el("details", el("summary", f"{W.earlier} ({len(resolved)})"), el("ul", *rows), class_="ut-earlier"))


def _urgency(alert: Alert) -> tuple[bool, float, int]:
    return alert.severity != Severity.CRITICAL, alert.p_count, -_ms(alert)


def card(alert: Alert) -> Html:
    """One alert: what, since when, why in a sentence, observed against expected, and the headlines."""
    critical = alert.severity == Severity.CRITICAL
    state = ""
    if alert.state == AlertState.ACKNOWLEDGED:
        state = W.acknowledged.format(by=plain(alert.acknowledged_by or "?", NAME_LIMIT))
    facts = [
        plain(alert.rule, NAME_LIMIT).replace("-", " "),
        W.since.format(when=figures.moment(to_ms(alert.started_at), year=True)),
        W.window.format(window=figures.span(alert.window_s)),
        {"news": W.news, "comments": W.comments}.get(alert.stream, alert.stream),
        state,
    ]
    head = el(
        "header",
        el("span", f"{'▲' if critical else '●'} {W.critical if critical else W.warning}", class_="ut-severity"),
        el("h3", title(alert), dir="auto"),
        el("p", " · ".join(filter(None, facts)), class_="ut-facts"),
    )
    reason = el("p", plain(alert.reason, 1_000), class_="ut-reason", dir="auto")
    kind = "critical" if critical else "warning"
    return el("article", head, reason, _figures(alert), _evidence(alert.evidence), class_=f"ut-alert ut-{kind}")


def title(alert: Alert) -> str:
    """Entity and topic, in the order a reader looks for them."""
    parts = (alert.entity, alert.topic or (None if alert.entity else W.any_topic))
    return " · ".join(plain(part, NAME_LIMIT) for part in parts if part)


def _figures(alert: Alert) -> Html:
    interval = W.interval.format(low=figures.number(alert.expected_low), high=figures.number(alert.expected_high))
    expected = W.expected.format(mean=figures.number(round(alert.expected, 1)))
    counted = W.observed_plain if alert.rule == VOLUME_SURGE else W.observed
    tiles = (
        (figures.number(alert.stories), counted, f"{expected}, {interval}"),
        (
            figures.percent(alert.share),
            W.share,
            W.share_usual.format(share=figures.percent(alert.expected_share)),
        ),
        (figures.number(alert.sources), W.sources, W.messages.format(n=figures.number(alert.messages))),
        (figures.odds(alert.p_count), W.odds, None),
    )
    cells = (
        el("div", el("dt", label), el("dd", value), el("dd", note, class_="ut-note") if note else None)
        for value, label, note in tiles
    )
    return join(_gauge(alert), el("dl", *cells, class_="ut-figures"))


def _gauge(alert: Alert) -> Html:
    """Observed as a bar, the usual interval as a band and the mean as a tick, on one scale from 0."""
    scale = max(alert.stories, alert.expected_high, alert.expected, 1) * 1.04

    def place(value: float) -> str:
        return f"{100 * min(max(value, 0) / scale, 1):.2f}%"

    band = f"left:{place(alert.expected_low)};width:{place(alert.expected_high - alert.expected_low)}"
    words = W.gauge.format(
        observed=alert.stories,
        expected=figures.number(round(alert.expected, 1)),
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


def _evidence(found: tuple[Evidence, ...]) -> Html:
    heading = el("h4", W.evidence)
    if not found:
        return el("div", heading, el("p", W.no_evidence, class_="ut-facts"), class_="ut-evidence")
    first = el("ul", *map(_headline, found[:SHOWN_AT_ONCE]))
    rest = None
    if found[SHOWN_AT_ONCE:]:
        summary = el("summary", W.more_evidence.format(n=len(found) - SHOWN_AT_ONCE))
        rest = el("details", summary, el("ul", *map(_headline, found[SHOWN_AT_ONCE:])))
    return el("div", heading, first, rest, class_="ut-evidence")


def _headline(story: Evidence) -> Html:
    meta = f"{plain(story.source, NAME_LIMIT)} · {figures.moment(story.published_ms)}"
    return el("li", outward(plain(story.text), story.url, W.opens), el("small", meta, dir="auto"))


def _calm(url: str, streams: tuple[str, ...], now_ms: int) -> Html:
    """Calm is a claim: it is made only if the watch has looked."""
    until_ms = data.watched_until_ms(url, streams)
    if until_ms < 0:
        command = el("pre", "undertone watch", class_="ut-mono", tabindex="0")
        return el(
            "section", el("h2", W.unwatched_title), el("p", W.unwatched_text), command, class_="ut-calm ut-unwatched"
        )
    day_ms = DAY * 1000
    series, since_ms = data.watched(url, streams, now_ms // day_ms * day_ms + day_ms)
    since = f"{from_ms(since_ms):%-d %b %Y}"
    text = W.calm_text.format(series=figures.number(series), since=since)
    checked = W.calm_checked.format(when=figures.moment(until_ms))
    return el("section", el("h2", "✓ ", W.calm_title), el("p", f"{text} {checked}"), class_="ut-calm", role="status")


def _resolved(alert: Alert) -> Html:
    end = to_ms(alert.resolved_at or alert.updated_at)
    when = W.resolved_line.format(start=figures.moment(to_ms(alert.started_at)), end=figures.moment(end))
    return el("li", el("strong", title(alert), dir="auto"), " ", el("small", when))


def _ms(alert: Alert) -> int:
    return to_ms(alert.fired_at)
