"""How long it takes from the watch's decision until a webhook has the alert.

``python -m benchmarks.delivery`` starts a real Kafka and a real Valkey, ``undertone watch`` beside them, and a receiver
on the loopback interface; then alerts are published under the watch's lease, as it does itself. A decision is timed by
Redis, whose clock is in the outbox entry, and an arrival by the receiver. ``--json`` prints the figures for a script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.machine import hardware
from undertone import keys
from undertone.alert_store import AlertStore, Publication
from undertone.broker import create_topics
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.messages import Alert, AlertState, Severity
from undertone.settings import Settings
from undertone.store import connect

ALERTS, A_SECOND = 300, 10.0
BURST = 100
FAR_S = 0.15
"""How long a receiver takes that is not next door: three round trips of 50 ms, for the connection, TLS and the call."""
PATIENCE_S = 60.0
AIM_S = 5.0
FIRED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.delivery", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="undertone-bench-") as name:
        folder = Path(name)
        with (
            EmbeddedKafka(folder / "kafka") as kafka,
            EmbeddedValkey(folder / "valkey") as valkey,
            receiver() as listening,
        ):
            settings = Settings(
                bootstrap_servers=kafka.bootstrap, redis_url=valkey.url, webhook_url=listening.url, data=folder
            )
            create_topics(settings)
            figures = measure(settings, listening)
    if options.json:
        print(json.dumps({"schema_version": 1, "hardware": hardware(), **figures}))
    else:
        show(figures)
    return 0


@dataclass
class Listening:
    """A webhook: its address, when each notification came, ms, by its key, and after how long it answers."""

    url: str
    came: dict[str, int]
    answers_after_s: float = 0.0


@contextmanager
def receiver() -> Iterator[Listening]:
    """A webhook that answers 200."""
    found = Listening("", {})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            found.came.setdefault(self.headers["Idempotency-Key"], time.time_ns() // 1_000_000)
            time.sleep(found.answers_after_s)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
        yield found
    finally:
        server.shutdown()
        server.server_close()


def measure(settings: Settings, listening: Listening) -> dict[str, Any]:
    """Seconds from decision to arrival, of alerts at a steady rate and of bursts."""
    came, numbers = listening.came, iter(range(ALERTS + 2 * BURST))
    alerts = AlertStore(connect(settings.redis_url))
    watch = subprocess.Popen([sys.executable, "-m", "stream.watch"], env={**os.environ, **settings.environment()})
    try:
        token = wait_for(lambda: cast("bytes | None", alerts.redis.get(keys.lease())), "the watch's lease").decode()
        wait_for(lambda: alerts.redis.hexists(keys.watch_state(), "cursor:webhook"), "its courier")
        steady = told(alerts, token, list(islice(numbers, ALERTS)), listening, 1 / A_SECOND)
        burst = told(alerts, token, list(islice(numbers, BURST)), listening)
        listening.answers_after_s = FAR_S
        far = told(alerts, token, list(islice(numbers, BURST)), listening)
    finally:
        watch.terminate()
        watch.wait()
    return {
        "steady": {"alerts": ALERTS, "a_second": A_SECOND, **spread([came[key] - at for key, at in steady.items()])},
        "burst": {"alerts": BURST, **spread([came[key] - at for key, at in burst.items()])},
        "far": {"alerts": BURST, "answers_after_s": FAR_S, **spread([came[key] - at for key, at in far.items()])},
    }


def told(
    alerts: AlertStore, token: str, numbers: Sequence[int], listening: Listening, pause_s: float = 0.0
) -> dict[str, int]:
    """Publish alerts, wait until all have come, and return when each was decided, ms, by its key."""
    before = decided(alerts).keys()
    for number in numbers:
        publish(alerts, token, number)
        time.sleep(pause_s)
    new = {key: at for key, at in decided(alerts).items() if key not in before}
    wait_for(lambda: new.keys() <= listening.came.keys(), "the alerts")
    return new


def publish(alerts: AlertStore, token: str, number: int) -> None:
    at = FIRED + timedelta(minutes=number)
    alert = Alert(
        id=f"{number:016x}", rule="negative-surge", severity=Severity.WARNING, state=AlertState.FIRING, stream="news",
        topic="Earnings", entity=f"E{number}", window_s=900, started_at=FIRED, fired_at=at, updated_at=at,
        stories=6, messages=9, total_stories=7, sources=3, expected=0.4,
        expected_low=0, expected_high=2, share=0.86, expected_share=0.3, p_count=1e-5, p_share=1e-3,
        reason="6 negative stories in 15 min where 0.4 are expected", evidence=(), notifications=1,
    )  # fmt: skip
    assert alerts.publish(token, "news", number, [Publication(alert, None, "fired")], {}) is None


def decided(alerts: AlertStore) -> dict[str, int]:
    """When each notification was put into the outbox, ms, by its key."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", alerts.redis.xrange(keys.outbox()))
    return {
        f"{fields[b'id'].decode()}-{fields[b'notification'].decode()}": int(entry.partition(b"-")[0])
        for entry, fields in entries
    }


def spread(ms: Sequence[int]) -> dict[str, float]:
    """Percentiles in seconds."""
    return {f"p{at}_s": round(float(np.percentile(ms, at)) / 1000, 3) for at in (50, 95, 99)} | {
        "max_s": max(ms) / 1000
    }


def wait_for(condition: Any, what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {PATIENCE_S:.0f} s in vain for {what}")
        time.sleep(0.05)
    return found


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{hardware()}\n")
    print("| decision to webhook | alerts | p50 | p95 | p99 | most |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    rows = (("ten a second", "steady"), ("all at once", "burst"), (f"all at once, answered after {FAR_S} s", "far"))
    for name, place in rows:
        one = figures[place]
        times = " | ".join(f"{one[at]:.2f} s" for at in ("p50_s", "p95_s", "p99_s", "max_s"))
        print(f"| {name} | {one['alerts']} | {times} |")
    print(f"\nThe aim is a p95 of {AIM_S:.0f} s.")


if __name__ == "__main__":
    sys.exit(main())
