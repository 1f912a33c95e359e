"""The oracle reads a real log to its end, and finds what Redis lacks."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from kafka import KafkaProducer
from redis import Redis

from tests.oracle import Ambiguous, LogRecord, compare, count, read_log, replay
from tests.servers import Topics
from undertone.entities import Linker
from undertone.scorer import load_scorer
from undertone.settings import Settings

SCORER, LINKER, SETTINGS = load_scorer("trivial"), Linker.load(), Settings()


def message(number: int, text: str, minute: int = 0) -> bytes:
    published = f"2014-02-19T22:{minute:02}:00Z"
    return json.dumps({"id": str(number), "published_at": published, "source": "wire", "text": text}).encode()


def test_replay_reads_every_record_of_every_partition_once(bootstrap: str, topics: Topics, redis_url: str) -> None:
    topic = topics.fresh_topic("oracle", partitions=2)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    values = [message(n, f"Facebook falls w{n}") for n in range(30)] + [b"{", None]
    for at, value in enumerate(values):
        producer.send(topic, value=value, key=b"k", partition=at % 2)
    producer.close()
    assert [record.offset for record in read_log(bootstrap, [topic])] == [*range(16), *range(16)]
    result = replay(bootstrap, [topic], SCORER, LINKER, SETTINGS)
    assert result.records == len(values)
    assert result.merged[topic] == Counter({"counted": 30, "stories": 30, "dead:not-json": 1, "tombstone": 1})
    minute = {cell: n for cell, n in result.windows.items() if cell[1] == 60 and cell[4] == "META" and cell[5] == "m-"}
    assert sum(minute.values()) == 30
    with Redis.from_url(redis_url) as client:
        assert any("0 stored" in line for line in compare(client, result))


def test_copies_that_a_race_may_order_either_way_are_refused() -> None:
    copies = [LogRecord("news", 0, at, 1_392_850_000_000, message(at, "the same", at), ()) for at in (0, 1)]
    with pytest.raises(Ambiguous, match="the same"):
        count({("news", 0): copies}, SCORER, LINKER, SETTINGS)
