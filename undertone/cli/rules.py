"""``undertone rules``: what a rules file says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import group
from undertone.cli.options import Json, RedisUrl, settings
from undertone.cli.output import print_json, table
from undertone.cli.rules_budget import budget

if TYPE_CHECKING:
    from undertone.rules import Rules, Thresholds

rules = group("What rings, and who is told.")

RulesFile = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Default: UNDERTONE_RULES, else the rules that ship.", show_default=False),
]


@rules.command(epilog="Example: undertone rules check rules.yaml")
def check(file: RulesFile = None, as_json: Json = False) -> None:
    """Say all that is wrong with a rules file, each with its line (exit code 1), or that it can be used."""
    found = _load(file)
    if as_json:
        print_json({"rules": len(found.rules), "receivers": len(found.receivers), "routes": len(found.routes)})
        return
    print(f"It can be used: {len(found.rules)} rules, {len(found.receivers)} receivers, {len(found.routes)} routes.")


@rules.command(epilog="Example: undertone rules show rules.yaml --json")
def show(file: RulesFile = None, as_json: Json = False) -> None:
    """Show the rules that hold, what is left out filled in."""
    import msgspec

    found = _load(file)
    if as_json:
        shape: dict[str, Any] = msgspec.to_builtins(found)
        print_json(shape)
        return
    columns = [("rule", "left"), ("kind", "left"), ("stories", "right")]
    table(
        [*columns, ("warning", "left"), ("critical", "left")],
        [(one.name, one.kind, one.min_stories, _bars(one.warning), _bars(one.critical)) for one in found.rules],
    )
    if found.receivers:
        table(
            [("receiver", "left"), ("by", "left"), ("at most a day", "left"), ("muted", "left")],
            [
                (
                    one.name,
                    "webhook" if one.webhook is not None else "apprise",
                    _listed(str(path.budget.per_day) for path in found.routes if one.name in path.to and path.budget),
                    _listed(name for path in found.routes if one.name in path.to for name in path.mute),
                )
                for one in found.receivers
            ],
        )


@rules.command(epilog="Example: undertone rules schema > rules.schema.json")
def schema() -> None:
    """Print the JSON Schema of a rules file, for an editor that completes and checks."""
    from undertone import schemas

    print(schemas.text("rules"), end="")


@rules.command(epilog="Example: undertone rules sent --day 2026-11-25 --json")
def sent(
    file: RulesFile = None,
    day: Annotated[
        str | None, typer.Option(help="A UTC day of event time, as 2026-11-25 (default: today).", show_default=False)
    ] = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show what each receiver was sent on a day, and what its budget and mute timings held back."""
    from datetime import UTC, date, datetime

    from undertone.alert_store import AlertStore
    from undertone.errors import InputError
    from undertone.rules.check import FROM_SETTING
    from undertone.store import Store

    try:
        wanted = date.fromisoformat(day) if day else datetime.now(UTC).date()
    except ValueError as error:
        raise InputError(f"--day {day!r} is no day: give one as 2026-11-25") from error
    found = _load(file)
    chosen = settings(redis_url=redis_url)
    names = [one.name for one in found.receivers] + ([FROM_SETTING] if chosen.webhook_url else [])
    alerts = AlertStore(Store.open(chosen.redis_url).redis)
    tallies = {name: alerts.tally(name, wanted.isoformat()) for name in names}
    if as_json:
        print_json({"day": wanted.isoformat(), "receivers": tallies})
        return
    rows = []
    for name, tally in tallies.items():
        others = (f"{what} {count}" for what, count in sorted(tally.items()) if what != "sent")
        rows.append((name, tally.get("sent", 0), _listed(others)))
    table([("receiver", "left"), ("sent", "right"), ("not sent", "left")], rows)


rules.command(epilog="Example: undertone rules budget rules.yaml --source scored.parquet --days 28")(budget)


def _load(file: Path | None) -> Rules:
    from undertone.rules import Rules

    chosen = file or settings().rules
    return Rules.shipped() if chosen is None else Rules.load(chosen)


def _bars(bars: Thresholds | None) -> str:
    import msgspec

    return "" if bars is None else ", ".join(f"{name} {value:g}" for name, value in msgspec.to_builtins(bars).items())


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
