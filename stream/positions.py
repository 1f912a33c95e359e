"""Where a newly assigned partition is read from: one past what the store holds, whatever Kafka has committed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from faust.types.tuples import TP
from redis.exceptions import RedisError

from stream.batch import Cursor
from stream.outage import Outage
from stream.tenure import Tenure
from stream.transport import Bounds
from undertone.errors import StoreError
from undertone.settings import Settings
from undertone.store import PartitionState, Store

log = logging.getLogger(__name__)


class LogShorterThanStore(StoreError):
    """Kafka holds less of a partition than was counted: the topic was deleted and made again, or lost its end."""


class StorePositions:
    """Asks the store for each partition's state and makes a tenure of it. Waits for as long as Redis is away."""

    def __init__(
        self, settings: Settings, store: Store, executor: Executor, fail: Callable[[BaseException], None]
    ) -> None:
        self.outage = Outage("Redis")
        self._settings = settings
        self._store = store
        self._executor = executor
        self._fail = fail

    async def resume(self, bounds: Mapping[TP, Bounds]) -> Mapping[TP, Tenure]:
        """A tenure for each partition; returns only when it has them all, or is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                tenures = await loop.run_in_executor(self._executor, self._resume, bounds)
            except RedisError as error:
                await asyncio.sleep(self.outage.failed(error))
            except Exception as error:
                self._fail(error)
                await asyncio.Event().wait()  # until the worker stops
            else:
                self.outage.over()
                return tenures

    def cursor(self, stream: str, partition: int, epoch: str) -> Cursor:
        """A cursor of what the store holds of a partition now."""
        return self._cursor(self._store.state(stream, partition), epoch)

    def _resume(self, bounds: Mapping[TP, Bounds]) -> dict[TP, Tenure]:
        return {tp: self._resume_one(tp, bound) for tp, bound in bounds.items()}

    def _resume_one(self, tp: TP, bound: Bounds) -> Tenure:
        state = self._store.state(tp.topic, tp.partition)
        if not state.epoch and bound.committed:
            log.critical(
                "Redis lost what was counted of %s-%d (Kafka has a commit at %d, Redis has nothing): counting it "
                "again from offset %d, the first that Kafka still has, under a new epoch",
                *tp,
                bound.committed,
                bound.earliest,
            )
            self._store.forget(tp.topic, tp.partition)
        tenure = Tenure(tp.topic, tp.partition, where_to_start(state, bound), committed=bound.committed)
        tenure.cursor = self._cursor(state, state.epoch or uuid.uuid4().hex)
        tenure.end_offset = bound.end
        self._store.register(tp.topic, tp.partition)
        return tenure

    def _cursor(self, state: PartitionState, epoch: str) -> Cursor:
        return Cursor(
            state,
            epoch,
            lateness_ms=self._settings.allowed_lateness_s * 1000,
            future_ms=self._settings.future_tolerance_s * 1000,
        )


def where_to_start(state: PartitionState, bound: Bounds) -> int:
    """The offset to read first.

    Raises:
        LogShorterThanStore: if Kafka's log ends before it.
    """
    start = state.offset + 1
    if start > bound.end:
        raise LogShorterThanStore(
            f"Kafka's {state.stream}-{state.partition} ends at offset {bound.end}, but {start} records of it were "
            "counted: was the topic deleted and made again? To count the new one, delete Redis' keys "
            f"'ut:{{{state.stream}-{state.partition}}}:*' and start the worker again"
        )
    if start < bound.earliest:
        if state.epoch:
            log.error(
                "%d records of %s-%d expired in Kafka before they were counted",
                bound.earliest - start,
                state.stream,
                state.partition,
            )
        return bound.earliest
    return start
