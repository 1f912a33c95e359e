"""Tells the stream of one run to Kafka: history as quickly as it is counted, the last hours slower, then real time.

On the way it stops where people of the demo do something, until the watch has seen what they act on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from undertone.demo.broken import BROKEN
from undertone.demo.lookout import Lookout
from undertone.demo.plan import Plan
from undertone.demo.stream import DemoStream, Item
from undertone.sending import Sender

AHEAD = 1_500
"""Messages sent and not yet counted. With more, one partition would be read days of event time before another."""
ASK_EVERY = 50
POLL_S = 0.1
STOP_S = 120.0
"""A stop is over after so long, whatever the watch says: the demo goes on."""


class Stop(NamedTuple):
    """A moment of event time (ms) at which something is done once all before it is counted and watched."""

    at_ms: int
    do: Callable[[], None]


class Teller:
    """Sends; ``sent`` counts records. ``idle`` is called again and again while nothing is due, and may raise."""

    def __init__(self, sender: Sender, plan: Plan, lookout: Lookout, idle: Callable[[], None]) -> None:
        self.sent = 0
        self.told_ms = plan.timeline.start
        self._sender = sender
        self._plan = plan
        self._lookout = lookout
        self._idle = idle
        self._stream = DemoStream(plan.run, plan.timeline.shift)

    def history(self, stops: Sequence[Stop] = ()) -> None:
        """Send the quiet days with their events, and wait until they are counted and watched."""
        times = self._plan.timeline
        left = sorted(stops, key=lambda one: -one.at_ms)
        broken = list(reversed(BROKEN))
        for item in self._stream.between(times.start, times.live, times.past):
            while left and item.at_ms >= left[-1].at_ms:
                self._settle()
                left.pop().do()
            while broken and item.at_ms >= times.start + broken[-1].told * (times.live - times.start):
                _, stream, key, value = broken.pop()
                self._sender.send(stream, key, value)
                self.sent += 1
            if self.sent % ASK_EVERY == 0:
                self._wait_for(lambda: self.sent - self._lookout.counted() < AHEAD)
            self._send(item)
        self._settle()

    def live(self) -> None:
        """Send the live part with its surge at the speed of the plan."""
        times, begun = self._plan.timeline, time.monotonic()
        for item in self._stream.between(times.live, times.end, [times.bad]):
            due_s = (item.at_ms - times.live) / 1000 / self._plan.speed
            self._wait(begun + due_s)
            self._send(item)

    def life(self) -> None:
        """Go on at the pace of the clock, for ever; what was due while the live part was told comes first."""
        for item in self._endless(self._plan.timeline.end):
            self._wait(time.monotonic() + item.at_ms / 1000 - time.time())
            self._send(item)

    def wait_for(self, done: Callable[[], bool], most_s: float = STOP_S) -> None:
        """Wait until it is so, or for so long."""
        until = time.monotonic() + most_s
        while not done() and time.monotonic() < until:
            self._idle()
            time.sleep(POLL_S)

    def _settle(self) -> None:
        """Wait until all that was sent is counted, and all that is counted is watched."""
        self._sender.flush()
        self._wait_for(lambda: self._lookout.counted() >= self.sent)
        self.wait_for(self._lookout.caught_up)

    def _wait_for(self, done: Callable[[], bool]) -> None:
        self.wait_for(done, float("inf"))

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
        self.told_ms = item.at_ms
        self.sent += 1
