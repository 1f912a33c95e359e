"""``undertone doctor``: is all there that Undertone needs, and what to do where it is not."""

from __future__ import annotations

from typing import Annotated

import typer

from undertone.cli.group import FAILED
from undertone.cli.options import Bootstrap, Data, Json, Model, RedisUrl, settings
from undertone.cli.output import console, print_json

SIGNS = {"green": "[green]✓[/green]", "yellow": "[yellow]![/yellow]", "red": "[red]✗[/red]"}


def doctor(
    bootstrap_servers: Bootstrap = None,
    redis_url: RedisUrl = None,
    data: Data = None,
    model: Model = None,
    embedded: Annotated[
        bool, typer.Option(help="Look at Java, Kafka's jars and Valkey too, which only embedded servers need.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Check model, disk, ports, Java, Kafka, topics, Redis and clock. Exit code 1 if something is red."""
    from rich.markup import escape

    from undertone.doctor import Colour, examine

    chosen = settings(bootstrap_servers=bootstrap_servers, redis_url=redis_url, data=data, model=model)
    red = 0
    out = console()
    for finding in examine(chosen, embedded=embedded):
        red += finding.colour is Colour.RED
        if as_json:
            print_json(
                {
                    "check": finding.check,
                    "status": finding.colour,
                    "found": finding.found,
                    "advice": finding.advice,
                }
            )
            continue
        out.print(f"{SIGNS[finding.colour]} {finding.check:17}{escape(finding.found)}", soft_wrap=True)
        if finding.advice:
            out.print(f"  {'':17}[dim]{escape(finding.advice)}[/dim]", soft_wrap=True)
    if red:
        raise typer.Exit(FAILED)
