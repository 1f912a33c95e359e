"""``undertone replay``: files into Kafka, in the order and at the pace of their own event times."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.file_options import FILE, Encoding, Format, column, header, names_in
from undertone.cli.group import REFUSED
from undertone.cli.options import Bootstrap, Json, Stream, settings
from undertone.cli.output import notes, print_json, progress

if TYPE_CHECKING:
    from undertone.feed_files import Problem

PROBLEMS_SHOWN = 100


class Refused:
    """Counts the rows that are refused, and says so of the first on standard error."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, problem: Problem) -> None:
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            typer.echo(str(problem), err=True)
        elif self.count == PROBLEMS_SHOWN + 1:
            typer.echo("… further rows are refused too and only counted", err=True)


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV, TSV, JSON lines (also .gz) or Parquet.")],
    speed: Annotated[str, typer.Option(metavar="N|max", help="Seconds of event time in a second, or max.")] = "max",
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First event time, UTC.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End of event time (not included).", show_default=False)
    ] = None,
    stream: Stream = "news",
    source: Annotated[
        str | None, typer.Option(help="Source of rows that name none (default: the file's name).", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Send this many at most.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check, send nothing.")] = False,
    bootstrap_servers: Bootstrap = None,
    text_column: Annotated[str | None, column("--text-column", "The text.")] = None,
    title_column: Annotated[str | None, column("--title-column", "The title, where there is no text.")] = None,
    body_column: Annotated[str | None, column("--body-column", "The body, where there is no text.")] = None,
    time_column: Annotated[str | None, column("--time-column", "When it was published.")] = None,
    id_column: Annotated[str | None, column("--id-column", "The id (else made of time and text).")] = None,
    source_column: Annotated[str | None, column("--source-column", "Who published it.")] = None,
    entities_column: Annotated[
        str | None, column("--entities-column", "Tickers: a list, or text with , ; or | between.")
    ] = None,
    author_column: Annotated[str | None, column("--author-column", "Who wrote it.")] = None,
    url_column: Annotated[str | None, column("--url-column", "Its address.")] = None,
    lang_column: Annotated[str | None, column("--lang-column", "Its language.")] = None,
    columns: Annotated[str | None, header("date,text,…")] = None,
    format: Format = "",
    encoding: Encoding = "utf-8",
    delimiter: Annotated[str, typer.Option(help="Of CSV (default a comma).", rich_help_panel=FILE)] = "",
    time_unit: Annotated[
        str, typer.Option(help="auto, s, ms, us or ns, of times that are numbers.", rich_help_panel=FILE)
    ] = "auto",
    time_format: Annotated[
        str, typer.Option(help="Such as %d/%m/%Y %H:%M, of times that are not ISO 8601.", rich_help_panel=FILE)
    ] = "",
    spread_dates: Annotated[
        bool,
        typer.Option("--spread-dates", help="Spread rows that have only a date over the day.", rich_help_panel=FILE),
    ] = False,
    already_sorted: Annotated[
        bool,
        typer.Option("--sorted", help="The files are in order: hold nothing in memory.", rich_help_panel=FILE),
    ] = False,
    as_json: Json = False,
) -> None:
    """Send files in event-time order. Rows that cannot be used are named, and the rest goes on (exit code 3).

    Times without a zone are UTC. Rows that have only a date follow each other by a second from midnight on, in the
    order of the file. The same file sent twice is counted once, within a day.
    """
    from undertone import broker
    from undertone import replay as feeds
    from undertone.errors import InputError
    from undertone.feed_files import Layout
    from undertone.sending import Sender
    from undertone.topics import STREAMS

    if stream not in STREAMS:
        raise InputError(f"stream {stream!r} is not known: valid are {', '.join(STREAMS)}")
    roles = {
        "text": text_column,
        "title": title_column,
        "body": body_column,
        "time": time_column,
        "id": id_column,
        "source": source_column,
        "entities": entities_column,
        "author": author_column,
        "url": url_column,
        "lang": lang_column,
    }
    mapping = feeds.Columns(
        {role: name for role, name in roles.items() if name is not None},
        source or "",
        time_unit,
        time_format,
        spread_dates,
    )
    layout = Layout(format, names_in(columns), encoding, delimiter)
    pace = feeds.parse_speed(speed)
    start_ms, end_ms = (None if text is None else feeds.parse_moment(text) for text in (start, end))
    chosen = settings(bootstrap_servers=bootstrap_servers)
    if not dry_run:
        broker.check(chosen, stream)
    refused = Refused()
    sent, first_ms, last_ms = 0, None, None
    with progress() as bars:
        reading = bars.add_task("Reading (bytes)", total=sum(file.stat().st_size for file in files if file.is_file()))
        all_feeds = [
            feeds.Feed(file, layout, mapping, refused, lambda bytes: bars.advance(reading, bytes)) for file in files
        ]
        messages = feeds.merged(all_feeds, already_sorted=already_sorted)
        wanted = feeds.paced(feeds.between(messages, start_ms, end_ms, limit), pace, time.monotonic, time.sleep)
        sending = bars.add_task("Checking" if dry_run else "Sending", total=None)
        sender = None if dry_run else Sender(chosen)
        try:
            for due in wanted:
                if sender is not None:
                    sender.send(stream, due.key, due.value)
                first_ms = due.published_ms if first_ms is None else first_ms
                last_ms = due.published_ms
                sent += 1
                if sent % 256 == 0 or pace is not None:
                    bars.update(sending, completed=sent)
            if sender is not None:
                sender.flush()
        finally:
            if sender is not None:
                sender.close()
    _report(stream, sent, refused.count, first_ms, last_ms, dry_run=dry_run, as_json=as_json)
    if refused.count:
        raise typer.Exit(REFUSED)


def _report(
    stream: str, sent: int, refused: int, first_ms: int | None, last_ms: int | None, *, dry_run: bool, as_json: bool
) -> None:
    from undertone.messages import from_ms

    first = None if first_ms is None else from_ms(first_ms)
    last = None if last_ms is None else from_ms(last_ms)
    if as_json:
        print_json(
            {
                "stream": stream,
                "sent": 0 if dry_run else sent,
                "read": sent,
                "refused": refused,
                "first": first,
                "last": last,
            }
        )
        return
    span = f", published {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" if first and last else ""
    verb = "could be sent" if dry_run else "sent"
    notes().print(f"{sent:,} messages {verb} to {stream}{span}; {refused:,} rows refused.", soft_wrap=True)
