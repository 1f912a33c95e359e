"""``undertone labels import``: labels out of files, each row checked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.file_options import FILE, Encoding, Format, column, header, names_in
from undertone.cli.group import REFUSED
from undertone.cli.options import Bootstrap, Json, settings
from undertone.cli.output import notes, print_json
from undertone.cli.replay import Refused

if TYPE_CHECKING:
    from undertone.labels import Log
    from undertone.messages import Label, Release, Sentiment
    from undertone.settings import Settings


AnyTopic = Annotated[bool, typer.Option("--any-topic", help="Take topics that the model does not have.")]


def import_labels(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV, JSON lines (also .gz) or Parquet.")],
    by: Annotated[str, typer.Option(help="Who labelled rows that name nobody.", show_default=False)] = "",
    source: Annotated[str, typer.Option(help="Through what they come, such as a desk.")] = "import",
    licence: Annotated[str, typer.Option(help="SPDX name of the texts' licence.", show_default=False)] = "",
    sentiments: Annotated[
        str | None,
        typer.Option(metavar="0=negative,…", help="What the file's sentiments mean.", show_default=False),
    ] = None,
    text_column: Annotated[str | None, column("--text-column", "The text.")] = None,
    sentiment_column: Annotated[str | None, column("--sentiment-column", "negative, neutral or positive.")] = None,
    topic_column: Annotated[str | None, column("--topic-column", "One of the model's topics.")] = None,
    entity_column: Annotated[str | None, column("--entity-column", "An entity, as the text names it.")] = None,
    entity_sentiment_column: Annotated[
        str | None, column("--entity-sentiment-column", "The sentiment towards it.")
    ] = None,
    by_column: Annotated[str | None, column("--by-column", "Who labelled.")] = None,
    time_column: Annotated[str | None, column("--time-column", "When (default: now).")] = None,
    source_column: Annotated[str | None, column("--source-column", "The source (never guessed).")] = None,
    licence_column: Annotated[str | None, column("--licence-column", "The text's licence.")] = None,
    comment_column: Annotated[str | None, column("--comment-column", "Why (never guessed).")] = None,
    columns: Annotated[str | None, header("text,sentiment,…")] = None,
    format: Format = "",
    encoding: Encoding = "utf-8",
    raw: Annotated[
        bool, typer.Option("--raw", help="The file is of `export --raw`: records as they are.", rich_help_panel=FILE)
    ] = False,
    any_topic: AnyTopic = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check, send nothing.")] = False,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Import labels. Rows that cannot be used are named, and the rest goes on (exit code 3).

    What the topic holds already is not sent again: the same word of the same person of the same text is one label.
    So an import that was stopped goes on when it is given again, and an old file does not undo a later correction.
    """
    from undertone import broker
    from undertone.feed_files import Layout
    from undertone.labels import files, log
    from undertone.topics import LABELS

    chosen = settings(bootstrap_servers=bootstrap_servers)
    roles = {
        "text": text_column,
        "sentiment": sentiment_column,
        "topic": topic_column,
        "entity": entity_column,
        "entity_sentiment": entity_sentiment_column,
        "by": by_column,
        "time": time_column,
        "source": source_column,
        "licence": licence_column,
        "comment": comment_column,
    }
    refused = Refused()
    found: Iterable[Label | Release]
    if raw:
        found = files.records_in(file, refused)
    else:
        layout = Layout(format, names_in(columns), encoding)
        mapping = files.Columns(
            at=datetime.now(UTC),
            columns={role: name for role, name in roles.items() if name is not None},
            by=by,
            source=source,
            licence=licence,
            sentiments=_meanings(sentiments),
            topics=None if any_topic else known_topics(chosen),
        )
        found = files.labels_in(file, layout, mapping, refused)
    broker.check(chosen, LABELS)
    fresh, known = _new(found, log.read(chosen))
    sent = 0 if dry_run else log.send(chosen, fresh)
    if as_json:
        print_json({"read": len(fresh) + known + refused.count, "sent": sent, "known": known, "refused": refused.count})
    else:
        verb = f"{len(fresh):,} labels could be imported" if dry_run else f"{sent:,} labels imported"
        notes().print(f"{verb}; {known:,} known already; {refused.count:,} rows refused.", soft_wrap=True)
    if refused.count:
        raise typer.Exit(REFUSED)


def _new(found: Iterable[Label | Release], log: Log) -> tuple[list[Label | Release], int]:
    """The records whose id neither the topic nor an earlier row has, and how many others there are."""
    seen = {one.label.id for one in log.labels} | {one.release.id for one in log.releases}
    fresh: list[Label | Release] = []
    known = 0
    for one in found:
        if one.id in seen:
            known += 1
        else:
            seen.add(one.id)
            fresh.append(one)
    return fresh, known


def _meanings(given: str | None) -> dict[str, Sentiment]:
    from undertone.errors import InputError
    from undertone.labels.judge import sentiment_of

    found: dict[str, Sentiment] = {}
    for pair in filter(None, map(str.strip, (given or "").split(","))):
        word, equals, meaning = pair.partition("=")
        sentiment = sentiment_of(meaning)
        if not equals or sentiment is None:
            raise InputError(f"--sentiments {pair!r} cannot be used: valid is 0=negative,1=neutral,2=positive")
        found[word.strip()] = sentiment
    return found


def known_topics(chosen: Settings) -> tuple[str, ...] | None:
    """The topics of the model that the settings name; None where it knows none, so that any is valid."""
    from undertone.scorer import NO_TOPIC, load_scorer

    found = load_scorer(chosen.model).topics
    return None if found == (NO_TOPIC,) else found
