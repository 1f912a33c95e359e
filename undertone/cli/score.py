"""``undertone score``: topic and sentiment of texts, without Kafka or Redis."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import REFUSED
from undertone.cli.options import EntitiesFile, Json, Model, Threads, settings
from undertone.cli.output import print_json

if TYPE_CHECKING:
    from undertone.feed_files import Problem

BATCH = 64


def score(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT…|FILE|-", help="Texts; or one file (also .gz); or - for lines.")
    ],
    column: Annotated[str, typer.Option(help="The column or field of a file that holds the text.")] = "text",
    model: Model = None,
    threads: Threads = None,
    entities_file: EntitiesFile = None,
    as_json: Json = False,
) -> None:
    """Print one JSON object a line for each text; on a terminal a short line instead, unless --json is given."""
    from undertone.entities import Linker
    from undertone.scorer import load_scorer
    from undertone.text import clean

    chosen = settings(model=model, threads=threads, entities_file=entities_file)
    scorer = load_scorer(chosen.model, threads=chosen.threads)
    linker = Linker.load(chosen.entities_file)
    short = sys.stdout.isatty() and not as_json
    refused: list[Problem] = []
    lines = ((raw, clean(raw, chosen.max_text_bytes)) for raw in _texts(texts, column, refused))
    while batch := list(itertools.islice(lines, BATCH)):
        scores = scorer.score([text for _, text in batch])
        for (raw, text), topics, sentiments in zip(batch, scores.topic, scores.sentiment, strict=True):
            shape = {
                "text": raw,
                "topic": scorer.topics[int(topics.argmax())],
                "topic_probabilities": _named(scorer.topics, topics),
                "sentiment": scorer.sentiments[int(sentiments.argmax())],
                "sentiment_probabilities": _named(scorer.sentiments, sentiments),
                "entities": linker.link(text),
                "model": scorer.version,
            }
            if short:
                print(_line(shape, text))
            else:
                print_json(shape)
    for problem in refused:
        typer.echo(str(problem), err=True)
    if refused:
        raise typer.Exit(REFUSED)


def _texts(given: list[str], column: str, refused: list[Problem]) -> Iterator[str]:
    from undertone.feed_files import Problem

    if given == ["-"]:
        numbered: Iterator[tuple[str, int, str]] = (
            ("stdin", number, raw.decode("utf-8", "replace")) for number, raw in enumerate(sys.stdin.buffer, 1)
        )
    elif len(given) == 1 and Path(given[0]).is_file():
        numbered = _file(Path(given[0]), column, refused)
    else:
        numbered = (("argument", number, text) for number, text in enumerate(given, 1))
    for name, number, text in numbered:
        if text.strip():
            yield text.rstrip("\r\n")
        else:
            refused.append(Problem(name, number, "the text is empty"))


def _file(path: Path, column: str, refused: list[Problem]) -> Iterator[tuple[str, int, str]]:
    from undertone.errors import InputError
    from undertone.feed_files import Layout, Problem, format_of, read

    if path.suffix == ".txt":
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            yield str(path), number, line
        return
    is_table = format_of(path) != "jsonl"
    for row in read(path, Layout()):
        if isinstance(row, Problem):
            refused.append(row)
            continue
        if column in row.fields:
            yield str(path), row.line, str(row.fields[column] or "")
        elif is_table:
            raise InputError(f"{path} has no column {column!r}: give --column, one of {', '.join(row.fields)}")
        else:
            refused.append(Problem(str(path), row.line, f"no field {column!r}: give --column"))


def _named(labels: tuple[str, ...], row: Any) -> dict[str, float]:
    return {label: round(float(p), 6) for label, p in zip(labels, row, strict=True)}


def _line(shape: dict[str, Any], text: str) -> str:
    sentiment, topic = shape["sentiment"], shape["topic"]
    p, q = shape["sentiment_probabilities"][sentiment], shape["topic_probabilities"][topic]
    return f"{sentiment:9}{p:.2f}  {topic:26}{q:.2f}  {','.join(shape['entities']):12}{text}"
