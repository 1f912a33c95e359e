"""``undertone demo``: everything on this machine, and a surge of negative opinion that becomes an alert."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.options import Data, Json, Model
from undertone.cli.output import notes, progress
from undertone.cli.system import DashboardPort, calm_end, prepare_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from undertone.demo import Plan, Teller
    from undertone.messages import Alert
    from undertone.settings import Settings
    from undertone.system import System

ALERT_TIMEOUT_S = 170.0
LOOK_S = 0.5
MINUTE_MS = 60_000
UNEVEN_MIN = 45
"""Event minutes by which the slowest partition of a thin stream may lag behind."""
FIRING = ("firing", "acknowledged")


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without the page.")] = False,
    until_alert: Annotated[bool, typer.Option("--until-alert", help="End at the alert: 0; none in time: 1.")] = False,
    as_json: Json = False,
    fresh: Annotated[
        bool, typer.Option("--fresh/--keep", help="Begin anew, or go on with what an earlier demo left.")
    ] = True,
    data: Data = None,
    model: Model = None,
    dashboard_port: DashboardPort = None,
) -> None:
    """Start everything on this machine and show how a surge of negative opinion becomes an alert.

    The stream is made up: companies, headlines and comments are invented. Data lies in .undertone/demo.
    """
    from undertone import demo as show
    from undertone.settings import Settings
    from undertone.system import Parts, System

    asked = Settings(data=data, model=model, dashboard_port=dashboard_port)
    home = show.folder(asked)
    say = notes()
    begun = time.monotonic()
    with calm_end():
        prepare_servers(kafka=True)
        entities = show.prepare(home, fresh=fresh)
        # Servers of the demo's own, whatever the environment says: made-up messages must not reach real ones.
        own: dict[str, Any] = {
            "data": home,
            "model": str(Path(asked.model).absolute()) if Path(asked.model).is_dir() else asked.model,
            "entities_file": entities,
            "security_protocol": "PLAINTEXT",
            "partitions": 4,
        }
        if "dashboard_port" in asked.model_fields_set:
            own["dashboard_port"] = asked.dashboard_port
        nobody = {"webhook_url": None, "rules": None, "public_url": None, "link_secret": None}
        chosen = Settings(**own).model_copy(update=nobody)
        parts = Parts(dashboard=not headless)
        with System(chosen, parts, lambda line: say.print(line, markup=False, soft_wrap=True), folder=home) as system:
            with say.status("Starting Kafka, Valkey and the programs …"):
                system.start()
                system.wait_ready()
            say.print(
                f"Ready after {time.monotonic() - begun:.0f} s. All companies and texts in this demo are made up."
            )
            if system.dashboard_url:
                say.print(f"Open [bold]{system.dashboard_url}[/bold]")
            _tell(system, say, begun, fresh=fresh, until_alert=until_alert, as_json=as_json)


def _tell(system: System, say: Console, begun: float, *, fresh: bool, until_alert: bool, as_json: bool) -> None:
    from undertone import demo as show
    from undertone.demo_stream import company_name
    from undertone.demo_words import SURGE_COMPANY
    from undertone.errors import UndertoneError
    from undertone.sending import Sender

    plan = show.plan(int(time.time() * 1000))
    lookout = _Lookout(system.settings, plan)
    deadline = begun + ALERT_TIMEOUT_S

    def idle() -> None:
        system.check()
        alert = lookout.look()
        if alert is not None:
            _show(alert, say, as_json=as_json)
            if until_alert:
                raise _Done
        if until_alert and time.monotonic() > deadline:
            raise UndertoneError(
                f"No alert within {ALERT_TIMEOUT_S:.0f} s; {teller.sent:,} messages were sent and "
                f"{lookout.counted():,} counted: the logs in {system.data / 'logs'} tell more"
            )

    with Sender(system.settings) as sender:
        teller = show.Teller(sender, plan, idle)
        try:
            if fresh:
                _past(teller, lookout, plan, idle)
                say.print(
                    f"{teller.sent:,} messages of two quiet days are scored and watched, "
                    f"{time.monotonic() - begun:.0f} s after the start."
                )
                say.print(
                    f"Now the last hours, {plan.speed:.0f} times quicker than life. "
                    f"Watch {company_name(SURGE_COMPANY)} ({SURGE_COMPANY}): a recall is coming."
                )
                teller.live()
                say.print("From here on in real time. Ctrl-C stops everything.")
            teller.life()
        except _Done:
            return


class _Done(Exception):
    """The alert that was waited for is there."""


class _Lookout:
    """Looks for the first alert on the company that has the bad hour, and how much has been counted."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        from undertone.alert_store import AlertStore
        from undertone.store import Store

        self._store = Store.open(settings.redis_url)
        self._alerts = AlertStore(self._store.redis)
        self._streams = settings.streams
        self._since_ms = plan.timeline.surge
        self._next = 0.0
        self._seen = False

    def look(self) -> Alert | None:
        """The alert, once, when it is there. Asks Redis every LOOK_S at most."""
        from undertone.demo_words import SURGE_COMPANY
        from undertone.messages import to_ms

        if self._seen or time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + LOOK_S
        for alert in self._alerts.list():
            due = alert.entity == SURGE_COMPANY and "negative" in alert.rule and to_ms(alert.fired_at) >= self._since_ms
            if due and alert.state in FIRING:
                self._seen = True
                return alert
        return None

    def watched_min(self) -> int:
        """The event minute up to which the watch has looked at every stream."""
        return min(self._alerts.evaluated(stream) or 0 for stream in self._streams)

    def counted(self) -> int:
        """Records that the workers are through with."""
        return sum(state.offset + 1 for stream in self._streams for state in self._store.states(stream))


def _past(teller: Teller, lookout: _Lookout, plan: Plan, idle: Callable[[], None]) -> None:
    """Tell the quiet days and wait until they are counted and watched, so that the surge is seen as it comes."""
    with progress() as bars:
        scored = bars.add_task("Two quiet days: scored", total=None)
        watched = bars.add_task("Two quiet days: watched (minutes)", total=None)
        teller.history()
        first, last = (ms // MINUTE_MS for ms in (plan.timeline.start, plan.timeline.live))
        bars.update(scored, total=teller.sent)
        bars.update(watched, total=last - first)
        counted = minute = 0
        while counted < teller.sent or minute < last - UNEVEN_MIN:
            idle()
            time.sleep(LOOK_S / 2)
            counted, minute = lookout.counted(), lookout.watched_min()
            bars.update(scored, completed=counted)
            bars.update(watched, completed=max(0, minute - first))


def _show(alert: Alert, say: Console, *, as_json: bool) -> None:
    if as_json:
        from undertone.messages import encode

        print(encode(alert).decode(), flush=True)
        return
    from undertone.cli.alert_output import panel

    say.print(panel(alert))
