"""The parts of the worker that need no server: where to start, poisoned records, outages, the watchdog, the log."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import faust
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.app import credentials, portioned
from stream.batch import DeadLetter, Record
from stream.deadletters import DETAIL, OMITTED, POSITION, REASON, STAGE, letter
from stream.health import Health
from stream.logs import Errors, Repeats, _Line
from stream.outage import LONGEST_WAIT_S, Outage
from stream.positions import LogShorterThanStore, where_to_start
from stream.scoring import Lineup, Portion, Scoring, portions
from stream.tenure import Tenure
from stream.transport import Bounds
from stream.watchdog import Watchdog
from undertone.entities import Linker
from undertone.errors import ModelError
from undertone.scorer import Scores, TrivialScorer
from undertone.settings import Settings
from undertone.store import PartitionState

LINKER = Linker.load()


class Picky(TrivialScorer):
    """Fails on any call that holds a certain word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def score(self, texts: Sequence[str]) -> Scores:
        if any(self._word in text for text in texts):
            raise ValueError(f"{self._word} makes it stumble")
        return super().score(texts)


def fetched(offset: int, text: str) -> SimpleNamespace:
    body = {"id": str(offset), "published_at": "2024-05-01T10:00:00Z", "source": "wire", "text": text}
    value = json.dumps(body).encode()
    return SimpleNamespace(
        offset=offset,
        timestamp=1_714_557_600_000,
        key=None,
        value=value,
        headers=(),
        serialized_key_size=-1,
        serialized_value_size=len(value),
    )


def take(texts: Sequence[str]) -> list[Portion]:
    tenure = Tenure("news", 0, 0)
    return portions(list(tenure.cut([fetched(n, text) for n, text in enumerate(texts)], 2, 1 << 20)))


def test_reading_starts_after_what_the_store_holds_whatever_is_committed() -> None:
    state = PartitionState("news", 0, offset=41, epoch="e")
    assert where_to_start(state, Bounds(0, 100, 90)) == 42
    assert where_to_start(state, Bounds(0, 100, 10)) == 42
    assert where_to_start(state, Bounds(0, 42, None)) == 42


def test_reading_starts_at_the_first_record_kept_when_nothing_is_stored() -> None:
    assert where_to_start(PartitionState("news", 0), Bounds(17, 100, None)) == 17


def test_records_that_expired_uncounted_are_said(caplog: pytest.LogCaptureFixture) -> None:
    assert where_to_start(PartitionState("news", 0, offset=9, epoch="e"), Bounds(17, 100, 10)) == 17
    assert "7 records of news-0 expired" in caplog.text


def test_a_log_that_ends_before_what_was_counted_stops_the_worker_with_advice() -> None:
    with pytest.raises(LogShorterThanStore, match=r"news-0 ends at offset 5.*start the worker again"):
        where_to_start(PartitionState("news", 0, offset=9, epoch="e"), Bounds(0, 5, 10))


def test_a_text_that_the_scorer_stumbles_on_is_buried_and_its_neighbours_are_scored() -> None:
    (portion,) = take(["shares rise", "poison", "shares fall"])
    Scoring(Lineup(Picky("poison")), LINKER, 1000).run([portion])
    assert portion.prepared is not None
    assert portion.scores is not None
    assert [item.offset for item in portion.prepared.items] == [0, 2]
    assert portion.scores.sentiment.argmax(axis=1).tolist() == [2, 0]
    (dead,) = portion.prepared.dead
    assert (dead.record.offset, dead.stage, dead.reason) == (1, "score", "scorer-failed")


def test_a_chunk_of_nothing_but_poison_leaves_only_dead_letters() -> None:
    (portion,) = take(["poison"])
    Scoring(Lineup(Picky("poison")), LINKER, 1000).run([portion])
    assert portion.prepared is not None
    assert portion.scores is not None
    assert portion.prepared.items == []
    assert portion.scores.topic.shape == (0, 20)
    assert len(portion.prepared.dead) == 1


