"""The application ``undertone`` and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from undertone.cli.group import Commands
from undertone.cli.replay import replay
from undertone.cli.topics import topics

app = typer.Typer(
    name="undertone",
    cls=Commands,
    help="A real-time monitor of financial opinion. Try: undertone demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"undertone {version('undertone')}")
        raise typer.Exit


@app.callback()
def _undertone(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(epilog="Example: undertone replay tweets.jsonl.gz --stream comments --source twitter --speed 60")(replay)
app.add_typer(topics, name="topics")
