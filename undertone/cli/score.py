"""``undertone score``: topic and sentiment of texts and towards whom they name, without Kafka or Redis."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from undertone.cli.group import REFUSED
from undertone.cli.options import EntitiesFile, Json, Model, Threads, settings
from undertone.cli.output import print_json

if TYPE_CHECKING:
    from undertone.entities import Linker
    from undertone.feed_files import Problem
    from undertone.scorer import Scorer

BATCH = 64


class _Given(NamedTuple):
    """One text as it was given, and the name of the entity that it is about, if one was."""

    file: str
    line: int
    raw: str
    entity: str | None


class _Line(NamedTuple):
    """One text to score, and where it names each entity that is asked about: characters [start, end) of `text`."""

    raw: str
    text: str
    entities: tuple[str, ...]
    places: dict[str, tuple[int, int]]


def score(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT…|FILE|-", help="Texts; or one file (also .gz); or - for lines.")
    ],
    column: Annotated[str, typer.Option(help="The column or field of a file that holds the text.")] = "text",
    entities: Annotated[
        bool, typer.Option("--entities", help="Add the sentiment towards each company that a text names.")
    ] = False,
    entity: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add the sentiment towards this entity, which each text names.")
    ] = None,
    entity_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The same, for a file: its column that names each row's entity.")
    ] = None,
    model: Model = None,
    threads: Threads = None,
    entities_file: EntitiesFile = None,
    as_json: Json = False,
) -> None:
    """Print one JSON object a line for each text; on a terminal a short line instead, unless --json is given."""
    from undertone.entities import Linker
    from undertone.registry import resolve
    from undertone.scorer import load_scorer

    chosen = settings(model=model, threads=threads, entities_file=entities_file)
    refused: list[Problem] = []
    given = _texts(texts, column, entity, entity_column, refused)
    scorer = load_scorer(resolve(chosen), threads=chosen.threads)
    asked = entities or bool(entity or entity_column)
    if asked:
        scorer.score_entities([])  # refuses here, before anything is printed, where the model cannot tell
    linker = Linker.load(chosen.entities_file)
    short = sys.stdout.isatty() and not as_json
    lines = _lines(given, linker, entities, chosen.max_text_bytes, refused)
    while batch := list(itertools.islice(lines, BATCH)):
        for line, shape in zip(batch, _shapes(scorer, batch, asked), strict=True):
            if short:
                print(_short(shape, line.text))
            else:
                print_json(shape)
    for problem in refused:
        typer.echo(str(problem), err=True)
    if refused:
        raise typer.Exit(REFUSED)


def _lines(
    given: Iterator[_Given], linker: Linker, entities: bool, max_bytes: int, refused: list[Problem]
) -> Iterator[_Line]:
    """The texts to score; one that does not name the entity given with it is refused."""
    from undertone.feed_files import Problem
    from undertone.text import clean

    for one in given:
        text = clean(one.raw, max_bytes)
        linked = linker.link(text)
        places: dict[str, tuple[int, int]] = {}
        if one.entity is not None:
            found = linker.find(text, one.entity)
            if found is None:
                reason = f"the text does not name {one.entity!r}" if one.entity.strip() else "the entity is empty"
                refused.append(Problem(one.file, one.line, reason))
                continue
            places[one.entity] = found
        if entities:
            for symbol, start, end in linker.mentions(text):
                if symbol in linked:
                    places.setdefault(symbol, (start, end))
        yield _Line(one.raw, text, linked, places)


def _shapes(scorer: Scorer, batch: Sequence[_Line], asked: bool) -> Iterator[dict[str, Any]]:
    """The batch as it is printed; the sentiment towards an entity is that at its first mention."""
    from undertone.scorer import Mention

    scores = scorer.score([line.text for line in batch])
    mentions = [Mention(line.text, *place) for line in batch for place in line.places.values()]
    towards: Iterator[Any] = iter(scorer.score_entities(mentions) if asked else ())
    for line, topics, sentiments in zip(batch, scores.topic, scores.sentiment, strict=True):
        shape = {
            "text": line.raw,
            "topic": scorer.topics[int(topics.argmax())],
            "topic_probabilities": _named(scorer.topics, topics),
            "sentiment": scorer.sentiments[int(sentiments.argmax())],
            "sentiment_probabilities": _named(scorer.sentiments, sentiments),
            "entities": line.entities,
            "model": scorer.version,
        }
        if asked:
            shape["entity_sentiments"] = {
                name: {
                    "label": scorer.sentiments[int(row.argmax())],
                    "probabilities": _named(scorer.sentiments, row),
                }
                for name, row in zip(line.places, itertools.islice(towards, len(line.places)), strict=True)
            }
        yield shape


def _texts(
    given: list[str], column: str, entity: str | None, entity_column: str | None, refused: list[Problem]
) -> Iterator[_Given]:
    from undertone.errors import InputError

    is_file = len(given) == 1 and given != ["-"] and Path(given[0]).is_file()
    if entity_column is not None and not (is_file and Path(given[0]).suffix != ".txt"):
        raise InputError(
            "--entity-column names a column of a CSV, JSON lines or Parquet file: give one, or use --entity"
        )
    if entity is not None and entity_column is not None:
        raise InputError("--entity and --entity-column both say whom a text is about: give one of them")
    if given == ["-"]:
        numbered: Iterator[_Given] = (
            _Given("stdin", number, raw.decode("utf-8", "replace"), entity)
            for number, raw in enumerate(sys.stdin.buffer, 1)
        )
    elif is_file:
        numbered = _file(Path(given[0]), column, entity, entity_column, refused)
    else:
        numbered = (_Given("argument", number, text, entity) for number, text in enumerate(given, 1))
    return _not_empty(numbered, refused)


def _not_empty(given: Iterator[_Given], refused: list[Problem]) -> Iterator[_Given]:
    from undertone.feed_files import Problem

    for one in given:
        if one.raw.strip():
            yield one._replace(raw=one.raw.rstrip("\r\n"))
        else:
            refused.append(Problem(one.file, one.line, "the text is empty"))


def _file(
    path: Path, column: str, entity: str | None, entity_column: str | None, refused: list[Problem]
) -> Iterator[_Given]:
    from undertone.errors import InputError
    from undertone.feed_files import Layout, Problem, format_of, read

    if path.suffix == ".txt":
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            yield _Given(str(path), number, line, entity)
        return
    is_table = format_of(path) != "jsonl"
    wanted = {"--column": column} | ({"--entity-column": entity_column} if entity_column else {})
    for row in read(path, Layout()):
        if isinstance(row, Problem):
            refused.append(row)
            continue
        missing = [(flag, name) for flag, name in wanted.items() if name not in row.fields]
        if not missing:
            named = str(row.fields[entity_column] or "") if entity_column else entity
            yield _Given(str(path), row.line, str(row.fields[column] or ""), named)
            continue
        flag, name = missing[0]
        if is_table:
            raise InputError(f"{path} has no column {name!r}: give {flag}, one of {', '.join(row.fields)}")
        refused.append(Problem(str(path), row.line, f"no field {name!r}: give {flag}"))


def _named(labels: tuple[str, ...], row: Any) -> dict[str, float]:
    return {label: round(float(p), 6) for label, p in zip(labels, row, strict=True)}


def _short(shape: dict[str, Any], text: str) -> str:
    sentiment, topic = shape["sentiment"], shape["topic"]
    p, q = shape["sentiment_probabilities"][sentiment], shape["topic_probabilities"][topic]
    towards = shape.get("entity_sentiments")
    told = shape["entities"] if towards is None else [_towards(name, one) for name, one in towards.items()]
    return f"{sentiment:9}{p:.2f}  {topic:26}{q:.2f}  {','.join(told):12}  {text}"


def _towards(name: str, one: dict[str, Any]) -> str:
    return f"{name}:{one['label']}:{one['probabilities'][one['label']]:.2f}"
