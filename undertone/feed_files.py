"""Rows out of CSV, JSON lines and Parquet files, gzipped or not: one broken row costs itself and not the file.

Knows nothing of messages or of what a column means; :mod:`undertone.replay` does.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import msgspec

from undertone.errors import InputError

FORMATS = ("csv", "tsv", "jsonl", "parquet")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
PARQUET_BATCH = 4_096
RECORD_LINES = 1_000
"""A quoted CSV field may span this many lines; a quote that stays open longer was never meant to open."""

BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One row: the line that it begins at (Parquet: the row's number), from 1, and its fields by column name."""

    line: int
    fields: dict[str, Any]


class Problem(NamedTuple):
    """One row that cannot be used, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Layout:
    """How files are to be read.

    Attributes:
        format: One of FORMATS; empty means: by the file's name.
        columns: Names of the columns of a CSV file without a header line; empty means that it has one.
        encoding: Of CSV and JSON lines.
        delimiter: Of CSV; empty means a comma, or a tab for TSV.
    """

    format: str = ""
    columns: tuple[str, ...] = ()
    encoding: str = "utf-8"
    delimiter: str = ""

    def __post_init__(self) -> None:
        try:
            "\n".encode(self.encoding)
        except LookupError as error:
            raise InputError(
                f"encoding {self.encoding!r} is not known: valid are utf-8, latin-1, cp1252, gb18030 …"
            ) from error
        if self.format and self.format not in FORMATS:
            raise InputError(f"format {self.format!r} is not known: valid are {', '.join(FORMATS)}")
        if len(self.delimiter) > 1:
            raise InputError(f"delimiter {self.delimiter!r} is too long: valid is one character")


def read(path: Path, layout: Layout, advance: Callable[[int], None] | None = None) -> Iterator[Row | Problem]:
    """The rows of a file in its order, with a Problem in the place of each that cannot be read.

    Args:
        path: The file.
        layout: How to read it.
        advance: Told how many more bytes of the file on disk have been read.

    Raises:
        InputError: if there is no such file or it is not of its format at all.
    """
    kind = layout.format or format_of(path)
    if not path.is_file():
        raise InputError(f"{path} is not a file that can be read: give an existing CSV, JSON lines or Parquet file")
    if kind == "parquet":
        return _parquet(path, advance or _ignore)
    try:
        raw: IO[bytes] = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    lines = _Lines(path, raw, layout.encoding, advance or _ignore)
    return _jsonl(lines) if kind == "jsonl" else _csv(lines, layout, "\t" if kind == "tsv" else ",")


def _ignore(_bytes: int) -> None:
    pass


def format_of(path: Path) -> str:
    """The format that a file's name tells.

    Raises:
        InputError: if it tells none.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    try:
        return _SUFFIXES[suffixes[-1]]
    except (IndexError, KeyError):
        raise InputError(
            f"{path} has no ending that says what it is: give --format, one of {', '.join(FORMATS)}"
        ) from None


class _Lines:
    """The decoded lines of a file, numbered; a line that is not in the encoding is a Problem of its own."""

    def __init__(self, path: Path, raw: IO[bytes], encoding: str, advance: Callable[[int], None]) -> None:
        self.name = str(path)
        self._raw = raw
        self._encoding = encoding
        self._advance = advance
        self._told = 0

    def __iter__(self) -> Iterator[tuple[int, str] | Problem]:
        number = 0
        with self._raw:
            try:
                for number, line in enumerate(self._open(), 1):
                    if number % 512 == 0:
                        self._tell()
                    yield self._decoded(number, line)
            except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
                yield Problem(self.name, number + 1, f"the file cannot be read on from here: {error}")
            self._tell()

    def _open(self) -> Iterator[bytes | str]:
        raw = self._raw
        start = raw.read(3)
        raw.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if start[:2] == b"\x1f\x8b" else raw
        # In an encoding such as UTF-16 the byte of a line feed is not a line's end, so lines come after decoding.
        if "\n".encode(self._encoding) != b"\n":
            # Kept, since the wrapper closes the file when it is let go.
            self._text = io.TextIOWrapper(cast(Any, stream), encoding=self._encoding, newline="\n")
            return iter(self._text)
        return iter(stream)

    def _decoded(self, number: int, line: bytes | str) -> tuple[int, str] | Problem:
        if isinstance(line, str):
            return number, line.removeprefix("\ufeff") if number == 1 else line
        if number == 1:
            line = line.removeprefix(BOM)
        try:
            return number, line.decode(self._encoding)
        except UnicodeDecodeError as error:
            reason = f"byte {error.start + 1} of the line is not {self._encoding}: give --encoding"
            return Problem(self.name, number, reason)

    def _tell(self) -> None:
        at = self._raw.tell()
        self._advance(at - self._told)
        self._told = at


