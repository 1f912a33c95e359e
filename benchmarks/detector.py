"""What one pass of the watch costs with 10,000 live series: time, memory, and reads of a real Valkey.

``python -m benchmarks.detector`` fills a Valkey with four weeks of hours and some of minutes, starts a watch on it and
moves event time on by the minute; ``--json`` prints the figures for a script. It takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

from benchmarks.machine import hardware
from stream.baseline import HISTORY_H
from stream.patrol import Patrol
from stream.rings import MINUTES
from stream.usual import Fitting
from undertone import keys
from undertone.alert_store import AlertStore
from undertone.embedded import EmbeddedValkey
from undertone.store import Store

STREAM = "news"
TOPICS, ENTITIES, PARTITIONS = 20, 560, 4
RATE_H = 0.35
"""Stories an hour of each company under each topic: of 11,200 such series seven in eight have one within six hours."""
NEGATIVE = 0.25
START_H = 480_000
PASSES = 75
AIM_S = 1.0


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at one minute, and what it asked of Redis."""

    kind: str
    seconds: float
    commands: int
    received: int


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.detector", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="undertone-bench-") as name, EmbeddedValkey(Path(name)) as valkey:
        store = Store.open(valkey.url)
        fill(store)
        figures = measure(store)
    if options.json:
        print(json.dumps({"schema_version": 1, "hardware": hardware(), **figures}))
    else:
        show(figures)
    return 0


def fill(store: Store) -> None:
    """Write what a worker would have written: every hour of four weeks, and the minutes that a watch reads."""
    rng = np.random.default_rng(1)
    names = [(f"Topic {topic}", f"E{entity}") for topic in range(TOPICS) for entity in range(ENTITIES)]
    minute = START_H * 60
    for partition in range(PARTITIONS):
        store.register(STREAM, partition)
        by_hour = [_cells(rng, names, RATE_H) for _ in range(24)]
        for hour in range(START_H - HISTORY_H, START_H + 3):
            _write(store, partition, 3_600, hour * 3_600, by_hour[hour % 24])
        for begin in range(minute - MINUTES - 60, minute + PASSES):
            _write(store, partition, 60, begin * 60, _cells(rng, names, RATE_H / 60))


def _cells(rng: np.random.Generator, names: Sequence[tuple[str, str]], rate: float) -> dict[str, int]:
    """The fields of one window of one partition."""
    counts = rng.poisson(rate / PARTITIONS, len(names))
    cells = {keys.MODEL_FIELD + "model": 1}
    for place in np.flatnonzero(counts).tolist():
        topic, entity = names[place]
        mood = "-" if rng.random() < NEGATIVE else "0"
        for series in (keys.field(topic, entity, ""), keys.field(topic, "", "")):
            for metric in (f"m{mood}", f"s{mood}"):
                cells[series + metric] = cells.get(series + metric, 0) + int(counts[place])
    return cells


def _write(store: Store, partition: int, size_s: int, start_s: int, cells: dict[str, int]) -> None:
    store.redis.hset(keys.window(STREAM, partition, size_s, start_s), mapping=cast(Any, cells))


def measure(store: Store) -> dict[str, Any]:
    """The figures of a watch that starts and then looks at PASSES minutes."""
    alerts = AlertStore(store.redis)
    token = alerts.take_lease("benchmark")
    assert token is not None, "nobody else holds the lease of a new Valkey"
    alerts.publish(token, STREAM, START_H * 60 - 1, [], {})
    store.redis.expire(keys.lease(), 3_600)  # the start may take longer than a lease lasts, and nobody renews it here
    process = psutil.Process()
    before = process.memory_info().rss
    patrol = Patrol(store, alerts, STREAM, token)
    found = list(_passes(store, patrol))
    lookout = patrol._lookout
    live = len(lookout.rings.windows()[0])
    return {
        "live_series": live,
        "known_series": len(lookout.rings),
        "memory_mib": round((process.memory_info().rss - before) / 2**20),
        "passes": [
            {
                "kind": kind,
                "n": len(of_kind),
                "median_s": round(float(np.median([one.seconds for one in of_kind])), 4),
                "max_s": round(max(one.seconds for one in of_kind), 4),
                "redis_commands": max(one.commands for one in of_kind),
                "redis_kib": max(one.received for one in of_kind) // 1024,
            }
            for kind in dict.fromkeys(one.kind for one in found)
            if (of_kind := [one for one in found if one.kind == kind])
        ],
    }


def _passes(store: Store, patrol: Patrol) -> Iterator[Pass]:
    for number in range(PASSES):
        minute = START_H * 60 + number
        kind = "a minute"
        if number == 0:
            kind = "start: 28 days read, fit and first look"
        elif minute % 60 == 0:
            kind = "a new hour"
        elif minute % 10 == 0:
            kind = "every ten minutes: an hour read again"
        asked, received = _traffic(store)
        began = time.process_time()
        patrol.advance((minute + 1) * 60_000, idle=False, most=1)
        seconds = time.process_time() - began
        now_asked, now_received = _traffic(store)
        yield Pass(kind, seconds, now_asked - asked - 1, now_received - received)
    yield from _fit(patrol)


def _fit(patrol: Patrol) -> Iterator[Pass]:
    """The steps of the daily fit, each of which is taken by another pass."""
    rings = patrol._lookout.rings
    began, more = time.process_time(), True
    fitting = Fitting(START_H + 1, rings.history(START_H + 1), rings.kinds, (), {3})
    while more:
        more = fitting.step()
        yield Pass("a step of the daily fit, beside a minute's", time.process_time() - began, 0, 0)
        began = time.process_time()


def _traffic(store: Store) -> tuple[int, int]:
    """Commands that Valkey has carried out, and bytes that it has sent."""
    info = cast(dict[str, int], store.redis.info("stats"))
    return info["total_commands_processed"], info["total_net_output_bytes"]


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{hardware()}\n")
    print(
        f"{figures['live_series']:,} live series of {figures['known_series']:,} known, {PARTITIONS} partitions; "
        f"memory of the watch {figures['memory_mib']} MiB. CPU seconds of one core:\n"
    )
    print("| pass | n | median | most | commands to Redis | KiB from Redis |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for one in figures["passes"]:
        print(
            f"| {one['kind']} | {one['n']} | {one['median_s']:.3f} s | {one['max_s']:.3f} s | "
            f"{one['redis_commands']:,} | {one['redis_kib']:,} |"
        )
    worst = max(one["max_s"] for one in figures["passes"] if not one["kind"].startswith("start"))
    print(f"\nThe longest pass after the start took {worst:.2f} s; the aim is {AIM_S:.0f} s.")


if __name__ == "__main__":
    sys.exit(main())
