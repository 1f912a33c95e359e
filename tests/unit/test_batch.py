"""One chunk from bytes to a run: every record has one path, and bad ones do not harm their neighbours."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.batch import Cursor, Prepared, Record, Reduced, claims, prepare, reduce, trim
from stream.evidence import EvidenceMemory
from undertone.entities import Linker
from undertone.errors import ModelError
from undertone.keys import EVIDENCE_PER_SERIES
from undertone.messages import Evidence, Scored, encode
from undertone.scorer import Scores, load_scorer
from undertone.store import Ownership, PartitionState, Run

NOW_MS = 1_392_847_200_000
LINKER = Linker.load()
SCORER = load_scorer("trivial")
PATHS = {"counted", "late", "future", "duplicate", "tombstone"}

NESTED = b"[" * 100_000 + b"]" * 100_000
GOOD = b'{"id":"n","published_at":"2014-02-19T22:00:00Z","source":"wire","text":"Acme falls 12%%"%s}'

DEAD = {
    "broken JSON": (b'{"id": "a", ', "not-json"),
    "nothing at all": (b"", "not-json"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD % b"", "not-json"),
    "not an object": (b'["a"]', "wrong-type"),
    "null": (b"null", "wrong-type"),
    "a number for a text": (b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s","text":5}', "wrong-type"),
    "an empty id": (b'{"id":"","published_at":"2014-02-19T22:00:00Z","source":"s","text":"x"}', "wrong-type"),
    "no id": (b'{"published_at":"2014-02-19T22:00:00Z","source":"s","text":"x"}', "missing-field"),
    "no text": (b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s"}', "missing-text"),
    "an empty text": (b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s","text":""}', "empty-text"),
    "invisible text": (
        b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s","text":"\\u0000 \\u202e\\u200b"}',
        "empty-text",
    ),
    "a date without a zone": (b'{"id":"a","published_at":"2014-02-19T22:00:00","source":"s","text":"x"}', "bad-date"),
    "a date that is a word": (b'{"id":"a","published_at":"yesterday","source":"s","text":"x"}', "bad-date"),
    "a date before 1970": (b'{"id":"a","published_at":"1969-12-31T23:59:59Z","source":"s","text":"x"}', "bad-date"),
    "year one": (b'{"id":"a","published_at":"0001-01-01T00:00:00+23:00","source":"s","text":"x"}', "bad-date"),
    "a lone surrogate escaped": (
        b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s","text":"\\ud800"}',
        "not-json",
    ),
    "a lone surrogate encoded": (
        b'{"id":"a","published_at":"2014-02-19T22:00:00Z","source":"s","text":"\xed\xa0\x80"}',
        "not-utf8",
    ),
    "bytes that are no text in an unknown field": (GOOD % b',"u":"\xff"', "not-utf8"),
    "a foreign binary": (bytes(range(256)) * 4, "not-utf8"),
    "an Avro-like prefix": (b"\x00\x00\x00\x00\x07abc", "not-json"),
    "deep nesting": (NESTED, "not-json"),
    "deep nesting in an unknown field": (GOOD % (b',"u":' + NESTED), "not-json"),
    "deep nesting beside a wrong field": (b'{"id":5,"u":' + NESTED + b"}", "not-json"),
    "a huge number beside a wrong field": (b'{"id":5,"u":' + b"9" * 10_000 + b"}", "wrong-type"),
    "a huge number for a date": (
        b'{"id":"a","published_at":' + b"9" * 10_000 + b',"source":"s","text":"x"}',
        "wrong-type",
    ),
    "an infinite number": (b'{"id":"a","published_at":1e400,"source":"s","text":"x"}', "wrong-type"),
    "broken JSON behind a wrong field": (b'{"id":5,"u":!}', "not-json"),
}


def message(text: str = "Acme falls 12%", **fields: Any) -> bytes:
    base = {"id": "n", "published_at": "2014-02-19T22:00:00Z", "source": "wire", "text": text}
    return json.dumps({**base, **fields}).encode()


def record(value: bytes | None, offset: int = 0, timestamp_ms: int = NOW_MS) -> Record:
    return Record(offset, timestamp_ms, b"key", value, (("trace", b"1"),))


def prepared(*values: bytes | None, first: int = 0) -> Prepared:
    return prepare(
        "news", 3, [record(value, first + at) for at, value in enumerate(values)], linker=LINKER, max_text_bytes=512
    )


def cursor(state: PartitionState | None = None) -> Cursor:
    return Cursor(state or PartitionState("news", 3), "e1", lateness_ms=3_600_000, future_ms=300_000)


def reduced(chunk: Prepared, at: Cursor, memory: EvidenceMemory | None = None, **answers: Ownership) -> Reduced:
    owners = [answers.get(f"at{c.position.split(':')[1]}", Ownership(c.position, False)) for c in claims(chunk, at)]
    return reduce(
        chunk,
        SCORER.score(chunk.texts),
        owners,
        at,
        labels=SCORER.topics,
        model=SCORER.version,
        now_ms=NOW_MS,
        memory=memory or EvidenceMemory(),
    )


@pytest.mark.parametrize("kind", DEAD)
def test_bad_record_is_a_dead_letter_and_its_neighbours_are_not(kind: str) -> None:
    value, reason = DEAD[kind]
    chunk = prepared(message("before"), value, message("after"))
    assert chunk.texts == ["before", "after"]
    (letter,) = chunk.dead
    assert letter.reason == reason, letter.detail
    assert letter.record == record(value, 1)
    assert letter.detail
    assert reduced(chunk, cursor()).run.counters[f"dead:{reason}"] == 1


ODD_BUT_GOOD = {
    "an unknown field": GOOD % b',"weather":{"today":["rain"]}',
    "deep but bearable nesting": GOOD % (b',"u":' + b"[" * 200 + b"]" * 200),
    "a huge number in an unknown field": GOOD % (b',"u":' + b"9" * 10_000),
    "NUL and bidi characters": GOOD.replace(b"Acme falls", b"Ac\\u0000me \\u202e falls") % b"",
    "an astral character": GOOD.replace(b"Acme", "🚀 Acme".encode()) % b"",
    "a surrogate pair": GOOD.replace(b"Acme", b"\\ud83d\\ude80 Acme") % b"",
    "many entities": GOOD % b',"entities":["A\\tB","Tesla","\\u0000",""]',
    "a date with an odd zone": GOOD.replace(b"22:00:00Z", b"23:30:00+01:30") % b"",
}


@pytest.mark.parametrize("kind", ODD_BUT_GOOD)
def test_odd_record_is_counted_and_can_be_published(kind: str) -> None:
    chunk = prepared(ODD_BUT_GOOD[kind])
    assert not chunk.dead
    run, (scored,) = reduced(chunk, cursor())
    assert run.counters["counted"] == 1
    assert msgspec.json.decode(encode(scored), type=Scored).status == "counted"
    assert all(name.count("\t") == 2 for window in run.windows.values() for name in window)


def test_unknown_fields_come_through_to_the_scored_message_as_they_were() -> None:
    huge = b"9" * 300
    (scored,) = reduced(prepared(GOOD % (b',"u":' + huge + b',"w":{"a":[1,null]}')), cursor()).scored
    assert b'"u":' + huge in encode(scored)
    assert b'"w":{"a":[1,null]}' in encode(scored)


def test_tombstone_is_counted_and_is_no_dead_letter() -> None:
    chunk = prepared(message("before"), None, message("after"))
    assert (chunk.tombstones, chunk.dead) == (1, [])
    assert reduced(chunk, cursor()).run.counters["tombstone"] == 1


def test_five_megabytes_of_text_are_cut_and_counted() -> None:
    chunk = prepared(message("Acme falls " * 500_000), message("é" * 256), message("é" * 257))
    assert [item.truncated for item in chunk.items] == [True, False, True]
    assert all(len(item.text.encode()) <= 512 for item in chunk.items)
    assert reduced(chunk, cursor()).run.counters["truncated"] == 2


def test_what_no_one_foresaw_is_a_dead_letter_too() -> None:
    class Failing(Linker):
        def link(self, text: str, given: Any = ()) -> tuple[str, ...]:
            if text == "poison":
                raise ZeroDivisionError("in the linker")
            return super().link(text, given)

    records = [record(message(text), at) for at, text in enumerate(["before", "poison", "after"])]
    chunk = prepare("news", 3, records, linker=Failing(LINKER.companies), max_text_bytes=512)
    assert chunk.texts == ["before", "after"]
    assert [(letter.stage, letter.reason) for letter in chunk.dead] == [("link", "unreadable")]


def test_cloud_event_headers_fill_what_the_payload_lacks() -> None:
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"c1"),
        ("ce_source", b"/wire"),
        ("ce_time", b"2014-02-19T22:00:00Z"),
    )
    one = Record(0, NOW_MS, None, b'{"text":"Acme falls"}', headers)
    chunk = prepare("news", 3, [one], linker=LINKER, max_text_bytes=512)
    assert [item.message.id for item in chunk.items] == ["c1"]


def test_late_and_future_and_repeated_records_change_no_window_and_claim_no_story() -> None:
    chunk = prepared(
        message("on time", id="1"),
        message("too old", id="2", published_at="2014-02-19T20:00:00Z"),
        message("from 2999", id="3", published_at="2999-01-01T00:00:00Z"),
        message("again", id="1"),
        message("copy", id="5"),
    )
    at = cursor()
    assert [one.position for one in claims(chunk, at)] == ["news-3:0", "news-3:3", "news-3:4"]
    run, scored = reduced(chunk, at, at3=Ownership("news-3:3", True), at4=Ownership("comments-0:7", False))
    assert [one.status for one in scored] == ["counted", "late", "future", "duplicate", "counted"]
    assert [(one.story, one.copy) for one in scored if one.status == "counted"] == [
        ("news-3:0", False),
        ("comments-0:7", True),
    ]
    assert run.counters == {
        "counted": 2,
        "late": 1,
        "future": 1,
        "duplicate": 1,
        "stories": 1,
        "copies": 1,
        "unlinked": 2,
    }
    assert run.state["watermark_ms"] == 1_392_847_200_000
    per_size = {size: sum(w["\tmodel\ttrivial-1"] for (s, _), w in run.windows.items() if s == size) for size in (60,)}
    assert per_size == {60: 2}


values = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.sampled_from([value for value, _ in DEAD.values() if len(value) < 5_000]),
    st.builds(
        message,
        st.sampled_from(["Acme falls", "$AAPL beats on profit", "Facebook buys WhatsApp", "  "]),
        id=st.sampled_from("abcdefgh"),
        published_at=st.sampled_from(
            [f"2014-02-19T{hour:02}:{minute:02}:00Z" for hour in (18, 20, 21, 22) for minute in (0, 4, 59)]
            + ["2999-01-01T00:00:00Z"]
        ),
    ),
)


@settings(max_examples=60)
@given(st.lists(values, min_size=1, max_size=30))
def test_every_record_has_exactly_one_path(log: list[bytes | None]) -> None:
    counters = reduced(prepared(*log), cursor()).run.counters
    on_a_path = sum(n for name, n in counters.items() if name in PATHS or name.startswith("dead:"))
    assert on_a_path == len(log)
    assert counters.get("stories", 0) + counters.get("copies", 0) == counters.get("counted", 0)


@settings(max_examples=60)
@given(st.lists(values, min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_log_cut_into_any_chunks_gives_the_same_runs_merged(log: list[bytes | None], cuts: set[int]) -> None:
    whole = reduced(prepared(*log), cursor())
    at, runs, scored = cursor(), [], []
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(log)), len(log)]):
        part = reduced(prepared(*log[begin:end], first=begin), at)
        at.advance(part.run)
        runs.append(part.run)
        scored += part.scored
    assert merged(runs) == merged([whole.run])
    assert [encode(one) for one in scored] == [encode(one) for one in whole.scored]
    assert (at.offset, at.watermark_ms) == (len(log) - 1, whole.run.state["watermark_ms"])


@settings(max_examples=40)
@given(st.lists(values, min_size=2, max_size=20), st.data())
def test_trimmed_chunk_is_the_chunk_of_the_rest(log: list[bytes | None], data: st.DataObject) -> None:
    after = data.draw(st.integers(-1, len(log) - 2))
    chunk = prepared(*log)
    rest, scores = trim(chunk, SCORER.score(chunk.texts), after)
    expected = prepared(*log[after + 1 :], first=after + 1)
    assert rest == expected
    assert np.array_equal(scores.topic, SCORER.score(expected.texts).topic)
    assert np.array_equal(scores.sentiment, SCORER.score(expected.texts).sentiment)


def test_reducing_again_gives_the_same_run_and_moves_nothing() -> None:
    chunk, at, memory = prepared(message("one"), message("two", id="m")), cursor(), EvidenceMemory()
    first = reduced(chunk, at, memory)
    assert (at.offset, at.watermark_ms) == (-1, -1)
    assert reduced(chunk, at, memory).run == first.run


def test_chunk_of_nothing_but_bad_records_still_moves_the_offset() -> None:
    at = cursor(PartitionState("news", 3, offset=6, watermark_ms=5_000))
    chunk = prepared(b"{", None, first=7)
    run = reduced(chunk, at).run
    assert (run.first, run.last, run.believed, run.epoch) == (7, 8, 6, "e1")
    assert run.counters == {"dead:not-json": 1, "tombstone": 1}
    assert run.windows == {}
    at.advance(run)
    assert (at.offset, at.watermark_ms) == (8, 5_000)


def test_evidence_keeps_the_story_with_its_probability_and_a_text_cut_short() -> None:
    chunk = prepared(message("Facebook misses " + "x" * 490 + " tail", source="wi\u202ere", author="Ann"))
    run, (scored,) = reduced(chunk, cursor())
    ((start_s, documents),) = run.evidence.items()
    assert start_s == 1_392_847_200
    evidence = msgspec.json.decode(documents["news-3:0"], type=Evidence)
    assert (evidence.sentiment, evidence.p, evidence.entities) == ("negative", 0.9, ("META",))
    assert (evidence.topic, evidence.source, evidence.author) == (scored.topic, "wire", "Ann")
    assert len(evidence.text) == 500


def test_copy_is_no_evidence() -> None:
    assert reduced(prepared(message()), cursor(), at0=Ownership("news-1:5", False)).run.evidence == {}


def test_busy_series_offers_only_so_much_evidence() -> None:
    chunk = prepared(*[message("Acme falls", id=str(n)) for n in range(3 * EVIDENCE_PER_SERIES)])
    memory = EvidenceMemory()
    run = reduced(chunk, cursor(), memory).run
    assert sum(map(len, run.evidence.values())) == EVIDENCE_PER_SERIES
    again = reduced(prepared(message("Acme falls", id="m"), first=99), cursor(), memory).run
    other = reduced(prepared(message("Acme beats"), first=100), cursor(), memory).run
    assert (len(again.evidence), len(other.evidence)) == (0, 1)


def test_evidence_memory_stays_small() -> None:
    memory = EvidenceMemory(size=10)
    for start_s in range(1_000):
        assert memory.admits("news-3:0", ("news", start_s, "Earnings", 0), ("META",))
    assert len(memory._young) + len(memory._old) <= 10


def test_scores_that_are_no_numbers_are_refused() -> None:
    chunk, at = prepared(message()), cursor()
    broken = Scores(np.full((1, 20), np.nan, np.float32), np.full((1, 3), 1 / 3, np.float32))
    owners = [Ownership("news-3:0", False)]
    with pytest.raises(ModelError, match="not a number"):
        reduce(chunk, broken, owners, at, labels=SCORER.topics, model="m", now_ms=0, memory=EvidenceMemory())


@pytest.mark.parametrize("owners", [[], [Ownership("a", False)] * 2])
def test_ownerships_of_another_chunk_are_refused(owners: list[Ownership]) -> None:
    chunk = prepared(message())
    scores = SCORER.score(chunk.texts)
    with pytest.raises(ValueError, match="ownerships"):
        reduce(chunk, scores, owners, cursor(), labels=SCORER.topics, model="m", now_ms=0, memory=EvidenceMemory())


def test_nothing_is_published_where_nothing_is_asked_for() -> None:
    chunk, at = prepared(message()), cursor()
    owners = [Ownership("news-3:0", False)]
    scores = SCORER.score(chunk.texts)
    silent = reduce(
        chunk,
        scores,
        owners,
        at,
        labels=SCORER.topics,
        model=SCORER.version,
        now_ms=NOW_MS,
        memory=EvidenceMemory(),
        publish=False,
    )
    assert silent.scored == []
    assert silent.run == reduced(chunk, at).run


def merged(runs: list[Run]) -> tuple[Any, ...]:
    counters: dict[str, int] = {}
    windows: dict[Any, int] = {}
    for run in runs:
        for name, n in run.counters.items():
            counters[name] = counters.get(name, 0) + n
        for place, window in run.windows.items():
            for name, n in window.items():
                windows[place, name] = windows.get((place, name), 0) + n
    return counters, windows, runs[-1].state, runs[-1].last
