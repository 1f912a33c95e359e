"""A week of real tweets through the real system: Facebook buys WhatsApp on 2014-02-19, first told at 22:03 UTC.

The tweets are not ours to ship: they are read from the data folder, and the test is skipped without them.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers import wait_until
from undertone import broker
from undertone.alert_store import AlertStore
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.errors import ModelError
from undertone.messages import Alert, Message, from_ms, to_ms
from undertone.scorer import load_scorer
from undertone.settings import Settings
from undertone.store import Store
from undertone.topics import COMMENTS

DATA = Path(os.environ.get("UNDERTONE_DATA_SETS", Path(__file__).parents[2].parent / "shared" / "data"))
TWEETS = DATA / "replay_stocknet_tweets" / "stocknet_tweets.jsonl.gz"

FIRST_DAY = datetime(2014, 2, 17, tzinfo=UTC)
END = datetime(2014, 2, 22, tzinfo=UTC)
NEWS_BREAKS = datetime(2014, 2, 19, 22, 3, tzinfo=UTC)
TOO_LATE = datetime(2014, 2, 19, 23, 59, tzinfo=UTC)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(not TWEETS.exists(), reason=f"the replay tweets are not there: no {TWEETS}"),
]


def tweets() -> list[Message]:
    """The tweets of the five days, in the order in which they were published."""
    with gzip.open(TWEETS, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    first, end = to_ms(FIRST_DAY), to_ms(END)
    return [
        Message(
            id=row["id"],
            text=row["text"],
            published_at=from_ms(row["ts_ms"]),
            source="twitter",
            entities=tuple(row["tickers"]),
        )
        for row in sorted(rows, key=lambda row: (row["ts_ms"], row["id"]))
        if first <= row["ts_ms"] < end
    ]


def best_model() -> str:
    """The student that ships, or the word lists where it is not there."""
    try:
        load_scorer("default")
    except ModelError:
        return "trivial"
    return "default"


@pytest.fixture
def settings(own_kafka: EmbeddedKafka, own_valkey: EmbeddedValkey) -> Settings:
    chosen = Settings(
        bootstrap_servers=own_kafka.bootstrap,
        redis_url=own_valkey.url,
        model=best_model(),
        streams=(COMMENTS,),
        partitions=2,
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


def test_facebook_buying_whatsapp_rings(settings: Settings, system: list[subprocess.Popen[bytes]]) -> None:
    sent = tweets()
    producer = broker.producer(settings)
    for number, message in enumerate(sent):
        producer.send(COMMENTS, value=message.encode(), partition=number % settings.partitions)
    producer.flush()
    producer.close()

    store = Store.open(settings.redis_url)
    alerts = AlertStore(store.redis)
    last_minute = to_ms(sent[-1].published_at) // 60_000

    def everything_was_looked_at() -> bool:
        assert all(program.poll() is None for program in system), "worker or watch has ended"
        looked_at = alerts.evaluated(COMMENTS)
        return looked_at is not None and looked_at >= last_minute

    wait_until(everything_was_looked_at, timeout_s=900, what="the watch has looked at the last minute")
    counted = sum(state.counters["counted"] for state in store.states(COMMENTS))
    found = alerts.list(limit=1_000)
    for alert in reversed(found):
        print(_line(alert))
    about_facebook = [alert for alert in found if alert.entity == "META" and NEWS_BREAKS <= alert.fired_at <= TOO_LATE]
    assert about_facebook, f"no alert about META that evening; {len(found)} alerts in all"
    delay = min(alert.fired_at for alert in about_facebook) - NEWS_BREAKS
    print(f"{counted} of {len(sent)} tweets counted, model {settings.model}; META rang after {delay}")
    assert timedelta(0) < delay
    assert all("META" in one.entities for alert in about_facebook for one in alert.evidence)
    store.redis.close()


def _line(alert: Alert) -> str:
    about = " ".join(filter(None, (alert.entity, alert.topic)))
    return f"{alert.fired_at:%m-%d %H:%M} {alert.rule} {alert.severity} {about}: {alert.reason}"
