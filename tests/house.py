"""A house for worker tests: one Kafka, one Valkey, workers as processes, and the check that every count is exact."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from kafka import KafkaAdminClient, TopicPartition
from redis import Redis

from tests import oracle
from tests.servers import wait_until
from undertone import broker
from undertone.entities import Linker
from undertone.messages import Scored
from undertone.scorer import Scorer, load_scorer
from undertone.settings import Settings
from undertone.store import Store

ROOT = Path(__file__).parents[1]
VOCABULARY = [f"{a}{b}{c}o" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdfgklmnprst"]
SPICE = ("profit", "loss", "beats", "plunges", "Apple", "$TSLA", "Microsoft", "JPMorgan")


PATIENCE_S = 180.0
"""A loaded machine may take ten times as long as a quiet one; nobody waits this long for what happens."""


class Sent(NamedTuple):
    """A record as it goes into Kafka."""

    partition: int
    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012


class Worker:
    """A worker process with its log."""

    def __init__(self, settings: Settings, log: Path, extra: Mapping[str, str]) -> None:
        self.log = log
        environment = {**os.environ, **settings.environment(), **extra}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream.worker"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs; it said:\n{self.said()}") from None

    def running(self) -> bool:
        return self.process.poll() is None


class House:
    """What a test of the worker needs, on servers of its own."""

    def __init__(self, bootstrap: str, redis_url: str, folder: Path, **settings: Any) -> None:
        given = {
            "partitions": 2,
            "chunk_records": 50,
            "take_chunks": 2,
            "health_port": 0,
            "group": "test",
            "model": "trivial",
        }
        self.settings = Settings(bootstrap_servers=bootstrap, redis_url=redis_url, **given | settings)
        self.store = Store.open(redis_url)
        self._folder = folder
        self._workers: list[Worker] = []
        broker.create_topics(self.settings)

    def worker(self, **extra: str) -> Worker:
        """Start a worker; `extra` goes into its environment."""
        worker = Worker(self.settings, self._folder / f"worker-{len(self._workers)}.log", extra)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            if worker.running():
                worker.process.send_signal(signal.SIGUSR1)  # where it stands, should the test have failed
                time.sleep(0.2)
                worker.kill()
            print(f"--- {worker.log.name}\n{worker.said()}")
        self.store.redis.close()

    def empty(self) -> None:
        """Delete all topics and all of Redis, for the next house on the same servers."""
        admin = KafkaAdminClient(bootstrap_servers=self.settings.bootstrap_servers)
        try:
            admin.delete_topics([name for name in admin.list_topics() if not name.startswith("__")])
            wait_until(lambda: all(name.startswith("__") for name in admin.list_topics()), what="the topics are gone")
        finally:
            admin.close()
        with Redis.from_url(self.settings.redis_url) as client:
            client.flushall()

    def send(self, stream: str, records: Iterable[Sent]) -> None:
        producer = broker.producer(self.settings)
        try:
            for one in records:
                producer.send(stream, value=one.value, key=one.key, headers=one.headers, partition=one.partition)
            producer.flush()
        finally:
            producer.close()

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition's log."""
        consumer = broker.consumer(self.settings)
        try:
            places = [
                TopicPartition(name, n) for name in self.settings.streams for n in range(self.settings.partitions)
            ]
            return {(place.topic, place.partition): end for place, end in consumer.end_offsets(places).items()}
        finally:
            consumer.close()

    def offsets(self) -> dict[tuple[str, int], int]:
        """The last offset that Redis holds of every partition, -1 for none."""
        return {
            (name, n): self.store.state(name, n).offset
            for name in self.settings.streams
            for n in range(self.settings.partitions)
        }

    def written(self) -> int:
        return sum(offset + 1 for offset in self.offsets().values())

    def wait_until_written(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until Redis holds everything that Kafka does."""
        ends = {place: end - 1 for place, end in self.ends().items()}
        wait_until(lambda: self.offsets() == ends, timeout_s, "all records are written")

    def commits(self) -> dict[tuple[str, int], int | None]:
        """What the group has committed of every partition."""
        consumer = broker.consumer(self.settings, group_id=self.settings.group)
        try:
            return {place: consumer.committed(TopicPartition(*place)) for place in self.offsets()}
        finally:
            consumer.close()

    def assert_commits_do_not_run_ahead(self) -> None:
        """Invariant I2, at any moment: commits are read first, and offsets only grow."""
        commits, offsets = self.commits(), self.offsets()
        ahead = {place: (commit, offsets[place]) for place, commit in commits.items() if commit}
        assert all(commit <= offset + 1 for commit, offset in ahead.values()), ahead

    def scored(self) -> Iterator[Scored]:
        """All scored messages, those of one position in order."""
        for one in self.records("scored"):
            yield msgspec.json.decode(one.value, type=Scored)

    def assert_exact(self, models: Iterable[Scorer] = ()) -> oracle.OracleResult:
        """Invariants I1, I2 and I6, against the linear replay of Kafka's log; `models` are all that served, if many."""
        by_version = {scorer.version: scorer for scorer in models}
        # What was scored twice, since a worker died in between, was counted the last time.
        scored_by = {one.position: by_version[one.model] for one in self.scored()} if by_version else {}
        result = oracle.replay(
            self.settings.bootstrap_servers,
            self.settings.streams,
            load_scorer("trivial"),
            Linker.load(),
            self.settings,
            scored_by,
        )
        assert oracle.compare(self.store, result) == []
        for place, counters in result.counters.items():
            paths = ("counted", "late", "future", "duplicate", "tombstone")
            total = sum(n for name, n in counters.items() if name in paths or name.startswith("dead:"))
            assert total == result.offsets.get(place, -1) + 1, (place, counters)
        self.assert_commits_do_not_run_ahead()
        return result

    def records(self, topic: str) -> Iterator[Any]:
        """All records of a topic, as kafka-python gives them."""
        consumer = broker.consumer(self.settings)
        try:
            places = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
            for place, end in consumer.end_offsets(places).items():
                consumer.assign([place])
                consumer.seek_to_beginning(place)
                while consumer.position(place) < end:
                    yield from consumer.poll(timeout_ms=500).get(place, [])
        finally:
            consumer.close()

    def letters(self) -> dict[str, Any]:
        """The dead letters by position; where one came twice, the first."""
        found: dict[str, Any] = {}
        for one in self.records("dead-letters"):
            found.setdefault(dict(one.headers)["undertone-position"].decode(), one)
        return found


@contextmanager
def house(bootstrap: str, redis_url: str, folder: Path, **settings: Any) -> Iterator[House]:
    made = House(bootstrap, redis_url, folder, **settings)
    try:
        yield made
    finally:
        made.close()


def messages(count: int, *, seed: int, partitions: int = 2) -> Iterator[Sent]:
    """Messages without near copies, among them exact copies, duplicates, late and future ones.

    A copy has its original's time and partition, so that the replay knows which is which.
    """
    chance = random.Random(seed)
    now = datetime.now(UTC)
    last: dict[int, dict[str, Any]] = {}
    for number in range(count):
        partition = chance.randrange(partitions)
        body = {
            "id": f"{seed}-{number}",
            "text": " ".join([*chance.choices(VOCABULARY, k=11), chance.choice(SPICE), f"n{seed}x{number}"]),
            "published_at": (now - timedelta(seconds=chance.random() * 1200)).isoformat(),
            "source": f"wire-{number % 5}",
        }
        kind = chance.random()
        if kind < 0.05 and partition in last:
            body = {**last[partition], "id": body["id"]}  # a copy of a story
        elif kind < 0.08 and partition in last:
            body = last[partition]  # the same message again
        elif kind < 0.10:
            body["published_at"] = (now - timedelta(hours=3)).isoformat()
        elif kind < 0.11:
            body["published_at"] = (now + timedelta(hours=3)).isoformat()
        else:
            last[partition] = body
        yield Sent(partition, json.dumps(body).encode(), key=body["id"].encode())


def pause(seconds: float) -> None:
    """Wait for the broker's clock, where the design says that a fault must be that old; never for a result."""
    time.sleep(seconds)
