"""What a worker holds of one partition, from one seek to the next: the chunks it was given and what it may commit.

Pure bookkeeping: neither Kafka nor Redis nor a clock. Only the event loop's thread calls the methods; other threads
read `ended` and own `written` (the writer).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

RECORD_OVERHEAD_BYTES = 200
"""What a record costs in memory beside its key and value, about."""


class LogRecord(Protocol):
    """A record as aiokafka hands it out; only what is used here."""

    @property
    def offset(self) -> int: ...
    @property
    def serialized_key_size(self) -> int: ...
    @property
    def serialized_value_size(self) -> int: ...


@dataclass(slots=True, eq=False)
class Chunk:
    """Consecutive records of one partition.

    `follows` is the offset that this chunk comes after: everything up to it was given out before, in this tenure or
    before it. Offsets may have holes (compaction, transactions), so `first` alone cannot tell that nothing is missing.
    """

    tenure: Tenure
    follows: int
    records: Sequence[Any]
    size: int
    done: bool = False

    @property
    def first(self) -> int:
        return int(self.records[0].offset)

    @property
    def last(self) -> int:
        return int(self.records[-1].offset)


@dataclass(slots=True, eq=False)
class Tenure:
    """One partition between a seek to `start` and the next seek, revoke or stop.

    Attributes:
        stream: The topic.
        partition: Its partition.
        start: Offset that the consumer was sent to.
        cursor: State of the partition that the writer works with; the transport only carries it.
        committed: What the group has committed, None if nothing is known.
        end_offset: End of the partition's log when the tenure began.
        written: Last offset known to be in the store; the writer's to move.
        closing: Nothing more of this tenure is begun; what is under way may be finished and committed.
        ended: Nothing of this tenure may be written or committed any more.
    """

    stream: str
    partition: int
    start: int
    cursor: Any = None
    committed: int | None = None
    end_offset: int = 0
    written: int = field(init=False)
    closing: bool = False
    ended: bool = False
    in_flight_bytes: int = 0
    _read_to: int = field(init=False)
    _commit_to: int = field(init=False)
    _chunks: deque[Chunk] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.written = self._read_to = self.start - 1
        self._commit_to = self.start

    def cut(self, records: Sequence[LogRecord], max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """The fetched records as chunks of at most `max_records`, and of `max_bytes` unless one record is larger.

        All of them are taken to be read at once: a chunk that is made here and then lost is a hole that the next
        chunk's `follows` shows.
        """
        chunks = []
        begin = size = 0
        for index, record in enumerate(records):
            # A size is -1 where there is no key or value.
            weight = record.serialized_key_size + record.serialized_value_size + RECORD_OVERHEAD_BYTES + 1
            if index > begin and (index - begin == max_records or size + weight > max_bytes):
                chunks.append(self._chunk(records[begin:index], size))
                begin, size = index, 0
            size += weight
        if records:
            chunks.append(self._chunk(records[begin:], size))
        return iter(chunks)

    def give(self, chunk: Chunk) -> None:
        """Count a chunk as given to the agents: it is waited for before anything after it is committed."""
        self._chunks.append(chunk)
        self.in_flight_bytes += chunk.size

    def ack(self, chunk: Chunk) -> bool:
        """Mark a chunk as written. False if that was known, or does not matter any more."""
        if self.ended or chunk.done:
            return False
        chunk.done = True
        self.in_flight_bytes -= chunk.size
        while self._chunks and self._chunks[0].done and self._chunks[0].follows < self._commit_to:
            self._commit_to = self._chunks.popleft().last + 1
        return True

    def end(self) -> None:
        """Give the partition up: what is in flight is forgotten, and will be read again by whoever holds it next."""
        self.ended = True
        self._chunks.clear()
        self.in_flight_bytes = 0

    @property
    def open(self) -> bool:
        return not (self.closing or self.ended)

    @property
    def to_commit(self) -> int | None:
        """The offset to commit (next to be read): all before it was acked, without a gap. None if it is committed.

        The store is the truth and Kafka's commit only advice, but advice must not run ahead: a commit beyond `start`
        when the tenure began is taken back.
        """
        if self.ended or self._commit_to == self.committed:
            return None
        if self._commit_to == self.start and (self.committed is None or self.committed < self.start):
            return None
        return self._commit_to

    @property
    def read_to(self) -> int:
        """Last offset that was cut into chunks."""
        return self._read_to

    def _chunk(self, records: Sequence[Any], size: int) -> Chunk:
        chunk = Chunk(self, self._read_to, records, size)
        self._read_to = chunk.last
        return chunk
