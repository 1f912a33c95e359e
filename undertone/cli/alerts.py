"""``undertone alerts``: what fires and why, what people do to it, and who did what."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli import alert_actions
from undertone.cli.alert_output import AlertId, alert_store, found, panel, plain, print_alert
from undertone.cli.deliveries import deliveries
from undertone.cli.group import group
from undertone.cli.options import Json, RedisUrl, settings
from undertone.cli.output import console, print_json, table
from undertone.cli.silences import silence

if TYPE_CHECKING:
    from undertone.audit import Entry
    from undertone.incidents import Incident

alerts = group("What fires and why, and what people do to it.")

ABOUT_SHOWN = 4
SHOWN_CHANGES = ("state", "severity", "assigned_to", "labels")
ALERTS_SEARCHED = 1_000
"""The newest so many, among which the last such alert is looked for."""


class Language(StrEnum):
    EN = "en"
    ZH = "zh"


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
    newest = alert_store(redis_url).list(None if state is None else AlertState(state), limit)
    if as_json:
        for alert in newest:
            print_alert(alert)
        return
    if not newest:
        print("No alerts.")
        return
    columns = [("id", "left"), ("fired (UTC)", "left"), ("severity", "left"), ("state", "left"), ("about", "left")]
    columns += [("stories", "right"), ("expected", "right"), ("with", "left")]
    rows = [
        (
            one.id,
            f"{one.fired_at:%Y-%m-%d %H:%M}",
            one.severity,
            one.state,
            one.about,
            one.stories,
            f"{one.expected:.1f}",
            plain(one.assigned_to or one.acknowledged_by or ""),
        )
        for one in newest
    ]
    table(columns, rows)


@alerts.command(epilog="Example: undertone alerts show a1b2c3 --json")
def show(
    alert_id: AlertId,
    language: Annotated[Language, typer.Option(help="Of the paragraph that tells it.")] = Language.EN,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Prices by time and symbol, to tell what came after.  env: UNDERTONE_PRICES",
            show_default=False,
        ),
    ] = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show one alert with the texts that prove it, told in a paragraph; with --json each sentence names its proof."""
    from undertone.narrative import narrate, paragraph, previous
    from undertone.prices import Prices

    store = alert_store(redis_url)
    alert = found(store, alert_id)
    file = settings(prices=prices).prices
    moves = Prices.load(file).moves(alert.entity, alert.fired_at) if file is not None and alert.entity else []
    told = narrate(alert, language.value, last=previous(alert, store.list(limit=ALERTS_SEARCHED)), moves=moves)
    if as_json:
        print_alert(alert, told)
        return
    console().print(panel(alert))
    console().print(plain(paragraph(told, language.value)), markup=False, highlight=False)


alerts.command(epilog="Example: undertone alerts deliveries a1b2c3 --json")(deliveries)
alerts.command(epilog="Example: undertone alerts ack a1b2c3 --by maria")(alert_actions.ack)
alerts.command(epilog="Example: undertone alerts unack a1b2c3 --by maria")(alert_actions.unack)
alerts.command(epilog="Example: undertone alerts assign a1b2c3 --to bob --by maria")(alert_actions.assign)
alerts.command(epilog='Example: undertone alerts comment a1b2c3 "The company denies it" --by maria')(
    alert_actions.comment
)
alerts.command(epilog='Example: undertone alerts escalate a1b2c3 --reason "We hold the stock" --by maria')(
    alert_actions.escalate
)
alerts.command(epilog='Example: undertone alerts resolve a1b2c3 --reason "Known since Monday" --by maria')(
    alert_actions.resolve
)
alerts.command(
    epilog="Example: undertone alerts wrong a1b2c3 --by maria --message news-3:1042 --sentiment neutral  "
    "(without --message: all texts of the alert that the model judged otherwise)"
)(alert_actions.wrong)
alerts.add_typer(silence, name="silence")


@alerts.command(epilog="Example: undertone alerts incidents --open --json")
def incidents(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Of the newest so many alerts.")] = 200,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show the events behind the alerts, newest first: alerts that share stories are one incident."""
    from undertone.incidents import incidents as grouped
    from undertone.messages import AlertState

    known = grouped(alert_store(redis_url).list(limit=limit))
    wanted = [one for one in known if not (only_open and one.state is AlertState.RESOLVED)]
    if as_json:
        for one in wanted:
            print_json(_incident_shape(one))
        return
    if not wanted:
        print("No incidents.")
        return
    columns = [("incident", "left"), ("fired (UTC)", "left"), ("severity", "left"), ("state", "left")]
    columns += [("about", "left"), ("alerts", "right")]
    rows = [
        (
            one.id,
            f"{one.fired_at:%Y-%m-%d %H:%M}",
            one.severity,
            one.state,
            ", ".join((*one.entities, *one.topics)[:ABOUT_SHOWN]),
            len(one.alerts),
        )
        for one in wanted
    ]
    table(columns, rows)


@alerts.command(epilog="Example: undertone alerts audit a1b2c3 --json")
def audit(
    alert_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Of one alert (default: of all).", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=50_000, help="The newest so many.")] = 100,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Show who did what to alerts and silences, when and why, newest first."""
    entries = alert_store(redis_url).trail(alert_id, limit)
    if as_json:
        for one in entries:
            print_json(one._asdict())
        return
    if not entries:
        print("Nothing is recorded.")
        return
    columns = [("at (UTC)", "left"), ("by", "left"), ("action", "left"), ("of", "left"), ("change", "left")]
    columns += [("why", "left")]
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            plain(one.by),
            one.action,
            one.alert or one.silence,
            _changed(one),
            plain(one.why),
        )
        for one in entries
    ]
    table(columns, rows)


def _incident_shape(one: Incident) -> dict[str, Any]:
    return {
        "incident": one.id,
        "severity": one.severity,
        "state": one.state,
        "fired_at": one.fired_at,
        "updated_at": one.updated_at,
        "entities": one.entities,
        "topics": one.topics,
        "notifications": one.notifications,
        "alerts": [alert.id for alert in one.alerts],
    }


def _changed(entry: Entry) -> str:
    """What a record says was changed, in a few words."""
    if entry.silence:
        return ""
    told = []
    for name in SHOWN_CHANGES:
        old, new = _value(entry.before.get(name)), _value(entry.after.get(name))
        if old != new:
            told.append(f"{name} {old} → {new}" if old else f"{name} {new}")
    return plain(", ".join(told))


def _value(value: object) -> str:
    return "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
