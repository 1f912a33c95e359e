"""``undertone alerts silence``: telling nobody of some alerts for a while."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.alert_output import By, Reason, alert_store, now_ms, person, plain
from undertone.cli.group import group
from undertone.cli.options import Json, RedisUrl
from undertone.cli.output import print_json, table

if TYPE_CHECKING:
    from undertone.silences import Silence

silence = group("Tell nobody of some alerts for a while; they live on and are kept.")

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MATCHERS = ("rule", "stream", "series", "topic", "entity", "severity", "source")


def _glob(what: str) -> Any:
    return typer.Option(metavar="GLOB", help=f"{what}; may be given again.", show_default=False)


@silence.command(epilog='Example: undertone alerts silence add --entity TSLA --for 2h --reason "Results" --by maria')
def add(
    rule: Annotated[list[str] | None, _glob("Of this rule")] = None,
    stream: Annotated[list[str] | None, _glob("In this stream")] = None,
    series: Annotated[
        list[str] | None,
        _glob("About a topic, an entity, a topic-entity (a company under a topic) or the whole stream"),
    ] = None,
    topic: Annotated[list[str] | None, _glob("About this topic")] = None,
    entity: Annotated[list[str] | None, _glob("About this company, by symbol")] = None,
    severity: Annotated[list[str] | None, _glob("Of this severity")] = None,
    source: Annotated[list[str] | None, _glob("All of whose texts come from this source")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All alerts.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Event time, UTC (default: now).", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Event time, not included.", show_default=False)
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Such as 90m, 2h or 3d.", show_default=False)
    ] = None,
    by: By = None,
    reason: Reason = "",
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Hold what would be told of the alerts that match; what is told after the end is told as ever."""
    from undertone.errors import InputError
    from undertone.messages import from_ms
    from undertone.replay import parse_moment
    from undertone.rules import Match
    from undertone.silences import silence as made

    given = dict(zip(_MATCHERS, (rule, stream, series, topic, entity, severity, source), strict=True))
    globs = {name: tuple(values) for name, values in given.items() if values}
    if everything == bool(globs):
        raise InputError(f"say which alerts: give --all, or any of {', '.join(f'--{name}' for name in _MATCHERS)}")
    if (end is None) == (lasting is None):
        raise InputError("say when it ends: give either --to or --for")
    created_ms = now_ms()
    start_ms = created_ms if start is None else parse_moment(start)
    end_ms = parse_moment(end) if end is not None else start_ms + _duration_ms(lasting or "")
    wanted = made(
        Match(**globs),
        from_ms(start_ms),
        from_ms(end_ms),
        by=person(by),
        why=reason,
        created_at=from_ms(created_ms),
    )
    _show([alert_store(redis_url).silences.add(wanted)], as_json=as_json)


@silence.command("list", epilog="Example: undertone alerts silence list --json")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show the silences that are in force or to come."""
    from undertone.messages import from_ms

    at = from_ms(now_ms())
    known = [one for one in alert_store(redis_url).silences.list() if everything or at < one.ends_at]
    _show(known, as_json=as_json)


@silence.command(epilog="Example: undertone alerts silence end 1f2e3d --by maria")
def end(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="As `undertone alerts silence list` shows it.")],
    by: By = None,
    reason: Reason = "",
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """End a silence now."""
    from undertone.messages import from_ms

    _show([alert_store(redis_url).silences.end(silence_id, person(by), from_ms(now_ms()), reason)], as_json=as_json)


def _duration_ms(text: str) -> int:
    from undertone.errors import InputError

    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text.strip())
    if found is None:
        raise InputError(f"--for {text!r} cannot be read: valid are minutes, hours or days, such as 90m, 2h or 3d")
    return int(found[1]) * _UNITS_MS[found[2]]


def _show(silences: list[Silence], *, as_json: bool) -> None:
    import msgspec

    if as_json:
        for one in silences:
            print_json(msgspec.to_builtins(one))
        return
    if not silences:
        print("No silences.")
        return
    columns = [
        ("id", "left"),
        ("from (UTC)", "left"),
        ("to", "left"),
        ("alerts", "left"),
        ("by", "left"),
        ("why", "left"),
    ]
    rows = [
        (
            one.id,
            f"{one.starts_at:%Y-%m-%d %H:%M}",
            f"{one.ends_at:%Y-%m-%d %H:%M}",
            plain(_matched(one)),
            plain(one.by),
            plain(one.why),
        )
        for one in silences
    ]
    table(columns, rows)


def _matched(one: Silence) -> str:
    import msgspec

    globs: dict[str, Any] = msgspec.to_builtins(one.match)
    texts = (f"{name}={value if isinstance(value, str) else ','.join(value)}" for name, value in globs.items())
    return " ".join(texts) or "all"
