from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from stream.patrol import Patrol
from tests import servers
from tests.integration.feed import DAY_MS, MINUTE_MS, START_MS, Feed, Story, background, surge
from undertone import broker, keys
from undertone.alert_store import AlertStore
from undertone.messages import Alert, AlertState, Severity, to_ms
from undertone.settings import Settings
from undertone.store import Store
from undertone.topics import ALERTS

T = TypeVar("T")
SURGE_MS = START_MS + DAY_MS + 10 * MINUTE_MS
PATIENCE_S = 90
"""For a watch that shares two cores with everything else; a test never waits longer than its condition needs."""


def wait_until(condition: Callable[[], T], what: str = "the condition") -> T:
    return servers.wait_until(condition, PATIENCE_S, what)


class Receiver:
    """A real HTTP server that takes webhooks and answers each as it was told, then 200."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], int]] = []  # idempotency key, body, status (0: hung)
        self.answers: list[int] = []
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.calls.append((self.headers["Idempotency-Key"], body, status))
                if status == 0:
                    receiver.released.wait(30)
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/alerts"

    def taken(self) -> list[str]:
        """Idempotency keys of what was answered with 200, in order."""
        return [key for key, _, status in self.calls if status == 200]

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def settings(bootstrap: str, redis_url: str, receiver: Receiver) -> Settings:
    chosen = Settings(
        bootstrap_servers=bootstrap,
        redis_url=redis_url,
        webhook_url=receiver.url,
        webhook_timeout_s=1.0,
        idle_partition_s=600.0,
    )
    broker.create_topics(chosen)
    return chosen


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    opened = Store.open(redis_url)
    yield opened
    opened.redis.close()


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts `python -m stream.watch` and ends it with the test."""
    running = []

    def begin(**environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream.watch"], env={**os.environ, **settings.environment(), **environment}
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


def on_kafka(settings: Settings, entity: str) -> list[Alert]:
    """All alerts about an entity on the topic."""
    import msgspec

    with_consumer = broker.consumer(settings, ALERTS, consumer_timeout_ms=700)
    try:
        alerts = [msgspec.json.decode(record.value, type=Alert) for record in with_consumer]
    finally:
        with_consumer.close()
    return [alert for alert in alerts if alert.entity == entity]


def fired(alerts: AlertStore, entity: str) -> list[Alert]:
    return [alert for alert in alerts.list() if alert.entity == entity]


def test_a_surge_becomes_one_alert_in_redis_on_kafka_and_at_a_receiver_that_fails_at_first(
    settings: Settings, store: Store, receiver: Receiver, start: Start
) -> None:
    receiver.answers = [500, 0, 503]  # 0 hangs until the client gives up
    feed, alerts = Feed(store), AlertStore(store.redis)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "ACME"), watermark_ms=SURGE_MS + 20 * MINUTE_MS)
    start()

    (alert,) = wait_until(lambda: fired(alerts, "ACME"), what="an alert about ACME")
    assert (alert.rule, alert.stream, alert.entity) == ("negative-surge", "news", "ACME")
    assert alert.state is AlertState.FIRING
    assert SURGE_MS < to_ms(alert.fired_at) <= SURGE_MS + 10 * MINUTE_MS
    assert alert.p_count <= 1e-3
    assert {one.entities for one in alert.evidence} == {("ACME",)}
    assert str(alert.stories) in alert.reason

    wait_until(receiver.taken, what="the webhook")
    assert [status for _, _, status in receiver.calls[:4]] == [500, 0, 503, 200]
    assert {key for key, _, _ in receiver.calls[:4]} == {f"{alert.id}-1"}
    body = receiver.calls[3][1]
    assert body["version"] == "4"
    assert body["alerts"][0]["labels"]["entity"] == "ACME"
    assert body["alerts"][0]["status"] == "firing"
    wait_until(lambda: {"webhook:1", "kafka:1"} <= alerts.deliveries(alert.id).keys(), what="both deliveries recorded")
    on_topic = wait_until(lambda: on_kafka(settings, "ACME"), what="the alert on Kafka")
    assert {one.id for one in on_topic} == {alert.id}
    assert Counter(receiver.taken()).most_common(1)[0][1] == 1


