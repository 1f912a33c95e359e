"""Reading trends, evidence and health from Redis, merged over partitions. Writing is in :mod:`undertone.store`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Final, cast

import msgspec
import redis

from undertone import keys
from undertone.client import lua, pipelined
from undertone.messages import Evidence
from undertone.trends import METRICS, Counts, Series, buckets, fields_of

Windows = dict[int, dict[Series, Counts]]
"""Window start in seconds → series → counts, merged over partitions."""


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


WIDTH: Final = len(METRICS)
MINUTES_AT_ONCE = 120
"""Minutes of one partition that Redis reads at one go."""
FIELDS_LOOKED_AT = 100_000
"""Fields of a window that Redis looks through at one go, in a few milliseconds."""


class Reader:
    """What anybody may ask of the store. Synchronous; use it from one thread at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._present = client.register_script(lua("present"))

    def state(self, stream: str, partition: int) -> PartitionState:
        """What is stored of one partition; offset -1 if nothing is."""
        raw = cast(dict[bytes, bytes], self.redis.hgetall(keys.partition_state(stream, partition)))
        return _state(stream, partition, raw)

    def states(self, stream: str) -> list[PartitionState]:
        """The state of every partition of a stream that has ever been counted, by partition."""
        numbers = self.partitions(stream)
        raws = pipelined(self.redis, [("HGETALL", keys.partition_state(stream, n)) for n in numbers])
        return [_state(stream, number, raw) for number, raw in zip(numbers, raws, strict=True)]

    def newest_ms(self, stream: str) -> int:
        """The latest event time counted in a stream, -1 if none."""
        return max((state.watermark_ms for state in self.states(stream)), default=-1)

    def partitions(self, stream: str) -> list[int]:
        """The partitions of a stream that have ever been counted, ascending."""
        return sorted(int(n) for n in cast(set[bytes], self.redis.smembers(keys.partitions(stream))))

    def topics(self) -> tuple[str, ...]:
        """The topics that windows may hold: those of the model that serves, in its order, then those of models before.

        Windows are keyed by the topic's name, so a new model with the same name goes on with its series, and a topic
        that the new one does not know stays readable for as long as its windows are kept. Empty before a worker has
        started.
        """
        raw = cast(bytes | None, self.redis.hget(keys.labels(), "topics"))
        serving = msgspec.json.decode(raw, type=list[str]) if raw else []
        former = sorted(name.decode() for name in cast(list[bytes], self.redis.zrange(keys.topics(), 0, -1)))
        return tuple(dict.fromkeys([*serving, *former]))

    def model_version(self) -> str:
        """The version of the model that serves; empty before a worker has started."""
        raw = cast(bytes | None, self.redis.hget(keys.labels(), "version"))
        return raw.decode() if raw else ""

    def heartbeats(self) -> dict[str, dict[str, str]]:
        """Health of each live worker by name."""
        names = [name.decode() for name in cast(list[bytes], self.redis.zrange(keys.workers(), 0, -1))]
        raws = pipelined(self.redis, [("HGETALL", keys.worker(name)) for name in names])
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
        wanted = None if series is None else [*dict.fromkeys(series)]
        merged: Windows = {}
        for start, raws in self._window_cells(stream, size_s, start_ms, end_ms, wanted):
            cells = _all_series(raws) if wanted is None else _some_series(wanted, raws)
            if cells:
                merged[start] = cells
        return merged

    def totals(
        self, stream: str, size_s: int, start_ms: int, end_ms: int, series: Iterable[Series]
    ) -> dict[int, Counts]:
        """The sum of ``windows`` over these series, by window start (seconds); windows with nothing are left out.

        Costs a fraction of adding them up one by one.
        """
        found = {}
        for start, raws in self._window_cells(stream, size_s, start_ms, end_ms, [*dict.fromkeys(series)]):
            sums = [
                sum(map(int, filter(None, chain.from_iterable(raw[n::WIDTH] for raw in raws)))) for n in range(WIDTH)
            ]
            if any(sums):
                found[start] = Counts.of(sums)
        return found

    def _window_cells(
        self, stream: str, size_s: int, start_ms: int, end_ms: int, wanted: Sequence[Series] | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        """By window start what each partition holds: its hash, or the values of the wanted series' fields."""
        if wanted is None and size_s == min(keys.SIZES_S):
            yield from self._minute_cells(stream, size_s, buckets(start_ms, end_ms, size_s))
            return
        starts, partitions = buckets(start_ms, end_ms, size_s), self.partitions(stream)
        fields = None if wanted is None else [name for one in wanted for name in fields_of(one)]
        commands: list[tuple[str | bytes, ...]] = []
        for start in starts:
            for partition in partitions:
                key = keys.window(stream, partition, size_s, start)
                commands.append(("HGETALL", key) if fields is None else ("HMGET", key, *fields))
        replies = pipelined(self.redis, commands)
        width = len(partitions)
        for place, start in enumerate(starts):
            yield start, [raw for raw in replies[place * width : (place + 1) * width] if raw]

    def _minute_cells(
        self, stream: str, size_s: int, starts: range
    ) -> Iterator[tuple[int, Sequence[Mapping[bytes, bytes]]]]:
        """The hashes that there are, by window start: of minutes few have something in each partition."""
        found: dict[int, list[Mapping[bytes, bytes]]] = {start: [] for start in starts}
        pipe = self.redis.pipeline(transaction=False)
        for partition in self.partitions(stream):
            prefix = keys.window(stream, partition, size_s, 0)[:-1]
            for place in range(0, len(starts), MINUTES_AT_ONCE):
                some = starts[place : place + MINUTES_AT_ONCE]
                self._present(keys=[prefix], args=[some.start, size_s, len(some)], client=pipe)
        for reply in cast("list[list[Any]]", pipe.execute()):
            for start, cells in zip(reply[::2], reply[1::2], strict=True):
                found[start].append(dict(zip(cells[::2], cells[1::2], strict=True)))
        yield from found.items()

    def models(self, stream: str, size_s: int, start_ms: int, end_ms: int) -> dict[int, dict[str, int]]:
        """Messages by window start and model version; shows where a new model took over."""
        found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        partitions = self.partitions(stream)
        places = [(start, n) for start in buckets(start_ms, end_ms, size_s) for n in partitions]
        for (start, _), cells in self._model_cells(stream, size_s, places).items():
            for name, value in cells.items():
                found[start][name.decode().removeprefix(keys.MODEL_FIELD)] += int(value)
        return {start: dict(versions) for start, versions in found.items()}

    def _model_cells(
        self, stream: str, size_s: int, places: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], dict[bytes, bytes]]:
        """By start and partition the fields that count by model. Redis picks them: windows have thousands more."""
        wanted = ("MATCH", f"{keys.MODEL_FIELD}*", "COUNT", str(FIELDS_LOOKED_AT))
        cells: dict[tuple[int, int], dict[bytes, bytes]] = defaultdict(dict)
        left = [(place, 0) for place in places]
        while left:
            commands = [("HSCAN", keys.window(stream, n, size_s, start), str(at), *wanted) for (start, n), at in left]
            asked, left = left, []
            for (place, _), (at, fields) in zip(asked, pipelined(self.redis, commands), strict=True):
                cells[place] |= fields  # a scan may give a field twice
                if at:
                    left.append((place, at))
        return cells

    def evidence(self, stream: str, start_ms: int, end_ms: int) -> list[Evidence]:
        """The stories kept for evidence that were published in [start_ms, end_ms), newest first."""
        starts = buckets(start_ms, end_ms, keys.EVIDENCE_BUCKET_S)
        partitions = self.partitions(stream)
        commands = [("HVALS", keys.evidence(stream, n, s)) for s in reversed(starts) for n in partitions]
        decoder = msgspec.json.Decoder(Evidence)
        found = [decoder.decode(raw) for reply in pipelined(self.redis, commands) for raw in reply]
        inside = [one for one in found if start_ms <= one.published_ms < end_ms]
        return sorted(inside, key=lambda one: (-one.published_ms, one.position))

    def event_now_ms(self, stream: str, *, idle_s: float, now_ms: int) -> int:
        """Event time up to which a stream is complete: the least watermark of its active partitions, -1 if none.

        A partition that has written nothing for ``idle_s`` steps aside, unless all have.
        """
        return complete_ms(self.states(stream), idle_s=idle_s, now_ms=now_ms)


