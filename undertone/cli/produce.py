"""``undertone produce``: single messages into Kafka, from arguments, a file or standard input."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from undertone.cli.group import REFUSED
from undertone.cli.options import Bootstrap, Json, Stream, settings
from undertone.cli.output import notes, print_json

if TYPE_CHECKING:
    from undertone.sending import Sender


def produce(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]…", help="One message each.", show_default=False)
    ] = None,
    stream: Stream = "news",
    file: Annotated[
        Path | None, typer.Option("--file", help="A file of JSON messages, one a line.", show_default=False)
    ] = None,
    source: Annotated[str, typer.Option(help="Of messages given as text.")] = "cli",
    published_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of messages given as text (default: now).", show_default=False)
    ] = None,
    entities: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of messages given as text.", show_default=False)
    ] = None,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Send messages: texts as they are, or JSON lines from a file or, with neither, from standard input.

    A line that the worker would refuse is named with its number and not sent; the rest is (exit code 3).
    """
    from undertone import broker
    from undertone.errors import InputError
    from undertone.sending import Sender
    from undertone.topics import STREAMS

    if stream not in STREAMS:
        raise InputError(f"stream {stream!r} is not known: valid are {', '.join(STREAMS)}")
    if texts and file is not None:
        raise InputError("Give texts or --file, not both")
    chosen = settings(bootstrap_servers=bootstrap_servers)
    broker.check(chosen, stream)
    refused = 0
    with ExitStack() as stack:
        lines: Iterable[bytes]
        if texts:
            lines = _messages(texts, source, published_at, entities)
        else:
            lines = stack.enter_context(_open(file))
            if file is None and sys.stdin.isatty():
                notes().print("Reading JSON messages from the terminal, one a line; Ctrl-D ends.")
        name = "text" if texts else str(file or "stdin")
        sender = stack.enter_context(Sender(chosen))
        for number, line in enumerate(lines, 1):
            refused += not _send(sender, stream, name, number, line)
        sender.flush()
        sent = sender.sent
    if as_json:
        print_json({"stream": stream, "sent": sent, "refused": refused})
    else:
        notes().print(f"{sent:,} sent to {stream}; {refused:,} refused.")
    if refused:
        raise typer.Exit(REFUSED)


def _open(file: Path | None) -> IO[bytes]:
    from undertone.errors import InputError

    if file is None:
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error


def _messages(texts: Iterable[str], source: str, published_at: str | None, entities: str | None) -> list[bytes]:
    from undertone.errors import InputError
    from undertone.messages import Message, from_ms
    from undertone.replay import parse_moment

    moment = datetime.now(UTC) if published_at is None else from_ms(parse_moment(published_at))
    named = tuple(name.strip() for name in entities.split(",") if name.strip()) if entities else ()
    try:
        return [
            Message(id=str(uuid.uuid4()), published_at=moment, source=source, text=text, entities=named).encode()
            for text in texts
        ]
    except UnicodeEncodeError as error:
        raise InputError("A text is not UTF-8: check the locale of this terminal") from error


def _send(sender: Sender, stream: str, name: str, number: int, line: bytes) -> bool:
    """Send one line as it is, so that fields unknown to us travel too; False where it is refused."""
    from undertone.errors import Rejected
    from undertone.messages import decode

    value = line.strip()
    if not value:
        return True
    try:
        message = decode(value)
        if not message.content.strip():
            raise Rejected("empty-text", "the text is empty")
    except Rejected as error:
        typer.echo(f"{name}:{number}: {error.reason}: {error}", err=True)
        return False
    sender.send(stream, message.id.encode(), value)
    return True