def test_a_score_that_is_no_number_counts_as_a_failure_of_that_text() -> None:
    class Nan(TrivialScorer):
        def score(self, texts: Sequence[str]) -> Scores:
            scores = super().score(texts)
            bad = np.array(["poison" in text for text in texts])
            return Scores(np.where(bad[:, None], np.float32("nan"), scores.topic), scores.sentiment)

    (portion,) = take(["shares rise", "poison"])
    Scoring(Lineup(Nan()), LINKER, 1000).run([portion])
    assert portion.prepared is not None
    assert [dead.record.offset for dead in portion.prepared.dead] == [1]


def test_a_scorer_that_fails_on_everything_is_an_error_and_buries_nothing() -> None:
    (portion,) = take(["one", "two"])
    with pytest.raises(ModelError, match=r"fails on every text.*undertone doctor"):
        Scoring(Lineup(Picky("")), LINKER, 1000).run([portion])


def test_an_unforeseen_failure_in_preparing_buries_one_record() -> None:
    class Trap(Linker):
        def __init__(self) -> None:
            pass

        def link(self, text: str, given: Sequence[str] = ()) -> tuple[str, ...]:
            if "poison" in text:
                raise MemoryError("unforeseen")
            return ()

    (portion,) = take(["shares rise", "poison", "shares fall"])
    Scoring(Lineup(TrivialScorer()), Trap(), 1000).run([portion])
    assert portion.prepared is not None
    assert [item.offset for item in portion.prepared.items] == [0, 2]
    assert len(portion.prepared.dead) == 1


def test_a_take_is_grouped_by_partition_in_order_and_without_what_has_ended() -> None:
    left, right, gone = Tenure("news", 0, 0), Tenure("news", 1, 0), Tenure("news", 2, 0)
    a, b = left.cut([fetched(n, "x") for n in range(4)], 2, 1 << 20)
    (c,) = right.cut([fetched(0, "x")], 2, 1 << 20)
    (d,) = gone.cut([fetched(0, "x")], 2, 1 << 20)
    gone.end()
    assert [portion.chunks for portion in portions([a, c, d, b])] == [[a, b], [c]]


def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_where_and_why() -> None:
    record = Record(7, 1, b"key", b"\xff\x00", (("trace", b"1"), ("undertone-reason", b"mine")))
    made = letter("news", 3, DeadLetter(record, "decode", "not-utf8", "ü" * 600), "2024-05-01T00:00:00+00:00")
    assert (made.key, made.value) == (b"key", b"\xff\x00")
    assert made.headers[:2] == [("trace", b"1"), ("undertone-reason", b"mine")]
    said = dict(made.headers[2:])
    assert said[POSITION] == b"news-3:7"
    assert (said[STAGE], said[REASON]) == (b"decode", b"not-utf8")
    assert said[DETAIL].decode() == "ü" * 500


def test_a_letter_too_large_for_its_topic_says_how_much_was_left_behind() -> None:
    record = Record(7, 1, b"key", b"x" * 10, ())
    made = letter("news", 3, DeadLetter(record, "decode", "not-json", ""), "now").without_value()
    assert made.value is None
    assert (OMITTED, b"10") in made.headers


def test_an_outage_waits_longer_and_longer_but_not_too_long_and_speaks_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    outage = Outage("Redis", lambda: now[0])
    waits = []
    for _ in range(20):
        waits.append(outage.failed(ConnectionError("refused")))
        now[0] += waits[-1]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    assert len(caplog.records) < 6
    began = outage.since
    assert began == 0.0
    outage.over()
    assert (outage.since, began) == (None, 0.0)
    assert "answers again" in caplog.text


def test_the_watchdog_ends_the_process_with_one_line_when_a_death_lasts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.watchdog.CHECK_S", 0.001)
    looks = iter([None, "a hiccup", None, *["the coordinator has died"] * 9])
    codes: list[int] = []
    dog = Watchdog([lambda: next(looks)], codes.append)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    dog.watch()
    assert codes == [1]
    assert [record.getMessage() for record in caplog.records] == [
        "The worker ends itself, to be started again: the coordinator has died"
    ]


