"""Bounded reads of alerts beyond the newest: one of them, pages of them, what was done to one, and silences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dashboard import reads
from dashboard.guard import store
from dashboard.kept import kept
from undertone.alert_reading import AlertPage, AlertPlace, AlertReader, WantedAlerts
from undertone.alert_store import AlertStore
from undertone.audit import Entry
from undertone.messages import Alert
from undertone.silences import Silence

LIVE_S: Final = 3
SLOW_S: Final = 15
PAGE: Final = 50
TRAIL: Final = 100


@kept(LIVE_S)
def one(url: str, alert_id: str) -> Alert | None:
    """The alert of this id, None if there is none."""
    return AlertReader(store(url).redis).get(alert_id)


@kept(LIVE_S)
def page(url: str, wanted: WantedAlerts, after: AlertPlace | None) -> AlertPage:
    """Up to PAGE wanted alerts, newest first."""
    return AlertReader(store(url).redis).page(wanted, after, PAGE)


@kept(SLOW_S)
def trail(url: str, alert_id: str) -> tuple[Entry, ...]:
    """What was done to an alert, the newest first."""
    return tuple(AlertStore(store(url).redis).trail(alert_id, TRAIL))


@kept(SLOW_S)
def deliveries(url: str, alert_id: str) -> Mapping[str, str]:
    """How each notification ended, by channel and number."""
    return MappingProxyType(AlertStore(store(url).redis).deliveries(alert_id))


@kept(SLOW_S)
def silences(url: str) -> tuple[Silence, ...]:
    """All that are kept."""
    return tuple(AlertStore(store(url).redis).silences.list())


def changed(url: str, alert_id: str = "") -> None:
    """Read anew what an action has just changed."""
    reads.alerts.drop(url)
    silences.drop(url)
    for read in (one, trail, deliveries):
        read.drop(url, alert_id)
