"""What the windows and counters must be: a linear replay of the log, one record after another, with code of its own.

It shares the scorer, the cleaning of texts and the entity list with Undertone, since those are tested by themselves,
and nothing that admits, claims, aggregates or stores. It is slow and plain on purpose.

It knows exact copies only, and cannot know which of several copies a race makes the first. So the test's log must have
no near copies, and the copies of a text (and the messages of one id, where they lie in several partitions) must count
in the same cell; it raises :class:`Ambiguous` where they do not. Which model scored a message, where several served,
is no business of the log: it is given from outside, as the topic of scored messages has it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from redis import Redis

from undertone.entities import Linker
from undertone.scorer import Scorer
from undertone.settings import Settings
from undertone.store import Store
from undertone.text import clean, normalise

MINUTE, FIVE_MINUTES, HOUR, DAY = 60, 300, 3600, 86400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCORED_AT_ONCE = 512

Cell = tuple[str, int, int, str, str, str]
"""Stream, size in seconds, start in seconds, topic, entity, metric."""


class Ambiguous(Exception):
    """The log has copies that a race may order so or so, with different counts."""


class LogRecord(NamedTuple):
    stream: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> tuple[str, int]:
        return self.stream, self.partition


@dataclass(slots=True)
class Told:
    """One admitted message."""

    record: LogRecord
    id: str
    at_ms: int
    text: str
    entities: tuple[str, ...]
    source: str = ""
    model: str = ""
    topic: str = ""
    sentiment: int = 1
    score: int = 0

    @property
    def position(self) -> str:
        return f"{self.record.stream}-{self.record.partition}:{self.record.offset}"

    def cell(self) -> tuple[Any, ...]:
        return self.at_ms // 60_000, self.topic, self.entities, self.sentiment, self.score


@dataclass(slots=True)
class OracleResult:
    """What Redis must hold. ``counters`` has an entry for each partition; ``merged`` for each stream."""

    counters: dict[tuple[str, int], Counter[str]] = field(default_factory=dict)
    merged: dict[str, Counter[str]] = field(default_factory=dict)
    windows: dict[Cell, int] = field(default_factory=dict)
    watermarks: dict[tuple[str, int], int] = field(default_factory=dict)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    groups: list[list[Told]] = field(default_factory=list)
    """Messages that tell one story, where there are several."""
    same_id: dict[str, set[str]] = field(default_factory=dict)
    """Of a message whose id lies in several partitions: the positions that a race may count instead of its own."""
    records: int = 0
    races: set[str] = field(default_factory=set)
    """Names of counters that depend on which partition was first, and are compared merged only."""


def replay(
    bootstrap: str,
    streams: Sequence[str],
    scorer: Scorer,
    linker: Linker,
    settings: Settings,
    scored_by: Mapping[str, Scorer] | None = None,
) -> OracleResult:
    """Read the topics of these names from their beginning to their present end, and count.

    A message is scored by `scored_by` its position, or by `scorer` where that says nothing.
    """
    logs: dict[tuple[str, int], list[LogRecord]] = defaultdict(list)
    for record in read_log(bootstrap, streams):
        logs[record.place].append(record)
    return count(dict(logs), scorer, linker, settings, scored_by)


def read_log(bootstrap: str, streams: Sequence[str]) -> Iterator[LogRecord]:
    """All records of some topics, partition by partition, in order."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        for stream in streams:
            for partition in sorted(consumer.partitions_for_topic(stream) or ()):
                place = TopicPartition(stream, partition)
                consumer.assign([place])
                consumer.seek_to_beginning(place)
                end = consumer.end_offsets([place])[place]
                while consumer.position(place) < end:
                    for one in consumer.poll(timeout_ms=500).get(place, []):
                        if one.offset < end:
                            yield LogRecord(
                                stream, partition, one.offset, one.timestamp, one.value, tuple(one.headers or ())
                            )
    finally:
        consumer.close()


