"""The store: all of Undertone's reads and writes of trends in Redis, and nothing else.

Writes go through ``apply.lua`` and ``claim.lua``, whose headers state their contracts; reads are pipelined in
bounded chunks and merge partitions. Alerts are in :mod:`undertone.alert_store`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from undertone import keys
from undertone.errors import StoreError
from undertone.messages import Evidence
from undertone.trends import METRICS, Counts, Series, buckets, fields_of, from_metrics

PIPELINE = 256
"""Commands in one round trip at most, so that a long read neither blocks Redis nor fills its output buffer."""

CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 10.0

T = TypeVar("T")

Windows = dict[int, dict[Series, Counts]]
"""Window start in seconds → series → counts, merged over partitions."""


class Claim(NamedTuple):
    """One message that asks who owns its story; see ``claim.lua``."""

    position: str
    at_ms: int
    id_hash: str
    text_hash: str
    sketch: tuple[int, ...]
    bands: tuple[str, ...]


class Ownership(NamedTuple):
    """The answer to a claim: position of the story's owner, and whether the message id was seen elsewhere."""

    owner: str
    repeated: bool


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

    ``windows`` is keyed by (size in seconds, start in seconds), ``evidence`` by start in seconds.
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


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What is stored of one partition: the last offset applied (-1: none), the watermark, and the counters."""

    stream: str
    partition: int
    offset: int = -1
    epoch: str = ""
    watermark_ms: int = -1
    updated_ms: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)


def connect(url: str) -> redis.Redis:
    """A client for ``url`` with timeouts and retries; the guarded writes make a retry safe.

    Raises:
        StoreError: if the URL cannot be understood.
    """
    try:
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 3),
            health_check_interval=30,
        )
    except ValueError as error:
        raise StoreError(
            f"redis_url is {url!r}, which cannot be used ({error}): valid is redis://HOST:PORT/DB"
        ) from error


class Store:
    """Trends, stories and health in Redis. Synchronous; give each thread its own use of it or one at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._apply = client.register_script(_lua("apply"))
        self._claim = client.register_script(_lua("claim"))

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
        try:
            self.redis.ping()
        except RedisError as error:
            raise StoreError(
                f"Redis does not answer at {_safe(self.redis)} ({error}): start it, or set UNDERTONE_REDIS_URL"
            ) from error

    # Writing: the worker only.

    def claim(
        self, stream: str, claims: Sequence[Claim], *, window_ms: int, threshold: float, sketch_size: int
    ) -> list[Ownership]:
        """Who owns the story of each claim, in order. Making the same claim again gives the same answer.

        Args:
            stream: The stream whose stories are searched.
            claims: One for each message, in the order of the log.
            window_ms: How long a story is open, in event time.
            threshold: Least Jaccard similarity of words, 0..1, at which a text is a copy.
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
        flat = cast(list[Any], self._claim(keys=[keys.story_tag(stream)], args=[_pack(body)]))
        return [
            Ownership(owner.decode(), bool(repeated)) for owner, repeated in zip(flat[::2], flat[1::2], strict=True)
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
        body = {
            "state_ttl": keys.STATE_TTL_S,
            "set": run.state,
            "add": {f"c:{name}": n for name, n in run.counters.items() if n},
            "windows": windows,
            "evidence": evidence,
        }
        code, stored = cast(
            list[int],
            self._apply(keys=names, args=[run.first, run.last, run.believed, run.epoch, _pack(body)]),
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

    def write_labels(self, topics: Sequence[str], version: str) -> None:
        """Remember the label set and version of the model that serves."""
        mapping = {"topics": msgspec.json.encode(topics), "version": version}
        pipe = self.redis.pipeline(transaction=False)
        pipe.hset(keys.labels(), mapping=cast(Any, mapping))
        pipe.expire(keys.labels(), keys.STATE_TTL_S)
        pipe.execute()

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

    # Reading.

    def state(self, stream: str, partition: int) -> PartitionState:
        """What is stored of one partition; offset -1 if nothing is."""
        raw = cast(dict[bytes, bytes], self.redis.hgetall(keys.partition_state(stream, partition)))
        return _state(stream, partition, raw)

    def states(self, stream: str) -> list[PartitionState]:
        """The state of every partition of a stream that has ever been counted, by partition."""
        numbers = self.partitions(stream)
        raws = self._pipelined([("HGETALL", keys.partition_state(stream, n)) for n in numbers])
        return [_state(stream, number, raw) for number, raw in zip(numbers, raws, strict=True)]

    def partitions(self, stream: str) -> list[int]:
        """The partitions of a stream that have ever been counted, ascending."""
        return sorted(int(n) for n in cast(set[bytes], self.redis.smembers(keys.partitions(stream))))

    def topics(self) -> tuple[str, ...]:
        """The topic labels of the model that serves; empty before a worker has started."""
        raw = cast(bytes | None, self.redis.hget(keys.labels(), "topics"))
        return tuple(msgspec.json.decode(raw, type=list[str])) if raw else ()

    def model_version(self) -> str:
        """The version of the model that serves; empty before a worker has started."""
        raw = cast(bytes | None, self.redis.hget(keys.labels(), "version"))
        return raw.decode() if raw else ""

    def heartbeats(self) -> dict[str, dict[str, str]]:
        """Health of each live worker by name."""
        names = [name.decode() for name in cast(list[bytes], self.redis.zrange(keys.workers(), 0, -1))]
        raws = self._pipelined([("HGETALL", keys.worker(name)) for name in names])
        return {
            name: {k.decode(): v.decode() for k, v in raw.items()} for name, raw in zip(names, raws, strict=True) if raw
        }

    def windows(
        self,
        stream: str,
        size_s: int,
        start_ms: int,
        end_ms: int,
        *,
        series: Iterable[Series] | None = None,
    ) -> Windows:
        """Counts by window start (seconds) and series in [start_ms, end_ms), merged over partitions.

        Give ``series`` to read only those (seven fields each); without it whole windows are read. Windows with
        nothing in them are left out.
        """
        starts = buckets(start_ms, end_ms, size_s)
        wanted = None if series is None else [*dict.fromkeys(series)]
        fields = None if wanted is None else [name for one in wanted for name in fields_of(one)]
        partitions = self.partitions(stream)
        places = [(start, partition) for start in starts for partition in partitions]
        commands: list[tuple[str | bytes, ...]] = []
        for start, partition in places:
            key = keys.window(stream, partition, size_s, start)
            commands.append(("HGETALL", key) if fields is None else ("HMGET", key, *fields))
        merged: dict[int, dict[Series, Counts]] = defaultdict(dict)
        for (start, _), raw in zip(places, self._pipelined(commands), strict=True):
            cells = _all_series(raw) if wanted is None else _some_series(wanted, raw)
            window = merged[start] if cells else {}
            for one, counts in cells.items():
                known = window.get(one)
                window[one] = counts if known is None else known + counts
        return dict(merged)

    def models(self, stream: str, size_s: int, start_ms: int, end_ms: int) -> dict[int, dict[str, int]]:
        """Messages by window start and model version; shows where a new model took over."""
        found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        partitions = self.partitions(stream)
        places = [(start, n) for start in buckets(start_ms, end_ms, size_s) for n in partitions]
        raws = self._pipelined([("HGETALL", keys.window(stream, n, size_s, start)) for start, n in places])
        for (start, _), raw in zip(places, raws, strict=True):
            for name, value in raw.items():
                text = name.decode()
                if text.startswith(keys.MODEL_FIELD):
                    found[start][text.removeprefix(keys.MODEL_FIELD)] += int(value)
        return {start: dict(versions) for start, versions in found.items()}

    def evidence(self, stream: str, start_ms: int, end_ms: int) -> list[Evidence]:
        """The stories kept for evidence that were published in [start_ms, end_ms), newest first."""
        starts = buckets(start_ms, end_ms, keys.EVIDENCE_BUCKET_S)
        partitions = self.partitions(stream)
        commands = [("HVALS", keys.evidence(stream, n, s)) for s in reversed(starts) for n in partitions]
        decoder = msgspec.json.Decoder(Evidence)
        found = [decoder.decode(raw) for reply in self._pipelined(commands) for raw in reply]
        inside = [one for one in found if start_ms <= one.published_ms < end_ms]
        return sorted(inside, key=lambda one: (-one.published_ms, one.position))

    def event_now_ms(self, stream: str, *, idle_s: float, now_ms: int) -> int:
        """Event time up to which a stream is complete: the least watermark of its active partitions, -1 if none.

        A partition that has written nothing for ``idle_s`` steps aside, unless all have.
        """
        states = [one for one in self.states(stream) if one.watermark_ms >= 0]
        active = [one for one in states if now_ms - one.updated_ms <= idle_s * 1000]
        if active:
            return min(one.watermark_ms for one in active)
        return max((one.watermark_ms for one in states), default=-1)

    def _pipelined(self, commands: Sequence[tuple[str | bytes, ...]]) -> list[Any]:
        replies: list[Any] = []
        for begin in range(0, len(commands), PIPELINE):
            pipe = self.redis.pipeline(transaction=False)
            for command in commands[begin : begin + PIPELINE]:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            replies += pipe.execute()
        return replies


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(values)
    while batch := list(islice(source, size)):
        yield batch


def _lua(name: str) -> str:
    return (files("undertone") / "lua" / f"{name}.lua").read_text()


def _pack(body: object) -> bytes:
    # Redis' cmsgpack has no binary type: everything inside is text, integers, lists and maps.
    return msgspec.msgpack.encode(body)


def _safe(client: redis.Redis) -> str:
    """Where a client points to, without its password."""
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host')}:{options.get('port')}")


def _state(stream: str, partition: int, raw: Mapping[bytes, bytes]) -> PartitionState:
    text = {name.decode(): value.decode() for name, value in raw.items()}
    return PartitionState(
        stream,
        partition,
        offset=int(text.get("offset", -1)),
        epoch=text.get("epoch", ""),
        watermark_ms=int(text.get("watermark_ms", -1)),
        updated_ms=int(text.get("updated_ms", 0)),
        counters={name[2:]: int(value) for name, value in text.items() if name.startswith("c:")},
    )


def _all_series(raw: Mapping[bytes, bytes]) -> dict[Series, Counts]:
    found: dict[Series, dict[str, int]] = defaultdict(dict)
    for name, value in raw.items():
        topic, entity, metric = name.decode().split(keys.SEPARATOR)
        if topic:
            found[Series(topic, entity)][metric] = int(value)
    return {one: from_metrics(metrics) for one, metrics in found.items()}


def _some_series(wanted: Sequence[Series], values: Sequence[bytes | None]) -> dict[Series, Counts]:
    width = len(METRICS)
    found = {}
    for index, one in enumerate(wanted):
        cells = values[index * width : (index + 1) * width]
        if any(cells):
            found[one] = from_metrics(
                {metric: int(value) for metric, value in zip(METRICS, cells, strict=True) if value is not None}
            )
    return found
