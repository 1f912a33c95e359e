"""``undertone labels export`` and ``freeze``: what may train into a file, and the gate set as hashes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.label_import import AnyTopic, known_topics
from undertone.cli.options import Bootstrap, Json, settings
from undertone.cli.output import notes, print_json

if TYPE_CHECKING:
    from undertone.labels import Gate, Log, Training
    from undertone.messages import Label, Release


def export_labels(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="Ending in .jsonl, .csv or .parquet; - for JSON lines.")
    ],
    gate: Annotated[
        list[Path] | None,
        typer.Option(
            help="File with more texts that must never train (column text), or with their hashes (.xxh64).",
            show_default=False,
        ),
    ] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(help="Whose word outranks and is not capped.  env: UNDERTONE_LABEL_REVIEWERS", show_default=False),
    ] = None,
    set_aside: Annotated[
        Path | None, typer.Option(help="Write what was set aside, and why, as JSON lines.", show_default=False)
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="All records as they are (JSON lines), for a copy.")] = False,
    any_topic: AnyTopic = False,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Write the labels that may train, one answer a text, and say what was set aside and why.

    Texts of a gate set, and their near repeats, never leave; nor do labels that are disputed or in quarantine. Of the
    shipped model's gate set only hashes are at hand, which find the same words and one word more.
    """
    from undertone import labels as rule
    from undertone.errors import InputError
    from undertone.labels import log

    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        raise InputError("With - the data are on standard output, where --json would print too: give a FILE")
    format = "jsonl" if to_stdout or raw else _format(file)
    chosen = settings(bootstrap_servers=bootstrap_servers, label_reviewers=tuple(reviewer) if reviewer else None)
    found = log.read(chosen)
    if raw:
        _export_raw(found, None if to_stdout else file, as_json=as_json)
        return
    frozen = _gate(gate)
    topics = None if any_topic else known_topics(chosen)
    training = rule.for_training(found, frozen, rule.Limits.of(chosen), datetime.now(UTC), topics)
    _write(training, None if to_stdout else file, format)
    if set_aside is not None:
        _write_aside(training, set_aside)
    if as_json:
        print_json(
            {
                "file": str(file),
                "texts": len(training.rows),
                "set_aside": training.counts,
                "unreadable": len(found.unreadable),
                "gate": len(frozen),
            }
        )
    else:
        _say(training, found, frozen)


def _format(file: Path) -> str:
    from undertone.errors import InputError
    from undertone.labels.files import FORMATS

    format = file.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise InputError(f"{file} has no ending that says what it is: valid are {', '.join(FORMATS)}")
    return format


def _gate(paths: list[Path] | None) -> Gate:
    from undertone.labels import Gate

    found = Gate.shipped()
    for path in paths or ():
        found |= Gate.read(path)
    return found


def _write(training: Training, file: Path | None, format: str) -> None:
    from undertone.labels import files

    rows = files.table(training.rows)
    if file is None:
        files.write_rows(rows, sys.stdout, format)
    else:
        files.write_file(rows, file, format)


def _write_aside(training: Training, file: Path) -> None:
    from undertone.errors import InputError
    from undertone.labels import files

    try:
        with file.open("w", encoding="utf-8") as out:
            files.write_aside(training.set_aside, out)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error


def _say(training: Training, found: Log, frozen: Gate) -> None:
    notes().print(f"{len(training.rows):,} texts may train; checked against {len(frozen):,} gate texts.")
    for reason, count in training.counts.items():
        notes().print(f"  set aside: {reason} {count:,}")
    if found.unreadable:
        notes().print(f"  not labels at all: {len(found.unreadable):,} records")


def _export_raw(found: Log, file: Path | None, *, as_json: bool) -> None:
    from undertone.errors import InputError
    from undertone.labels import files

    arrivals: list[tuple[datetime, Label | Release]] = [(at, one) for one, at in found.labels]
    arrivals += [(at, one) for one, at in found.releases]
    records = [one for _, one in sorted(arrivals, key=lambda arrival: arrival[0])]
    try:
        if file is None:
            files.write_records(records, sys.stdout)
        else:
            with file.open("w", encoding="utf-8") as out:
                files.write_records(records, out)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"file": str(file), "records": len(records), "unreadable": len(found.unreadable)})
    else:
        notes().print(f"{len(records):,} records written; {len(found.unreadable):,} could not be read.")


def freeze_gate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="CSV, JSON lines or Parquet with a column text.")
    ],
    to: Annotated[Path, typer.Option(help="The file to write, ending in .xxh64.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Write hashes of gate texts that may not travel themselves, for `labels export --gate`."""
    from undertone.errors import InputError
    from undertone.labels.gate import SUFFIX, Gate, freeze

    if to.suffix != SUFFIX:
        raise InputError(f"{to} cannot be used: the file's name has to end in {SUFFIX}")
    texts = [text for file in files for text in Gate.read(file).texts]
    try:
        count = freeze(texts, to)
    except OSError as error:
        raise InputError(f"{to} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"file": str(to), "texts": len(texts), "hashes": count})
    else:
        print(f"{len(texts):,} texts, {count:,} hashes in {to}.")
