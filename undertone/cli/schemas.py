"""``undertone schemas``: the JSON Schemas of all messages and of the rules file, made from their types."""

from __future__ import annotations

from typing import Annotated

import typer

from undertone.cli.group import FAILED, group

schemas = group("JSON Schemas of all messages and of the rules file.")


@schemas.command(epilog="Example: undertone schemas write")
def write() -> None:
    """Write the files in undertone/schemas that differ from the types."""
    from undertone import schemas as made

    changed = made.write()
    print(f"Written: {', '.join(changed)}." if changed else "All schemas say what the types say.")


@schemas.command(epilog="Example: undertone schemas check")
def check() -> None:
    """Fail (exit code 1) if a file differs from its type."""
    from undertone import schemas as made

    changed = made.drifted()
    if changed:
        typer.echo(f"Out of date: {', '.join(changed)}. Run: undertone schemas write", err=True)
        raise typer.Exit(FAILED)
    print("All schemas say what the types say.")


@schemas.command(epilog="Example: undertone schemas show message")
def show(
    name: Annotated[str, typer.Argument(help="message, scored, alert, label, release, evidence or rules.")],
) -> None:
    """Print one schema."""
    from undertone import schemas as made
    from undertone.errors import InputError

    if name not in made.TYPES:
        raise InputError(f"There is no schema {name!r}: valid are {', '.join(made.TYPES)}")
    print(made.text(name), end="")
