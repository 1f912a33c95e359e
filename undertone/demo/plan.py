"""One run of the demo: its name, its times, and the folder with all that it needs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from undertone.demo.prices import prices_csv
from undertone.demo.stream import HISTORY_DAYS, Timeline, entities_csv, timeline
from undertone.embedded import DataFolderLock
from undertone.settings import Settings

LIVE_S = 60.0
"""Seconds of wall time in which the live part, with its surge, is told."""
PER_DAY = 5
"""What the desk wants to hear of on a day."""
ROUTES = """
receivers:
  - name: demo-desk               # the demo itself: it takes the call and counts it
    webhook: {{url: {url}, allow_private: true}}
routes:
  - to: [demo-desk]
    budget: {{per_day: {per_day}}}
    repeat_on: [escalated, resolved]
"""
_MADE = ("kafka", "valkey", "logs", "registry", "models")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its name, its times, and how many seconds of event time the live part tells in a second."""

    run: str
    timeline: Timeline
    speed: float


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the demo keeps what it needs; ``root`` is a folder of its own, so that it mixes with nothing real."""

    root: Path

    @property
    def entities(self) -> Path:
        """The list of invented companies."""
        return self.root / "companies.csv"

    @property
    def prices(self) -> Path:
        return self.root / "prices.csv"

    @property
    def rules(self) -> Path:
        """What ships, and the route to the desk."""
        return self.root / "rules.yaml"

    @property
    def registry(self) -> Path:
        return self.root / "registry"


def plan(now_ms: int, days: int = HISTORY_DAYS) -> Plan:
    """The plan of a run that starts now, with so many days of history."""
    times = timeline(now_ms, days)
    return Plan(format(now_ms // 1000, "x"), times, (times.end - times.live) / 1000 / LIVE_S)


def folder(settings: Settings) -> Folder:
    """The demo's folder in the data folder."""
    return Folder(settings.data.absolute() / "demo")


def prepare(here: Folder, planned: Plan, desk_url: str, *, fresh: bool) -> None:
    """Make the folder ready: empty it where the run begins anew, and write companies, prices and rules.

    Raises:
        DataFolderInUse: if a demo runs in it.
    """
    with DataFolderLock(here.root):
        if fresh:
            for part in _MADE:
                shutil.rmtree(here.root / part, ignore_errors=True)
        here.entities.write_text(entities_csv(), encoding="utf-8")
        here.prices.write_text(prices_csv(planned.run, planned.timeline), encoding="utf-8")
        shipped = (resources.files("undertone.rules") / "default.yaml").read_text(encoding="utf-8")
        here.rules.write_text(shipped + ROUTES.format(url=desk_url, per_day=PER_DAY), encoding="utf-8")
