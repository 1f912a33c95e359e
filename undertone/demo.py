"""The demo: the whole system in a folder of its own, fed with a made-up stream in which one company has a bad hour.

Knows what happens when, and nothing of how it is shown; the command line does.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from undertone.demo_stream import SURGE_MS, DemoStream, Item, Timeline, entities_csv, timeline
from undertone.embedded import DataFolderLock
from undertone.sending import Sender
from undertone.settings import Settings

LIVE_S = 60.0
"""Seconds of wall time in which the live part, with its surge, is told."""
ENTITIES = "companies.csv"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its name, its times, and how many seconds of event time the live part tells in a second."""

    run: str
    timeline: Timeline
    speed: float


def plan(now_ms: int) -> Plan:
    """The plan of a run that starts now."""
    times = timeline(now_ms)
    return Plan(format(now_ms // 1000, "x"), times, (times.end - times.live) / 1000 / LIVE_S)


def folder(settings: Settings) -> Path:
    """Where the demo keeps its data: a folder of its own in the data folder, so that it mixes with nothing real."""
    return settings.data.absolute() / "demo"


def prepare(data: Path, *, fresh: bool) -> Path:
    """Make the folder ready and write the list of invented companies; returns that list's path.

    Raises:
        DataFolderInUse: if a demo runs in it.
    """
    with DataFolderLock(data):
        if fresh:
            for part in ("kafka", "valkey", "logs"):
                shutil.rmtree(data / part, ignore_errors=True)
        entities = data / ENTITIES
        entities.write_text(entities_csv(), encoding="utf-8")
    return entities


class Teller:
    """Sends the stream of one run, in three parts: history at once, the live part quicker than life, then life.

    ``sent`` counts messages; ``idle`` is called again and again while there is nothing to send, and may raise.
    """

    def __init__(self, sender: Sender, plan: Plan, idle: Callable[[], None]) -> None:
        self.sent = 0
        self._sender = sender
        self._plan = plan
        self._idle = idle
        self._stream = DemoStream(plan.run)

    def history(self) -> None:
        """Send the quiet days, without a pause."""
        times = self._plan.timeline
        for item in self._stream.between(times.start, times.live):
            self._send(item)
        self._sender.flush()

    def live(self) -> None:
        """Send the live part with its surge at the speed of the plan."""
        times, begun = self._plan.timeline, time.monotonic()
        surge_end = times.surge + SURGE_MS
        assert surge_end <= times.end, "the surge must be told before life begins"
        for item in self._stream.between(times.live, times.end, times.surge):
            due_s = (item.message.published_ms - times.live) / 1000 / self._plan.speed
            self._wait(begun + due_s)
            self._send(item)

    def life(self) -> None:
        """Go on at the pace of the clock, for ever; what was due while the live part was told comes first."""
        start = self._plan.timeline.end
        for item in self._endless(start):
            self._wait(time.monotonic() + item.message.published_ms / 1000 - time.time())
            self._send(item)

    def _endless(self, start_ms: int) -> Iterator[Item]:
        while True:
            yield from self._stream.between(start_ms, start_ms + 3_600_000)
            start_ms += 3_600_000

    def _wait(self, until: float) -> None:
        while True:
            self._idle()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.25))

    def _send(self, item: Item) -> None:
        self._sender.send(item.stream, item.message.id.encode(), item.message.encode())
        self.sent += 1
