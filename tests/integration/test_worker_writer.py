"""The writer on a real Valkey: zombies, overlaps, other epochs, lost data, chunks that went missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xxhash
from prometheus_client import CollectorRegistry
from redis.exceptions import ResponseError

from stream.batch import Cursor
from stream.positions import StorePositions
from stream.publisher import Publisher
from stream.scoring import Lineup, Scoring, portions
from stream.shadow import Shadow, sample
from stream.tenure import Chunk, Tenure
from stream.writer import Writer
from tests.servers import wait_until
from undertone.entities import Linker
from undertone.scorer import Scores, TrivialScorer
from undertone.settings import Settings
from undertone.shadow_store import Disagreement, Pair, ShadowStore
from undertone.store import Store

LINKER = Linker.load()
AT_MS = 1_714_557_600_000


def fetched(offset: int) -> SimpleNamespace:
    body = {
        "id": str(offset),
        "published_at": f"2024-05-01T10:{offset % 60:02}:00Z",
        "source": "wire",
        "text": f"shares number {offset} rose while {offset * 7919} others fell by {offset * 104729}",
    }
    value = json.dumps(body).encode()
    return SimpleNamespace(
        offset=offset,
        timestamp=AT_MS + 3_600_000,
        key=None,
        value=value,
        headers=(),
        serialized_key_size=-1,
        serialized_value_size=len(value),
    )


class Newer(TrivialScorer):
    """The trivial model under another version, which takes every topic for the next one and all bad news for good."""

    version = "trivial-2"

    def score(self, texts: Sequence[str]) -> Scores:
        scores = super().score(texts)
        return Scores(np.roll(scores.topic, 1, axis=1), scores.sentiment[:, [2, 1, 0]])


class Hand:
    """One worker's writer with a tenure of ``news-0``, as taken up from what the store holds."""

    def __init__(self, url: str, epoch: str | None = None, lineup: Lineup | None = None) -> None:
        self.settings = Settings(redis_url=url, publish_scored=False)
        self.store = Store.open(url)
        self.failures: list[BaseException] = []
        self.threads = ThreadPoolExecutor(1)
        self.loop = asyncio.new_event_loop()
        self.lineup = lineup or Lineup(TrivialScorer())
        positions = StorePositions(self.settings, self.store, self.threads, self.failures.append)
        self.writer = Writer(self.settings, self.store, positions, Publisher(_no_producer, self.loop))
        self.scoring = Scoring(self.lineup, LINKER, 10_000)
        self.shadow = Shadow(ShadowStore(self.store.redis), CollectorRegistry())
        state = self.store.state("news", 0)
        self.tenure = Tenure("news", 0, state.offset + 1)
        self.tenure.cursor = Cursor(state, epoch or state.epoch or "one", lateness_ms=3_600_000, future_ms=300_000)

    def read(self, first: int, last: int) -> list[Chunk]:
        return list(self.tenure.cut([fetched(offset) for offset in range(first, last + 1)], 1000, 1 << 20))

    def write(self, chunks: Sequence[Chunk]) -> int:
        take = portions(chunks)
        self.scoring.run(take)
        return len(self.writer.write(take))

    def compare(self, chunks: Sequence[Chunk]) -> None:
        """Let the challenger answer and write what it said; the champion's part is left out."""
        take = portions(chunks)
        taken = sample(take, self.scoring.run(take), 300_000)
        assert self.lineup.challenger is not None
        self.shadow.compare(taken, self.lineup.challenger, lambda: False)
        self.shadow.write(taken)

    def close(self) -> None:
        self.threads.shutdown()
        self.loop.close()
        self.store.redis.close()


def _no_producer() -> Any:
    raise AssertionError("nothing here is published")


class Hands:
    def __init__(self, url: str) -> None:
        self.url = url
        self.all: list[Hand] = []

    def __call__(self, epoch: str | None = None, lineup: Lineup | None = None) -> Hand:
        self.all.append(Hand(self.url, epoch, lineup))
        return self.all[-1]


@pytest.fixture
def hands(redis_url: str) -> Iterator[Hands]:
    made = Hands(redis_url)
    yield made
    for one in made.all:
        one.close()


def stored(hand: Hand) -> dict[str, Any]:
    """Everything that is counted, without the time of the write."""
    found: dict[str, Any] = {}
    for key in hand.store.redis.scan_iter(match="ut:{news-0}:*"):
        fields: Any = hand.store.redis.hgetall(key)
        found[key.decode()] = {name: value for name, value in fields.items() if name not in (b"updated_ms", b"epoch")}
    return found


@pytest.fixture
def whole(hands: Hands) -> dict[str, Any]:
    """What one undisturbed writer makes of offsets 0 to 199; Valkey is empty again afterwards."""
    hand = hands()
    assert hand.write(hand.read(0, 199)) == 1
    found = stored(hand)
    hand.store.redis.flushall()
    return found


def test_cutting_the_log_otherwise_gives_the_same_counts(hands: Hands, whole: dict[str, Any]) -> None:
    hand = hands()
    for first, last in ((0, 6), (7, 99), (100, 100), (101, 199)):
        assert hand.write(hand.read(first, last)) == 1
    assert stored(hand) == whole


def test_a_zombie_and_its_successor_write_each_record_once(hands: Hands, whole: dict[str, Any]) -> None:
    first = hands()
    first.write(first.read(0, 49))
    zombie, successor = hands(), hands()
    late = zombie.read(50, 119)
    assert successor.write(successor.read(50, 89)) == 1
    assert zombie.write(late) == 1  # an overlap: 50 to 89 are known, 90 to 119 are not
    assert successor.write(successor.read(90, 109)) == 1  # known already
    assert successor.write(successor.read(110, 199)) == 1  # an overlap the other way
    assert zombie.write(zombie.read(120, 199)) == 1  # known already
    assert stored(first) == whole


