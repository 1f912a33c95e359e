"""What the watch tells Prometheus: it looks, it tells, it reaches whom it should, and says so when it does not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from stream.watch import Watch
from stream.watch_health import DEAD_S, STILL_S, WatchHealth
from tests.alerts import alert
from tests.integration.feed import DAY_MS, MINUTE_MS, START_MS, Feed, background, surge
from tests.listener import Listener, status
from tests.servers import wait_until
from undertone import broker
from undertone.alert_store import AlertStore, Publication
from undertone.outbox import Outbox
from undertone.settings import Settings
from undertone.store import Store, connect

PATIENCE_S = 90
SURGE_MS = START_MS + DAY_MS + 10 * MINUTE_MS

Labels = tuple[tuple[str, str], ...]


def figures(text: str) -> dict[tuple[str, Labels], float]:
    return {
        (sample.name.removeprefix("undertone_watch_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(receiver: str, result: str) -> tuple[str, Labels]:
    return "deliveries_total", (("receiver", receiver), ("result", result))


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def watched(
    bootstrap: str, redis_url: str, listener: Listener
) -> Iterator[Callable[[], dict[tuple[str, Labels], float]]]:
    """Figures of a watch that looks at a surge."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(
        bootstrap_servers=bootstrap, redis_url=redis_url, webhook_url=listener.url, watch_health_port=port,
        idle_partition_s=600.0,
    )  # fmt: skip
    broker.create_topics(settings)
    store = Store.open(redis_url)
    feed = Feed(store)
    feed.write(background(1))
    feed.write(surge(SURGE_MS, "ACME"), watermark_ms=SURGE_MS + 20 * MINUTE_MS)
    stop = threading.Event()
    thread = threading.Thread(target=Watch(settings).run, args=(stop,))
    thread.start()
    yield lambda: figures(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    stop.set()
    thread.join(PATIENCE_S)
    store.redis.close()


def test_the_watch_says_what_it_remembers_tells_and_delivers(
    watched: Callable[[], dict[tuple[str, Labels], float]], listener: Listener
) -> None:
    listener.answers = [status(500)]
    news = ("news_total", (("severity", "critical"), ("stream", "news"), ("what", "fired")))
    warned = ("news_total", (("severity", "warning"), ("stream", "news"), ("what", "fired")))

    def told() -> bool:
        try:
            found = watched()
        except httpx.TransportError:
            return False
        return bool(
            found.get(of("webhook", "ok")) and found.get(of("kafka", "ok")) and (news in found or warned in found)
        )

    wait_until(told, PATIENCE_S, "both deliveries")
    found = watched()
    assert found["lease_held", ()] == found["ready", ()] == 1
    assert found["series", (("stream", "news"),)] > 2
    assert found["refused", (("stream", "news"),)] == 0
    assert found[of("webhook", "failed")] == 1
    open_ = sum(found["alerts_open", (("severity", one), ("stream", "news"))] for one in ("warning", "critical"))
    assert open_ >= 1
    assert found["pass_seconds_count", (("stream", "news"),)] >= 1
    assert found["minutes_total", (("stream", "news"),)] >= 20
    wait_until(
        lambda: watched()["outbox_oldest_seconds", (("receiver", "webhook"),)] == 0, PATIENCE_S, "an empty outbox"
    )


def test_the_outbox_is_as_old_as_what_a_receiver_has_not_got(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        alerts, health = AlertStore(client), WatchHealth(Outbox(connect(redis_url)))
        health.in_charge(lambda: ["desk", "chat"])
        token = alerts.take_lease("by-hand")
        assert token
        alerts.publish(token, "news", 1, [Publication(alert(), None, "fired")], {})
        cursor, (out,) = alerts.outgoing("desk")
        alerts.record_delivery(token, "desk", cursor, out, "ok", 5)
        wait_until(lambda: time.time_ns() // 1_000_000 > int(out.entry.partition("-")[0]), PATIENCE_S, "the clock")
        health.gauge()
        found = figures(generate_latest(health.registry).decode())
        assert found["outbox_oldest_seconds", (("receiver", "desk"),)] == 0
        assert found["outbox_oldest_seconds", (("receiver", "chat"),)] > 0
        health.stands_by()
        health.gauge()
        assert figures(generate_latest(health.registry).decode())["lease_held", ()] == 0
        health.close()


def test_a_watch_whose_redis_is_gone_still_says_how_it_is() -> None:
    health = WatchHealth(Outbox(connect("redis://127.0.0.1:1")))
    health.in_charge(lambda: ["desk"])
    health.gauge()
    assert figures(generate_latest(health.registry).decode())["lease_held", ()] == 1
    health.close()


def test_a_watch_whose_loop_stands_still_is_not_ready_and_at_last_to_be_restarted(redis_url: str) -> None:
    health = WatchHealth(Outbox(connect(redis_url)))
    assert health.alive()
    assert not health.wrong()
    health.ticked -= STILL_S + 1
    assert health.alive()
    assert "has not come round" in health.wrong()[0]
    health.ticked -= DEAD_S
    assert not health.alive()
    health.tick()
    assert health.alive()
    health.close()
