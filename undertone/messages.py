"""The messages that travel on Kafka: their types, how bytes become one, and how one becomes bytes.

Decoding is strict about what Undertone uses and lenient about the rest: an unknown field is kept, a wrong one
is refused with a reason. Nothing here talks to Kafka or knows what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from undertone.errors import Rejected

SCHEMA_VERSION = 1

Short = Annotated[str, msgspec.Meta(max_length=512)]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Novelty = Annotated[int, msgspec.Meta(ge=0, le=100)]
SENTIMENTS = ("negative", "neutral", "positive")


class Sentiment(StrEnum):
    """What a text says about its subject, from an investor's view."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One news item or comment, as a producer sends it to ``news`` or ``comments``.

    ``text`` may be left out where ``title`` or ``body`` is given. ``published_at`` is RFC 3339 with a zone.
    ``id`` must be unique within its stream: a second message with the same id within a day is not counted.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    published_at: Annotated[datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    text: str | None = None
    title: str | None = None
    body: str | None = None
    author: Short | None = None
    url: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    lang: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    entities: Annotated[tuple[Short, ...], msgspec.Meta(max_length=64)] = ()

    @property
    def content(self) -> str:
        """The text to judge: ``text``, else title and body joined by a full stop."""
        if self.text is not None:
            return self.text
        return ". ".join(part for part in (self.title, self.body) if part)

    @property
    def published_ms(self) -> int:
        """Event time in milliseconds since 1970, UTC."""
        return to_ms(self.published_at)

    def encode(self) -> bytes:
        """The JSON bytes to send as a Kafka record's value."""
        return _encoder.encode(self)


class Scored(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What Undertone says of one message, on the ``scored`` topic. Delivered at least once: key by ``position``."""

    schema_version: int = SCHEMA_VERSION
    position: str  # "<stream>-<partition>:<offset>" of the input record
    id: str
    stream: str
    published_at: datetime
    source: str
    topic: str
    topic_probabilities: dict[str, Probability]
    sentiment: Sentiment
    sentiment_probabilities: dict[str, Probability]
    entities: tuple[str, ...]
    story: str  # position of the message that opened the story
    copy: bool  # True when another message opened it
    status: str  # "counted", "late", "future" or "duplicate"
    model: str
    novelty: Novelty | None = None  # 0 for an exact copy, 100 for what nothing was like; only of counted messages
    extra: dict[str, msgspec.Raw] = {}  # unknown fields of the input, kept as the JSON they came as


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One story as kept for evidence and for the page; ``p`` is the probability of ``sentiment``."""

    position: str
    id: str
    stream: str
    published_ms: int
    source: str
    text: str
    topic: str
    sentiment: Sentiment
    p: Probability
    entities: tuple[str, ...] = ()
    author: str | None = None
    url: str | None = None
    model: str = ""
    novelty: Novelty | None = None


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


NEGATIVE_SURGE = "negative-surge"
VOLUME_SURGE = "volume-surge"
"""Names of the rules that ship: an alert of the first counts negative stories, one of the second counts all."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of an alert, and when by the clock on the wall."""

    at: datetime
    by: str
    text: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one series under one rule, as on the ``alerts`` topic and behind ``undertone alerts``.

    All times but those of comments are event time. ``stories`` and ``messages`` count what the rule looks at (negative
    ones, or all) in the window; ``expected`` is the mean that the baseline gives, ``expected_low`` and
    ``expected_high`` its central 95 % interval. ``share`` is the negative share of distinct stories. ``kind`` is that
    of the rule, ``tier`` the best tier of source so far (1 is best), ``incident`` the id of the first alert of those
    that tell of the same event, ``silenced_by`` the silence that held the last word of it, ``wrong_by`` who called it
    a false alarm; of comments the latest are kept.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    rule: str
    severity: Severity
    state: AlertState
    stream: str
    topic: str | None
    entity: str | None
    window_s: int
    started_at: datetime
    fired_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    stories: int
    messages: int
    total_stories: int
    sources: int
    expected: float
    expected_low: int
    expected_high: int
    share: float
    expected_share: float
    p_count: float
    p_share: float
    reason: str
    evidence: tuple[Evidence, ...] = ()
    model: str = ""
    notifications: int = 0
    acknowledged_by: str | None = None
    assigned_to: str | None = None
    comments: tuple[Comment, ...] = ()
    incident: str = ""
    silenced_by: str | None = None
    tier: int | None = None
    wrong_by: tuple[str, ...] = ()
    kind: str = NEGATIVE_SURGE

    @property
    def about(self) -> str:
        """What it is about, in a few words."""
        names = [one for one in (self.entity, self.topic) if one]
        return " · ".join([*names, self.stream]) if names else f"all of {self.stream}"


class Said(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a model had said of a text when a person judged it, with the probabilities that it gave."""

    sentiment: Sentiment | None = None
    sentiment_probability: Probability | None = None
    topic: str | None = None
    topic_probability: Probability | None = None
    entity_sentiment: Sentiment | None = None
    entity_probability: Probability | None = None


class Label(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A person's judgement of one text, on the ``labels`` topic.

    It says one or more of: the ``sentiment`` of the text, its ``topic``, and the ``entity_sentiment`` towards the
    ``entity`` that it names. ``retracts`` takes back all that this person has said of this text until then. ``model``
    and ``position`` tell which model's answer was judged, and of which record; ``was`` is that answer. ``licence`` is
    the SPDX name of the text's licence, empty where the text is the operator's own.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    text: str
    sentiment: Sentiment | None = None
    topic: str | None = None
    entity: Short | None = None
    entity_sentiment: Sentiment | None = None
    labelled_by: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    labelled_at: Annotated[datetime, msgspec.Meta(tz=True)]
    model: str = ""
    position: str | None = None
    was: Said | None = None
    source: Short = ""  # through what it came, such as "page", "import" or the name of a desk
    comment: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    licence: Short = ""
    retracts: bool = False


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A person lets another's labels out of quarantine, on the ``labels`` topic: those before it, none after."""

    schema_version: int = SCHEMA_VERSION
    id: str
    releases: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]  # whose labels
    released_by: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    released_at: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)
_raw_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_fields = frozenset(Message.__struct_fields__)

Headers = Iterable[tuple[str, bytes]]


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, exact (no float in between)."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode(value: bytes | None, headers: Headers = ()) -> Message:
    """The message in a record's value.

    CloudEvents are understood in both modes: ``ce_id``, ``ce_source`` and ``ce_time`` headers fill fields that the
    payload lacks (binary mode), and a payload with ``specversion`` and ``data`` is opened (structured mode).

    Raises:
        Rejected: with reason ``tombstone``, ``not-utf8``, ``not-json``, ``missing-field``, ``wrong-type``,
            ``bad-date`` or ``missing-text``. The detail names the field.
    """
    if value is None:
        raise Rejected("tombstone", "the record has no value")
    try:
        message = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = _second_try(value, headers, error)
    if not value.isascii():
        _check_utf8(value)  # msgspec skips over unknown fields without looking
    if message.text is None and message.title is None and message.body is None:
        raise Rejected("missing-text", "none of 'text', 'title' and 'body' is given; one of them is needed")
    if message.published_at < _EPOCH:
        raise Rejected("bad-date", f"published_at is {message.published_at.isoformat()}, before 1970")
    return message


def _second_try(value: bytes, headers: Headers, error: Exception) -> Message:
    """The slow path: what strict decoding refused may be a CloudEvent; otherwise say exactly why not."""
    _check_utf8(value)
    if not isinstance(error, msgspec.ValidationError):
        raise Rejected("not-json", str(error)) from error
    try:
        payload = msgspec.json.decode(value)
    except msgspec.ValidationError as beyond:  # a number that no type holds
        raise Rejected(_reason(str(error)), str(error)) from beyond
    except (msgspec.DecodeError, RecursionError) as broken:  # strict decoding gave up before it got there
        raise Rejected("not-json", str(broken)) from broken
    if isinstance(payload, dict):
        filled = _cloud_event(payload, headers)
        if filled is not payload:
            try:
                return msgspec.convert(filled, Message)
            except msgspec.ValidationError as second:
                error = second
    raise Rejected(_reason(str(error)), str(error)) from error


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as bad:
        raise Rejected("not-utf8", f"byte {bad.start} is not UTF-8: {bad.reason}") from bad


def _cloud_event(payload: dict[str, Any], headers: Headers) -> dict[str, Any]:
    """The payload with the fields that CloudEvents attributes can fill, or the same object if there are none."""
    attributes: Mapping[str, Any] = {
        name[3:]: raw.decode(errors="replace") for name, raw in headers if name.startswith("ce_") and raw
    }
    if "specversion" in payload and isinstance(payload.get("data"), dict):
        attributes, payload = payload, payload["data"]
    if "specversion" not in attributes:
        return payload
    fields = {"id": "id", "source": "source", "published_at": "time"}
    filled = {field: attributes[name] for field, name in fields.items() if name in attributes}
    return {**filled, **payload}


def _reason(detail: str) -> str:
    if "missing required field" in detail:
        return "missing-field"
    if "RFC3339" in detail or "timezone" in detail:
        return "bad-date"
    return "wrong-type"


def extra_fields(value: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a decodable payload that :class:`Message` does not know, each as the JSON it came as.

    Of a structured CloudEvent: the unknown ones of its envelope and of its data.
    """
    payload = _raw_decoder.decode(value)
    if payload.keys() <= _fields:
        return {}
    if "specversion" in payload and "data" in payload:
        try:
            data = _raw_decoder.decode(payload["data"])
        except msgspec.ValidationError:  # no CloudEvent after all: data is a field like another
            data = {"data": payload["data"]}
        del payload["data"]
        payload |= data
    return {name: field for name, field in payload.items() if name not in _fields}


def encode(message: msgspec.Struct) -> bytes:
    """Any of the messages above as JSON bytes."""
    return _encoder.encode(message)


def position(stream: str, partition: int, offset: int) -> str:
    """A record's place in the log, which is also its identity: ``news-3:1042``."""
    return f"{stream}-{partition}:{offset}"
