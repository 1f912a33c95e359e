"""What may be asked: the parameters of each path, checked before anything is read. An unknown parameter is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from undertone.api.cursors import MOST_CHARACTERS
from undertone.messages import AlertState, Sentiment, Severity
from undertone.topics import STREAMS

MOST_ROWS = 200
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc_3339(value: object) -> object:
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("valid is RFC 3339 with a zone, such as 2026-11-25T08:00:00Z (a + is written %2B)")
    return value


def _in_time(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        raise ValueError("valid is a time from 1970 to 2200")
    return value


Moment = Annotated[
    datetime, BeforeValidator(_rfc_3339), AfterValidator(_in_time), Field(examples=["2026-11-25T08:00:00Z"])
]
StreamName = Literal["news", "comments"]
Name = Annotated[str, Field(min_length=1, max_length=512)]
Cursor = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern="^[A-Za-z0-9_-]+$")]
Language = Literal["en", "zh"]
Step = Literal["auto", "1m", "5m", "1h", "1d"]
EntryId = Annotated[str, Field(pattern=r"^[0-9]{1,15}-[0-9]{1,10}$")]
Position = Annotated[str, Field(pattern=r"^(news|comments)-[0-9]{1,4}:[0-9]{1,18}$", examples=["news-3:1042"])]
AlertId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["a1b2c3d4e5f60718"])]

TOPIC = Field(None, description="one topic, as /v1/topics has it", examples=["Earnings"])
ENTITY = Field(None, description="one company, by symbol, cashtag or name", examples=["AAPL"])
STREAM = Field(None, description="one stream (default: both)")
LIMIT = Field(50, ge=1, le=MOST_ROWS, description="rows on a page at most")
CURSOR = Field(None, description="`next` of the page before, all else unchanged")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrendsQuery(_Query):
    stream: StreamName = "news"
    topic: Name | None = TOPIC
    entity: Name | None = ENTITY
    start: Moment | None = Field(None, alias="from", description="event time (default: a day before `to`)")
    end: Moment | None = Field(None, alias="to", description="not included (default: the newest counted)")
    step: Step = Field("auto", description="length of a window; auto: the shortest that gives 300 at most")
    models: bool = Field(False, description="with the messages of each window by model version")


class EntitiesQuery(_Query):
    stream: StreamName | None = STREAM
    days: int = Field(7, ge=1, le=31, description="days of event time to look back, today included")
    limit: int = LIMIT
    cursor: Cursor | None = CURSOR


class StoriesQuery(_Query):
    stream: StreamName | None = STREAM
    topic: Name | None = TOPIC
    entity: Name | None = ENTITY
    sentiment: Sentiment | None = None
    source: Name | None = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="words that must all be in the text, in any case"
    )
    start: Moment | None = Field(None, alias="from", description="event time (default: a day before `to`)")
    end: Moment | None = Field(None, alias="to", description="not included (default: the newest counted)")
    limit: int = LIMIT
    cursor: Cursor | None = CURSOR


class StoryQuery(_Query):
    at: Moment | None = Field(None, description="when it was published: finds it at once, and finds older ones")


class _AlertFilter(_Query):
    severity: Severity | None = None
    rule: Name | None = Field(None, description="name of a rule", examples=["negative-surge"])
    stream: StreamName | None = STREAM
    topic: Name | None = TOPIC
    entity: Name | None = ENTITY


class AlertsQuery(_AlertFilter):
    state: AlertState | None = None
    start: Moment | None = Field(None, alias="from", description="fired at or after, in event time")
    end: Moment | None = Field(None, alias="to", description="fired before, in event time")
    limit: int = LIMIT
    cursor: Cursor | None = CURSOR


class AlertQuery(_Query):
    language: Language = Field("en", description="of the paragraph that tells it")


class AlertStreamQuery(_AlertFilter):
    after: EntryId | None = Field(
        None, description="begin after this event, as Last-Event-ID; 0-0: with the oldest that is kept"
    )
    seconds: int | None = Field(
        None, ge=0, le=3_600, description="end the stream after so long; 0: give what there is, and end"
    )


def streams(one: str | None) -> tuple[str, ...]:
    """One stream, or both."""
    return STREAMS if one is None else (one,)
