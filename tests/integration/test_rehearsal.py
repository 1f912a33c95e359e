"""A rehearsal rings as the real system does: the same claims in memory as in Valkey, the same alerts as the watch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from stream import stories
from stream.rehearsal import rehearse
from stream.stories import Told, fingerprints
from stream.storybook import Storybook
from tests.feeds import MINUTE_MS, START_MS, quiet_days, surge
from tests.servers import wait_until
from undertone import broker
from undertone.alert_store import AlertStore
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.messages import Message
from undertone.scorer import TrivialScorer
from undertone.settings import Settings
from undertone.store import Claim, Store
from undertone.topics import COMMENTS

WINDOW_MS = 3_600_000
SURGE_MS = START_MS + 8 * 60 * MINUTE_MS + 10 * MINUTE_MS
PATIENCE_S = 120


def told_and_told_again(seed: int) -> list[Claim]:
    """Claims of texts that repeat each other more or less, in an order that is nearly that of their times."""
    draw = np.random.default_rng(seed)
    words = [f"word{n}" for n in range(40)]
    told: list[Told] = []
    for number in range(500):
        at_ms = max(0, number * 60_000 + int(draw.integers(-1_800_000, 1_800_000)))
        text = " ".join(draw.choice(words, size=int(draw.integers(2, 12))))
        if told and draw.random() < 0.5:
            parts = told[int(draw.integers(len(told)))].text.split()
            parts[int(draw.integers(len(parts)))] = str(draw.choice(words))
            text = " ".join(parts) if draw.random() < 0.7 else told[-1].text
        message_id = f"id {int(draw.integers(450))}"
        about = ("ACME",) if draw.random() < 0.3 else ()
        told.append(Told(f"comments-0:{number}", at_ms, message_id, text, about))
    return fingerprints(told)


@pytest.mark.parametrize("seed", range(3))
def test_claims_in_memory_are_answered_as_valkey_answers_them(redis_url: str, seed: int) -> None:
    wanted = told_and_told_again(seed)
    book = Storybook(window_ms=WINDOW_MS, threshold=stories.THRESHOLD, sketch_size=stories.SKETCH_SIZE)
    store = Store.open(redis_url)
    for first in range(0, len(wanted), 20):
        some = wanted[first : first + 20]
        for _ in range(2):  # asked again, as after a crash
            answers = store.claim(
                COMMENTS, some, window_ms=WINDOW_MS, threshold=stories.THRESHOLD, sketch_size=stories.SKETCH_SIZE
            )
            assert book.claim(some) == answers
    owners = {one.owner for one in book.claim(wanted[-20:])}
    store.redis.close()
    assert 1 < len(owners) < 20


@pytest.fixture
def settings(own_kafka: EmbeddedKafka, own_valkey: EmbeddedValkey) -> Settings:
    chosen = Settings(
        bootstrap_servers=own_kafka.bootstrap,
        redis_url=own_valkey.url,
        model="trivial",
        streams=(COMMENTS,),
        partitions=1,
        health_port=0,
    )
    broker.create_topics(chosen)
    return chosen


@pytest.fixture
def system(settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A worker and a watch, each a process of its own."""
    environment = {**os.environ, **settings.environment()}
    programs = [
        subprocess.Popen([sys.executable, "-m", name], env=environment) for name in ("stream.worker", "stream.watch")
    ]
    yield programs
    for program in programs:
        program.terminate()
    for program in programs:
        program.wait(60)


def feed() -> list[Message]:
    """Eight quiet hours, a surge, and an hour after it."""
    return sorted(
        [*quiet_days(9.5 / 24, every_min=10), *surge(SURGE_MS, "BUST")], key=lambda one: (one.published_ms, one.id)
    )


def test_a_rehearsal_rings_for_the_same_series_at_the_same_minute_as_the_system(
    settings: Settings, system: list[subprocess.Popen[bytes]]
) -> None:
    messages = feed()
    rehearsed = rehearse(messages, TrivialScorer(), settings=settings)
    producer = broker.producer(settings)
    for message in messages:
        producer.send(COMMENTS, value=message.encode(), partition=0)
    producer.flush()
    producer.close()

    store = Store.open(settings.redis_url)
    alerts = AlertStore(store.redis)
    last_minute = messages[-1].published_ms // MINUTE_MS - 1

    def everything_was_looked_at() -> bool:
        assert all(program.poll() is None for program in system), "worker or watch has ended"
        looked_at = alerts.evaluated(COMMENTS)
        return looked_at is not None and looked_at >= last_minute

    wait_until(everything_was_looked_at, PATIENCE_S, "the watch has looked at the last minute")
    found = alerts.list(limit=1_000)
    store.redis.close()
    assert found, "the surge rang for nobody"
    real = {(one.rule, one.topic or "", one.entity or "", one.fired_at, one.severity) for one in found}
    assert {(one.rule, one.topic, one.entity, one.fired_at, one.severity) for one in rehearsed} == real
    assert {one.entity for one in found} >= {"BUST"}
