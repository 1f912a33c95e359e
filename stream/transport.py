"""The ``chunk://`` transport for Faust: one Faust message for many consecutive records of one partition.

Faust switches tasks several times for each message it hands to an agent; handing over a chunk costs that once for
hundreds of records. The transport also replaces Faust's reckoning of offsets: where to read from is asked of
`Positions` (the store; Kafka's commit is only advice), and only what is acked without a gap is committed. It pins
faust-streaming 0.15.3 and reaches into its consumer, because Faust has no seam there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar, Protocol

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage
from mode import get_logger

from stream.tenure import Chunk, Tenure

SCHEME = "chunk"
CHUNK_BYTES = 1 << 20
IN_FLIGHT_BYTES = 64 << 20
"""Bytes given to the agents and not yet acked, at most; one more record always passes."""

FETCH_TIMEOUT_S = 1.0
RETRY_S = 0.5
GATHER_S = 0.015
"""A fetch that follows a small one waits this long while more than CROWDED chunks are in flight: a chunk costs the same
for one record as for hundreds, and its records would only wait further on."""

CROWDED = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What Kafka says of a partition: first offset kept, next offset to be written, and the group's commit."""

    earliest: int
    end: int
    committed: int | None


class Positions(Protocol):
    """Decides where each newly assigned partition is read from."""

    async def resume(self, bounds: Mapping[TP, Bounds]) -> Mapping[TP, Tenure]:
        """A tenure for each partition. May wait long, and is then cancelled when the partitions go elsewhere."""


