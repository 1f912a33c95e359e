"""Rows out of labelled files: one reader for each form that data come in, every row with its source's licence.

Knows the forms, not the tasks; which rows train and which test is for `training/prepare.py`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.task import HeadName, LabelColumn, Source, Task
from undertone import feed_files
from undertone.errors import InputError
from undertone.text import clean

UNKNOWN = -1
_ENTITY_LABEL = re.compile(r"['\"]((?:[^'\"]|['\"](?![:,}]))+)['\"]: ['\"](\w+)['\"]")


@dataclass(slots=True)
class Row:
    """One text with the labels that its source gives; one that it does not give is `UNKNOWN`.

    The label `entity` is the sentiment towards what the characters [start, end) of the text name.
    """

    text: str
    source: str
    licence: str
    topic: int = UNKNOWN
    sentiment: int = UNKNOWN
    entity: int = UNKNOWN
    start: int = 0
    end: int = 0
    clean: bool = True  # False: this row of a frozen set nearly repeats a row that trains


def read(task: Task, source: Source, data: Path, leaks: Mapping[str, list[int]]) -> list[Row]:
    """Return the rows of a source; those that `leaks` lists for its file by number are not `clean`.

    Raises:
        InputError: if the file, a column or a label is not what the task says, with file and line.
    """
    readers = {"table": _table, "pairs": _pairs, "sentences": _sentences, "entity-table": _entity_table}
    repeats = set(leaks.get(source.file, ()))
    rows: list[Row] = []
    for number, found in enumerate(readers[source.reader](task, source, data)):
        rows += [replace(row, clean=number not in repeats) for row in found]
    return rows


def path_of(source: Source, data: Path) -> Path:
    """Return the file of a source; an absolute one stands as it is."""
    return data / source.file


def _table(task: Task, source: Source, data: Path) -> Iterator[list[Row]]:
    for place, fields in _fields(source, data):
        row = Row(_text(source, fields, place), source.name, source.licence)
        for head, column in source.labels.items():
            value = fields.get(column.column)
            if value is None or value == "":
                continue
            setattr(row, head, _label(task, head, column, value, place))
        if source.entity and row.entity != UNKNOWN:
            span = find_entity(row.text, str(fields.get(source.entity) or ""))
            if span is None:
                row.entity = UNKNOWN
            else:
                row.start, row.end = span
        yield [row]


def _pairs(task: Task, source: Source, data: Path) -> Iterator[list[Row]]:
    [(head, column)] = source.labels.items()
    path = path_of(source, data)
    for number, (text, value) in enumerate(json.loads(path.read_text(encoding=source.encoding)), 1):
        row = Row(clean(text), source.name, source.licence)
        setattr(row, head, _label(task, head, column, value, f"{path}:{number}"))
        yield [row]


def _sentences(task: Task, source: Source, data: Path) -> Iterator[list[Row]]:
    [(head, column)] = source.labels.items()
    path = path_of(source, data)
    for number, line in enumerate(path.read_text(encoding=source.encoding).splitlines(), 1):
        text, _, value = line.rpartition("@")
        row = Row(clean(text), source.name, source.licence)
        setattr(row, head, _label(task, head, column, value, f"{path}:{number}"))
        yield [row]


def _entity_table(task: Task, source: Source, data: Path) -> Iterator[list[Row]]:
    """One row for each entity that the text names; the first also carries the text's label, if all agree."""
    column = source.labels["entity"]
    for place, fields in _fields(source, data):
        text = _text(source, fields, place)
        # A dict in Python's spelling whose names hold bare apostrophes: no parser reads it, a pattern does.
        labels = {
            name: _label(task, "entity", column, value, place)
            for name, value in _ENTITY_LABEL.findall(str(fields[column.column]))
        }
        agreed = next(iter(labels.values())) if len(set(labels.values())) == 1 else UNKNOWN
        rows = []
        for name, label in labels.items():
            span = find_entity(text, name)
            if span is not None:
                rows.append(Row(text, source.name, source.licence, entity=label, start=span[0], end=span[1]))
        if not rows:
            rows.append(Row(text, source.name, source.licence))
        if "sentiment" in task.heads:
            rows[0].sentiment = agreed
        yield rows


def _fields(source: Source, data: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (file and line, fields) of each row of a table, from a file or the Hugging Face hub."""
    if source.file.startswith("hf:"):
        yield from _hub(source)
        return
    path = path_of(source, data)
    for row in feed_files.read(path, feed_files.Layout(encoding=source.encoding)):
        if isinstance(row, feed_files.Problem):
            raise InputError(f"{row}. Training data must be whole: mend or remove that row")
        yield f"{path}:{row.line}", row.fields


def _hub(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise InputError(
            f"Source {source.name!r} is {source.file!r}, on the Hugging Face hub, which needs the package datasets: "
            "install it with: pip install datasets; or give a file"
        ) from error
    name, _, split = source.file.removeprefix("hf:").partition("#")
    try:
        rows: Iterable[Mapping[str, Any]] = load_dataset(name, split=split or "train")
    except Exception as error:  # datasets has many ways to say that it cannot
        raise InputError(f"Source {source.name!r}: {name!r} cannot be loaded from the hub: {error}") from error
    for number, fields in enumerate(rows):
        yield f"{source.file}:{number}", fields


def _text(source: Source, fields: Mapping[str, Any], place: str) -> str:
    if source.text not in fields:
        raise InputError(f"{place}: no column {source.text!r}; the columns are {', '.join(fields)}")
    return clean(str(fields[source.text] or ""))


def _label(task: Task, head: HeadName, column: LabelColumn, value: object, place: str) -> int:
    """Return the number of the label that stands in a file as its name, as a mapped value or as its number."""
    labels = task.labels(head)
    name = column.values.get(str(value), str(value))
    if name in labels:
        return labels.index(name)
    if not column.values and name.isdecimal() and int(name) < len(labels):
        return int(name)
    raise InputError(f"{place}: {value!r} is no label of {head}; valid are {', '.join(column.values or labels)}")


def find_entity(text: str, name: str) -> tuple[int, int] | None:
    """Return the characters [start, end) at which a text first names an entity, as whole words; None if it does not."""
    name = clean(name)
    if not name:
        return None
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) or re.search(
        re.escape(name), text, re.IGNORECASE
    )
    return None if found is None else found.span()
