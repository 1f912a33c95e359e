"""What to look for and whom to tell: the rules file, its types, and who is told of what."""

from __future__ import annotations

from undertone.rules.model import (
    FEED_SILENT,
    SENTIMENT_SHIFT,
    Apprise,
    Budget,
    Match,
    MuteTiming,
    Receiver,
    Route,
    Rule,
    Rules,
    Thresholds,
    Webhook,
    series_kind,
)

__all__ = [
    "FEED_SILENT",
    "SENTIMENT_SHIFT",
    "Apprise",
    "Budget",
    "Match",
    "MuteTiming",
    "Receiver",
    "Route",
    "Rule",
    "Rules",
    "Thresholds",
    "Webhook",
    "series_kind",
]
