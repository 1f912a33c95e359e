"""One pipeline for all agents: takes of chunks go to the scorer's thread, then to the writer's, then are acked.

At most ``queue_batches`` takes are under way; an agent that brings another one waits, and Faust's own back-pressure
then reaches back to Kafka. A challenger in shadow scores between two takes, when none waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from stream.failpoints import passed
from stream.health import Health
from stream.scoring import Lineup, Portion, Scoring, portions
from stream.shadow import Samples, Shadow, sample
from stream.tenure import Tenure
from stream.writer import Abandoned, Writer

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Take:
    events: Sequence[Any]
    portions: list[Portion]
    written: list[Portion] = field(default_factory=list)


class Pipeline:
    """Lives on the event loop and owns two threads."""

    def __init__(
        self,
        scoring: Scoring,
        writer: Writer,
        health: Health,
        shadow: Shadow,
        *,
        batches: int,
        future_ms: int,
        fail: Callable[[BaseException], None],
        ended: Callable[[Tenure], None],
    ) -> None:
        """`fail` is told, on any thread, of what stops the worker; `ended`, on the loop, of a tenure to begin anew.

        `future_ms` is how far ahead of its Kafka timestamp a message may be published.
        """
        self._scoring = scoring
        self._writer = writer
        self._health = health
        self._shadow = shadow
        self._future_ms = future_ms
        self._fail = fail
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(batches)
        self._score_thread = ThreadPoolExecutor(1, "scorer")
        self._write_thread = ThreadPoolExecutor(1, "writer")
        self._under_way = 0
        self._submitted = 0  # the loop's to move
        self._begun = 0  # the scorer's to move
        self._idle = asyncio.Event()
        self._idle.set()
        self.progressed = time.monotonic()
        """When a take was last finished, or there was none; the watchdog reads it."""

    @property
    def under_way(self) -> int:
        return self._under_way

    async def submit(self, events: Sequence[Any]) -> None:
        """Send the chunks that Faust's events hold on their way; waits until there is room.

        A chunk of a tenure that is closing or has ended is left out: it is read again.
        """
        await self._slots.acquire()
        take = _Take(events, portions([event.value for event in events]))
        if not take.portions:
            self._slots.release()
            return
        if not self._under_way:
            self.progressed = time.monotonic()
        self._under_way += 1
        self._idle.clear()
        self._submitted += 1
        self._score_thread.submit(self._score, take)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until all that is under way is finished; False if it took too long."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            log.warning("%d takes are not written after %.1f s; they will be read again", self._under_way, timeout_s)
            return False
        return True

    def stop(self) -> None:
        """Let go of what is under way; to be called when nothing is to be written any more."""
        self._writer.stopping = True
        self._score_thread.shutdown(wait=False, cancel_futures=True)
        self._write_thread.shutdown(wait=False, cancel_futures=True)

    def _score(self, take: _Take) -> None:
        self._begun += 1
        try:
            lineup = self._scoring.run(take.portions)
            taken = sample(take.portions, lineup, self._future_ms)
            passed("after-score")
            self._write_thread.submit(self._write, take)
        except BaseException as error:
            self._hand_back(take, error)
        else:
            self._compare(taken, lineup)

    def _compare(self, taken: list[Samples], lineup: Lineup) -> None:
        if not taken or lineup.challenger is None:
            return
        self._shadow.compare(taken, lineup.challenger, lambda: self._submitted > self._begun)
        with suppress(RuntimeError):  # the worker stops
            self._write_thread.submit(self._shadow.write, taken)

    def _write(self, take: _Take) -> None:
        try:
            take.written = self._writer.write(take.portions)
            for portion in take.written:
                self._health.wrote(portion)
        except BaseException as error:
            self._hand_back(take, error)
        else:
            self._hand_back(take, None)

    def _hand_back(self, take: _Take, error: BaseException | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished, take, error)

    def _finished(self, take: _Take, error: BaseException | None) -> None:
        self._under_way -= 1
        self.progressed = time.monotonic()
        if not self._under_way:
            self._idle.set()
        self._slots.release()
        if isinstance(error, Abandoned):
            return
        if error is not None:
            self._fail(error)
            return
        passed("before-ack")
        for portion in take.portions:
            if portion.tenure.ended:
                self._ended(portion.tenure)
        written = {id(chunk) for portion in take.written for chunk in portion.chunks}
        for event in take.events:
            if id(event.value) in written:
                event.ack()
