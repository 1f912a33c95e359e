"""Why an alert rings, in one sentence of the reader's language: what was counted and what is usual, without statistics.

The alert's own ``reason`` has the probabilities; here the alert's page tells how unlikely it is beside the sentence.
"""

from __future__ import annotations

from dashboard.locale import Locale, percent
from dashboard.words.alerts import Alerts
from undertone.messages import VOLUME_SURGE, Alert
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT


def reason(alert: Alert, locale: Locale) -> str:
    """One sentence of figures only; no text from the feed is in it."""
    say = Alerts(locale.language)
    facts = {
        "n": locale.number(alert.stories),
        "window": locale.span(alert.window_s),
        "usual": _usual(alert, say, locale),
        "share": percent(alert.share),
        "usual_share": percent(alert.expected_share),
        "total": locale.number(alert.total_stories),
        "sources": say.why_source if alert.sources == 1 else say.why_sources.format(n=locale.number(alert.sources)),
        "mean": locale.mean(alert.expected),
    }
    if alert.kind == FEED_SILENT:
        return say.why_silent.format(**facts)
    if alert.kind == SENTIMENT_SHIFT:
        return say.why_shift.format(**facts)
    sentence = say.why_volume if alert.kind == VOLUME_SURGE else say.why_negative
    return sentence.format(**facts)


def _usual(alert: Alert, say: Alerts, locale: Locale) -> str:
    low, high = locale.number(alert.expected_low), locale.number(alert.expected_high)
    return high if low == high else say.why_between.format(low=low, high=high)


def rule_name(alert: Alert, locale: Locale) -> str:
    """What its rule looks for, or its rule's own name where that says something else than its kind."""
    if alert.rule != alert.kind:
        return alert.rule.replace("-", " ")
    kinds = Alerts(locale.language)
    return {
        VOLUME_SURGE: kinds.kind_volume,
        SENTIMENT_SHIFT: kinds.kind_shift,
        FEED_SILENT: kinds.kind_silent,
    }.get(alert.kind, kinds.kind_negative)