def _jsonl(lines: _Lines) -> Iterator[Row | Problem]:
    decode = msgspec.json.Decoder().decode
    for one in lines:
        if isinstance(one, Problem):
            yield one
            continue
        number, text = one
        if not text.strip():
            continue
        try:
            fields = decode(text)
        except msgspec.DecodeError as error:
            yield Problem(lines.name, number, f"not JSON: {error}")
            continue
        if isinstance(fields, dict):
            yield Row(number, fields)
        else:
            yield Problem(lines.name, number, f"an object is needed, given {text.strip()[:40]!r}")


def _csv(lines: _Lines, layout: Layout, delimiter: str) -> Iterator[Row | Problem]:
    names: Sequence[str] = layout.columns
    for one in _records(lines, layout.delimiter or delimiter):
        if isinstance(one, Problem):
            yield one
            continue
        number, cells = one
        if not cells:
            continue
        if not names:
            names = [name.strip() for name in cells]
        elif len(cells) > len(names):
            yield Problem(lines.name, number, f"{len(cells)} fields, {len(names)} columns ({', '.join(names)})")
        else:
            yield Row(number, dict(zip(names, cells, strict=False)))


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]] | Problem]:
    """CSV records; after a broken one reading goes on at the next line, so that a stray quote costs one line."""
    source = iter(lines)
    waiting: list[tuple[int, str] | Problem] = []  # lines that a broken record had swallowed, last first
    taken: list[tuple[int, str]] = []  # lines of the record that is being read
    bad: list[Problem] = []

    def feed() -> Iterator[str]:
        while True:
            one = waiting.pop() if waiting else next(source, None)
            if one is None:
                return
            if isinstance(one, Problem):
                bad.append(one)
                continue
            if len(taken) >= RECORD_LINES:
                waiting.append(one)
                raise csv.Error(f"a quote stays open for {RECORD_LINES} lines")
            taken.append(one)
            yield one[1].replace("\0", "")

    while True:
        taken.clear()
        try:
            cells = next(csv.reader(feed(), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            number = taken[0][0]
            waiting.extend(reversed(taken[1:]))
            bad.append(Problem(lines.name, number, f"not CSV: {error}"))
            yield from sorted(bad, key=lambda problem: problem.line)
            bad.clear()
            continue
        yield from bad
        bad.clear()
        if cells is None:
            return
        yield taken[0][0], cells


def _parquet(path: Path, advance: Callable[[int], None]) -> Iterator[Row | Problem]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error
    return _batches(path, file, advance)


def _batches(path: Path, file: Any, advance: Callable[[int], None]) -> Iterator[Row | Problem]:
    import pyarrow

    number, size, rows = 0, path.stat().st_size, max(1, file.metadata.num_rows)
    with file:
        try:
            for batch in file.iter_batches(batch_size=PARQUET_BATCH):
                for fields in batch.to_pylist():
                    number += 1
                    yield Row(number, fields)
                advance(size * batch.num_rows // rows)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            yield Problem(str(path), number + 1, f"the file cannot be read on from here: {error}")