def complete_ms(states: Iterable[PartitionState], *, idle_s: float, now_ms: int) -> int:
    """Event time up to which partitions in these states are complete; see :meth:`Reader.event_now_ms`."""
    counted = [one for one in states if one.watermark_ms >= 0]
    active = [one.watermark_ms for one in counted if now_ms - one.updated_ms <= idle_s * 1000]
    return min(active) if active else max((one.watermark_ms for one in counted), default=-1)


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


@lru_cache(maxsize=65_536)
def _column(name: bytes) -> tuple[Series, int] | None:
    """Which series a field of a window counts, and where among METRICS; None for messages by model."""
    topic, entity, metric = name.decode().split(keys.SEPARATOR)
    return (Series(topic, entity), METRICS.index(metric)) if topic else None


def _all_series(raws: Iterable[Mapping[bytes, bytes]]) -> dict[Series, Counts]:
    sums: dict[Series, list[int]] = {}
    for raw in raws:
        for name, value in raw.items():
            column = _column(name)
            if column is not None:
                one, place = column
                cells = sums.get(one)
                if cells is None:
                    cells = sums[one] = [0] * WIDTH
                cells[place] += int(value)
    return {one: Counts.of(cells) for one, cells in sums.items()}


def _some_series(wanted: Sequence[Series], raws: Sequence[Sequence[bytes | None]]) -> dict[Series, Counts]:
    found = {}
    for place, one in enumerate(wanted):
        begin, end = place * WIDTH, (place + 1) * WIDTH
        there = [cells for raw in raws if any(cells := raw[begin:end])]
        if there:
            found[one] = Counts.of([sum(map(int, filter(None, column))) for column in zip(*there, strict=True)])
    return found
