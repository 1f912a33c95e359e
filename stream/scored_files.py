"""Scored messages out of files and Kafka, column by column, as one table with the columns of ``scored``.

Says nothing of what the columns mean; :mod:`stream.scored_log` does.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from stream.judging import SCHEMA
from undertone.errors import InputError
from undertone.feed_files import format_of
from undertone.messages import Probability, Sentiment
from undertone.settings import Settings
from undertone.topics import SCORED
from undertone.whole_topic import whole_topic

COLUMNS = (*SCHEMA.names, "copy")
NEEDED = {"topic", "sentiment", "published_at"}
FEW = ("stream", "source", "author", "topic", "sentiment", "status", "model")
"""Columns with few values: of Parquet they are read as the codes that they are kept as."""
CHUNK_ROWS = 65_536


class _Line(msgspec.Struct, frozen=True):
    """What is read of one scored message in JSON; anything else in it is skipped."""

    published_at: str
    topic: str
    sentiment: Sentiment
    position: str | None = None
    id: str | None = None
    stream: str | None = None
    source: str | None = None
    author: str | None = None
    url: str | None = None
    text: str | None = None
    p: float | None = None
    entities: tuple[str, ...] | None = ()
    story: str | None = None
    copy: bool | None = None
    status: str | None = "counted"
    model: str | None = None
    sentiment_probabilities: dict[str, Probability] = {}


_line = msgspec.json.Decoder(_Line)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FIELDS = tuple(name for name in _Line.__struct_fields__ if name != "sentiment_probabilities")
_SCHEMA = pa.schema(
    [
        pa.field(
            name, pa.string() if name == "published_at" else pa.bool_() if name == "copy" else SCHEMA.field(name).type
        )
        for name in _FIELDS
    ]
)


def is_scored(path: Path, *, format: str = "") -> bool:
    """Whether a file holds scored messages rather than texts, by the names of its columns.

    Raises:
        InputError: if it cannot be read.
    """
    kind = _kind(path, format)
    try:
        if kind == "parquet":
            return set(parquet.read_schema(path).names) >= NEEDED
        with _opened(path) as file:
            first = file.readline()
        return (
            _fields.decode(first).keys() >= NEEDED if kind == "jsonl" else all(one.encode() in first for one in NEEDED)
        )
    except msgspec.MsgspecError:
        return False
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def read_file(path: Path, *, format: str = "") -> pa.Table:
    """The scored messages of a CSV, JSON lines or Parquet file, gzipped or not.

    Raises:
        InputError: if it cannot be read; of JSON lines it names the line.
    """
    kind = _kind(path, format)
    try:
        if kind == "parquet":
            there = parquet.read_schema(path).names
            return parquet.read_table(path, columns=[name for name in COLUMNS if name in there], read_dictionary=[*FEW])
        if kind == "jsonl":
            with _opened(path) as file:
                return from_lines(file, str(path))
        parsing = csv.ParseOptions(delimiter="\t" if kind == "tsv" else ",", newlines_in_values=True)
        types = {name: pa.string() for name in COLUMNS if name not in ("published_at", "p", "copy")}
        table = csv.read_csv(path, parse_options=parsing, convert_options=csv.ConvertOptions(column_types=types))
        return table.select([name for name in COLUMNS if name in table.column_names])
    except (OSError, EOFError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def read_topic(settings: Settings) -> pa.Table:
    """Everything on the ``scored`` topic.

    Raises:
        BrokerError: if Kafka cannot be reached or has no such topic.
    """
    values = (record.value for record in whole_topic(settings, SCORED) if record.value is not None)
    return from_lines(values, SCORED)


def from_lines(lines: Iterable[bytes], name: str) -> pa.Table:
    """Scored messages in JSON, one each.

    Raises:
        InputError: names the first that is none.
    """
    parts: list[pa.Table] = []
    rows: list[_Line] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(_line.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"{name}:{number}: this is no scored message: {error}") from error
        if len(rows) == CHUNK_ROWS:
            parts.append(_table(rows))
            rows = []
    parts.append(_table(rows))
    return _without_empty(pa.concat_tables(parts))


def _table(rows: list[_Line]) -> pa.Table:
    columns: dict[str, Any] = {name: [getattr(one, name) for one in rows] for name in _FIELDS}
    columns["sentiment"] = [one.sentiment.value for one in rows]
    columns["p"] = [one.sentiment_probabilities.get(one.sentiment) if one.p is None else one.p for one in rows]
    return pa.table({name: pa.array(columns[name], _SCHEMA.field(name).type) for name in _FIELDS})


def _without_empty(table: pa.Table) -> pa.Table:
    """The columns that say anything: a story or a position that nobody gave is no column."""
    empty = [name for name in ("story", "copy", "position") if pc.count(table[name]).as_py() == 0]
    return table.drop_columns(empty)


def _kind(path: Path, format: str) -> str:
    kind = format or format_of(path)
    if not path.is_file():
        raise InputError(f"{path} is not a file that can be read: give an existing CSV, JSON lines or Parquet file")
    return kind


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else path.open("rb")


def write(table: pa.Table, path: Path) -> None:
    """Keep scored messages as Parquet, whole or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        parquet.write_table(table, half, compression="zstd")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise InputError(f"the scores cannot be kept as {path}: {error.strerror or error}") from error
