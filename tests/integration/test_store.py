"""The store's contract on a real Valkey: every run once, every claim the same answer, every key with an end."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from stream.batch import Cursor, Record, claims, prepare, reduce, trim
from stream.evidence import EvidenceMemory
from stream.stories import SKETCH_SIZE, THRESHOLD, fingerprint
from tests.oracle import LogRecord, compare, count
from undertone import copies, keys
from undertone.entities import Linker
from undertone.errors import StoreError
from undertone.messages import Evidence, Sentiment, encode
from undertone.scorer import load_scorer
from undertone.settings import Settings
from undertone.shadow_store import ShadowRun, ShadowStore
from undertone.store import Claim, Outcome, Ownership, PartitionState, Run, Store
from undertone.trends import Counts, Series, fields_of

NOW_MS = 1_392_847_200_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SERIES = Series("Earnings", "META")
SETTINGS = Settings()
SCORER = load_scorer("trivial")
LINKER = Linker.load()
HEADLINE = "Acme to cut two thousand jobs as regulators widen probe of its accounts"


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    opened = Store.open(redis_url)
    yield opened
    opened.redis.close()


def run(first: int, last: int, believed: int | None = None, epoch: str = "e1", n: int = 1, at_s: int = 600) -> Run:
    """A run of `last - first + 1` records that adds n messages and a counter."""
    message, *_, score = fields_of(SERIES)
    return Run(
        "news",
        3,
        first,
        last,
        first - 1 if believed is None else believed,
        epoch,
        state={"watermark_ms": at_s * 1000, "updated_ms": NOW_MS},
        counters={"counted": n, "late": 0},
        windows={(60, at_s): {message: n, score: -500_000 * n}, (3_600, 0): {message: n, score: -500_000 * n}},
        evidence={at_s: {f"news-3:{first}": encode(evidence(first, at_s)).decode()}},
    )


def evidence(offset: int, at_s: int) -> Evidence:
    return Evidence(
        position=f"news-3:{offset}",
        id=str(offset),
        stream="news",
        published_ms=at_s * 1000,
        source="wire",
        text=HEADLINE,
        topic="Earnings",
        sentiment=Sentiment.NEGATIVE,
        p=0.9,
    )


def counted(store: Store) -> int:
    store.register("news", 3)
    windows = store.windows("news", 60, 0, DAY_MS, series=[SERIES])
    return sum(cells[SERIES].total_messages for cells in windows.values())


# The guarded write.


def test_copies_are_counted_with_their_run_and_beyond_the_cap_only_those_of_known_stories(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "COPIES_PER_DAY", 6)
    store.register("news", 3)
    told = [evidence(0, 7_200), evidence(1, 7_200)]
    first, second = (
        dict.fromkeys((name for one in told[:n] for name in copies.fields(one.position, f"wire-{n}", at_ms)), 1)
        for n, at_ms in ((1, 7_300_000), (2, 11_000_000))
    )
    for offset, counted in ((0, first), (0, first), (1, second)):
        store.apply(copying(offset, counted))
    assert copies.counts(store, told) == {told[0].position: 2, told[1].position: 1}
    assert copies.of(store, told[0]) == copies.Copies(2, {"wire-1": 1, "wire-2": 1}, {7_200: 1, 10_800: 1})
    assert store.redis.hlen(keys.copies("news", 3, 0)) == 6


def copying(offset: int, counted: dict[str, int]) -> Run:
    """A run of one record that is a copy."""
    one = run(offset, offset)
    one.copies = {0: counted}
    return one


def test_run_is_applied_once(store: Store) -> None:
    assert store.apply(run(0, 9)) == (Outcome.APPLIED, 9)
    assert store.apply(run(0, 9)) == (Outcome.KNOWN, 9)
    assert counted(store) == 1
    state = store.state("news", 3)
    assert (state.offset, state.epoch, state.watermark_ms, state.counters) == (9, "e1", 600_000, {"counted": 1})


def test_older_run_of_another_cut_is_known(store: Store) -> None:
    store.apply(run(0, 9))
    assert store.apply(run(3, 7)) == (Outcome.KNOWN, 9)
    assert counted(store) == 1


def test_run_that_overlaps_changes_nothing_and_says_where_to_go_on(store: Store) -> None:
    store.apply(run(0, 9))
    assert store.apply(run(5, 14, believed=4)) == (Outcome.OVERLAP, 9)
    assert (counted(store), store.state("news", 3).offset) == (1, 9)
    assert store.apply(run(10, 14)) == (Outcome.APPLIED, 14)
    assert counted(store) == 2


def test_offsets_may_have_gaps(store: Store) -> None:
    store.apply(run(0, 9))
    assert store.apply(run(15, 20, believed=9)) == (Outcome.APPLIED, 20)


def test_writer_of_another_epoch_is_turned_away(store: Store) -> None:
    store.apply(run(0, 9))
    assert store.apply(run(10, 19, epoch="e2")) == (Outcome.OTHER_EPOCH, 9)
    assert counted(store) == 1


def test_store_that_lost_data_is_noticed(store: Store) -> None:
    assert store.apply(run(10, 19, believed=9)) == (Outcome.BEHIND, -1)
    store.apply(run(0, 4))
    assert store.apply(run(10, 19, believed=9)) == (Outcome.BEHIND, 4)
    assert counted(store) == 1


def test_partitions_are_counted_apart_and_read_together(store: Store) -> None:
    one, other = run(0, 9, n=2), run(0, 9, n=3)
    other.partition = 1
    store.apply(one)
    store.apply(other)
    store.register("news", 1)
    assert counted(store) == 5
    assert [state.partition for state in store.states("news")] == [1, 3]
    merged = store.windows("news", 60, 0, DAY_MS)
    assert merged == {600: {SERIES: Counts((5, 0, 0), (0, 0, 0), -2_500_000)}}


def test_forgotten_partition_can_be_counted_again(store: Store) -> None:
    store.apply(run(0, 9))
    store.forget("news", 3)
    assert store.state("news", 3) == PartitionState("news", 3)
    assert counted(store) == 0
    assert store.apply(run(0, 9, epoch="e2")) == (Outcome.APPLIED, 9)
    assert counted(store) == 1


def test_evidence_is_kept_once_and_up_to_its_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "EVIDENCE_PER_BUCKET", 3)
    for offset in range(5):
        store.apply(run(offset, offset))
    store.register("news", 3)
    assert {one.position for one in store.evidence("news", 0, DAY_MS)} == {"news-3:0", "news-3:1", "news-3:2"}


def test_window_expires_from_its_first_count_on(store: Store) -> None:
    store.apply(run(0, 9))
    key = keys.window("news", 3, 60, 600)
    store.redis.expire(key, 1_000)
    store.apply(run(10, 19))
    assert 0 < ttl(store.redis, key) <= 1_000


def test_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 .*UNDERTONE_REDIS_URL"):
        Store.open("redis://127.0.0.1:1/0")


# Stories.


def ask(store: Store, *wanted: Claim, stream: str = "news") -> list[Ownership]:
    return store.claim(stream, wanted, window_ms=DAY_MS, threshold=THRESHOLD, sketch_size=SKETCH_SIZE)


def claim(offset: int, text: str = HEADLINE, at_ms: int = 0, message_id: str | None = None) -> Claim:
    return fingerprint(f"news-3:{offset}", at_ms, message_id or f"id {offset}", text)


def test_first_writer_owns_the_story_and_claiming_again_changes_nothing(store: Store) -> None:
    wanted = [claim(1), claim(2), claim(3, "Something else entirely happens in the markets today")]
    first = ask(store, *wanted)
    assert first == [
        Ownership("news-3:1", False, 100),
        Ownership("news-3:1", False, 0),
        Ownership("news-3:3", False, 100),
    ]
    assert ask(store, *wanted) == first
    assert ask(store, *reversed(wanted)) == [*reversed(first)]


def test_claims_of_no_message_are_no_question(store: Store) -> None:
    assert ask(store) == []


def test_copy_in_another_dress_is_a_copy(store: Store) -> None:
    ask(store, claim(1))
    (answer,) = ask(store, claim(2, f"RT @desk: {HEADLINE.upper()}!! https://t.co/x"))
    assert answer.owner == "news-3:1"


def test_near_copy_is_a_copy_and_its_own_copies_are_too(store: Store) -> None:
    near = HEADLINE + " - Daily Wire"
    owners = [one.owner for one in ask(store, claim(1), claim(2, near), claim(3, near), claim(4))]
    assert owners == ["news-3:1"] * 4


@pytest.mark.parametrize(
    "text",
    [
        "Acme to hire two thousand people as regulators close their probe",
        "Regulators widen probe of accounts at another firm",
        "Acme",
    ],
)
def test_other_text_is_another_story(store: Store, text: str) -> None:
    ask(store, claim(1))
    assert ask(store, claim(2, text))[0].owner == "news-3:2"


def test_novelty_falls_with_what_was_told_of_the_company(store: Store) -> None:
    def told(offset: int, text: str, *about: str) -> int | None:
        (answer,) = ask(store, fingerprint(f"news-3:{offset}", 0, f"id {offset}", text, about))
        return answer.novelty

    new = told(1, "Acme opens a large plant near Toledo this autumn", "ACME")
    half = told(2, "Acme opens a large shop where nobody expected one", "ACME")
    other = told(3, "Zenith opens a large plant near Toledo this autumn", "ZNTH")
    words_known = told(4, "Acme near Toledo opens plant, expected large autumn shop", "ACME")
    near = told(5, "Acme opens a large plant near Toledo this autumn - Daily Wire", "ACME")
    exact = told(6, "Acme opens a large plant near Toledo this autumn https://t.co/x", "ACME")
    assert new == other == 100
    assert words_known == 100 * (1 - THRESHOLD)
    assert half is not None
    assert near is not None
    assert 100 > half > words_known > near > 0
    assert exact == 0


def test_novelty_is_the_same_when_a_claim_is_made_again(store: Store) -> None:
    wanted = [
        claim(1),
        claim(2, HEADLINE + " - Daily Wire"),
        claim(3, "Regulators widen probe of accounts at another firm"),
        claim(4, HEADLINE),
    ]
    first = [one.novelty for one in ask(store, *wanted)]
    assert len({*first}) == 4
    assert [one.novelty for one in ask(store, *wanted)] == first
    assert [one.novelty for one in ask(store, *reversed(wanted))] == first[::-1]


def test_words_are_new_again_after_two_windows(store: Store) -> None:
    text = "Acme opens a large plant near Toledo this autumn"
    assert [ask(store, claim(n, text, at_ms=n * DAY_MS + n))[0].novelty for n in (1, 3, 5)] == [100, 100, 100]


def test_story_of_an_older_worker_without_marks_still_finds_its_copies(store: Store) -> None:
    old = claim(1)
    ask(store, old)
    (key,) = store.redis.keys("ut:{stories-news}:*")
    store.redis.hset(key, "snews-3:1", msgspec.msgpack.encode(old.sketch))
    assert ask(store, claim(2, HEADLINE + " - Daily Wire"))[0].owner == "news-3:1"


def test_story_is_open_for_a_day_of_event_time_either_way(store: Store) -> None:
    ask(store, claim(1, at_ms=2 * DAY_MS))
    inside = ask(store, claim(2, at_ms=3 * DAY_MS), claim(3, at_ms=DAY_MS))
    assert [one.owner for one in inside] == ["news-3:1"] * 2
    (after,) = ask(store, claim(4, at_ms=3 * DAY_MS + 1))
    assert after.owner == "news-3:4"
    (near_copy_after,) = ask(store, claim(5, HEADLINE + " - Daily Wire", at_ms=5 * DAY_MS))
    assert near_copy_after.owner == "news-3:5"


def test_story_does_not_live_on_by_its_copies(store: Store) -> None:
    ask(store, claim(1), claim(2, at_ms=20 * HOUR_MS))
    (third,) = ask(store, claim(3, at_ms=30 * HOUR_MS))
    assert third.owner == "news-3:3"


def test_repeated_message_id_is_told_and_opens_no_story(store: Store) -> None:
    ask(store, claim(1, "Acme falls on a probe today", message_id="same"))
    other = "Zenith rises on record profit and a strong outlook"
    assert ask(store, claim(2, other, message_id="same")) == [Ownership("news-3:2", True)]
    assert ask(store, claim(3, other)) == [Ownership("news-3:3", False, 100)]
    assert ask(store, claim(1, "Acme falls on a probe today", message_id="same")) == [Ownership("news-3:1", False, 100)]


def test_streams_have_their_own_stories(store: Store) -> None:
    ask(store, claim(1))
    other = fingerprint("comments-0:1", 0, "id 1", HEADLINE)
    assert ask(store, other, stream="comments") == [Ownership("comments-0:1", False, 100)]


def test_long_texts_are_compared_by_their_sketch(store: Store) -> None:
    words = [f"word{n}" for n in range(400)]
    ask(store, claim(1, " ".join(words)))
    near, far = ask(
        store, claim(2, " ".join(words[:380] + ["other"] * 20)), claim(3, " ".join(words[:150] + ["else"] * 250))
    )
    assert (near.owner, far.owner) == ("news-3:1", "news-3:3")


# Writers that crash, repeat themselves and outlive their time.

MINUTES = 40
step = st.tuples(
    st.integers(0, 2),  # which writer
    st.integers(0, 1),  # which partition
    st.integers(1, 12),  # records in its chunk
    st.sampled_from(["apply", "apply", "apply", "lose the reply", "crash before the write", "forget and start again"]),
)
log = st.lists(
    st.tuples(st.integers(0, MINUTES - 1), st.sampled_from(["same id", "own id", "own id", "broken", "tombstone"])),
    max_size=40,
)


def value(number: int, kind: str, place: str) -> bytes | None:
    """Message ``number`` of forty, each with a minute of its own; its copies differ by id at most."""
    if kind == "tombstone":
        return None
    if kind == "broken":
        return b"\xff" if number % 2 else b'{"id": 5}'
    verb = ("falls", "beats", "stays")[number % 3]
    minute = 7 * number
    body = {
        "id": f"m{number}" if kind == "same id" else f"m{number} at {place}",
        "published_at": f"2014-02-19T{12 + minute // 60:02}:{minute % 60:02}:00Z",
        "source": "wire",
        "text": f"Facebook {verb} w{number} x{number} y{number} z{number} v{number}",
    }
    return json.dumps(body).encode()


class Writer:
    """A worker as the store sees it: its cursors, and whatever it does at the wrong time."""

    def __init__(self, store: Store, records: dict[int, list[Record]]) -> None:
        self.store = store
        self.records = records
        self.cursors: dict[int, Cursor] = {}
        self.memory = EvidenceMemory()

    def assign(self, partition: int) -> Cursor:
        state = self.store.state("news", partition)
        self.cursors[partition] = Cursor(
            state,
            state.epoch or "e1",
            lateness_ms=SETTINGS.allowed_lateness_s * 1000,
            future_ms=SETTINGS.future_tolerance_s * 1000,
        )
        return self.cursors[partition]

    def work(self, partition: int, size: int, fate: str) -> bool:
        """One chunk; False where there is none left."""
        cursor = self.cursors.get(partition) or self.assign(partition)
        chunk = self.records[partition][cursor.offset + 1 :][:size]
        if not chunk:
            return False
        prepared = prepare("news", partition, chunk, linker=LINKER, max_text_bytes=SETTINGS.max_text_bytes)
        scores = SCORER.score(prepared.texts)
        while True:
            owners = ask(self.store, *claims(prepared, cursor))
            if fate == "crash before the write":
                self.cursors.clear()
                return True
            made = reduce(
                prepared,
                scores,
                owners,
                cursor,
                labels=SCORER.topics,
                model=SCORER.version,
                now_ms=NOW_MS,
                memory=self.memory,
            ).run
            outcome, stored = self.store.apply(made)
            if fate == "lose the reply":
                outcome, stored = self.store.apply(made)
            if outcome is not Outcome.OVERLAP:
                break
            prepared, scores = trim(prepared, scores, stored)
            cursor = self.assign(partition)
        assert outcome in {Outcome.APPLIED, Outcome.KNOWN}
        cursor.advance(made)
        if fate == "forget and start again":
            self.cursors.clear()
        return True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(log, log), st.lists(step, max_size=40))
def test_writers_in_any_disorder_count_what_a_linear_replay_counts(
    store: Store, logs: tuple[Any, Any], steps: list[tuple[int, int, int, str]]
) -> None:
    store.redis.flushdb()
    records: dict[int, list[Record]] = {}
    for partition, entries in enumerate(logs):
        values = [value(number, kind, f"{partition}:{at}") for at, (number, kind) in enumerate(entries)]
        records[partition] = [Record(at, NOW_MS, None, one, ()) for at, one in enumerate(values)]
        if values:
            store.register("news", partition)
    writers = [Writer(store, records) for _ in range(3)]
    for writer, partition, size, fate in steps:
        writers[writer].work(partition, size, fate)
    for partition in records:
        last = Writer(store, records)
        while last.work(partition, 7, "apply"):
            pass
    for zombie in writers:  # they wake up when all is done
        for partition in records:
            zombie.work(partition, 12, "apply")
    expected = count(
        {
            ("news", partition): [LogRecord("news", partition, r.offset, r.timestamp_ms, r.value, ()) for r in lines]
            for partition, lines in records.items()
            if lines
        },
        SCORER,
        LINKER,
        SETTINGS,
    )
    assert compare(store, expected) == []
    for (_, partition), counters in expected.counters.items():
        paths = sum(n for name, n in counters.items() if name not in {"stories", "copies", "truncated", "unlinked"})
        assert paths == len(records[partition])


def test_oracle_sees_a_single_count_too_many(store: Store) -> None:
    records = {0: [Record(0, NOW_MS, None, value(1, "own id", "0:0"), ())]}
    Writer(store, records).work(0, 1, "apply")
    expected = count(
        {("news", 0): [LogRecord("news", 0, 0, NOW_MS, records[0][0].value, ())]}, SCORER, LINKER, SETTINGS
    )
    assert compare(store, expected) == []
    (key,) = store.redis.scan_iter(match="ut:{news-0}:w:60:*")
    store.redis.hincrby(key, "Earnings\t\tm-", 1)
    store.redis.hincrby("ut:{news-0}:state", "c:late", 1)
    assert len(compare(store, expected)) == 3  # the window's, the partition's, the stream's


# No key without an end.


def ttl(redis: Redis, key: str | bytes) -> int:
    return redis.ttl(key)


def leaks(redis: Redis) -> list[str]:
    """Every key that the schema does not know, or that has another type or no bounded time to live."""
    found = []
    for raw in redis.scan_iter(count=1000):
        key = raw.decode()
        kind = redis.type(key).decode()  # type: ignore[union-attr]
        patterns = [pattern for pattern in keys.PATTERNS if fnmatch.fnmatchcase(key, pattern.glob)]
        if not patterns:
            found.append(f"{key} ({kind}) is in no pattern of keys.PATTERNS")
        for pattern in patterns:
            if pattern.type != kind:
                found.append(f"{key} is a {kind}, should be a {pattern.type}")
            if not 0 < ttl(redis, key) <= pattern.ttl_s:
                found.append(f"{key} has TTL {ttl(redis, key)} s, should have 1..{pattern.ttl_s}")
    return found


def test_every_key_is_in_the_schema_and_expires(store: Store) -> None:
    entries = [(number, "own id") for number in range(MINUTES)] * 2
    values = [value(number, kind, str(at)) for at, (number, kind) in enumerate(entries)]
    records = {0: [Record(at, NOW_MS, None, one, ()) for at, one in enumerate(values)]}
    writer = Writer(store, records)
    while writer.work(0, 16, "lose the reply"):
        pass
    store.register("news", 0)
    store.write_labels(SCORER.topics, SCORER.version, NOW_MS)
    store.write_heartbeat("w1", {"ready": 1, "lag:news-0": 0}, NOW_MS)
    ShadowStore(store.redis).apply(
        ShadowRun("news", 0, 5, 9, "e", {3_600: {"a\tb\tt": 1}}, {3_600: {"news-0:5": "{}"}})
    )
    assert leaks(store.redis) == []
    names = [raw.decode() for raw in store.redis.scan_iter(count=1000)]
    unseen = [
        pattern.glob
        for pattern in keys.PATTERNS
        if not any(word in pattern.glob for word in ("{alerts}", "{api}", "{people}"))
        and not any(fnmatch.fnmatchcase(name, pattern.glob) for name in names)
    ]
    assert unseen == []


def test_leak_is_found(store: Store) -> None:
    store.redis.set("ut:{news-0}:unheard-of", 1, ex=10)
    store.redis.hset(keys.labels(), "version", "1")
    store.redis.set(keys.workers(), 1, ex=10)
    assert len(leaks(store.redis)) == 3


# Health.


def test_partition_that_fell_silent_steps_aside(store: Store) -> None:
    ahead, behind = run(0, 0, at_s=1_200), run(0, 0, at_s=600)
    behind.partition = 1
    behind.state["updated_ms"] = NOW_MS - 20_000
    for one in (ahead, behind):
        store.apply(one)
        store.register("news", one.partition)
    assert store.event_now_ms("news", idle_s=30, now_ms=NOW_MS) == 600_000
    assert store.event_now_ms("news", idle_s=10, now_ms=NOW_MS) == 1_200_000
    assert store.event_now_ms("news", idle_s=10, now_ms=NOW_MS + 60_000) == 1_200_000
    assert store.event_now_ms("comments", idle_s=10, now_ms=NOW_MS) == -1


def test_heartbeat_is_read_back(store: Store) -> None:
    store.write_heartbeat("w1", {"ready": 1, "rate": 2.5}, NOW_MS)
    assert store.heartbeats() == {"w1": {"ready": "1", "rate": "2.5"}}


def test_labels_are_read_back(store: Store) -> None:
    assert (store.topics(), store.model_version()) == ((), "")
    store.write_labels(SCORER.topics, "v1", NOW_MS)
    assert (store.topics(), store.model_version()) == (SCORER.topics, "v1")


def test_topics_of_a_model_before_stay_known_for_as_long_as_their_windows(store: Store) -> None:
    store.write_labels(["Macro", "Oil"], "v1", NOW_MS)
    store.write_labels(["Rates", "Oil"], "v2", NOW_MS + DAY_MS)
    assert (store.topics(), store.model_version()) == (("Rates", "Oil", "Macro"), "v2")
    store.write_labels(["Rates"], "v3", NOW_MS + 400 * DAY_MS + 1)
    assert store.topics() == ("Rates", "Oil")


def test_a_worker_that_kept_the_older_model_does_not_speak_over_the_new_one(store: Store) -> None:
    store.write_labels(["Rates"], "v2", NOW_MS)
    store.keep_labels(["Macro"], "v1", NOW_MS)
    assert (store.topics(), store.model_version()) == (("Rates", "Macro"), "v2")
    store.redis.flushall()
    store.keep_labels(["Macro"], "v1", NOW_MS)
    assert (store.topics(), store.model_version()) == (("Macro",), "v1")


def test_messages_are_counted_by_model(store: Store) -> None:
    one = run(0, 0)
    one.windows = {(60, 600): {f"{keys.MODEL_FIELD}v1": 3}}
    store.apply(one)
    store.register("news", 3)
    assert store.models("news", 60, 0, DAY_MS) == {600: {"v1": 3}}
    assert store.windows("news", 60, 0, DAY_MS) == {}