def test_a_watch_killed_before_delivery_is_followed_by_one_that_delivers_the_same_alert(
    settings: Settings, store: Store, receiver: Receiver, start: Start
) -> None:
    receiver.answers = [0] * 3
    feed, alerts = Feed(store), AlertStore(store.redis)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "BUST"), watermark_ms=SURGE_MS + 5 * MINUTE_MS)
    first = start()
    (alert,) = wait_until(lambda: fired(alerts, "BUST"), what="an alert about BUST")
    wait_until(lambda: receiver.calls, what="the first attempt, which hangs")
    assert alerts.deliveries(alert.id).keys() <= {"kafka:1"}
    first.kill()
    first.wait()
    receiver.answers.clear()
    feed.write([], watermark_ms=SURGE_MS + 15 * MINUTE_MS)

    start()
    wait_until(lambda: "webhook:1" in alerts.deliveries(alert.id), what="delivery by the second watch")
    wait_until(lambda: "kafka:1" in alerts.deliveries(alert.id), what="delivery to Kafka")
    minute = (SURGE_MS + 15 * MINUTE_MS) // MINUTE_MS - 1
    wait_until(lambda: alerts.evaluated("news") == minute, what="the second watch has looked at every minute")
    assert [one.id for one in fired(alerts, "BUST")] == [alert.id]
    assert receiver.taken().count(f"{alert.id}-1") == 1
    on_topic = wait_until(lambda: on_kafka(settings, "BUST"), what="the alert on Kafka")
    assert {one.id for one in on_topic} == {alert.id}


def test_two_watchers_make_one_alert_and_the_second_takes_over(
    settings: Settings, store: Store, receiver: Receiver, start: Start
) -> None:
    feed, alerts = Feed(store), AlertStore(store.redis)
    processes = {name: start(UNDERTONE_WORKER=name) for name in ("one", "two")}
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "DUO"), watermark_ms=SURGE_MS + 15 * MINUTE_MS)
    (alert,) = wait_until(lambda: fired(alerts, "DUO"), what="an alert about DUO")
    wait_until(lambda: "webhook:1" in alerts.deliveries(alert.id))

    holder = wait_until(lambda: cast("bytes | None", store.redis.get(keys.lease())))
    assert holder is not None
    name = holder.decode().split()[0]
    processes[name].send_signal(signal.SIGTERM)
    assert processes[name].wait(PATIENCE_S) == 0
    feed.write([], watermark_ms=SURGE_MS + 8 * 60 * MINUTE_MS)
    wait_until(lambda: fired(alerts, "DUO")[0].state is AlertState.RESOLVED, what="the other watcher ends the episode")
    assert [one.id for one in fired(alerts, "DUO")] == [alert.id]
    resolved = fired(alerts, "DUO")[0]
    wait_until(lambda: f"webhook:{resolved.notifications}" in alerts.deliveries(alert.id))
    assert len(set(receiver.taken())) == len(receiver.taken())
    assert receiver.calls[-1][1]["status"] == "resolved"