def count(
    logs: dict[tuple[str, int], list[LogRecord]],
    scorer: Scorer,
    linker: Linker,
    settings: Settings,
    scored_by: Mapping[str, Scorer] | None = None,
) -> OracleResult:
    """The counts of a log that was read."""
    result = OracleResult()
    admitted: dict[str, list[Told]] = defaultdict(list)
    for place, records in sorted(logs.items()):
        counters = result.counters[place] = Counter()
        watermark = -1
        for record in records:
            result.records += 1
            verdict, told, cut = judge(record, watermark, linker, settings)
            if told is not None:
                counters["truncated"] += cut
            if verdict in ("late", "counted") and told is not None:
                watermark = max(watermark, told.at_ms)
            if verdict == "counted" and told is not None:
                admitted[record.stream].append(told)
            else:
                counters[verdict] += 1
        result.watermarks[place] = watermark
        if records:
            result.offsets[place] = records[-1].offset
    for stream, messages in admitted.items():
        by_model: dict[str, tuple[Scorer, list[Told]]] = {}
        for told in messages:
            model = (scored_by or {}).get(told.position, scorer)
            by_model.setdefault(model.version, (model, []))[1].append(told)
        for model, its in by_model.values():
            rate(its, model)
        _count_stream(stream, messages, settings.story_window_s * 1000, result)
    for (stream, _), counters in result.counters.items():
        result.merged.setdefault(stream, Counter()).update(counters)
    return result


def judge(record: LogRecord, watermark: int, linker: Linker, settings: Settings) -> tuple[str, Told | None, bool]:
    """What becomes of a record before anyone asks for its story: a counter's name, the message, whether it is cut."""
    if record.value is None:
        return "tombstone", None, False
    payload = read(record.value, record.headers)
    if isinstance(payload, str):
        return f"dead:{payload}", None, False
    raw = payload["text"] if payload.get("text") is not None else _joined(payload.get("title"), payload.get("body"))
    text = clean(raw, settings.max_text_bytes)
    if not text:
        return "dead:empty-text", None, False
    at_ms = (datetime.fromisoformat(payload["published_at"]) - EPOCH) // timedelta(milliseconds=1)
    told = Told(
        record,
        payload["id"],
        at_ms,
        text,
        linker.link(text, payload.get("entities", ())),
        clean(payload["source"], 256),
    )
    cut = len(raw.encode("utf-8", "replace")) > settings.max_text_bytes
    if at_ms > record.timestamp_ms + settings.future_tolerance_s * 1000:
        return "future", told, cut
    if at_ms < watermark - settings.allowed_lateness_s * 1000:
        return "late", told, cut
    return "counted", told, cut


