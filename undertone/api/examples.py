"""Bodies that the OpenAPI document shows; a test holds each against its type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from undertone.api import shapes
from undertone.messages import Alert, AlertState, Severity, encode

_COUNTS = {
    "messages": {"negative": 31, "neutral": 4, "positive": 2},
    "stories": {"negative": 18, "neutral": 2, "positive": 1},
    "negative_share": 0.857143,
    "net_sentiment": -0.61,
}
_STORY = {
    "position": "news-3:1042",
    "id": "wire-20261125-0042",
    "stream": "news",
    "published_at": "2026-11-25T08:01:30.250000Z",
    "source": "example-wire",
    "text": "Northgate Motors recalls 40,000 cars over battery fires",
    "topic": "Company | Product News",
    "sentiment": "negative",
    "probability": 0.94,
    "entities": ["NGM"],
    "author": None,
    "url": "https://example.com/northgate",
    "model": "finance-2026.11.25-7a4a1922",
    "copies": 3,
    "href": "/v1/stories/news-3:1042?at=2026-11-25T08%3A01%3A30.250Z",
}

_ALERT: dict[str, Any] = msgspec.json.decode(
    encode(
        Alert(
            id="a1b2c3d4e5f60718",
            rule="negative-surge",
            severity=Severity.CRITICAL,
            state=AlertState.FIRING,
            stream="news",
            topic="Company | Product News",
            entity="NGM",
            window_s=900,
            started_at=datetime(2026, 11, 25, 7, 52, tzinfo=UTC),
            fired_at=datetime(2026, 11, 25, 7, 58, tzinfo=UTC),
            updated_at=datetime(2026, 11, 25, 8, 2, tzinfo=UTC),
            stories=18,
            messages=31,
            total_stories=21,
            sources=6,
            expected=3.2,
            expected_low=0,
            expected_high=8,
            share=0.857,
            expected_share=0.26,
            p_count=2.1e-6,
            p_share=4.4e-5,
            reason="18 negative stories about NGM in the last 15 minutes, where about 3 are usual.",
            model="finance-2026.11.25-7a4a1922",
            notifications=1,
        )
    )
)
_SENTENCE = "18 negative stories about NGM were told in the 15 minutes to 2026-11-25 08:02 UTC."

_PROBLEM = {
    "type": "urn:undertone:problem:parameter",
    "title": "A parameter cannot be used",
    "status": 422,
    "detail": "topic 'Rumours' is not known: /v1/topics lists those that are",
    "request": "b1a68ad1b0f3a532",
    "invalid": [{"parameter": "topic", "detail": "topic 'Rumours' is not known: /v1/topics lists those that are"}],
}

EXAMPLES: dict[type[msgspec.Struct], dict[str, Any]] = {
    shapes.Trends: {
        "schema_version": 1,
        "stream": "news",
        "topic": None,
        "entity": "NGM",
        "from": "2026-11-25T08:00:00Z",
        "to": "2026-11-25T08:10:00Z",
        "step": "5m",
        "complete_until": "2026-11-25T07:30:00Z",
        "buckets": [{"start": "2026-11-25T08:00:00Z", "end": "2026-11-25T08:05:00Z", **_COUNTS}],
    },
    shapes.Topics: {
        "schema_version": 1,
        "model": "finance-2026.11.25-7a4a1922",
        "topics": ["Analyst Update", "Company | Product News", "Earnings"],
    },
    shapes.Entities: {
        "schema_version": 1,
        "from": "2026-11-19T00:00:00Z",
        "to": "2026-11-26T00:00:00Z",
        "entities": [{"entity": "NGM", "name": "Northgate Motors", **_COUNTS}],
        "next": None,
    },
    shapes.Stories: {
        "schema_version": 1,
        "from": "2026-11-24T08:02:00Z",
        "to": "2026-11-25T08:02:00Z",
        "stories": [_STORY],
        "next": None,
    },
    shapes.OneStory: {
        "schema_version": 1,
        "story": _STORY,
        "copies": {
            "count": 3,
            "sources": 2,
            "first": "2026-11-25T08:00:00Z",
            "last": "2026-11-25T11:00:00Z",
            "by_source": [{"source": "example-post", "copies": 2}, {"source": "example-times", "copies": 1}],
            "by_hour": [{"start": "2026-11-25T08:00:00Z", "copies": 1}, {"start": "2026-11-25T11:00:00Z", "copies": 2}],
        },
    },
    shapes.Alerts: {"schema_version": 1, "alerts": [_ALERT], "next": None},
    shapes.OneAlert: {
        "schema_version": 1,
        "alert": _ALERT,
        "language": "en",
        "text": _SENTENCE,
        "sentences": [{"text": _SENTENCE, "windows": ["news/Company | Product News/NGM/1795592820/900"]}],
        "price_moves": [
            {
                "symbol": "NGM",
                "begin": "2026-11-25T07:58:00Z",
                "end": "2026-11-25T08:58:00Z",
                "before": 41.2,
                "after": 39.6,
                "change": -0.038835,
            }
        ],
    },
    shapes.Problem: _PROBLEM,
    shapes.Health: {
        "schema_version": 1,
        "status": "ok",
        "workers": 2,
        "model": "finance-2026.11.25-7a4a1922",
        "streams": [
            {
                "stream": "news",
                "event_time": "2026-11-25T08:01:30.250000Z",
                "written_at": "2026-11-25T08:01:30.310000Z",
                "age_s": 0.42,
            }
        ],
    },
}
