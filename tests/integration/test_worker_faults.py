"""Every count stays exact whatever is killed, and whenever: checked against a linear replay of Kafka's log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import PATIENCE_S, House, Sent, house, messages
from tests.servers import wait_until
from undertone.embedded import EmbeddedKafka, EmbeddedValkey


@pytest.fixture
def place(own_kafka: EmbeddedKafka, own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[House]:
    with house(own_kafka.bootstrap, own_valkey.url, tmp_path) as made:
        yield made


def test_sigterm_in_mid_stream_and_a_restart(place: House) -> None:
    place.send("news", messages(4000, seed=1))
    place.send("comments", messages(1000, seed=2))
    first = place.worker()
    wait_until(lambda: place.written() > 500, PATIENCE_S, "the first worker is at work")
    assert first.terminate() == 0
    left = place.written()
    place.assert_commits_do_not_run_ahead()
    place.send("news", messages(500, seed=3))
    second = place.worker()
    place.wait_until_written()
    assert second.terminate() == 0
    place.assert_exact()
    assert left < 5500
    assert place.commits() == {where: offset + 1 for where, offset in place.offsets().items()}


def test_sigkill_at_every_failpoint(place: House) -> None:
    place.send("news", messages(3000, seed=4))
    for name in ("after-score", "after-claim", "before-apply", "after-apply", "before-ack"):
        worker = place.worker(UNDERTONE_FAILPOINT=f"{name}:3")
        assert worker.wait() == -9, worker.said()
        place.assert_commits_do_not_run_ahead()
    place.worker()
    place.wait_until_written()
    place.assert_exact()


def test_sigkill_at_random_moments(place: House) -> None:
    chance = random.Random(5)
    place.send("news", messages(6000, seed=6))
    place.send("comments", messages(2000, seed=7))
    for _ in range(3):
        before = place.written()
        worker = place.worker()
        wait_until(lambda: place.written() > before + chance.randrange(900), PATIENCE_S, "the worker is at work")  # noqa: B023
        worker.kill()
        place.assert_commits_do_not_run_ahead()
    place.worker()
    place.wait_until_written()
    place.assert_exact()


def test_a_second_worker_joins_and_leaves(place: House) -> None:
    place.send("news", messages(3000, seed=8))
    first = place.worker()
    wait_until(lambda: place.written() > 200, PATIENCE_S, "the first worker is at work")
    second = place.worker()
    wait_until(lambda: len(shares(place)) == 2 and all(shares(place)), PATIENCE_S, "both hold partitions")
    place.send("comments", messages(1500, seed=9))
    wait_until(lambda: place.written() > 3200, PATIENCE_S, "both are at work")
    place.assert_commits_do_not_run_ahead()
    assert first.terminate() == 0
    place.send("news", messages(500, seed=10))
    place.wait_until_written()
    assert second.terminate() == 0
    place.assert_exact()


def test_valkey_is_killed_and_comes_back(place: House, own_valkey: EmbeddedValkey) -> None:
    place.send("news", messages(4000, seed=17))
    worker = place.worker()
    wait_until(lambda: place.written() > 300, PATIENCE_S, "the worker is at work")
    own_valkey.kill()
    place.send("comments", messages(1000, seed=18))
    wait_until(lambda: "Redis does not answer" in worker.said(), PATIENCE_S, "the worker notices")
    assert worker.running()
    own_valkey.start()
    place.wait_until_written()
    place.assert_exact()
    assert "Redis answers again" in worker.said()
    assert worker.terminate() == 0


def test_kafka_is_killed_and_comes_back(place: House, own_kafka: EmbeddedKafka) -> None:
    place.send("news", messages(4000, seed=19))
    worker = place.worker()
    wait_until(lambda: place.written() > 300, PATIENCE_S, "the worker is at work")
    own_kafka.kill()
    own_kafka.start()
    place.send("comments", messages(1000, seed=20))
    if not worker.running():
        place.worker()  # as the supervisor would: a worker may end itself, but never count wrongly
    place.wait_until_written()
    place.assert_exact()
    flood = [line for line in worker.said().splitlines() if "aiokafka" in line]
    assert len(flood) < 200


def test_garbage_survives_a_kill_between_the_dead_letter_and_the_write(place: House) -> None:
    records = list(messages(300, seed=21, partitions=1))
    bad = [Sent(0, b"\xff\xfe" + bytes([n]), b"k%d" % n, [("trace", b"\x00")]) for n in range(20)]
    place.send("news", [one for pair in zip(records[:20], bad, strict=True) for one in pair] + records[20:])
    assert place.worker(UNDERTONE_FAILPOINT="before-apply").wait() == -9
    place.worker()
    place.wait_until_written()
    place.assert_exact()
    letters = place.letters()
    assert sorted((one.key, one.value) for one in letters.values()) == sorted((one.key, one.value) for one in bad)
    assert len(list(place.records("dead-letters"))) >= len(letters) == 20


def shares(place: House) -> list[int]:
    """How many partitions each live worker holds, by its heartbeat."""
    return [sum(name.startswith("lag:") for name in fields) for fields in place.store.heartbeats().values()]
