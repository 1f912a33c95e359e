"""A whole system for the browser tests, each program a process of its own: Kafka, Valkey, worker, watch, dashboard.

Its event time is that of invented feeds and goes on with what a test sends; nobody else writes to it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError

import msgspec

from tests import feeds
from tests.feeds import MINUTE_MS
from tests.house import House, Sent
from tests.seed import HOSTILE
from tests.servers import wait_until
from undertone.alert_store import AlertStore
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.labels import judge, log
from undertone.messages import NEGATIVE_SURGE, Alert, Label, Message, Sentiment
from undertone.settings import Settings
from undertone.store import Store
from undertone.topics import ALERTS, LABELS, NEWS

ROOT = Path(__file__).parents[2]
SHIPPED_RULES = ROOT / "undertone" / "rules" / "default.yaml"
QUIET_DAYS = 9 / 24
PATIENCE_S = 90.0
"""For servers that share two cores with a browser; nobody waits so long for what happens."""


class Desk:
    """What a browser test needs of the system. ``url`` is the dashboard's, with a slash at its end."""

    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url
        self.store = house.store
        self.alerts = AlertStore(house.store.redis)
        self.now_ms = feeds.START_MS
        """Event time of the newest message."""

    def send(self, messages: Iterable[Message]) -> None:
        """Send news, in order, and wait until it is counted."""
        found = sorted(messages, key=lambda one: (one.published_ms, one.id))
        self.house.send(NEWS, [Sent(0, one.encode()) for one in found])
        self.now_ms = found[-1].published_ms
        self.house.wait_until_written(PATIENCE_S)

    def surge(self, entity: str, **changes: Any) -> None:
        """Send a surge of negative news about a company, and the calm word after it that lets event time go on."""
        at_ms = self.now_ms + 10 * MINUTE_MS
        told = [msgspec.structs.replace(one, **changes) for one in feeds.surge(at_ms, entity)]
        self.send([*told, *feeds.quiet_days(1 / 1440, "CALM", 1, at_ms + 12 * MINUTE_MS)])

    def alert(self, entity: str) -> Alert:
        """The negative surge about a company whose name has this in it, once it is an alert."""
        found = wait_until(lambda: self._found(entity), PATIENCE_S, f"an alert on {entity}")
        assert found is not None
        return found

    def _found(self, entity: str) -> Alert | None:
        surges = (one for one in self.alerts.list() if one.kind == NEGATIVE_SURGE and one.topic is None)
        return next((one for one in surges if entity in (one.entity or "")), None)

    def published(self, alert_id: str) -> list[Alert]:
        """What the ``alerts`` topic says of an alert, oldest first."""
        told = (msgspec.json.decode(one.value, type=Alert) for one in self.house.records(ALERTS))
        return [one for one in told if one.id == alert_id]

    def labels(self) -> list[Label]:
        """What the ``labels`` topic holds."""
        return [msgspec.json.decode(one.value, type=Label) for one in self.house.records(LABELS)]


@contextmanager
def served(settings: Settings, folder: Path, port: int = 0) -> Iterator[str]:
    """The dashboard's address, once it answers: served by the command, in ``folder``."""
    port = port or free_port()
    own = {"UNDERTONE_DASHBOARD_PORT": str(port), "PYTHONPATH": str(ROOT)}
    environment = os.environ | settings.environment() | own
    command = [sys.executable, "-m", "undertone.cli", "dashboard"]
    log = folder / "dashboard.log"
    with running(command, environment, log) as process:
        wait_until(lambda: process.poll() is not None or answers(port), PATIENCE_S, "the page answers")
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}/"
    assert process.returncode == 0, log.read_text()


@contextmanager
def whole_desk(kafka: EmbeddedKafka, valkey: EmbeddedValkey, folder: Path) -> Iterator[Desk]:
    """A desk after some quiet hours."""
    rules = shutil.copy(SHIPPED_RULES, folder / "rules.yaml")
    house = House(kafka.bootstrap, valkey.url, folder, partitions=1, rules=Path(rules))
    watch = [sys.executable, "-m", "undertone.cli", "watch"]
    try:
        house.worker()
        page = house.settings.model_copy(update={"model": "default"})  # its figures are what Models shows
        environment = os.environ | house.settings.environment() | {"UNDERTONE_WATCH_PORT": "0"}
        with running(watch, environment, folder / "watch.log"), served(page, folder) as url:
            made = Desk(house, url)
            log.send(house.settings, disputes())
            made.send(feeds.quiet_days(QUIET_DAYS, every_min=10))
            yield made
    finally:
        house.close()


def disputes() -> Iterator[Label]:
    """Labels of people who disagree about texts, hostile ones among them: these come first in the label queue."""
    at = datetime.now(UTC)
    for text in (*HOSTILE, *(f"Plain text number {n} of a company" for n in range(8))):
        for by, sentiment in (("ann", Sentiment.NEGATIVE), ("bob", Sentiment.POSITIVE)):
            yield judge(text, by=by, at=at, sentiment=sentiment)


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=log.parent, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        print(f"--- {log}\n{log.read_text()}")


def redis_address(store: Store) -> str:
    """The URL of the Valkey that a store of these tests reads."""
    return f"redis://127.0.0.1:{store.redis.connection_pool.connection_kwargs['port']}"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether a page answers on a port of this machine."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False
