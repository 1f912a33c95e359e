"""The worker as a process, on real Kafka and real Valkey: what it counts, refuses, answers and says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.house import PATIENCE_S, House, Sent, Worker, house, messages
from tests.servers import wait_until
from undertone import broker
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.messages import Scored
from undertone.scorer import TOPICS
from undertone.settings import Settings


@pytest.fixture
def place(own_kafka: EmbeddedKafka, own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[House]:
    with house(own_kafka.bootstrap, own_valkey.url, tmp_path) as made:
        yield made


def body(**changes: Any) -> bytes:
    fields = {
        "id": f"id-{len(changes)}-{sorted(changes)}-{changes}"[:500],
        "published_at": datetime.now(UTC).isoformat(),
        "source": "wire",
        "text": f"Shares rose {sorted(changes)}",
    }
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not ...}).encode()


GARBAGE = {
    "broken JSON": (b'{"id": "1", "text": ', "not-json"),
    "foreign binary": (bytes(range(256)), "not-utf8"),
    "not an object": (b"[1, 2]", "wrong-type"),
    "a wrong type": (body(text=5), "wrong-type"),
    "a missing field": (body(source=...), "missing-field"),
    "no text": (body(text=...), "missing-text"),
    "empty text": (body(text="  \t"), "empty-text"),
    "nothing but control characters": (body(text="\x00\u202e\u200b"), "empty-text"),
    "a lone surrogate": (b'{"id":"s","published_at":"2024-01-01T00:00:00Z","source":"w","text":"\\ud800"}', "not-json"),
    "a date before 1970": (body(published_at="1969-12-31T23:59:59Z"), "bad-date"),
    "a date without a zone": (body(published_at="2024-01-01T00:00:00"), "bad-date"),
    "no date": (body(published_at="yesterday"), "bad-date"),
}


def test_bad_input_is_counted_or_buried_whole_and_its_neighbours_are_unharmed(place: House) -> None:
    neighbours = list(messages(300, seed=11, partitions=1))
    odd = [
        Sent(0, body(text="NUL \x00 and bidi \u202e characters fell")),
        Sent(0, body(published_at="1970-01-02T00:00:00Z")),
        Sent(0, body(published_at="2999-01-01T00:00:00Z")),
        Sent(0, body(colour="green", text="an unknown field is kept")),
        Sent(0, None, b"tombstone"),
        Sent(0, body(text="word " * 1_000_000)),
        Sent(0, b"\xff" * 3_000_000, b"large"),
    ]
    bad = [Sent(0, value, name.encode(), [("trace", b"\x00\xff")]) for name, (value, _) in GARBAGE.items()]
    mixed = neighbours[:100] + bad + neighbours[100:200] + odd + neighbours[200:]
    place.send("news", mixed)
    worker = place.worker()
    place.wait_until_written()
    result = place.assert_exact()
    counters = result.counters["news", 0]
    assert counters["tombstone"] == 1
    assert counters["truncated"] == 1
    letters = place.letters()
    for offset, one in enumerate(mixed):
        letter = letters.pop(f"news-0:{offset}", None)
        if one in bad or one.key == b"large":
            assert letter is not None, one.key
            assert (letter.key, letter.value) == (one.key, one.value)
            assert list(letter.headers[: len(one.headers)]) == one.headers
            said = dict(letter.headers)
            expected = GARBAGE[one.key.decode()][1] if one in bad and one.key else "not-utf8"
            assert said["undertone-reason"].decode() == expected, one.key
            assert said["undertone-stage"]
        else:
            assert letter is None
    assert letters == {}
    assert worker.terminate() == 0
    assert "word word" not in worker.said()


def test_every_decoded_message_comes_out_scored(place: House) -> None:
    place.send("news", messages(200, seed=12))
    place.worker()
    place.wait_until_written()
    scored = [msgspec.json.decode(one.value, type=Scored) for one in place.records("scored")]
    assert len({one.position for one in scored}) == len(scored) == 200
    counters = place.assert_exact().merged["news"]
    for status in ("counted", "late", "future", "duplicate"):
        assert sum(one.status == status for one in scored) == counters[status]
    assert sum(one.copy for one in scored if one.status == "counted") == counters["copies"]
    assert {one.stream for one in scored} == {"news"}


def test_health_is_told_over_http_and_in_redis(place: House) -> None:
    place.send("news", messages(300, seed=13))
    worker = place.worker()
    wait_until(lambda: "health at " in worker.said(), what="the worker says where its health is")
    url = worker.said().split("health at ")[1].split("/readyz")[0]
    place.wait_until_written()
    wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, what="the worker is ready")
    assert httpx.get(f"{url}/healthz").text == "ok\n"
    metrics = httpx.get(f"{url}/metrics").text
    counted = place.assert_exact().merged["news"]["counted"]
    assert f'undertone_records_total{{outcome="counted",stream="news"}} {counted}.0' in metrics
    assert httpx.get(f"{url}/nothing").status_code == 404

    def beat() -> dict[str, str]:
        return next(iter(place.store.heartbeats().values()), {})

    wait_until(lambda: beat().get("records") == "300", what="the heartbeat counts all records")
    told = beat()
    assert told["ready"] == "1"
    assert told["model"] == "trivial-1"
    ends = place.ends()
    for (stream, partition), end in ends.items():
        assert told[f"lag:{stream}-{partition}"] == "0"
        assert told[f"end:{stream}-{partition}"] == str(end)


def test_redis_lost_altogether_is_counted_again_under_a_new_epoch_and_said_loudly(place: House) -> None:
    place.send("news", messages(1000, seed=14))
    worker = place.worker()
    place.wait_until_written()
    assert worker.terminate() == 0
    epochs = {state.epoch for state in place.store.states("news")}
    place.store.redis.flushall()
    second = place.worker()
    place.wait_until_written()
    place.assert_exact()
    assert "Redis lost what was counted of news-0" in second.said()
    assert epochs.isdisjoint({state.epoch for state in place.store.states("news")})


def test_redis_emptied_under_a_running_worker_is_noticed_without_new_messages(place: House) -> None:
    place.send("news", messages(1000, seed=15))
    worker = place.worker()
    place.wait_until_written()
    place.store.redis.flushall()
    place.wait_until_written()
    place.assert_exact()
    assert "Redis went back" in worker.said()
    assert worker.running()
    wait_until(lambda: place.store.model_version() == "trivial-1", PATIENCE_S, "Redis knows again which model serves")
    assert place.store.topics() == TOPICS


def test_a_partition_whose_state_was_deleted_is_rebuilt_and_not_added_to(place: House) -> None:
    place.send("news", messages(600, seed=16))
    worker = place.worker()
    place.wait_until_written()
    assert worker.terminate() == 0
    place.store.redis.delete("ut:{news-1}:state")
    place.worker()
    place.wait_until_written()
    place.assert_exact()


@pytest.mark.parametrize("missing", ["redis", "kafka", "model", "topics", "port"])
def test_what_is_missing_at_start_is_said_in_one_line(
    missing: str, own_kafka: EmbeddedKafka, redis_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"127.0.0.1:{_unused()}"
        given: dict[str, dict[str, Any]] = {
            "redis": {"redis_url": f"redis://{nowhere}/0"},
            "kafka": {"bootstrap_servers": nowhere},
            "model": {"model": str(tmp_path / "none")},
            "topics": {},
            "port": {"health_port": taken.getsockname()[1]},
        }
        common = {"bootstrap_servers": own_kafka.bootstrap, "redis_url": redis_url, "model": "trivial"}
        settings = Settings(**common | given[missing])
        if missing == "port":
            broker.create_topics(settings)
        worker = Worker(settings, tmp_path / "worker.log", {})
        assert worker.wait() == 1
    said = worker.said().strip()
    assert "Traceback" not in said
    assert said.count("\n") == 0, said


def _unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def test_a_late_message_is_judged_by_the_log_and_not_by_the_clock(place: House) -> None:
    old = datetime(2014, 2, 19, 21, 0, tzinfo=UTC)
    times = [old, old + timedelta(hours=2), old + timedelta(minutes=59), old + timedelta(minutes=61)]
    place.send(
        "news",
        [Sent(0, body(id=str(n), text=f"text {n} rose", published_at=at.isoformat())) for n, at in enumerate(times)],
    )
    place.worker()
    place.wait_until_written()
    counters = place.assert_exact().merged["news"]
    assert (counters["counted"], counters["late"]) == (3, 1)
