"""Scored messages in columns, in the order of event time: what a backtest reads instead of Redis.

Made from a table with the columns of the ``scored`` topic; it counts nothing and judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undertone.errors import InputError
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_AUTHOR, EVIDENCE_PER_BUCKET, EVIDENCE_PER_SERIES
from undertone.messages import SENTIMENTS, Evidence, Sentiment
from undertone.trends import Series

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

NEEDED = ("published_at", "topic", "sentiment")
COUNTED = "counted"
_SENTIMENTS = tuple(Sentiment)


@dataclass(frozen=True)
class ScoredLog:
    """n messages by event time, and m mentions: one for each message and company that it names.

    Attributes:
        published_ms: (n,) event times, not decreasing.
        topic: (n,) places in ``topics``.
        sentiment: (n,) 0 negative, 1 neutral, 2 positive.
        opens: (n,) whether the message is the first of its story.
        mentioning: (m,) the message of each mention, not decreasing.
        entity: (m,) places in ``entities``.
        table: The rows that all this was read from, in the same order, for what evidence says.
    """

    published_ms: Ints
    topic: Codes
    sentiment: NDArray[np.int8]
    opens: Bools
    mentioning: Ints
    entity: Codes
    topics: tuple[str, ...]
    entities: tuple[str, ...]
    table: pa.Table

    def __len__(self) -> int:
        return len(self.published_ms)

    def between(self, start_ms: int | None, end_ms: int | None) -> ScoredLog:
        """The messages published in [start, end)."""
        low = 0 if start_ms is None else int(np.searchsorted(self.published_ms, start_ms))
        high = len(self) if end_ms is None else max(low, int(np.searchsorted(self.published_ms, end_ms)))
        left, right = np.searchsorted(self.mentioning, (low, high))
        return ScoredLog(
            self.published_ms[low:high],
            self.topic[low:high],
            self.sentiment[low:high],
            self.opens[low:high],
            self.mentioning[left:right] - low,
            self.entity[left:right],
            self.topics,
            self.entities,
            self.table.slice(low, high - low),
        )

    @cached_property
    def sources(self) -> tuple[Codes, tuple[str, ...]]:
        """(n,) which source each message has, and their names; one without has that of no name."""
        return self._codes("source")

    @cached_property
    def authors(self) -> Codes:
        """(n,) the same number for the same author, -1 for none."""
        codes, names = self._codes("author")
        return np.array([place if name else -1 for place, name in enumerate(names)], np.int32)[codes]

    @cached_property
    def models(self) -> tuple[Codes, tuple[str, ...]]:
        """(n,) which model scored each message, and their versions."""
        return self._codes("model")

    @cached_property
    def kept(self) -> Bools:
        """(n,) which stories are kept as evidence, as by :class:`stream.evidence.EvidenceMemory` and `apply.lua`."""
        bucket = self.published_ms // (EVIDENCE_BUCKET_S * 1000)
        stories = np.flatnonzero(self.opens)
        named = np.flatnonzero(self.opens[self.mentioning])
        row = np.concatenate([stories, self.mentioning[named]])
        about = np.concatenate([np.zeros(len(stories), np.int64), self.entity[named].astype(np.int64) + 1])
        group = (bucket[row] * len(self.topics) + self.topic[row]) * len(SENTIMENTS) + self.sentiment[row]
        cell = group * (len(self.entities) + 1) + about
        order = np.argsort(cell, kind="stable")  # in time within each cell, as each has rows of one of the two parts
        row, cell = row[order], cell[order]
        cell = np.cumsum(_begins(cell))
        author = self.authors[row].astype(np.int64)
        voice = cell * (author.max(initial=-1) + 2) + author
        order = np.argsort(voice, kind="stable")
        own = np.empty(len(row), np.int64)
        own[order] = _place_in_run(voice[order])
        heard = (author < 0) | (own < EVIDENCE_PER_AUTHOR)
        row, cell = row[heard], cell[heard]
        kept = np.zeros(len(self), bool)
        kept[row[_place_in_run(cell) < EVIDENCE_PER_SERIES]] = True
        rows = np.flatnonzero(kept)
        kept[rows[_place_in_run(bucket[rows]) >= EVIDENCE_PER_BUCKET]] = False
        return kept

    def evidence(self, rows: Ints, stream: str) -> list[Evidence]:
        """The messages of some rows as evidence, in the order of the rows."""
        return [
            self._evidence(row, {name: column[row].as_py() for name, column in self._told.items()}, stream)
            for row in rows.tolist()
        ]

    def positions(self, rows: Ints) -> list[str]:
        """What names the messages of some rows, which are ascending."""
        column = self._told.get("position")
        if column is None or not len(rows):
            return [_unnamed(row) for row in rows.tolist()]
        around = column.slice(int(rows[0]), int(rows[-1] - rows[0]) + 1)  # so that not all of it is gone through
        given = around.take(pa.array(rows - rows[0])).to_pylist()
        return [one or _unnamed(row) for row, one in zip(rows.tolist(), given, strict=True)]

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(n,) the probability of each message's sentiment; 0 where it is not told."""
        if "p" not in self.table.column_names:
            return np.zeros(len(self))
        return np.asarray(pc.fill_null(pc.cast(self.table["p"], pa.float64()), 0.0).to_numpy())

    @cached_property
    def _told(self) -> dict[str, pa.ChunkedArray]:
        """What evidence shows besides."""
        return {name: self.table[name] for name in _TOLD if name in self.table.column_names}

    def _evidence(self, row: int, told: dict[str, Any], stream: str) -> Evidence:
        mentioned = slice(*np.searchsorted(self.mentioning, (row, row + 1)))
        position = str(told.get("position") or _unnamed(row))
        return Evidence(
            position=position,
            id=str(told.get("id") or position),
            stream=stream,
            published_ms=int(self.published_ms[row]),
            source=str(told.get("source") or ""),
            text=str(told.get("text") or ""),
            topic=self.topics[self.topic[row]],
            sentiment=_SENTIMENTS[self.sentiment[row]],
            p=round(float(told.get("p") or 0.0), 6),
            entities=tuple(self.entities[one] for one in self.entity[mentioned]),
            author=told.get("author") or None,
            url=told.get("url"),
            model=str(told.get("model") or ""),
        )

    def _codes(self, name: str) -> tuple[Codes, tuple[str, ...]]:
        """(n,) the place of what a column holds in what it may hold; of a column that is not there nothing."""
        if name not in self.table.column_names:
            return np.zeros(len(self), np.int32), ("",)
        codes, names = _encoded(self.table[name])
        return codes, tuple(map(str, names)) or ("",)


