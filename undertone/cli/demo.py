"""``undertone demo``: everything on this machine, weeks of history, and a surge of opinion that becomes an alert."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.options import Data, Json, Model
from undertone.cli.output import notes, progress
from undertone.cli.system import ApiPort, DashboardPort, api_installed, calm_end, prepare_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from undertone.demo.desk import Desk
    from undertone.demo.plan import Folder, Plan
    from undertone.demo.teller import Teller
    from undertone.messages import Alert
    from undertone.settings import Settings
    from undertone.system import System

ALERT_TIMEOUT_S = 300.0
DAYS = 30
DAY_MS = 86_400_000


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without the page and the API.")] = False,
    until_alert: Annotated[bool, typer.Option("--until-alert", help="End at the alert: 0; none in time: 1.")] = False,
    days: Annotated[int, typer.Option(min=1, max=34, help="Days of history.")] = DAYS,
    as_json: Json = False,
    fresh: Annotated[
        bool, typer.Option("--fresh/--keep", help="Begin anew, or go on with what an earlier demo left.")
    ] = True,
    data: Data = None,
    model: Model = None,
    dashboard_port: DashboardPort = None,
    api_port: ApiPort = None,
) -> None:
    """Start everything on this machine and show how a surge of negative opinion becomes an alert.

    The stream is made up: companies, headlines, comments and people are invented. Data lies in .undertone/demo.
    """
    from undertone.demo import plan as plans
    from undertone.demo.desk import Desk
    from undertone.settings import Settings
    from undertone.system import Parts, System

    asked = Settings(data=data, model=model, dashboard_port=dashboard_port, api_port=api_port)
    here = plans.folder(asked)
    planned = plans.plan(int(time.time() * 1000), days)
    say = notes()
    begun = time.monotonic()
    with calm_end(), Desk() as desk:
        prepare_servers(kafka=True)
        plans.prepare(here, planned, desk.url, fresh=fresh)
        chosen = _settings(asked, here)
        parts = Parts(dashboard=not headless, api=not headless and api_installed())
        system = System(chosen, parts, lambda line: say.print(line, markup=False, soft_wrap=True), folder=here.root)
        if fresh:
            _first_model(chosen, planned)
        with system:
            with say.status("Starting Kafka, Valkey and the programs …"):
                system.start()
                system.wait_ready()
            say.print(
                f"Ready after {time.monotonic() - begun:.0f} s. All companies, texts and people in it are made up."
            )
            if system.dashboard_url:
                say.print(f"Open [bold]{system.dashboard_url}[/bold]", soft_wrap=True)
            if system.api_url:
                say.print(f"For programs: {system.api_url}/v1/alerts", soft_wrap=True)
            run = _Run(system, planned, desk, say, begun, until_alert=until_alert, as_json=as_json)
            run.tell(fresh=fresh)


def _settings(asked: Settings, here: Folder) -> Settings:
    """Servers and files of the demo's own, whatever the environment says: made-up messages must not reach real ones."""
    from undertone.settings import Settings

    own: dict[str, Any] = {
        "data": here.root,
        "model": str(Path(asked.model).absolute()) if Path(asked.model).is_dir() else asked.model,
        "entities_file": here.entities,
        "prices": here.prices,
        "rules": here.rules,
        "reload_s": 0.5,
        "security_protocol": "PLAINTEXT",
        "partitions": 4,
    }
    own |= {name: getattr(asked, name) for name in ("dashboard_port", "api_port") if name in asked.model_fields_set}
    registry = str(here.registry) if asked.model == "default" else None
    nobody = {"webhook_url": None, "public_url": None, "link_secret": None, "dashboard_roles": None}
    return Settings(**own).model_copy(update={**nobody, "registry": registry})


def _first_model(chosen: Settings, planned: Plan) -> None:
    from undertone.demo.people import Committee
    from undertone.demo.script import small_first
    from undertone.registry import open_registry

    registry = open_registry(chosen)
    if registry is not None and small_first(planned.timeline):
        Committee(registry).begin(planned.timeline.start)


