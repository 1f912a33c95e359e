"""``undertone dead-letters``: what was refused, and sending it in again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import REFUSED, group
from undertone.cli.options import Bootstrap, Json, settings
from undertone.cli.output import print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from undertone.dead_letters import DeadLetter

dead_letters = group("What was refused and why, and sending it in again.")

Reason = Annotated[str | None, typer.Option(help="Only those refused for this reason.", show_default=False)]


@dead_letters.command("list", epilog="Example: undertone dead-letters list --reason not-json")
def list_letters(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show the newest dead letters, oldest first."""
    chosen = _read(bootstrap_servers, reason)[-limit:]
    if as_json:
        for letter in chosen:
            print_json(_brief(letter))
        return
    columns = [("position", "left"), ("failed at", "left"), ("stage", "left"), ("reason", "left"), ("detail", "left")]
    rows = [(one.position, one.failed_at, one.stage, one.reason, one.detail[:80]) for one in chosen]
    table(columns, rows) if rows else print("No dead letters.")


@dead_letters.command(epilog="Example: undertone dead-letters show news-3:1042 --json")
def show(
    position: Annotated[str, typer.Argument(help="Of the original record, such as news-3:1042.")],
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show one dead letter whole."""
    [letter] = _pick(_read(bootstrap_servers, None), [position])
    shape = _whole(letter)
    if as_json:
        print_json(shape)
        return
    for name, value in shape.items():
        if not name.endswith("_base64"):
            print(f"{name + ':':12}{_printable(value)}")
    print(f"{'key:':12}{_printable(letter.key)}")
    for name, raw in letter.headers:
        print(f"{'header:':12}{_printable(name)} = {_printable(raw)}")
    print(f"{'value:':12}{_printable(letter.value)}")


@dead_letters.command(epilog="Example: undertone dead-letters redrive --reason unknown-model --dry-run")
def redrive(
    positions: Annotated[
        list[str] | None, typer.Argument(metavar="[POSITION]…", help="Such as news-3:1042.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, send nothing.")] = False,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Send dead letters to the topics they came from, bytes, key and headers unchanged."""
    from undertone import dead_letters as letters
    from undertone.errors import InputError

    if not positions and not everything and reason is None:
        raise InputError("Say which: positions such as news-3:1042, --reason, or --all")
    found = _read(bootstrap_servers, reason)
    chosen = _pick(found, positions) if positions else found
    left: list[DeadLetter] = []
    sent = 0
    if not dry_run and chosen:
        sent, left = letters.redrive(settings(bootstrap_servers=bootstrap_servers), chosen)
    for letter in left:
        typer.echo(f"{letter.position}: not sent: {letter.obstacle}", err=True)
    if as_json:
        print_json({"chosen": [one.position for one in chosen], "sent": sent, "left": [one.position for one in left]})
    elif dry_run:
        print(f"{len(chosen):,} would be sent: {', '.join(one.position for one in chosen[:20])}")
    else:
        print(f"{sent:,} sent again.")
    if left:
        raise typer.Exit(REFUSED)


def _read(bootstrap_servers: str | None, reason: str | None) -> list[DeadLetter]:
    from undertone import dead_letters as letters

    chosen = settings(bootstrap_servers=bootstrap_servers)
    return [one for one in letters.read(chosen) if reason is None or one.reason == reason]


def _pick(letters: Iterable[DeadLetter], positions: list[str]) -> list[DeadLetter]:
    from undertone.errors import InputError

    by_position = {letter.position: letter for letter in letters}
    missing = [position for position in positions if position not in by_position]
    if missing:
        raise InputError(f"There is no dead letter of {', '.join(missing)}: see `undertone dead-letters list`")
    return [by_position[position] for position in positions]


def _brief(letter: DeadLetter) -> dict[str, Any]:
    return {
        "position": letter.position,
        "offset": letter.offset,
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "failed_at": letter.failed_at,
        "bytes": letter.omitted or len(letter.value or b""),
    }


def _whole(letter: DeadLetter) -> dict[str, Any]:
    return _brief(letter) | {
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers_base64": [[name, _base64(value)] for name, value in letter.headers],
    }


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _printable(value: object) -> str:
    """Foreign bytes for a terminal: nothing in them may steer it."""
    if value is None:
        return "(none)"
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:4_000])
