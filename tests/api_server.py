"""The read API for tests: served from this process on a free port, over stories and alerts that a test writes."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.seed import NOW_MS, alert, changed
from tests.servers import wait_until
from undertone import copies, keys
from undertone.alert_store import AlertStore, Publication
from undertone.api.app import build
from undertone.api.server import Server
from undertone.api.shield import log
from undertone.api.tokens import SCOPES, TokenStore
from undertone.messages import SENTIMENTS, Alert, Evidence, Sentiment, encode, from_ms
from undertone.settings import Settings
from undertone.store import Outcome, Run, Store
from undertone.trends import MESSAGE_METRICS, MICRO, SCORE_METRIC, STORY_METRICS, bucket

MINUTE_MS = 60_000
LONG_S = 60.0
"""A busy machine may take so long; nobody waits this long for what happens."""


@contextmanager
def serving(redis_url: str, *, closed: bool = False, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server of its own."""
    chosen = Settings(redis_url=redis_url, api_port=0, **settings)
    server = Server(build(chosen, closed=closed), chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, timeout_s=LONG_S, what="the API listens")
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=LONG_S) as client:
            yield client
    finally:
        server.handle_exit(signal.SIGTERM, None)
        thread.join(LONG_S)


@contextmanager
def access_log() -> Iterator[list[str]]:
    """The lines of the access log while it lasts, whatever other servers of this process have done to loggers."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        log.setLevel(level)
        log.removeHandler(handler)


def bearer(redis_url: str, *scopes: str, now_ms: int) -> dict[str, str]:
    """The header of a new token."""
    written, _ = TokenStore(Store.open(redis_url).redis).create("test", scopes or SCOPES, now_ms, 3_600)
    return {"Authorization": f"Bearer {written}"}


def story(number: int, at_ms: int, **fields: Any) -> Evidence:
    given: dict[str, Any] = {
        "position": f"news-{number % 2}:{number}",
        "id": f"id-{number}",
        "stream": "news",
        "published_ms": at_ms,
        "source": "wire",
        "text": f"AAPL shares slide, number {number}",
        "topic": "Earnings",
        "sentiment": Sentiment.NEGATIVE,
        "p": 0.9,
        "entities": ("AAPL",),
        "url": "https://example.com/a",
        "model": "m1",
    }
    return Evidence(**given | fields)


def tell(store: Store, *stories: Evidence, now_ms: int = NOW_MS) -> None:
    """Write stories as the worker does: windows, evidence, watermark. Each partition's in one run."""
    runs: dict[tuple[str, int], Run] = {}
    for one in stories:
        stream, _, partition = one.position.partition(":")[0].rpartition("-")
        place = (stream, int(partition))
        known = store.state(*place).offset
        run = runs.setdefault(place, Run(*place, known + 1, known, known, "test"))
        run.last += 1
        _add(run, one)
    for run in runs.values():
        store.register(run.stream, run.partition)
        run.state = {"watermark_ms": now_ms, "updated_ms": time.time_ns() // 1_000_000}
        assert store.apply(run)[0] is Outcome.APPLIED


def tell_again(store: Store, one: Evidence, source: str, at_ms: int) -> None:
    """Write a copy of a story, as the worker that met it does."""
    known = store.state("news", 0).offset
    run = Run("news", 0, known + 1, known + 1, known, "test")
    run.copies = {bucket(at_ms, keys.DAY_S): dict.fromkeys(copies.fields(one.position, source, at_ms), 1)}
    assert store.apply(run)[0] is Outcome.APPLIED


def _add(run: Run, one: Evidence) -> None:
    tone = SENTIMENTS.index(one.sentiment)
    for size in keys.SIZES_S:
        cells = run.windows.setdefault((size, bucket(one.published_ms, size)), Counter())
        for entity in ("", *one.entities):
            cells[keys.field(one.topic, entity, MESSAGE_METRICS[tone])] += 1
            cells[keys.field(one.topic, entity, STORY_METRICS[tone])] += 1
            cells[keys.field(one.topic, entity, SCORE_METRIC)] += round((tone - 1) * one.p * MICRO)
        cells[keys.MODEL_FIELD + one.model] += 1
    kept = run.evidence.setdefault(bucket(one.published_ms, keys.EVIDENCE_BUCKET_S), {})
    kept[one.position] = encode(one).decode()


def fired(store: Store, number: int, at_ms: int, **fields: Any) -> Alert:
    """An alert that is not published yet."""
    given = {"id": f"alert-{number:04}", "fired_at": from_ms(at_ms), "updated_at": from_ms(at_ms), "notifications": 1}
    return changed(alert(store), **given | fields)


def publish(store: Store, *alerts: Alert, what: str = "fired") -> None:
    """Write alerts and what is new of them, as the watch does."""
    alert_store = AlertStore(store.redis)
    token = alert_store.take_lease("test")
    assert token is not None
    known = alert_store.raw([one.id for one in alerts])
    publications = [Publication(one, known.get(one.id), what) for one in alerts]
    assert alert_store.publish(token, "news", NOW_MS // MINUTE_MS, publications, {}) is None
    alert_store.drop_lease(token)
