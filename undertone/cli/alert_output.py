"""How alerts are read and printed by the commands of ``undertone alerts``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.output import print_json

if TYPE_CHECKING:
    from rich.panel import Panel

    from undertone.alert_store import AlertStore
    from undertone.messages import Alert
    from undertone.narrative import Sentence

AlertId = Annotated[str, typer.Argument(metavar="ID", help="As `undertone alerts list` shows it.")]
By = Annotated[str | None, typer.Option(help="Who (default: you).", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.", show_default=False)]

HEADLINES = 8
COMMENTS = 3


def alert_store(redis_url: str | None) -> AlertStore:
    """The alerts of the system that the flag, the environment or the data folder names."""
    from undertone.alert_store import AlertStore
    from undertone.cli.options import settings
    from undertone.store import Store

    return AlertStore(Store.open(settings(redis_url=redis_url).redis_url).redis)


def person(by: str | None) -> str:
    """Who acts: the name given, or that of the account."""
    import getpass

    return by or getpass.getuser()


def now_ms() -> int:
    """The clock on the wall."""
    import time

    return time.time_ns() // 1_000_000


def found(store: AlertStore, alert_id: str) -> Alert:
    """The alert of this id.

    Raises:
        InputError: if there is none.
    """
    from undertone.errors import InputError

    alert = store.get(alert_id)
    if alert is None:
        raise InputError(f"There is no alert {alert_id!r}: see `undertone alerts list`")
    return alert


def print_alert(alert: Alert, told: Sequence[Sentence] = ()) -> None:
    """One alert as JSON, with the sentences that tell it where they are given."""
    import msgspec

    shape: dict[str, Any] = msgspec.to_builtins(alert)
    print_json(shape | ({"narrative": msgspec.to_builtins(told)} if told else {}))


def panel(alert: Alert) -> Panel:
    """An alert as a box on a terminal. Feed text is shown as it is and never read as markup."""
    from rich.panel import Panel
    from rich.text import Text

    body = Text(f"{plain(alert.reason)}\n", style="bold")
    body.append(f"Fired {alert.fired_at:%Y-%m-%d %H:%M} UTC of event time; {_standing(alert)}.\n", style="not bold")
    for said in alert.comments[-COMMENTS:]:
        body.append(f"\n{plain(said.by)}: {plain(said.text)}", style="not bold italic")
    for one in alert.evidence[:HEADLINES]:
        body.append(f"\n{plain(one.source):22.22}", style="not bold dim")
        body.append(plain(one.text), style="not bold")
    left = len(alert.evidence) - HEADLINES
    if left > 0:
        body.append(f"\n… and {left} more: undertone alerts show {alert.id}", style="not bold dim")
    return Panel(body, title=f"{alert.severity.upper()}  {alert.about}", title_align="left", border_style="red")


def _standing(alert: Alert) -> str:
    parts = [
        str(alert.state),
        alert.acknowledged_by and f"taken on by {alert.acknowledged_by}",
        alert.assigned_to and f"assigned to {alert.assigned_to}",
        alert.wrong_by and f"a false alarm, says {', '.join(alert.wrong_by)}",
        alert.silenced_by and f"silenced by {alert.silenced_by}",
        alert.incident and alert.incident != alert.id and f"of the incident {alert.incident}",
    ]
    return plain(", ".join(part for part in parts if part))


def plain(text: str) -> str:
    """Foreign words for a terminal: on one line, and nothing in them may steer it."""
    return "".join(c if c.isprintable() else " " for c in text)
