"""Bodies that the OpenAPI document shows; a test holds each against its type."""

from __future__ import annotations

from typing import Any

import msgspec

from undertone.api import shapes

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
    "href": "/v1/stories/news-3:1042?at=2026-11-25T08%3A01%3A30.250Z",
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
    shapes.OneStory: {"schema_version": 1, "story": _STORY},
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
