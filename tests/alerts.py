"""An alert to make tests of, as the watch would publish it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from undertone.alert_store import Outgoing
from undertone.messages import Alert, AlertState, Evidence, Sentiment, Severity, encode, to_ms

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # a Monday


def evidence(number: int, text: str, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "position": f"news-0:{number}",
        "id": f"m{number}",
        "stream": "news",
        "published_ms": to_ms(START) + number * 1000,
        "source": f"source{number % 3}",
        "text": text,
        "topic": "Earnings",
        "sentiment": Sentiment.NEGATIVE,
        "p": 0.9,
        "entities": ("ACME",),
        "url": f"https://news.example.org/{number}",
    }
    return Evidence(**(values | changes))


def alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": "00112233aabbccdd",
        "rule": "negative-surge",
        "severity": Severity.WARNING,
        "state": AlertState.FIRING,
        "stream": "news",
        "topic": "Earnings",
        "entity": "ACME",
        "window_s": 900,
        "started_at": START,
        "fired_at": START + timedelta(minutes=1),
        "updated_at": START + timedelta(minutes=1),
        "stories": 6,
        "messages": 9,
        "total_stories": 7,
        "sources": 3,
        "expected": 0.4,
        "expected_low": 0,
        "expected_high": 2,
        "share": 0.86,
        "expected_share": 0.3,
        "p_count": 1e-5,
        "p_share": 1e-3,
        "reason": "6 negative stories in 15 min where 0.4 are usual",
        "evidence": tuple(evidence(number, f"Acme warns on profit, part {number}") for number in range(6)),
        "notifications": 1,
    }
    return Alert(**(values | changes))


def outgoing(what: str = "fired", number: int = 1, **changes: Any) -> Outgoing:
    told = alert(notifications=number, **changes)
    return Outgoing(f"{to_ms(START)}-{number}", told, encode(told), number, what)
