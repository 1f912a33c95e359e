"""The store: all of Undertone's reads and writes of trends in Redis, and nothing else.

Writes, of the worker only, go through ``apply.lua`` and ``claim.lua``, whose headers state their contracts; reads are
in :mod:`undertone.reading`. Alerts are in :mod:`undertone.alert_store`, the shadow's findings in
:mod:`undertone.shadow_store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import redis
from redis.client import Pipeline

from undertone import keys
from undertone.client import PIPELINE, connect, lua, pack, ping
from undertone.reading import PartitionState, Reader

__all__ = ["Claim", "Outcome", "Ownership", "PartitionState", "Run", "Store", "connect"]

T = TypeVar("T")


class Claim(NamedTuple):
    """One message that asks who owns its story; see ``claim.lua``."""

    position: str
    at_ms: int
    id_hash: str
    text_hash: str
    sketch: tuple[int, ...]
    bands: tuple[str, ...]
    figures: tuple[int, ...] = ()
    names: tuple[int, ...] = ()
    about: tuple[int, ...] = ()
    words: str = ""


class Ownership(NamedTuple):
    """The answer to a claim: position of the story's owner, and whether the message id was seen elsewhere.

    ``novelty`` is 0..100, None for a message id that was seen elsewhere.
    """

    owner: str
    repeated: bool
    novelty: int | None = None


class Outcome(IntEnum):
    """What the guarded write did; the codes of ``apply.lua``."""

    APPLIED = 1
    KNOWN = 0
    OVERLAP = -1
    OTHER_EPOCH = -2
    BEHIND = -3


@dataclass(slots=True)
class Run:
    """A run of records of one partition, reduced to what is written; applied as a whole or not at all.

    ``windows`` is keyed by (size in seconds, start in seconds), ``evidence`` and ``copies`` by start in seconds; the
    fields of copies are those of :func:`undertone.copies.fields`.
    """

    stream: str
    partition: int
    first: int
    last: int
    believed: int
    epoch: str
    state: dict[str, int | str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    windows: dict[tuple[int, int], dict[str, int]] = field(default_factory=dict)
    evidence: dict[int, dict[str, str]] = field(default_factory=dict)
    copies: dict[int, dict[str, int]] = field(default_factory=dict)


class Store(Reader):
    """Trends, stories and health in Redis, read and written. Synchronous; one thread at a time."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._apply = client.register_script(lua("apply"))
        self._claim = client.register_script(lua("claim"))

    @classmethod
    def open(cls, url: str) -> Store:
        """A store on ``url`` that has answered once.

        Raises:
            StoreError: if Redis does not answer; says what to do.
        """
        store = cls(connect(url))
        store.ping()
        return store

    def ping(self) -> None:
        ping(self.redis)

    # Writing: the worker only.

    def claim(
        self, stream: str, claims: Sequence[Claim], *, window_ms: int, threshold: float, sketch_size: int
    ) -> list[Ownership]:
        """Who owns the story of each claim, in order. Making the same claim again gives the same answer.

        Args:
            stream: The stream whose stories are searched.
            claims: One for each message, in the order of the log.
            window_ms: How long a story is open, in event time.
            threshold: Least Jaccard similarity of words, 0..1, at which a text may be a copy.
            sketch_size: The k of the bottom-k sketches in ``claims``.
        """
        if not claims:
            return []
        body = {
            "ttl": keys.STORY_TTL_S,
            "window_ms": window_ms,
            "threshold": threshold,
            "k": sketch_size,
            "claims": claims,
        }
        flat = cast(list[Any], self._claim(keys=[keys.story_tag(stream)], args=[pack(body)]))
        return [
            Ownership(owner.decode(), bool(repeated), None if repeated else novelty)
            for owner, repeated, novelty in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        ]

    def apply(self, run: Run) -> tuple[Outcome, int]:
        """Apply a run exactly once; returns what was done and the offset that is stored now."""
        state_key = keys.partition_state(run.stream, run.partition)
        names = [state_key]
        windows = []
        for (size_s, start_s), cells in run.windows.items():
            names.append(keys.window(run.stream, run.partition, size_s, start_s))
            windows.append((len(names), keys.WINDOW_TTL_S[size_s], cells))
        evidence = []
        for start_s, documents in run.evidence.items():
            names.append(keys.evidence(run.stream, run.partition, start_s))
            evidence.append((len(names), keys.EVIDENCE_TTL_S, keys.EVIDENCE_PER_BUCKET, documents))
        copies = []
        for start_s, counts in run.copies.items():
            names.append(keys.copies(run.stream, run.partition, start_s))
            copies.append((len(names), keys.COPIES_TTL_S, keys.COPIES_PER_DAY, counts))
        body = {
            "state_ttl": keys.STATE_TTL_S,
            "set": run.state,
            "add": {f"c:{name}": n for name, n in run.counters.items() if n},
            "windows": windows,
            "evidence": evidence,
            "copies": copies,
        }
        code, stored = cast(
            list[int],
            self._apply(keys=names, args=[run.first, run.last, run.believed, run.epoch, pack(body)]),
        )
        return Outcome(code), stored

    def register(self, stream: str, partition: int) -> None:
        """Remember that this partition is counted, so that readers merge it."""
        name = keys.partitions(stream)
        pipe = self.redis.pipeline(transaction=False)
        pipe.sadd(name, partition)
        pipe.expire(name, keys.STATE_TTL_S)
        pipe.execute()

    def forget(self, stream: str, partition: int) -> None:
        """Delete all that is kept of one partition, so that it can be counted again from its log.

        Stories stay: a record that is counted again claims by the same position and gets the same answer.
        """
        pattern = keys.partition_pattern(stream, partition)
        for batch in _batches(self.redis.scan_iter(match=pattern, count=1000), PIPELINE):
            pipe = self.redis.pipeline(transaction=False)
            for key in batch:
                pipe.unlink(key)
            pipe.execute()

    def write_labels(self, topics: Sequence[str], version: str, now_ms: int) -> None:
        """Make these the label set and version of the model that serves."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.hset(keys.labels(), mapping=cast(Any, _labels(topics, version)))
        self._know(pipe, topics, now_ms)
        pipe.execute()

    def keep_labels(self, topics: Sequence[str], version: str, now_ms: int) -> None:
        """Say that a model with these labels still serves; names it as the serving one only where none is named.

        So one worker that kept an older model does not speak over those that have the new one.
        """
        pipe = self.redis.pipeline(transaction=False)
        for name, value in _labels(topics, version).items():
            pipe.hsetnx(keys.labels(), name, cast(Any, value))
        self._know(pipe, topics, now_ms)
        pipe.execute()

    def _know(self, pipe: Pipeline, topics: Sequence[str], now_ms: int) -> None:
        pipe.expire(keys.labels(), keys.STATE_TTL_S)
        pipe.zadd(keys.topics(), dict.fromkeys(topics, now_ms))
        pipe.zremrangebyscore(keys.topics(), 0, now_ms - keys.TOPICS_TTL_S * 1000)
        pipe.expire(keys.topics(), keys.TOPICS_TTL_S)

    def write_heartbeat(self, name: str, health: Mapping[str, str | int | float], now_ms: int) -> None:
        """Publish one worker's health; it disappears by itself WORKER_TTL_S after the last beat."""
        key, index = keys.worker(name), keys.workers()
        # As a whole: the lag of a partition that went to another worker must not linger.
        pipe = self.redis.pipeline(transaction=True)
        pipe.delete(key)
        pipe.hset(key, mapping=cast(Any, dict(health)))
        pipe.expire(key, keys.WORKER_TTL_S)
        pipe.execute()
        pipe = self.redis.pipeline(transaction=False)
        pipe.zadd(index, {name: now_ms})
        pipe.expire(index, keys.STATE_TTL_S)
        pipe.zremrangebyscore(index, 0, now_ms - keys.WORKER_TTL_S * 1000)
        pipe.execute()


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(values)
    while batch := list(islice(source, size)):
        yield batch


def _labels(topics: Sequence[str], version: str) -> dict[str, str | bytes]:
    return {"topics": msgspec.json.encode(topics), "version": version}
