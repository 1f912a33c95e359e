"""Options of commands that read a table: which column holds what, and how the file is to be read."""

from __future__ import annotations

from typing import Annotated

import typer

COLUMNS = "Which column holds what (guessed from the names where left out)"
FILE = "How the file is to be read"


def column(flag: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag, metavar="NAME", help=help, show_default=False, rich_help_panel=COLUMNS
    )
    return option


def header(example: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar=example,
        help="Names of the columns of a file without a header line.",
        show_default=False,
        rich_help_panel=FILE,
    )
    return option


Format = Annotated[str, typer.Option(help="csv, tsv, jsonl or parquet; else by the name.", rich_help_panel=FILE)]
Encoding = Annotated[str, typer.Option(help="Of CSV and JSON lines.", rich_help_panel=FILE)]


def names_in(given: str | None) -> tuple[str, ...]:
    """The names of columns in a comma-separated option; none where it was not given."""
    return tuple(name.strip() for name in given.split(",")) if given else ()