def test_a_receiver_that_is_down_does_not_hold_up_kafka_or_the_watch(
    settings: Settings, store: Store, receiver: Receiver, start: Start
) -> None:
    receiver.close()
    feed, alerts = Feed(store), AlertStore(store.redis)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "DOWN"), watermark_ms=SURGE_MS + 60 * MINUTE_MS)
    watch = start()
    (alert,) = wait_until(lambda: fired(alerts, "DOWN"))
    wait_until(lambda: on_kafka(settings, "DOWN"), what="the alert on Kafka")
    wait_until(lambda: alerts.evaluated("news") == (SURGE_MS + 60 * MINUTE_MS) // MINUTE_MS - 1)
    assert not [name for name in alerts.deliveries(alert.id) if name.startswith("webhook")]
    watch.send_signal(signal.SIGTERM)
    assert watch.wait(PATIENCE_S) == 0


DEAF = "version: 1\nrules: [{name: deaf, kind: negative-surge, min_stories: 90000, warning: {p_count: 1e-6}}]\n"


def test_a_changed_rules_file_takes_effect_without_a_restart_and_a_bad_one_takes_none(
    settings: Settings, store: Store, receiver: Receiver, start: Start, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(DEAF)
    desk = Receiver()
    feed, alerts = Feed(store), AlertStore(store.redis)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "HUSH"), watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    watch = start(UNDERTONE_RULES=str(rules))
    first = SURGE_MS // MINUTE_MS + 11
    wait_until(lambda: alerts.evaluated("news") == first, what="every minute is looked at")
    rules.write_text("version: 1\nrules: [{name: a, kind: nonsense}]\n")
    feed.write([], watermark_ms=SURGE_MS + 14 * MINUTE_MS)
    wait_until(lambda: alerts.evaluated("news") == first + 2, what="the old rules go on")
    assert alerts.list() == []

    hook = f"{{url: '{desk.url}', allow_private: true}}"
    rules.write_text(f"version: 1\nreceivers: [{{name: desk, webhook: {hook}}}]\nroutes: [{{to: [desk]}}]\n")
    wait_until(lambda: store.redis.hexists(keys.watch_state(), "cursor:desk"), what="the new receiver")
    feed.write([], watermark_ms=SURGE_MS + 20 * MINUTE_MS)
    (alert,) = wait_until(lambda: fired(alerts, "HUSH"), what="an alert by the new rules")
    wait_until(lambda: desk.taken() == [f"{alert.id}-1"], what="the new receiver is told")
    wait_until(lambda: receiver.taken() == [f"{alert.id}-1"], what="so is that of the setting")
    assert watch.poll() is None
    desk.close()


# The rest needs no process: a patrol is driven by hand.


def held_lease(alerts: AlertStore) -> str:
    """A lease that nobody has to renew, since here nobody does."""
    token = alerts.take_lease("by-hand")
    assert token
    alerts.redis.persist(keys.lease())
    return token


def patrol_to(store: Store, event_ms: int, stream: str = "news") -> AlertStore:
    """Look at every minute up to `event_ms` under a lease of our own."""
    alerts = AlertStore(store.redis)
    token = held_lease(alerts)
    patrol = Patrol(store, alerts, stream, token)
    while patrol.advance(event_ms, idle=False):
        pass
    alerts.drop_lease(token)
    return alerts


def test_copies_do_not_ring(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    at = SURGE_MS
    feed.write([Story(at, "SPAM")] + [Story(at + n * 20_000, "SPAM", copy=True) for n in range(96)])
    alerts = patrol_to(store, at + 40 * MINUTE_MS)
    assert alerts.list() == []


def test_one_event_is_one_notification_though_topic_entity_and_both_ring(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "SOLO", stories=40, minutes=30))
    alerts = patrol_to(store, SURGE_MS + 60 * MINUTE_MS)
    assert len(alerts.list()) == 1
    assert [out.what for out in alerts.outgoing("kafka")[1]].count("fired") == 1


def test_a_surge_from_three_sources_becomes_critical_and_says_so_once(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "GRIM", stories=20))
    alerts = patrol_to(store, SURGE_MS + 30 * MINUTE_MS)
    (alert,) = alerts.list()
    assert alert.severity is Severity.CRITICAL
    assert alert.sources >= 3
    whats = [out.what for out in alerts.outgoing("kafka")[1]]
    assert whats.count("escalated") <= 1