def test_a_check_that_raises_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.watchdog.CHECK_S", 0.001)
    monkeypatch.setattr(logging, "shutdown", lambda: None)

    def broken() -> str:
        raise RuntimeError("not yet started")

    codes: list[int] = []
    Watchdog([broken, lambda: "dead"], codes.append).watch()
    assert codes == [1]


def logged(name: str, level: int, text: str, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord(name, level, "somewhere.py", line, text, (), None)


def test_a_flood_from_aiokafka_is_cut_down_and_our_own_lines_are_not() -> None:
    repeats = Repeats()
    assert sum(repeats.filter(logged("aiokafka.client", logging.ERROR, "no broker")) for _ in range(500)) == 1
    assert repeats.filter(logged("aiokafka.client", logging.ERROR, "something else", line=2))
    assert all(repeats.filter(logged("stream.writer", logging.INFO, "written")) for _ in range(5))


def test_errors_are_counted_and_a_json_line_is_one_line() -> None:
    errors = Errors()
    for level in (logging.INFO, logging.ERROR, logging.CRITICAL):
        errors.filter(logged("stream", level, "x"))
    assert errors.count == 2
    line = _Line(as_json=True, tracebacks=False).format(logged("stream", logging.ERROR, "two\nlines"))
    assert "\n" not in line
    assert json.loads(line)["message"] == "two lines"


def test_a_partition_with_a_lag_that_does_not_move_turns_readiness_red(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stream.health.time.monotonic", lambda: now[0])
    tenure = Tenure("news", 0, 0)
    health = Health(Lineup(TrivialScorer()), lambda: [(tenure, 50)])
    health.failures.append(lambda: None)
    assert health.wrong() == []
    now[0] += 40
    health.tick()
    assert health.wrong() == ["news-0 has not moved for 40 s"]
    tenure.written = 49
    assert health.wrong() == []
    assert [tuple(one) for one in health.lags()] == [("news", 0, 0, 50)]


def test_a_worker_without_a_partition_or_with_a_stuck_loop_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stream.health.time.monotonic", lambda: now[0])
    health = Health(Lineup(TrivialScorer()), list)
    assert health.wrong() == ["no partition is assigned"]
    now[0] += 9
    assert health.wrong() == ["the event loop has not run for 9 s", "no partition is assigned"]


@pytest.mark.parametrize(
    ("given", "kind", "mechanism"),
    [
        ({}, type(None), None),
        ({"security_protocol": "SSL"}, faust.SSLCredentials, None),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "u"},
            faust.SASLCredentials,
            "SCRAM-SHA-512",
        ),
        ({"security_protocol": "SASL_PLAINTEXT"}, faust.SASLCredentials, "PLAIN"),
    ],
)
def test_security_settings_reach_faust(given: dict[str, Any], kind: type, mechanism: str | None) -> None:
    made = credentials(Settings(**given))
    assert isinstance(made, kind)
    if isinstance(made, faust.SASLCredentials):
        assert made.mechanism.value == mechanism
        encrypted = given["security_protocol"] == "SASL_SSL"
        assert made.protocol.value == given["security_protocol"]
        assert isinstance(made.ssl_context, ssl.SSLContext) == encrypted


@given(st.lists(st.integers(1, 300), max_size=12))
def test_a_take_is_cut_into_parts_that_keep_its_order_and_its_bound(sizes: list[int]) -> None:
    take = [SimpleNamespace(value=SimpleNamespace(records=range(size))) for size in sizes]
    parts = list(portioned(take, 512))
    assert [event for part in parts for event in part] == take
    for part in parts:
        assert len(part) == 1 or sum(len(event.value.records) for event in part) <= 512
    for one, after in pairwise(parts):
        assert sum(len(event.value.records) for event in one) + len(after[0].value.records) > 512