class _NoReadOffset(dict[TP, int | None]):
    """Faust drops a message that is older than the last one it read. A chunk's place is the tenure's business."""

    def __getitem__(self, key: TP) -> None:
        return None


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's Kafka thread, with commits that may fail: what is not committed now is committed a second later."""

    logger = get_logger("faust.transport")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        wanted = {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        try:
            await asyncio.wait_for(consumer.commit(wanted), self.app.conf.broker_request_timeout)
        except CommitFailedError:
            return False  # the group has moved on; the next holder knows from the store where to start
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            log.warning("Kafka did not take a commit (%s); it is tried again", str(error) or type(error).__name__)
            return False
        return True

    async def bounds(self, partitions: Iterable[TP]) -> dict[TP, Bounds]:
        """Ask Kafka for the bounds of each partition."""
        return dict(await self.call_thread(self._bounds, [TopicPartition(*tp) for tp in partitions]))

    async def _bounds(self, partitions: list[TopicPartition]) -> dict[TP, Bounds]:
        consumer = self._ensure_consumer()
        earliest = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        committed = await asyncio.gather(*map(consumer.committed, partitions))
        return {
            TP(tp.topic, tp.partition): Bounds(earliest[tp], end[tp], commit)
            for tp, commit in zip(partitions, committed, strict=True)
        }

    def coordinator_died(self) -> bool:
        """Whether the task that keeps this worker in its group has ended: Faust would go on without noticing."""
        if self._consumer is None:
            return False
        task = getattr(self._consumer._coordinator, "_coordination_task", None)
        return task is not None and task.done()

    def coordinator_known(self) -> bool:
        """Whether Kafka's side of the group can be reached, as far as aiokafka knows."""
        return self._consumer is not None and getattr(self._consumer._coordinator, "coordinator_id", None) is not None


class ChunkConsumer(driver.Consumer):
    """Faust's consumer over `Chunk` values."""

    logger = get_logger("faust.transport")

    _thread: ChunkConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.tenures: dict[TP, Tenure] = {}
        self._room = asyncio.Event()
        self._fetched = 0
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffset()
        self._positions: Positions = self.app.positions
        self._chunk_records: int = self.app.chunk_records

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # Reading.

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield chunks, each partition's in order, partitions in turn."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop or not self.flow_active or not await self._hold_all():
            return
        generation = self.app.consumer_generation_id
        for tp, chunk in self._in_turn(await self._fetch()):
            if not await self._has_room():
                return
            tenure = chunk.tenure
            if not tenure.open or generation != self.app.consumer_generation_id:
                continue
            tenure.give(chunk)
            yield tp, _message(tp, chunk, generation)

    async def _fetch(self) -> Mapping[TopicPartition, list[Any]]:
        active = frozenset(self._get_active_partitions())
        if not active:
            # Every partition is under back-pressure, or none is assigned. Faust would sleep a blind second.
            self._room.clear()
            if not self._get_active_partitions():
                await self._wait_for_room()
            return {}
        if self._fetched < self._chunk_records and len(self._unacked_messages) > CROWDED:
            await asyncio.sleep(GATHER_S)
        try:
            fetched: Mapping[TopicPartition, list[Any]] = await self._thread.getmany(active, FETCH_TIMEOUT_S)
            self._fetched = sum(map(len, fetched.values()))
            return fetched
        except BaseException:
            # aiokafka may have moved its position over records that never got here. What is under way may be finished.
            self._close_tenures()
            raise

    def _in_turn(self, fetched: Mapping[TopicPartition, list[Any]]) -> Iterator[tuple[TP, Chunk]]:
        queues = []
        for topic_partition, records in fetched.items():
            tp = TP(topic_partition.topic, topic_partition.partition)
            tenure = self.tenures.get(tp)
            if tenure is None or not tenure.open or not records:
                continue
            missing = records[0].offset - tenure.read_to - 1
            if missing < 0:
                # aiokafka resets a position that is out of range by itself; the store knows better.
                log.warning("%s-%d jumped back to offset %d", *tp, records[0].offset)
                self.end_tenure(tenure)
                continue
            if missing:
                log.warning("%s-%d has no records in %d offsets before %d", *tp, missing, records[0].offset)
            queues.append([(tp, chunk) for chunk in tenure.cut(records, self._chunk_records, CHUNK_BYTES)])
        for turn in zip_longest(*queues):
            yield from filter(None, turn)

    async def _has_room(self) -> bool:
        """Wait until the bytes in flight allow one more chunk; False if the flow was stopped meanwhile."""
        while self.flow_active and not self.should_stop:
            if self.in_flight_bytes < IN_FLIGHT_BYTES:
                return True
            self._room.clear()
            await self._wait_for_room()
        return False

    async def _wait_for_room(self) -> None:
        await self.wait_first(self._room.wait(), self.suspend_flow.wait(), timeout=FETCH_TIMEOUT_S)

    @property
    def in_flight_bytes(self) -> int:
        return sum(tenure.in_flight_bytes for tenure in self.tenures.values() if not tenure.ended)

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._room.set()

    # Holding partitions.

    async def _hold_all(self) -> bool:
        """Seek every assigned partition that is not held, as the store says; False if that has to be tried again.

        Seeks happen here and nowhere else, between two fetches, so that no fetch straddles one.
        """
        generation = self.app.consumer_generation_id
        wanted = self.assignment() - {tp for tp, tenure in self.tenures.items() if tenure.open}
        if not wanted:
            return True
        try:
            bounds = await self._thread.bounds(wanted)
            waiting = asyncio.ensure_future(self._positions.resume(bounds))
            await self.wait_first(asyncio.shield(waiting), self.suspend_flow.wait())
            if not waiting.done():
                waiting.cancel()
                return False
            tenures = waiting.result()
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return False
            await self._thread.seek_wait({tp: tenure.start for tp, tenure in tenures.items()})
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            log.warning("Partitions could not be taken up (%s); it is tried again", str(error) or type(error).__name__)
            await self.wait_first(self.suspend_flow.wait(), timeout=RETRY_S)
            return False
        if not self.flow_active or self.app.consumer_generation_id != generation:
            return False
        for tp, tenure in tenures.items():
            if tp in self.tenures:
                self.tenures[tp].end()
            self.tenures[tp] = tenure
        return True

    def end_tenure(self, tenure: Tenure) -> None:
        """Give one partition up; if it is still assigned it is read again from where the store says."""
        tenure.end()
        self._room.set()

    def _close_tenures(self) -> None:
        for tenure in self.tenures.values():
            tenure.closing = True

    def end_tenures(self) -> None:
        for tenure in self.tenures.values():
            tenure.end()
        self.tenures.clear()
        self._room.set()

    async def perform_seek(self) -> None:
        """Faust asks for this after each rebalance. The seek itself is done before the next fetch."""
        self.end_tenures()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drain and commit (through `wait_empty`), then let go of everything: the group rebalances eagerly."""
        await super().on_partitions_revoked(revoked)
        self.end_tenures()

    async def wait_empty(self) -> None:
        """Wait, not forever, until what is in flight is written; commit it."""
        self._close_tenures()
        await self.app.drain()
        if not await self.commit():
            # A commit that was under way may have begun before the last ack; Faust waits for it and does no more.
            await self.commit()
        self.end_tenures()

    # Acks and commits.

    def ack(self, message: ConsumerMessage) -> bool:
        """Called once by Faust when the last holder of a message has acked it."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        fresh = message.value.tenure.ack(message.value)
        if fresh:
            self._room.set()
        return bool(fresh)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp, tenure in self.tenures.items() if tenure.to_commit is not None)

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        due = {tp: self.tenures[tp].to_commit for tp in tps}
        return {tp: offset for tp, offset in due.items() if offset is not None}

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        held = {tp: self.tenures[tp] for tp in offsets if tp in self.tenures}
        if not held or not await self._commit({tp: offsets[tp] for tp in held}):
            return False
        for tp, tenure in held.items():
            tenure.committed = offsets[tp]
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own search for stalls reads offsets that this transport does not keep; the watchdog does it."""


def _message(tp: TP, chunk: Chunk, generation: int) -> ConsumerMessage:
    last = chunk.records[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        None,
        None,
        chunk,
        None,
        0,
        chunk.size,
        tp,
        generation_id=generation,
    )


class ChunkTransport(driver.Transport):
    """Registered with Faust as ``chunk://`` by `stream.app`."""

    Consumer: ClassVar[type[ChunkConsumer]] = ChunkConsumer
