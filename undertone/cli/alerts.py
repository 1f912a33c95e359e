"""``undertone alerts``: what fires and why, and saying that one has seen it."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import group
from undertone.cli.options import Json, RedisUrl, settings
from undertone.cli.output import console, print_json, table

if TYPE_CHECKING:
    from rich.panel import Panel

    from undertone.alert_store import AlertStore
    from undertone.messages import Alert

alerts = group("What fires and why.")

HEADLINES = 8


@alerts.command("list", epilog="Example: undertone alerts list --state firing --json")
def list_alerts(
    state: Annotated[
        str | None,
        typer.Option(help="pending, firing, acknowledged or resolved (default: all).", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show alerts, newest first."""
    from undertone.errors import InputError
    from undertone.messages import AlertState

    if state is not None and state not in [*AlertState]:
        raise InputError(f"state {state!r} is not known: valid are {', '.join(AlertState)}")
    found = _store(redis_url).list(None if state is None else AlertState(state), limit)
    if as_json:
        for alert in found:
            _print_json(alert)
        return
    if not found:
        print("No alerts.")
        return
    columns = [("id", "left"), ("fired (UTC)", "left"), ("severity", "left"), ("state", "left"), ("about", "left")]
    columns += [("stories", "right"), ("expected", "right")]
    rows = [
        (
            one.id,
            f"{one.fired_at:%Y-%m-%d %H:%M}",
            one.severity,
            one.state,
            about(one),
            one.stories,
            f"{one.expected:.1f}",
        )
        for one in found
    ]
    table(columns, rows)


@alerts.command(epilog="Example: undertone alerts show a1b2c3 --json")
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID")], redis_url: RedisUrl = None, as_json: Json = False
) -> None:
    """Show one alert with the texts that prove it."""
    alert = _get(_store(redis_url), alert_id)
    if as_json:
        _print_json(alert)
    else:
        console().print(panel(alert))


@alerts.command(epilog="Example: undertone alerts ack a1b2c3 --by maria")
def ack(
    alert_id: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str | None, typer.Option(help="Who (default: you).", show_default=False)] = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Say that you have seen an alert: it is not sent again unless it gets worse."""
    store = _store(redis_url)
    _get(store, alert_id)
    store.acknowledge(alert_id, by or getpass.getuser(), int(time.time() * 1000))
    alert = _get(store, alert_id)
    if as_json:
        _print_json(alert)
    else:
        print(f"{alert.id} is {alert.state}, by {alert.acknowledged_by}.")


def about(alert: Alert) -> str:
    """What an alert is about, in a few words."""
    return " · ".join(part for part in (alert.entity, alert.topic, alert.stream) if part)


def panel(alert: Alert) -> Panel:
    """An alert as a box on a terminal. Feed text is shown as it is and never read as markup."""
    from rich.panel import Panel
    from rich.text import Text

    body = Text(f"{_plain(alert.reason)}\n", style="bold")
    body.append(f"Fired {alert.fired_at:%Y-%m-%d %H:%M} UTC of event time; {alert.state}.\n", style="not bold")
    for one in alert.evidence[:HEADLINES]:
        body.append(f"\n{_plain(one.source):22.22}", style="not bold dim")
        body.append(_plain(one.text), style="not bold")
    left = len(alert.evidence) - HEADLINES
    if left > 0:
        body.append(f"\n… and {left} more: undertone alerts show {alert.id}", style="not bold dim")
    return Panel(body, title=f"{alert.severity.upper()}  {about(alert)}", title_align="left", border_style="red")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _print_json(alert: Alert) -> None:
    import msgspec

    shape: dict[str, Any] = msgspec.to_builtins(alert)
    print_json(shape)


def _store(redis_url: str | None) -> AlertStore:
    from undertone.alert_store import AlertStore
    from undertone.store import Store

    return AlertStore(Store.open(settings(redis_url=redis_url).redis_url).redis)


def _get(store: AlertStore, alert_id: str) -> Alert:
    from undertone.errors import InputError

    alert = store.get(alert_id)
    if alert is None:
        raise InputError(f"There is no alert {alert_id!r}: see `undertone alerts list`")
    return alert