def read(value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> dict[str, Any] | str:
    """The payload of a record, or the reason why it is refused."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "not-utf8"
    try:
        payload = json.loads(text, parse_constant=_refuse)
        text.encode()
        json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "not-json"
    if not isinstance(payload, dict):
        return "wrong-type"
    payload = _opened(payload, dict(headers))
    for name in ("id", "published_at", "source", "text", "title", "body"):
        if payload.get(name) is not None and not isinstance(payload[name], str):
            return "wrong-type"
    if any(name not in payload for name in ("id", "published_at", "source")):
        return "missing-field"
    if not payload["id"] or not payload["source"]:
        return "wrong-type"
    try:
        moment = datetime.fromisoformat(payload["published_at"])
    except ValueError:
        return "bad-date"
    if all(payload.get(name) is None for name in ("text", "title", "body")):
        return "missing-text" if moment.tzinfo else "bad-date"
    return payload if moment.tzinfo and moment >= EPOCH else "bad-date"


def _opened(payload: dict[str, Any], headers: dict[str, bytes]) -> dict[str, Any]:
    """A CloudEvent's payload with what its attributes add."""
    attributes: dict[str, Any] = {name[3:]: raw.decode() for name, raw in headers.items() if name.startswith("ce_")}
    if "specversion" in payload and isinstance(payload.get("data"), dict):
        attributes, payload = payload, payload["data"]
    if "specversion" not in attributes:
        return payload
    names = (("id", "id"), ("source", "source"), ("published_at", "time"))
    return {**{ours: attributes[theirs] for ours, theirs in names if theirs in attributes}, **payload}


def rate(messages: list[Told], scorer: Scorer) -> None:
    """Fill in what the model says."""
    for begin in range(0, len(messages), SCORED_AT_ONCE):
        batch = messages[begin : begin + SCORED_AT_ONCE]
        scores = scorer.score([told.text for told in batch])
        for told, topic, sentiment in zip(batch, scores.topic.tolist(), scores.sentiment.tolist(), strict=True):
            told.model = scorer.version
            told.topic = scorer.topics[topic.index(max(topic))]
            told.sentiment = sentiment.index(max(sentiment))
            told.score = round((sentiment[2] - sentiment[0]) * 1_000_000)


def _count_stream(stream: str, messages: list[Told], window_ms: int, result: OracleResult) -> None:
    first_of = _first_of_each_id(messages, result)
    counted = []
    for told in messages:
        if first_of[told.id] is told:
            result.counters[told.record.place]["counted"] += 1
            result.counters[told.record.place]["unlinked"] += not told.entities
            counted.append(told)
        else:
            result.counters[told.record.place]["duplicate"] += 1
    openers = {id(told) for told in _openers(counted, window_ms, result)}
    for told in counted:
        opens = id(told) in openers
        result.counters[told.record.place]["stories" if opens else "copies"] += 1
        for size in (MINUTE, FIVE_MINUTES, HOUR, DAY):
            start = told.at_ms // 1000 - told.at_ms // 1000 % size
            _add(result, (stream, size, start, "", "model", told.model), 1)
            for entity in ("", *told.entities):
                sign = "-0+"[told.sentiment]
                _add(result, (stream, size, start, told.topic, entity, "m" + sign), 1)
                _add(result, (stream, size, start, told.topic, entity, "v"), told.score)
                if opens:
                    _add(result, (stream, size, start, told.topic, entity, "s" + sign), 1)


def _first_of_each_id(messages: list[Told], result: OracleResult) -> dict[str, Told]:
    groups: dict[str, list[Told]] = defaultdict(list)
    for told in messages:
        groups[told.id].append(told)
    for name, group in groups.items():
        if len({told.record.partition for told in group}) > 1:
            result.races |= {"counted", "duplicate", "stories", "copies", "unlinked"}
            if len({(told.text, told.cell()) for told in group}) > 1:
                raise Ambiguous(f"messages with id {name!r} lie in several partitions and differ")
            result.same_id[min(group, key=lambda told: told.record).position] = {told.position for told in group}
    return {name: min(group, key=lambda told: told.record) for name, group in groups.items()}


def _openers(counted: list[Told], window_ms: int, result: OracleResult) -> Iterator[Told]:
    groups: dict[str, list[Told]] = defaultdict(list)
    for told in counted:
        groups[normalise(told.text) or told.text.lower()].append(told)
    for text, group in groups.items():
        group.sort(key=lambda told: (told.at_ms, told.record))
        while group:
            opener = group[0]
            copies = [told for told in group if told.at_ms - opener.at_ms <= window_ms]
            group = group[len(copies) :]
            if len(copies) > 1:
                result.groups.append(copies)
            partitions = len({told.record.partition for told in copies})
            # Copies of one partition and one time come in the log's order, whichever model scored each of them.
            ordered = partitions == len({told.at_ms for told in copies}) == 1
            if not ordered and len({told.cell() for told in copies}) > 1:
                raise Ambiguous(f"copies of {text[:60]!r} count in different cells")
            if partitions > 1:
                result.races |= {"stories", "copies"}
            yield opener


def compare(store: Store | Redis, result: OracleResult) -> list[str]:
    """Every difference between Redis and the replay, in words; empty when they agree."""
    redis = store.redis if isinstance(store, Store) else store
    differences = []
    stored_merged: dict[str, Counter[str]] = defaultdict(Counter)
    for (stream, partition), expected in sorted(result.counters.items()):
        state = _hash(redis, f"ut:{{{stream}-{partition}}}:state")
        stored = Counter({name[2:]: int(n) for name, n in state.items() if name.startswith("c:")})
        stored_merged[stream].update(stored)
        here = f"{stream}-{partition}"
        differences += [
            f"{here} counter {name}: {stored[name]} stored, {expected[name]} expected"
            for name in sorted({*stored, *expected} - result.races)
            if stored[name] != expected[name]
        ]
        place = stream, partition
        for name, value in (("offset", result.offsets.get(place, -1)), ("watermark_ms", result.watermarks[place])):
            if int(state.get(name, -1)) != value:
                differences.append(f"{here} {name}: {state.get(name)} stored, {value} expected")
    for stream, expected in sorted(result.merged.items()):
        differences += [
            f"{stream} counter {name}: {stored_merged[stream][name]} stored, {expected[name]} expected"
            for name in sorted({*stored_merged[stream], *expected})
            if stored_merged[stream][name] != expected[name]
        ]
    stored_cells = read_windows(redis, sorted(result.merged))
    differences += [
        f"window {cell}: {stored_cells.get(cell, 0)} stored, {result.windows.get(cell, 0)} expected"
        for cell in sorted({*stored_cells, *result.windows})
        if stored_cells.get(cell, 0) != result.windows.get(cell, 0)
    ]
    return differences + compare_copies(redis, result)


def compare_copies(redis: Redis, result: OracleResult) -> list[str]:
    """Every difference in the counts of copies. A race may say which of a group owns the story, and where it lies."""
    stored: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for stream in sorted(result.merged):
        for key in redis.scan_iter(match=f"ut:{{{stream}-*}}:copies:*", count=1000):
            for name, n in _hash(redis, key.decode()).items():
                owner, *cell = name.split("\t")
                stored[owner][(stream, key.decode().rpartition(":")[2], *cell)] += int(n)
    expected: dict[str, Counter[tuple[str, ...]]] = {}
    for group in result.groups:
        owners = [
            (told, position)
            for told in group
            for position in result.same_id.get(told.position, {told.position})
            if position in stored
        ]
        if len(owners) != 1:
            return [f"{[told.position for told in group]}: {len(owners)} of these own the story, 1 expected"]
        [(first, position)] = owners
        expected[position] = Counter(cell for told in group if told is not first for cell in _copy_cells(told))
    return [
        f"copies of {owner}: {dict(stored[owner])} stored, {dict(expected.get(owner, {}))} expected"
        for owner in sorted({*stored, *expected})
        if stored[owner] != expected.get(owner)
    ]


def _copy_cells(told: Told) -> Iterator[tuple[str, ...]]:
    at_s = told.at_ms // 1000
    day = told.record.stream, str(at_s - at_s % DAY)
    yield day
    yield *day, "s", told.source
    yield *day, "h", str(at_s - at_s % HOUR)


def read_windows(redis: Redis, streams: Sequence[str]) -> dict[Cell, int]:
    """All windows in Redis, merged over partitions."""
    found: dict[Cell, int] = defaultdict(int)
    for stream in streams:
        for key in redis.scan_iter(match=f"ut:{{{stream}-*}}:w:*", count=1000):
            _, _, _, size, start = key.decode().split(":")
            for name, n in _hash(redis, key.decode()).items():
                topic, entity, metric = name.split("\t")
                found[stream, int(size), int(start), topic, entity, metric] += int(n)
    return dict(found)


def _hash(redis: Redis, key: str) -> dict[str, str]:
    raw: Any = redis.execute_command("HGETALL", key)  # type: ignore[no-untyped-call]
    pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


def _add(result: OracleResult, cell: Cell, n: int) -> None:
    result.windows[cell] = result.windows.get(cell, 0) + n


def _joined(*parts: str | None) -> str:
    return ". ".join(part for part in parts if part)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
