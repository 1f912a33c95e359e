"""What the read API answers with. Times are RFC 3339 in UTC; those of messages and alerts are event time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from undertone.messages import Alert, Probability, Sentiment
from undertone.narrative import Sentence

Share = Probability
Count = Annotated[int, Meta(ge=0)]
Net = Annotated[float, Meta(ge=-1, le=1, description="mean of the probability of positive minus that of negative")]
Next = Annotated[
    str | None,
    Meta(
        description="Give it as `cursor` for the next page, all else unchanged; null on the last page. A page that is "
        "short or empty and has it has looked far enough for one answer."
    ),
]


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    schema_version: Literal[1] = 1


class Invalid(msgspec.Struct, frozen=True):
    """One parameter that cannot be used."""

    parameter: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What went wrong (RFC 9457). `type` is stable, `detail` says what to do."""

    type: Annotated[str, Meta(pattern="^(about:blank|urn:undertone:problem:[a-z-]+)$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str = ""
    request: Annotated[str, Meta(description="the id that the server's log has of this request")] = ""
    invalid: tuple[Invalid, ...] = ()
    retry_after_s: Annotated[int, Meta(ge=1)] | None = None
    data_age_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="where Redis does not answer: seconds since the newest data that was seen was written"),
    ] = None


class BySentiment(msgspec.Struct, frozen=True):
    """Counts by sentiment."""

    negative: Count
    neutral: Count
    positive: Count


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One window. `stories` are distinct, `messages` are all, copies included.

    `models` has the messages of the whole stream in this window by the version that scored them.
    """

    start: datetime
    end: datetime
    messages: BySentiment
    stories: BySentiment
    negative_share: Annotated[Share, Meta(description="of distinct stories")]
    net_sentiment: Net
    models: dict[str, Count] | UnsetType = UNSET


class Trends(_Answer, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Windows of event time that are not empty, oldest first. `complete_until`: before it hardly anything changes."""

    stream: str
    topic: str | None
    entity: str | None
    start: datetime
    end: datetime
    step: Literal["1m", "5m", "1h", "1d"]
    complete_until: datetime | None
    buckets: tuple[Bucket, ...]


class Topics(_Answer, frozen=True, kw_only=True):
    """The topics that windows may hold, those of the model that serves first; `model` is its version."""

    model: str
    topics: tuple[str, ...]


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A company, or a cashtag that is not listed (its name is null), and what was said of it."""

    entity: str
    name: str | None
    messages: BySentiment
    stories: BySentiment
    negative_share: Share
    net_sentiment: Net


class Entities(_Answer, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """The entities that were spoken of, by symbol."""

    start: datetime
    end: datetime
    entities: tuple[Entity, ...]
    next: Next


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A story as its first message told it. `text` is what others wrote: show it as text, never as markup."""

    position: Annotated[str, Meta(description="its place in the log, and its id")]
    id: str
    stream: str
    published_at: datetime
    source: str
    text: str
    topic: str
    sentiment: Sentiment
    probability: Annotated[Probability, Meta(description="of the sentiment, calibrated")]
    entities: tuple[str, ...]
    author: str | None
    url: Annotated[str | None, Meta(description="http or https only; null where it was anything else")]
    model: str
    copies: Annotated[Count, Meta(description="how often it was told again while it was open: a day, unless set else")]
    href: Annotated[str, Meta(description="path of this story")]


class FromSource(msgspec.Struct, frozen=True, kw_only=True):
    """Copies that one source published."""

    source: str
    copies: Count


class InHour(msgspec.Struct, frozen=True, kw_only=True):
    """Copies that were published in one hour of event time."""

    start: datetime
    copies: Count


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """How often a story was told again, by whom and when.

    `sources` is how many sources that were; of them `by_source` has those with the most copies, 50 at most. `first` and
    `last` are the beginnings of the hours of the first copy and the last.
    """

    count: Count
    sources: Count
    first: datetime | None
    last: datetime | None
    by_source: tuple[FromSource, ...]
    by_hour: tuple[InHour, ...]


class Stories(_Answer, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Stories, newest first."""

    start: datetime
    end: datetime
    stories: tuple[Story, ...]
    next: Next


class OneStory(_Answer, frozen=True, kw_only=True):
    """One story and its copies."""

    story: Story
    copies: Copies


class Alerts(_Answer, frozen=True, kw_only=True):
    """Alerts, newest first by the time they fired."""

    alerts: tuple[Alert, ...]
    next: Next


class PriceMove(msgspec.Struct, frozen=True, kw_only=True):
    """What a price did, from the last one known at the alert; `change` is a share of it."""

    symbol: str
    begin: datetime
    end: datetime
    before: float
    after: float
    change: float


class OneAlert(_Answer, frozen=True, kw_only=True):
    """An alert, the paragraph that tells it, sentence by sentence with the ids that support each, and price moves."""

    alert: Alert
    language: Literal["en", "zh"]
    text: str
    sentences: tuple[Sentence, ...]
    price_moves: tuple[PriceMove, ...]


class AlertEvent(_Answer, frozen=True, kw_only=True):
    """Data of one event of the stream: what is new of an alert, and the alert as it was then.

    `quiet` says why people were not told, such as by a silence; empty where they were.
    """

    entry: str
    what: str
    quiet: str
    notification: int
    alert: Alert


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream has come: the newest event time, and when it was last written to."""

    stream: str
    event_time: datetime | None
    written_at: datetime | None
    age_s: Annotated[float, Meta(ge=0)] | None


class Health(_Answer, frozen=True, kw_only=True):
    """`ok`: a worker counts; `idle`: none has lately; `empty`: nothing has ever been counted."""

    status: Literal["ok", "idle", "empty"]
    workers: Count
    model: str
    streams: tuple[StreamHealth, ...]
