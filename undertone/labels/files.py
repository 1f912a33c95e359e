"""Labels out of files and into files: rows of CSV, JSON lines and Parquet, or the records as they are.

Says what a column means. One broken row costs itself and not the file. Reads no clock.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from undertone import replay
from undertone.errors import InputError, Rejected
from undertone.feed_files import Layout, Problem, Row, format_of, read
from undertone.labels.judge import judge, sentiment_of
from undertone.labels.records import decode
from undertone.labels.review import Row as Trained
from undertone.labels.set_aside import SetAside
from undertone.messages import Label, Release, Sentiment, from_ms

GUESSES: Mapping[str, tuple[str, ...]] = {
    "text": replay.GUESSES["text"],
    "sentiment": ("sentiment",),
    "topic": ("topic",),
    "entity": ("entity",),
    "entity_sentiment": ("entity_sentiment",),
    "by": ("labelled_by", "annotator"),
    "time": ("labelled_at",),
    "source": (),
    "licence": ("licence", "license"),
    "comment": (),
}
"""What a column is called when nobody says so; the first that a row has wins. No guess: only where it is named."""

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = (
    "text",
    "sentiment",
    "topic",
    "entity",
    "entity_sentiment",
    "labelled_by",
    "labelled_at",
    "source",
    "licence",
)
"""Of an exported file, in this order. Several people, sources or licences have `; ` between them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, and what holds for rows whose columns do not say.

    Attributes:
        columns: Role → column, for roles of GUESSES; the others are guessed.
        by: Who labelled, where no column says.
        at: When, where no column says. A label without a time of its own is one label whenever it is imported.
        source: Through what the labels come.
        licence: SPDX name of the texts' licence; empty: the operator's own.
        sentiments: What stands in the file → sentiment, for files with numbers or words of their own.
        topics: The topics that are valid; None: any.
    """

    at: datetime
    columns: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    source: str = "import"
    licence: str = ""
    sentiments: Mapping[str, Sentiment] = field(default_factory=dict)
    topics: Collection[str] | None = None


def labels_in(path: Path, layout: Layout, columns: Columns, problems: Callable[[Problem], None]) -> Iterator[Label]:
    """The labels of a file, in its order; `problems` is told of every row that is none, and the rest goes on.

    A row with neither sentiment nor topic nor entity is refused as one that says nothing.

    Raises:
        InputError: if there is no such file, or it has no column for the text.
    """
    roles: dict[str, tuple[str, ...]] = {}
    for row in read(path, layout):
        if isinstance(row, Problem):
            problems(row)
            continue
        if not roles or (layout.format or format_of(path)) == "jsonl":
            roles = _roles(path, layout, columns.columns, row.fields)
        try:
            yield _label(row, roles, columns)
        except (InputError, Rejected) as error:
            problems(Problem(str(path), row.line, str(error)))


def _roles(
    path: Path, layout: Layout, chosen: Mapping[str, str], cells: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    by_name = {name.lower(): name for name in cells}
    roles = {
        role: (chosen[role],) if role in chosen else tuple(by_name.get(name, name) for name in names)
        for role, names in GUESSES.items()
    }
    if (layout.format or format_of(path)) == "jsonl":
        return roles  # each line has fields of its own
    for name in chosen.values():
        if name not in cells:
            raise InputError(f"{path} has no column {name!r}: it has {', '.join(cells)}")
    if not any(name in cells for name in roles["text"]):
        raise InputError(
            f"{path} has no column that looks like a text: it has {', '.join(cells)}. Give --text-column, "
            "or --columns text,sentiment where the file has no header line"
        )
    return roles


def _label(row: Row, roles: Mapping[str, tuple[str, ...]], columns: Columns) -> Label:
    cells = {role: _cell(row.fields, names) for role, names in roles.items()}
    text, who, topic, time = cells["text"], cells["by"] or columns.by, cells["topic"], cells["time"]
    if text is None:
        raise InputError(f"no text in any of {', '.join(roles['text'])}")
    if not who:
        raise InputError("nobody is named who labelled: give --by, or --by-column for a column that says it")
    if topic is not None and columns.topics is not None and topic not in columns.topics:
        raise InputError(f"topic {topic[:60]!r} is not known: valid are {', '.join(columns.topics)}")
    return judge(
        text,
        by=who,
        at=columns.at if time is None else from_ms(replay.parse_time(time)[0]),
        sentiment=_sentiment(cells["sentiment"], columns.sentiments),
        topic=topic,
        entity=cells["entity"],
        entity_sentiment=_sentiment(cells["entity_sentiment"], columns.sentiments),
        source=cells["source"] or columns.source,
        licence=cells["licence"] or columns.licence,
        comment=cells["comment"] or "",
        once=time is None,
    )


def _cell(fields: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = fields.get(name)
        if value is not None and str(value).strip():
            return str(value)
    return None


def _sentiment(cell: str | None, words: Mapping[str, Sentiment]) -> Sentiment | None:
    if cell is not None and words:
        try:
            return words[cell.strip()]
        except KeyError:
            raise InputError(f"sentiment {cell.strip()[:40]!r} is not among those named: {', '.join(words)}") from None
    return sentiment_of(cell)


def records_in(path: Path, problems: Callable[[Problem], None]) -> Iterator[Label | Release]:
    """The records of a file that :func:`write_records` wrote, as they were; of a line that is none `problems` is told.

    Raises:
        InputError: if there is no such file.
    """
    for row in read(path, Layout(format="jsonl")):
        if isinstance(row, Problem):
            problems(row)
            continue
        try:
            yield decode(msgspec.json.encode(row.fields))
        except Rejected as error:
            problems(Problem(str(path), row.line, f"{error.reason}: {error}"))


def write_records(records: Iterable[Label | Release], file: IO[str]) -> None:
    """Write records as JSON lines, every field as it is on the topic."""
    for record in records:
        file.write(msgspec.json.encode(record).decode() + "\n")


def shape_of(one: SetAside) -> dict[str, Any]:
    """One entry that was set aside, for scripts."""
    return {
        "reason": one.reason.value,
        "text": one.text,
        "about": one.about,
        "by": one.by,
        "detail": one.detail,
        "ids": one.ids,
    }


def write_aside(aside: Iterable[SetAside], file: IO[str]) -> None:
    """Write what was set aside as JSON lines."""
    for one in aside:
        file.write(json.dumps(shape_of(one), ensure_ascii=False) + "\n")


def table(rows: Iterable[Trained]) -> Iterator[dict[str, str | None]]:
    """The rows as flat ones with COLUMNS: one a text, and one more for each entity after the first.

    Only the first row of a text has its sentiment and topic, so that nothing counts twice.
    """
    for row in rows:
        for place, (entity, towards) in enumerate(row.entities or [(None, None)]):
            yield {
                "text": row.text,
                "sentiment": row.sentiment.value if row.sentiment is not None and not place else None,
                "topic": None if place else row.topic,
                "entity": entity,
                "entity_sentiment": None if towards is None else towards.value,
                "labelled_by": "; ".join(row.by),
                "labelled_at": row.labelled_at.isoformat(),
                "source": "; ".join(filter(None, row.sources)),
                "licence": "; ".join(filter(None, row.licences)),
            }


def write_rows(rows: Iterable[Mapping[str, str | None]], file: IO[str], format: str) -> None:
    """Write flat rows as JSON lines, without the fields that are empty, or as CSV."""
    if format == "csv":
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    for row in rows:
        filled = {name: value for name, value in row.items() if value}
        file.write(json.dumps(filled, ensure_ascii=False) + "\n")


def write_file(rows: Iterable[Mapping[str, str | None]], path: Path, format: str) -> None:
    """Write flat rows into a file that is there whole or not at all.

    Raises:
        InputError: if it cannot be written.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        if format == "parquet":
            import pyarrow
            from pyarrow import parquet

            shape = pyarrow.schema([(name, pyarrow.string()) for name in COLUMNS])
            parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows], schema=shape), unfinished)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                write_rows(rows, file, format)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