class _Done(Exception):
    """The alert that was waited for is there."""


class _Run:
    """Tells one run of the stream and says what happens."""

    def __init__(
        self, system: System, planned: Plan, desk: Desk, say: Console, begun: float, *, until_alert: bool, as_json: bool
    ) -> None:
        from undertone.demo.lookout import Lookout
        from undertone.store import Store

        self._system = system
        self._plan = planned
        self._desk = desk
        self._say = say
        self._begun = begun
        self._until_alert = until_alert
        self._as_json = as_json
        self._store = Store.open(system.settings.redis_url)
        self._lookout = Lookout(system.settings, self._store)
        self._sent: Callable[[], int] = lambda: 0
        self._shown: Callable[[], None] = lambda: None

    def tell(self, *, fresh: bool) -> None:
        from undertone.demo.teller import Teller
        from undertone.sending import Sender

        with Sender(self._system.settings) as sender:
            teller = Teller(sender, self._plan, self._lookout, self._idle)
            self._sent = lambda: teller.sent
            try:
                if fresh:
                    self._past(teller)
                    self._live(teller)
                teller.life()
            except _Done:
                return

    def _past(self, teller: Teller) -> None:
        """Tell the history, with what people did in it."""
        from undertone.demo.people import Committee, People
        from undertone.demo.script import stops
        from undertone.registry import open_registry

        times, settings = self._plan.timeline, self._system.settings
        people, registry = People(settings, self._store), open_registry(settings)
        committee = None if registry is None else Committee(registry)
        with progress() as bars:
            days = round((times.live - times.start) / DAY_MS)
            told = bars.add_task("Days told", total=days)
            watched = bars.add_task("Days watched", total=days)

            def show() -> None:
                bars.update(told, completed=(teller.told_ms - times.start) // DAY_MS)
                bars.update(watched, completed=max(0, (self._lookout.watched_ms() - times.start) // DAY_MS))

            self._shown = show
            teller.history(stops(times, people, committee, self._lookout, teller.wait_for))
        labels = people.label(times.live)
        self._say.print(
            f"{teller.sent:,} messages of {days} days are scored and watched, {self._seconds()} s after the start: "
            f"{people.past():,} past alerts, {self._desk.calls:,} calls to the demo's own webhook, "
            f"{labels:,} labels."
        )

    def _live(self, teller: Teller) -> None:
        from undertone.demo.stream import company_name
        from undertone.demo.surge import SURGE_COMPANY

        self._say.print(
            f"Now the last hours, {self._plan.speed:.0f} times quicker than life. "
            f"Watch {company_name(SURGE_COMPANY)} ({SURGE_COMPANY}): a recall is coming."
        )
        teller.live()
        self._say.print("From here on in real time. Ctrl-C stops everything.")

    def _idle(self) -> None:
        """Look whether all is well and whether the alert is there; may end the run."""
        from undertone.errors import UndertoneError

        self._system.check()
        self._shown()
        alert = self._lookout.surge(self._plan.timeline.surge)
        if alert is not None:
            _print(alert, self._say, as_json=self._as_json)
            if self._until_alert:
                raise _Done
        if self._until_alert and time.monotonic() > self._begun + ALERT_TIMEOUT_S:
            raise UndertoneError(
                f"No alert within {ALERT_TIMEOUT_S:.0f} s; {self._sent():,} messages were sent and "
                f"{self._lookout.counted():,} counted: the logs in {self._system.data / 'logs'} tell more"
            )

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._begun:.0f}"


def _print(alert: Alert, say: Console, *, as_json: bool) -> None:
    if as_json:
        from undertone.messages import encode

        print(encode(alert).decode(), flush=True)
        return
    from undertone.cli.alert_output import panel

    say.print(panel(alert))
