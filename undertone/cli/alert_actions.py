"""What people do to alerts, as commands of ``undertone alerts``; each prints the alert as it is then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.alert_output import AlertId, By, Reason, alert_store, found, now_ms, person, plain, print_alert
from undertone.cli.options import Bootstrap, Json, RedisUrl

if TYPE_CHECKING:
    from undertone.lifecycle import Action
    from undertone.messages import Alert


def ack(
    alert_id: AlertId, by: By = None, reason: Reason = "", redis_url: RedisUrl = None, as_json: Json = False
) -> None:
    """Say that you have taken an alert on: it is told again only if it gets worse."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.ACKNOWLEDGE, by, reason), as_json=as_json)


def unack(
    alert_id: AlertId, by: By = None, reason: Reason = "", redis_url: RedisUrl = None, as_json: Json = False
) -> None:
    """Take an acknowledgement back: the alert is firing again."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.UNACKNOWLEDGE, by, reason), as_json=as_json)


def assign(
    alert_id: AlertId,
    to: Annotated[str | None, typer.Option(help="Whom it is given to (default: nobody).", show_default=False)] = None,
    by: By = None,
    reason: Reason = "",
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Give an alert to somebody, or with no --to take it back."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.ASSIGN, by, reason, to=to), as_json=as_json)


def comment(
    alert_id: AlertId,
    text: Annotated[str, typer.Argument(help="What there is to say, up to 2,000 characters.")],
    by: By = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Say something about an alert; the latest 20 comments stay with it, all stay in the audit."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.COMMENT, by, text), as_json=as_json)


def escalate(
    alert_id: AlertId,
    reason: Annotated[str, typer.Option(help="Why it is worse than it looks; kept in the audit.", show_default=False)],
    by: By = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Make a warning critical; receivers are told."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.ESCALATE, by, reason), as_json=as_json)


def resolve(
    alert_id: AlertId, by: By = None, reason: Reason = "", redis_url: RedisUrl = None, as_json: Json = False
) -> None:
    """End an alert: its series rings again only after it has been quiet."""
    from undertone.lifecycle import Action

    _show(_act(redis_url, alert_id, Action.RESOLVE, by, reason), as_json=as_json)


def wrong(
    alert_id: AlertId,
    by: By = None,
    message: Annotated[
        list[str] | None,
        typer.Option(metavar="POSITION", help="A text of the alert that was misjudged; may be given again."),
    ] = None,
    sentiment: Annotated[str | None, typer.Option(help="What the texts are instead.", show_default=False)] = None,
    topic: Annotated[str | None, typer.Option(help="What they are about instead.", show_default=False)] = None,
    reason: Reason = "",
    redis_url: RedisUrl = None,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """End a false alarm, and label the texts that made it: what you say of them goes to the topic `labels`, once."""
    from undertone.cli.options import settings
    from undertone.errors import BrokerError
    from undertone.false_alarm import Verdicts, corrections
    from undertone.labels.judge import sentiment_of
    from undertone.lifecycle import Action
    from undertone.messages import from_ms

    chosen = settings(redis_url=redis_url, bootstrap_servers=bootstrap_servers)
    store, who, at_ms = alert_store(chosen.redis_url), person(by), now_ms()
    labels = corrections(
        found(store, alert_id),
        by=who,
        at=from_ms(at_ms),
        sentiment=sentiment_of(sentiment),
        topic=topic,
        positions=message or (),
        why=reason,
    )
    alert = store.act(alert_id, Action.WRONG, who, at_ms, why=reason, labels=labels)
    verdicts = Verdicts(store.redis)
    sent = 0
    if verdicts.waiting():
        try:
            sent = verdicts.carry(chosen, f"cli:{who}")
        except BrokerError as error:
            typer.echo(f"The labels wait and go out when the watch reaches Kafka: {error}", err=True)
    _show(alert, as_json=as_json)
    if sent:
        typer.echo(f"{sent:,} labels sent.", err=True)
    elif not labels:
        typer.echo("No label: say what the texts are instead with --sentiment or --topic.", err=True)
    elif not verdicts.waiting():
        typer.echo("No new label: you judged these texts of this alert before.", err=True)


def _act(
    redis_url: str | None, alert_id: str, action: Action, by: str | None, why: str, *, to: str | None = None
) -> Alert:
    return alert_store(redis_url).act(alert_id, action, person(by), now_ms(), why=why, to=to)


def _show(alert: Alert, *, as_json: bool) -> None:
    if as_json:
        print_alert(alert)
        return
    owner = f", assigned to {alert.assigned_to}" if alert.assigned_to else ""
    taken = f", by {alert.acknowledged_by}" if alert.acknowledged_by else ""
    print(plain(f"{alert.id} is {alert.severity} and {alert.state}{taken}{owner}."))
