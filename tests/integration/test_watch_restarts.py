"""A watch that ends at any moment and begins again gives what one that never stopped gives, on a real Valkey."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle

import msgspec
import pytest
from redis.exceptions import ConnectionError as AwayError

from stream.patrol import Patrol
from stream.rings import KINDS
from tests.integration.feed import DAY_MS, MINUTE_MS, START_MS, Feed, Story, background, surge
from undertone import keys
from undertone.alert_store import AlertStore
from undertone.doctor import Colour, _crowded
from undertone.messages import Alert
from undertone.store import Store

BEGIN = (START_MS + DAY_MS) // MINUTE_MS + 19 * 60
END = BEGIN + 11 * 60
"""Over a midnight, when the daily fit is due, with a new model before it and surges on both sides."""

SURGES = ((25, "A", 9, 20), (70, "C", 14, 50), (150, "B", 16, 40), (250, "D", 8, 30), (560, "E", 12, 9))
"""At which minute from BEGIN, about whom, of how many stories within how many minutes."""


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    opened = Store.open(redis_url)
    yield opened
    opened.redis.close()


def tell(store: Store) -> None:
    """Two days of several companies, with surges of several sizes; all of it is there before it is watched."""
    chance, feed = random.Random(3), Feed(store)
    quiet = [
        Story(START_MS + chance.randrange(END - START_MS // MINUTE_MS) * MINUTE_MS, who, chance.randrange(3), topic)
        for who, topic, n in (("A", "Macro", 300), ("B", "Macro", 90), ("C", "Earnings", 150), ("", "Earnings", 60))
        for _ in range(n)
    ]
    bad = [
        one._replace(topic=f"About {who}")
        for at, who, n, minutes in SURGES
        for one in surge((BEGIN + at) * MINUTE_MS, who, stories=n, minutes=minutes)
    ]
    told = sorted(background(2) + quiet + bad)
    change = (BEGIN + 190) * MINUTE_MS
    feed.write([one for one in told if one.at_ms < change])
    feed.write([one for one in told if one.at_ms >= change], watermark_ms=END * MINUTE_MS, model="model-2")


class Watched:
    """A watch that is driven by hand and may be replaced by a new one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.alerts = AlertStore(store.redis)
        token = self.alerts.take_lease("by-hand")
        assert token
        store.redis.persist(keys.lease())
        self.alerts.publish(token, "news", BEGIN - 1, [], {})
        self._token = token
        self.begin()

    def begin(self) -> None:
        """As after a crash: what it knew is gone."""
        self._patrol = Patrol(self._store, self.alerts, "news", self._token)

    def advance(self, most: int) -> int:
        return self._patrol.advance(END * MINUTE_MS, idle=False, most=most)

    def said(self) -> list[bytes]:
        """All that is told and kept of alerts, byte for byte."""
        outbox = self.alerts.outgoing("test")[1]
        return [out.raw for out in outbox] + list(self.alerts.raw(one.id for one in self.alerts.list()).values())


@pytest.fixture
def uninterrupted(store: Store) -> list[bytes]:
    """What one says that never stops; the store is as before it was watched then."""
    tell(store)
    watched = Watched(store)
    while watched.advance(60):
        pass
    said = watched.said()
    alerts = [msgspec.json.decode(one, type=Alert) for one in said]
    assert len({one.id for one in alerts}) >= 5
    assert any("model-1 then model-2" in one.reason for one in alerts)
    store.redis.flushall()
    tell(store)
    return said


def test_a_watch_that_ends_between_any_two_looks_gives_the_same_alerts_byte_for_byte(
    store: Store, uninterrupted: list[bytes]
) -> None:
    watched = Watched(store)
    for most in cycle((1, 43, 60, 17, 60, 60)):
        watched.begin()
        if not watched.advance(most):
            break
    assert watched.said() == uninterrupted


def test_the_watch_says_how_many_series_it_remembers_and_whether_any_found_no_place(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(store)
    watched = Watched(store)
    watched.advance(10)
    crowd = watched.alerts.crowd("news")
    assert crowd.series > 8
    assert crowd.refused == 0
    monkeypatch.setattr("stream.rings.MOST_SERIES", 8)
    watched.begin()
    watched.advance(10)
    crowded = watched.alerts.crowd("news")
    assert crowded.series == 8 - KINDS
    assert crowded.refused > 0
    (finding,) = _crowded("news", crowded)
    assert finding.colour is Colour.YELLOW


def test_so_does_one_that_dies_before_it_has_written_what_it_found(
    store: Store, uninterrupted: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, publish = Watched(store), AlertStore.publish
    deaths = iter(random.Random(5).sample(range(300), 40))
    written = 0

    def dying(self: AlertStore, *given: object) -> object:
        nonlocal written
        written += 1
        if written % 6 == next(deaths, 1) % 6:
            raise AwayError("the process ends here")
        return publish(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(AlertStore, "publish", dying)
    looked = 1
    while looked:
        try:
            looked = watched.advance(60)
        except AwayError:
            watched.begin()
    assert watched.said() == uninterrupted
