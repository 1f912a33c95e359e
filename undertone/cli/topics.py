"""``undertone topics``: make and look at the Kafka topics."""

from __future__ import annotations

from typing import Annotated

import typer

from undertone.cli.group import group
from undertone.cli.options import Bootstrap, Json, settings
from undertone.cli.output import print_json, table

topics = group("Make and look at the Kafka topics.")


@topics.command(epilog="Example: undertone topics create --partitions 8")
def create(
    bootstrap_servers: Bootstrap = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of news, comments and scored (default 4).", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Create the topics that do not exist yet; those that do are left as they are."""
    from undertone import broker

    chosen = settings(bootstrap_servers=bootstrap_servers, partitions=partitions)
    created = broker.create_topics(chosen)
    if as_json:
        print_json({"created": created})
    else:
        print(f"Created: {', '.join(created)}." if created else "All topics are there.")


@topics.command("list", epilog="Example: undertone topics list --json")
def list_topics(bootstrap_servers: Bootstrap = None, as_json: Json = False) -> None:
    """Show every topic with its partitions."""
    from undertone import broker

    states = broker.topic_states(settings(bootstrap_servers=bootstrap_servers))
    if as_json:
        for state in states:
            print_json({"topic": state.name, "partitions": state.actual, "partitions_wanted": state.wanted})
        return
    columns = [("topic", "left"), ("partitions", "right"), ("wanted", "right")]
    table(columns, [(state.name, state.actual or "missing", state.wanted) for state in states])