def test_a_run_that_is_written_again_changes_nothing(hands: Hands, whole: dict[str, Any]) -> None:
    one = hands()
    again = hands()
    assert one.write(one.read(0, 199)) == 1
    assert again.write(again.read(0, 199)) == 1
    assert stored(one) == whole


def test_a_chunk_that_went_missing_is_never_written_past(
    hands: Hands, whole: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    hand = hands()
    hand.write(hand.read(0, 49))
    hand.read(50, 59)  # fetched, then lost
    assert hand.write(hand.read(60, 199)) == 0
    assert hand.tenure.ended
    assert "10 offsets were skipped after 49" in caplog.text
    anew = hands()
    assert anew.tenure.start == 50
    anew.write(anew.read(50, 199))
    assert stored(hand) == whole


def test_a_writer_stops_when_another_epoch_is_in_charge(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    old = hands("old")
    old.write(old.read(0, 9))
    old.store.redis.flushall()
    new = hands("new")
    new.write(new.read(0, 99))
    before = stored(new)
    assert old.write(old.read(10, 19)) == 0
    assert old.tenure.ended
    assert stored(new) == before
    assert "Another epoch is in charge of news-0" in caplog.text


def test_a_writer_stops_when_redis_went_back(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    hand = hands()
    hand.write(hand.read(0, 9))
    hand.store.redis.flushall()
    assert hand.write(hand.read(10, 19)) == 0
    assert hand.tenure.ended
    assert "Redis went back: of news-0 it holds offset -1, but 9 was written" in caplog.text
    assert stored(hand) == {}


def test_an_answer_that_waiting_does_not_mend_is_raised(hands: Hands) -> None:
    hand = hands()
    hand.store.redis.set("ut:{news-0}:state", "not a hash")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        hand.write(hand.read(0, 9))


def test_a_full_redis_is_waited_for(hands: Hands, whole: dict[str, Any]) -> None:
    hand = hands()
    hand.store.redis.config_set("maxmemory", "1")
    hand.store.redis.config_set("maxmemory-policy", "noeviction")
    try:
        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(hand.write, hand.read(0, 199))
            wait_until(lambda: hand.writer.redis.since is not None, what="the writer waits")
            hand.store.redis.config_set("maxmemory", "0")
            assert writing.result(30) == 1
    finally:
        hand.store.redis.config_set("maxmemory", "0")
    assert stored(hand) == whole


def models(hand: Hand) -> dict[str, int]:
    (found,) = hand.store.models("news", 86_400, AT_MS, AT_MS + 86_400_000).values()
    return found


def test_records_are_counted_under_the_model_that_scored_them_whoever_writes_them(hands: Hands) -> None:
    older, newer = Lineup(TrivialScorer()), Lineup(Newer())
    first = hands(lineup=older)
    first.store.register("news", 0)
    first.write(first.read(0, 49))
    zombie, successor = hands(lineup=older), hands(lineup=newer)
    late = zombie.read(50, 119)
    successor.write(successor.read(50, 89))
    zombie.write(late)  # 50 to 89 are known under the newer model; 90 to 119 come under the older one
    successor.write(successor.read(90, 149))  # and are known when the successor comes to them
    assert models(first) == {"trivial-1": 50 + 30, "trivial-2": 40 + 30}
    assert first.store.state("news", 0).counters["counted"] == 150


def recount(first: int, last: int, share: float) -> Disagreement:
    """What the shadow must find among these offsets, one text after another."""
    ours, theirs = TrivialScorer(), Newer()
    confusion = np.zeros((3, 3), int)
    topics = 0
    for offset in range(first, last + 1):
        if xxhash.xxh3_64(f"news-0:{offset}".encode()).intdigest() / 2**64 < share:
            text = [json.loads(fetched(offset).value)["text"]]
            one, other = ours.score(text), theirs.score(text)
            confusion[one.sentiment[0].argmax(), other.sentiment[0].argmax()] += 1
            topics += one.topic[0].argmax() != other.topic[0].argmax()
    a, b, c = confusion.tolist()
    return Disagreement((tuple(a), tuple(b), tuple(c)), topics)


def compared(hand: Hand) -> Disagreement:
    found = ShadowStore(hand.store.redis).disagreement("news", AT_MS, AT_MS + 3_600_000)
    return found[Pair("trivial-1", "trivial-2")][AT_MS // 3_600_000 * 3_600]


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_each_message_of_the_sample_is_compared_once_whoever_repeats_it(hands: Hands, share: float) -> None:
    lineup = Lineup(TrivialScorer(), Newer(), share)
    one, again, third = hands(lineup=lineup), hands(lineup=lineup), hands(lineup=lineup)
    one.store.register("news", 0)
    one.compare(one.read(0, 99))
    again.compare(again.read(0, 59))  # known
    again.compare(again.read(60, 149))  # 60 to 99 are known
    third.compare(third.read(0, 199))
    assert compared(one) == recount(0, 199, share)
    assert compared(one).compared > 40
    examples = ShadowStore(one.store.redis).examples("news", AT_MS, AT_MS + 3_600_000)
    assert len(examples) == 50
    assert all(example.champion_topic != example.challenger_topic for example in examples)


def test_what_redis_does_not_take_is_lost_to_the_comparison_and_to_nothing_else(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    hand = hands(lineup=Lineup(TrivialScorer(), Newer(), 1.0))
    hand.store.redis.set("ut:{news-0}:shadow:state", "not a hash")
    chunks = hand.read(0, 99)
    hand.compare(chunks)
    assert hand.write(chunks) == 1
    assert "Comparisons with the challenger are lost" in caplog.text
    assert hand.store.state("news", 0).counters["counted"] == 100