def _unnamed(row: int) -> str:
    return f"row {row}"


_TOLD = ("position", "id", "source", "author", "url", "text", "p", "model")


@dataclass(frozen=True, slots=True)
class Mentions:
    """Which messages speak of which series, by series: (k,) series, not decreasing, and the (k,) messages of each.

    ``names`` are ordered by when each series is first spoken of.
    """

    series: Ints
    message: Ints
    names: tuple[Series, ...]


def mentions(log: ScoredLog) -> Mentions:
    """Every series of a log: each topic, each entity over all topics, and each entity under a topic."""
    wide = len(log.entities) + 1
    rows = np.arange(len(log))
    topic = log.topic[log.mentioning].astype(np.int64)
    entity = log.entity.astype(np.int64) + 1
    code = np.concatenate([log.topic.astype(np.int64) * wide, topic * wide + entity, len(log.topics) * wide + entity])
    message = np.concatenate([rows, log.mentioning, log.mentioning])
    size = (len(log.topics) + 1) * wide
    first = np.full(size, len(log), np.int64)
    np.minimum.at(first, code, message)
    met = np.flatnonzero(first < len(log))
    by_sight = met[np.argsort(first[met], kind="stable")]
    column = np.full(size, -1, np.int64)
    column[by_sight] = np.arange(len(by_sight))
    names = tuple(
        Series(
            log.topics[one // wide] if one // wide < len(log.topics) else "",
            log.entities[one % wide - 1] if one % wide else "",
        )
        for one in by_sight.tolist()
    )
    both = column[code] * max(len(log), 1) + message  # one sort of numbers is ten times faster than one by two keys
    both.sort()
    series, message = np.divmod(both, max(len(log), 1))
    return Mentions(series, message, names)


def from_table(table: pa.Table) -> ScoredLog:
    """A log of the counted rows of a table, each position once.

    The table has the columns NEEDED, and may have ``entities`` (a list, or text with ``;``, ``|`` or ``,`` between),
    ``story`` and ``position`` or ``copy``, ``status``, and what evidence shows: ``source``, ``text`` and so on.
    Without ``story`` and ``copy`` every message is a story of its own.

    Raises:
        InputError: if a column is missing or holds what it cannot.
    """
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise InputError(
            f"These are no scored messages: columns {', '.join(missing)} are missing, there are "
            f"{', '.join(table.column_names)}; needed are {', '.join(NEEDED)}"
        )
    if "status" in table.column_names:
        counted = pc.equal(table["status"], COUNTED)
        table = table if pc.all(counted, skip_nulls=False).as_py() else table.filter(counted)
    published = _milliseconds(table["published_at"])
    if len(published) and (np.diff(published) < 0).any():
        order = np.argsort(published, kind="stable")
        table, published = table.take(pa.array(order)), published[order]
    if "position" in table.column_names:
        again = _again(table["position"], published)
        if again.any():
            table, published = table.filter(pa.array(~again)), published[~again]
    topic, topics = _encoded(table["topic"])
    mentioning, entity, entities = _entities(table)
    return ScoredLog(
        published,
        topic,
        _sentiments(table["sentiment"]),
        _opens(table),
        mentioning,
        entity,
        tuple(map(str, topics)),
        tuple(map(str, entities)),
        table,
    )


def _again(position: pa.ChunkedArray, published: Ints) -> Bools:
    """(n,) which rows were there before: the topic is delivered at least once. What is the same has one event time."""
    again = np.zeros(len(published), bool)
    same = published[1:] == published[:-1]
    at_once = again.copy()
    at_once[1:] |= same
    at_once[:-1] |= same
    rows = np.flatnonzero(at_once)
    if len(rows):
        codes, names = _coded(position.filter(pa.array(at_once)))
        again[rows] = True
        again[rows[np.unique(np.cumsum(_begins(published[rows])) * len(names) + codes, return_index=True)[1]]] = False
    return again


def _milliseconds(column: pa.ChunkedArray) -> Ints:
    kind = column.type
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            try:
                column = pc.cast(column, pa.timestamp("us", "UTC"))
            except pa.ArrowInvalid:
                column = pc.cast(column, pa.timestamp("us"))  # without a zone it is UTC
        if pa.types.is_timestamp(column.type):
            column = pc.cast(pc.cast(column, pa.timestamp("ms", column.type.tz), safe=False), pa.int64())
        elif not pa.types.is_integer(column.type):
            raise InputError(f"published_at is of type {kind}: valid are timestamps, RFC 3339 and milliseconds")
    except pa.ArrowInvalid as error:
        raise InputError(f"published_at holds what is no time: {error}. Valid is 2014-02-19T22:03:00Z") from error
    if column.null_count:
        raise InputError(f"published_at is empty in {column.null_count} rows: every scored message has an event time")
    result: Ints = column.to_numpy().astype(np.int64)
    return result


def _encoded(column: pa.ChunkedArray) -> tuple[Codes, Sequence[object]]:
    """Codes, an empty cell having that of an empty text, and what they stand for, which is all there."""
    codes, values = _coded(column)
    there = np.bincount(codes, minlength=len(values)) > 0
    if not there.all():  # a column that was read with its dictionary, of which some rows were left out
        codes = (np.cumsum(there) - 1).astype(np.int32)[codes]
        values = values.filter(pa.array(there))
    return codes, values.to_pylist()


def _coded(column: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """As :func:`_encoded`, of values that may be very many."""
    if pa.types.is_null(column.type):
        column = pc.cast(column, pa.string())
    column = pc.fill_null(column, "")
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    encoded = column.combine_chunks()
    codes: Codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, encoded.dictionary


def _sentiments(column: pa.ChunkedArray) -> NDArray[np.int8]:
    codes, names = _encoded(column)
    strange = [name for name in names if name not in SENTIMENTS]
    if strange:
        raise InputError(f"sentiment {strange[0]!r} is not known: valid are {', '.join(SENTIMENTS)}")
    known = np.array([SENTIMENTS.index(str(name)) for name in names] or [0], np.int8)
    result: NDArray[np.int8] = known[codes]
    return result


def _opens(table: pa.Table) -> Bools:
    there = table.column_names
    if "copy" in there:
        return ~np.asarray(pc.fill_null(table["copy"], False).to_numpy(zero_copy_only=False), bool)
    if "story" not in there:
        return np.ones(len(table), bool)
    if "position" in there:
        return np.asarray(pc.equal(table["story"], table["position"]).to_numpy(zero_copy_only=False), bool)
    opens = np.zeros(len(table), bool)
    opens[np.unique(_encoded(table["story"])[0], return_index=True)[1]] = True
    return opens


def _entities(table: pa.Table) -> tuple[Ints, Codes, Sequence[object]]:
    """The message and the company of each mention, each pair once."""
    if "entities" not in table.column_names or pa.types.is_null(table["entities"].type):
        return np.zeros(0, np.int64), np.zeros(0, np.int32), []
    column = table["entities"].combine_chunks()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.split_pattern_regex(pc.fill_null(column, ""), r"\s*[,;|]\s*")
    elif not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise InputError(f"entities are of type {column.type}: valid are lists, and text with ; between")
    sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    flat = pa.chunked_array([pc.list_flatten(column)])
    codes, names = _encoded(flat)
    mentioning = np.repeat(np.arange(len(table)), sizes)
    named = np.array([bool(name) for name in names] or [False])[codes] if len(codes) else np.zeros(0, bool)
    mentioning, codes = mentioning[named], codes[named]
    pair = mentioning * max(len(names), 1) + codes
    in_order = np.sort(pair)
    if (in_order[1:] == in_order[:-1]).any():
        once = np.sort(np.unique(pair, return_index=True)[1])
        mentioning, codes = mentioning[once], codes[once]
    return mentioning, codes, names


def _begins(key: Ints) -> Bools:
    """Where a run of equal keys begins."""
    begins = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=begins[1:])
    return begins


def _place_in_run(key: Ints) -> Ints:
    """How many rows with the same key stand directly before each."""
    starts = np.flatnonzero(_begins(key))
    result: Ints = np.arange(len(key)) - np.repeat(starts, np.diff(starts, append=len(key)))
    return result
