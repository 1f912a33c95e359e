"""A feed that falls silent, and a model that takes over, on a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stream.patrol import Patrol
from stream.succession import Succession
from stream.takeover import Conversion, seen
from tests.integration.feed import DAY_MS, MINUTE_MS, START_MS, Feed, Story
from undertone import keys
from undertone.alert_store import AlertStore
from undertone.messages import Alert, AlertState, to_ms
from undertone.shadow_store import Disagreement, Pair, ShadowRun, ShadowStore, field_of
from undertone.store import Store

HOUR_MS = 60 * MINUTE_MS
NOW_MS = START_MS + 3 * DAY_MS


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    opened = Store.open(redis_url)
    yield opened
    opened.redis.close()


def every_minute(feed: Feed, begin_ms: int, end_ms: int, *, model: str = "old") -> None:
    stories = [Story(at_ms, "", sentiment=2) for at_ms in range(begin_ms, end_ms, MINUTE_MS)]
    feed.write(stories, watermark_ms=end_ms, model=model)


def lease(store: Store, alerts: AlertStore) -> str:
    """The lease, for as long as a test may take on a busy machine: nobody renews it here."""
    token = alerts.take_lease("test")
    assert token is not None
    store.redis.expire(keys.lease(), 600)
    return token


def on_watch(store: Store, alerts: AlertStore, token: str) -> Patrol:
    """A watch that has looked at all minutes up to NOW_MS, the last ten of them anew."""
    assert alerts.publish(token, "news", NOW_MS // MINUTE_MS - 10, [], {}) is None
    patrol = Patrol(store, alerts, "news", token)
    while patrol.advance(NOW_MS, idle=False):
        pass
    return patrol


def silences(alerts: AlertStore) -> list[Alert]:
    return [alert for alert in alerts.list() if alert.rule == "feed-silent"]


def test_a_live_feed_that_falls_silent_rings_once_and_is_resolved_when_it_speaks(store: Store) -> None:
    feed, alerts = Feed(store), AlertStore(store.redis)
    every_minute(feed, START_MS, NOW_MS)
    token = lease(store, alerts)
    patrol = on_watch(store, alerts, token)
    evaluated = alerts.evaluated("news")
    for minutes in range(0, 90, 5):
        patrol.listen(NOW_MS - 1, NOW_MS, NOW_MS + minutes * MINUTE_MS)
    (alert,) = silences(alerts)
    assert (alert.state, alert.stories, alert.topic, alert.entity) == (AlertState.FIRING, 0, None, None)
    assert alerts.evaluated("news") == evaluated  # the minutes of the pause are still to be looked at

    successor = Patrol(store, alerts, "news", token)  # a watcher that starts during the silence
    successor.advance(NOW_MS, idle=True)
    successor.listen(NOW_MS - 1, NOW_MS, NOW_MS + 100 * MINUTE_MS)
    assert len(silences(alerts)) == 1

    back_ms = NOW_MS + 3 * HOUR_MS
    every_minute(feed, back_ms, back_ms + 5 * MINUTE_MS)
    while successor.advance(back_ms + 5 * MINUTE_MS, idle=False):
        pass
    (alert,) = silences(alerts)
    assert alert.state is AlertState.RESOLVED
    assert alert.resolved_at is not None
    assert back_ms < to_ms(alert.resolved_at) <= back_ms + 2 * MINUTE_MS


def test_the_end_of_a_replay_of_old_messages_is_no_silence(store: Store) -> None:
    feed, alerts = Feed(store), AlertStore(store.redis)
    every_minute(feed, START_MS, NOW_MS)
    token = lease(store, alerts)
    patrol = on_watch(store, alerts, token)
    arrived_ms = NOW_MS + 1_000 * DAY_MS
    for minutes in range(0, 600, 30):
        patrol.listen(NOW_MS - 1, arrived_ms, arrived_ms + minutes * MINUTE_MS)
    assert silences(alerts) == []


def test_where_a_model_took_over_is_read_by_the_hour_with_what_its_shadow_saw(store: Store) -> None:
    feed, shadow = Feed(store), ShadowStore(store.redis)
    every_minute(feed, START_MS, START_MS + DAY_MS + 5 * HOUR_MS)
    every_minute(feed, START_MS + DAY_MS + 5 * HOUR_MS, START_MS + 2 * DAY_MS, model="new")
    pair, compared = Pair("old", "new"), {"->-": 300, "->0": 100, "0>0": 600}
    shadow.apply(
        ShadowRun(
            "news",
            0,
            0,
            0,
            "epoch",
            cells={START_MS // 1000: {field_of(pair, name): n for name, n in compared.items()}},
        )
    )
    hour = (START_MS + 2 * DAY_MS) // HOUR_MS
    succession = Succession(store, "news")
    succession.start(hour)
    (found,) = succession.takeovers()
    assert (found.hour, found.old, found.new) == ((START_MS + DAY_MS) // HOUR_MS + 5, "old", "new")
    expected = seen(Disagreement(((300, 100, 0), (0, 600, 0), (0, 0, 0))))
    assert isinstance(expected, Conversion)
    assert found.seen == expected