def test_the_first_look_begins_with_the_first_minute_of_a_stream(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1), watermark_ms=START_MS + DAY_MS)
    alerts = AlertStore(store.redis)
    token = held_lease(alerts)
    patrol = Patrol(store, alerts, "news", token)
    looked = 0
    while done := patrol.advance(START_MS + DAY_MS, idle=False):
        looked += done
    assert looked == 1440
    assert alerts.evaluated("news") == (START_MS + DAY_MS) // MINUTE_MS - 1


def test_a_late_message_is_seen_by_a_later_look(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    at = SURGE_MS
    feed.write([], watermark_ms=at + 20 * MINUTE_MS)
    alerts = patrol_to(store, at + 20 * MINUTE_MS)
    assert alerts.list() == []
    feed.write(surge(at, "LATE"))  # all of it is older than the last look
    alerts = patrol_to(store, at + 35 * MINUTE_MS)
    assert [one.entity for one in alerts.list()] == ["LATE"]


def test_an_acknowledged_alert_stays_acknowledged_while_it_goes_on(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    at = SURGE_MS
    feed.write(surge(at, "HELD"))
    (alert,) = patrol_to(store, at + 8 * MINUTE_MS).list()
    alerts = AlertStore(store.redis)
    alerts.acknowledge(alert.id, "ann", at + 9 * MINUTE_MS)
    (after,) = patrol_to(store, at + 40 * MINUTE_MS).list()
    assert (after.id, after.state, after.acknowledged_by) == (alert.id, AlertState.ACKNOWLEDGED, "ann")
    assert to_ms(after.updated_at) > to_ms(alert.updated_at)


def test_an_alert_resolved_by_hand_does_not_ring_again_on_the_same_stories(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    at = SURGE_MS
    feed.write(surge(at, "DONE"))
    (alert,) = patrol_to(store, at + 12 * MINUTE_MS).list()
    AlertStore(store.redis).resolve(alert.id, "ann", at + 13 * MINUTE_MS)
    alerts = patrol_to(store, at + 120 * MINUTE_MS)
    assert [(one.id, one.state) for one in alerts.list()] == [(alert.id, AlertState.RESOLVED)]


def test_a_change_of_model_is_noted(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "SWAP"), model="model-2")
    (alert,) = patrol_to(store, SURGE_MS + 15 * MINUTE_MS).list()
    assert alert.model == "model-2"
    assert "model-1 then model-2" in alert.reason


def test_the_same_minutes_looked_at_from_nothing_give_the_same_ids_and_fire_nothing_again(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "SAME"))
    alerts = patrol_to(store, SURGE_MS + 30 * MINUTE_MS)
    before = [one.id for one in alerts.list()]
    store.redis.delete(keys.watch_state())
    alerts = patrol_to(store, SURGE_MS + 30 * MINUTE_MS)
    assert [one.id for one in alerts.list()] == before
    assert [out.what for out in alerts.outgoing("kafka")[1]].count("fired") == 1


def test_every_key_of_the_alerts_is_bounded_and_listed(store: Store) -> None:
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "KEYS"))
    alerts = AlertStore(store.redis)
    token = held_lease(alerts)
    patrol = Patrol(store, alerts, "news", token)
    while patrol.advance(SURGE_MS + 30 * MINUTE_MS, idle=False):
        pass
    alerts.keep_lease(token)
    cursor, waiting = alerts.outgoing("kafka")
    alerts.record_delivery(token, "kafka", cursor, waiting[0], "ok", time.time_ns() // 1_000_000)
    from fnmatch import fnmatchcase

    names = [bytes(name).decode() for name in store.redis.scan_iter("ut:{alerts}:*")]
    assert len(names) == 7
    for name in names:
        (pattern,) = [one for one in keys.PATTERNS if fnmatchcase(name, one.glob)]
        assert store.redis.type(name) == pattern.type.encode()
        assert 0 < int(store.redis.ttl(name)) <= pattern.ttl_s
