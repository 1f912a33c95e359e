"""Fresh labels as sources of a run: a file that `undertone labels export` wrote, parted by licence.

The rows are copied into the run's folder, so that a run that goes on after a kill goes on with the same labels.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from training.task import OWN, PERMISSIVE, HeadName, LabelColumn, Source, Task
from undertone.errors import InputError
from undertone.feed_files import Layout, Problem, read

FOLDER = "labels"
NAME = "labels"
COLUMNS: Mapping[HeadName, str] = {"topic": "topic", "sentiment": "sentiment", "entity": "entity_sentiment"}
_KEPT = ("text", "topic", "sentiment", "entity", "entity_sentiment")

Fields = Mapping[str, Any]


def take_in(out: Path, task: Task, rows: Iterable[Fields]) -> tuple[Source, ...]:
    """Copy rows into the run `out`, unless it has labels already, and return its sources.

    Args:
        out: The run's folder.
        task: Its heads say which columns count.
        rows: As `undertone labels export` has them; `licence` empty: the operator's own.

    Raises:
        InputError: a row's licence keeps a model that ships from being trained on it, or nothing is there.
    """
    folder = out / FOLDER
    if not folder.is_dir():
        _write(folder, _by_licence(task, rows))
    return sources_in(out, task)


def sources_in(out: Path, task: Task) -> tuple[Source, ...]:
    """Return the sources of the fresh labels that a run has; none where it has none."""
    labels: dict[HeadName, LabelColumn] = {
        head: LabelColumn(column) for head, column in COLUMNS.items() if head in task.heads
    }
    return tuple(
        Source(
            name=NAME if file.stem == OWN else f"{NAME}-{file.stem}",
            file=str(file.absolute()),
            licence=file.stem,
            use="train",
            labels=labels,
            entity="entity",
        )
        for file in sorted((out / FOLDER).glob("*.parquet"))
    )


def rows_of_file(path: Path) -> list[Fields]:
    """Return the rows of a file of exported labels. Raises InputError where it or one row cannot be read."""
    rows: list[Fields] = []
    for row in read(path, Layout()):
        if isinstance(row, Problem):
            raise InputError(f"{row}. Fresh labels must be whole: export them again with `undertone labels export`")
        rows.append(row.fields)
    return rows


def _by_licence(task: Task, rows: Iterable[Fields]) -> dict[str, list[dict[str, str | None]]]:
    found: defaultdict[str, list[dict[str, str | None]]] = defaultdict(list)
    for row in rows:
        text = row.get("text")
        if not text:
            raise InputError(f"A fresh label has no column 'text'; its columns are {', '.join(row)}")
        licences = sorted({name.strip() for name in str(row.get("licence") or "").split(";") if name.strip()})
        unfit = [name for name in licences if name not in PERMISSIVE]
        if unfit and task.shippable:
            raise InputError(
                f"A fresh label's text is under {unfit[0]!r}, which may not train a model that ships; valid are "
                f"{', '.join(sorted(PERMISSIVE))}, or none for your own. Leave such rows out of the file"
            )
        found["+".join(licences) if unfit else (licences or [OWN])[-1]].append(
            {name: str(row[name]) if row.get(name) else None for name in _KEPT}
        )
    if not found:
        raise InputError("No label is fresh: nothing to train on. See `undertone labels list`")
    return found


def _write(folder: Path, parts: Mapping[str, list[dict[str, str | None]]]) -> None:
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    shape = pyarrow.schema([(name, pyarrow.string()) for name in _KEPT])
    for licence, rows in parts.items():
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=shape), unfinished / f"{licence}.parquet")
    unfinished.rename(folder)
