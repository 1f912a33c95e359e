"""The messages: what is written is what is read, and whatever cannot be used is refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.errors import Rejected
from undertone.messages import (
    Evidence,
    Label,
    Message,
    Release,
    Said,
    Scored,
    Sentiment,
    decode,
    encode,
    extra_fields,
    from_ms,
    position,
    to_ms,
)

FIELDS = {"id": "n1", "published_at": "2014-02-19T22:03:00Z", "source": "wire", "text": "Facebook buys WhatsApp"}

text = st.text(st.characters(codec="utf-8"), max_size=20)
name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
ZONES = (UTC, timezone(timedelta(hours=5.5)))
moment = st.builds(
    lambda us, zone: (from_ms(0) + timedelta(microseconds=us)).astimezone(zone),
    st.integers(0, 253_402_000_000_000_000),
    st.sampled_from(ZONES),
)
messages = st.builds(
    Message,
    id=name,
    published_at=moment,
    source=name,
    text=text,
    title=st.none() | text,
    body=st.none() | text,
    author=st.none() | text,
    url=st.none() | text,
    lang=st.none() | st.just("en"),
    entities=st.lists(text, max_size=5).map(tuple),
)
probability = st.floats(0, 1)
evidence = st.builds(Evidence, published_ms=st.integers(0, 2**53), p=probability, entities=st.just(("META",)))
said = st.builds(Said, sentiment_probability=probability, topic_probability=st.none(), entity_probability=st.none())
labels = st.builds(Label, labelled_at=moment, labelled_by=name, was=st.none() | said, entity=st.none() | name)
releases = st.builds(Release, releases=name, released_by=name, released_at=moment, reason=name)
scored = st.builds(
    Scored,
    published_at=moment,
    topic_probabilities=st.dictionaries(name, probability, max_size=3),
    sentiment_probabilities=st.dictionaries(name, probability, max_size=3),
    entities=st.lists(text, max_size=3).map(tuple),
    extra=st.just({}),
)


def payload(**changes: Any) -> bytes:
    """The sample message with fields changed; one that is ... is left out."""
    fields = {**FIELDS, **changes}
    return json.dumps({field: value for field, value in fields.items() if value is not ...}).encode()


def reason(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> str:
    with pytest.raises(Rejected) as caught:
        decode(value, headers)
    assert str(caught.value)
    return caught.value.reason


def outcome(value: bytes) -> Message | str:
    """The message, or the reason of its refusal; any other exception is a defect."""
    try:
        return decode(value)
    except Rejected as rejected:
        return rejected.reason


@given(messages)
def test_message_that_is_written_is_read_again(message: Message) -> None:
    assert decode(message.encode()) == message
    assert decode(encode(message)) == message
    assert extra_fields(message.encode()) == {}


@settings(max_examples=50)
@given(st.one_of(evidence, labels, releases, scored))
def test_other_messages_are_read_as_they_were_written(message: Evidence | Label | Release | Scored) -> None:
    assert msgspec.json.decode(encode(message), type=type(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused_with_a_reason(value: bytes) -> None:
    outcome(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*Message.__struct_fields__, "specversion", "data", "other"]), json_values))
def test_any_json_is_a_message_or_is_refused_with_a_reason(fields: dict[str, Any]) -> None:
    found = outcome(json.dumps(fields).encode())
    if isinstance(found, str):
        assert found in {"missing-field", "wrong-type", "bad-date", "missing-text"}
    else:
        assert isinstance(found.content, str)
        assert found.published_ms >= 0
        extra_fields(json.dumps(fields).encode())


@settings(max_examples=50)
@given(st.dictionaries(name.filter(lambda key: key not in Message.__struct_fields__), json_values, max_size=4))
def test_unknown_fields_are_kept_as_they_came(unknown: dict[str, Any]) -> None:
    value = payload(**{key: field for key, field in unknown.items() if key not in {"specversion", "data"}})
    kept = extra_fields(value)
    expected = {key: field for key, field in unknown.items() if key not in {"specversion", "data"}}
    assert {key: json.loads(bytes(raw)) for key, raw in kept.items()} == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "tombstone"),
        (b"\x00\xff\xfe", "not-utf8"),
        (payload(other="x").replace(b'"x"', b'"\xff"'), "not-utf8"),
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"plain words", "not-json"),
        (b'{"id": 5, "x": ', "not-json"),
        (b'{"id": "\\ud800"}', "not-json"),
        (payload(u=...)[:-1] + b',"u":' + b"[" * 9_999 + b"]" * 9_999 + b"}", "not-json"),
        (b"[]", "wrong-type"),
        (b"null", "wrong-type"),
        (payload(text=5), "wrong-type"),
        (payload(text=["x"]), "wrong-type"),
        (payload(id=7), "wrong-type"),
        (payload(id=""), "wrong-type"),
        (payload(id=None), "wrong-type"),
        (payload(id="x" * 513), "wrong-type"),
        (payload(source=""), "wrong-type"),
        (payload(entities="META"), "wrong-type"),
        (payload(entities=["META", 5]), "wrong-type"),
        (payload(published_at=1_392_847_380), "wrong-type"),
        (payload(id=...), "missing-field"),
        (payload(source=...), "missing-field"),
        (payload(published_at=...), "missing-field"),
        (payload(text=...), "missing-text"),
        (payload(text=None), "missing-text"),
        (payload(published_at="2014-02-19T22:03:00"), "bad-date"),
        (payload(published_at="2014-02-30T22:03:00Z"), "bad-date"),
        (payload(published_at="last night"), "bad-date"),
        (payload(published_at="1969-12-31T23:59:59Z"), "bad-date"),
        (payload(published_at="0001-01-01T00:00:00+14:00"), "bad-date"),
    ],
)
def test_record_that_cannot_be_used_is_refused_with_its_reason(value: bytes | None, expected: str) -> None:
    assert reason(value) == expected


def test_refusal_names_the_field() -> None:
    with pytest.raises(Rejected, match="source"):
        decode(payload(source=...))
    with pytest.raises(Rejected, match=r"entities\[0\]"):
        decode(payload(entities=[5]))


@pytest.mark.parametrize("year", [1970, 2999, 9999])
def test_odd_years_are_read(year: int) -> None:
    assert decode(payload(published_at=f"{year}-12-31T23:59:59-12:00")).published_at.year == year


def test_title_and_body_stand_in_for_the_text() -> None:
    assert decode(payload(text=..., title="Facebook buys", body="WhatsApp")).content == "Facebook buys. WhatsApp"
    assert decode(payload(text=..., title="Facebook buys")).content == "Facebook buys"
    assert decode(payload(text="", title="Facebook buys")).content == ""


# CloudEvents.

BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"news"),
    ("ce_id", b"c1"),
    ("ce_source", b"/wire"),
    ("ce_time", b"2014-02-19T22:03:00Z"),
    ("content-type", b"application/json"),
)
ENVELOPE = {"specversion": "1.0", "type": "news", "id": "c1", "source": "/wire", "time": "2014-02-19T22:03:00Z"}


def test_binary_cloud_event_fills_what_the_payload_lacks() -> None:
    message = decode(b'{"text": "Facebook buys WhatsApp"}', BINARY)
    assert (message.id, message.source, message.published_ms) == ("c1", "/wire", 1_392_847_380_000)


def test_binary_cloud_event_leaves_what_the_payload_has() -> None:
    assert decode(payload(), BINARY).id == "n1"
    message = decode(payload(source=...), BINARY)
    assert (message.id, message.source) == ("n1", "/wire")


def test_structured_cloud_event_is_opened() -> None:
    value = json.dumps({**ENVELOPE, "data": {"text": "Facebook buys WhatsApp", "entities": ["META"]}}).encode()
    message = decode(value)
    assert (message.id, message.source, message.entities) == ("c1", "/wire", ("META",))
    assert message.content == "Facebook buys WhatsApp"


def test_structured_cloud_event_keeps_unknown_fields_of_both_levels() -> None:
    value = json.dumps({**ENVELOPE, "data": {"text": "x", "mood": 3}}).encode()
    kept = {key: json.loads(bytes(raw)) for key, raw in extra_fields(value).items()}
    assert kept == {"specversion": "1.0", "type": "news", "time": ENVELOPE["time"], "mood": 3}


def test_cloud_event_that_lacks_a_field_is_refused_by_its_own_reason() -> None:
    assert reason(b'{"text": "x"}', BINARY[:2]) == "missing-field"
    assert reason(b'{"text": 5}', BINARY) == "wrong-type"
    assert reason(b'{"text": "x"}', (*BINARY[:4], ("ce_time", b"noon"))) == "bad-date"
    assert reason(json.dumps({**ENVELOPE, "data": "plain"}).encode()) == "missing-field"
    assert reason(json.dumps({**ENVELOPE, "data": {}}).encode()) == "missing-text"


def test_headers_that_are_no_cloud_event_change_nothing() -> None:
    assert reason(b'{"text": "x"}', (("ce_id", b"c1"), ("traceparent", b"\xff"))) == "missing-field"


# Time and place.


@given(moment)
def test_milliseconds_are_exact(when: datetime) -> None:
    ms = to_ms(when)
    assert to_ms(from_ms(ms)) == ms
    assert timedelta(0) <= when - from_ms(ms) < timedelta(milliseconds=1)


def test_position_is_stream_partition_and_offset() -> None:
    assert position("news", 3, 1042) == "news-3:1042"


def test_sentiments_have_one_order() -> None:
    assert list(Sentiment) == ["negative", "neutral", "positive"]
