"""How far the demo's system is: what workers have counted, what the watch has looked at, and the alert of the surge."""

from __future__ import annotations

import time

from undertone.alert_store import AlertStore
from undertone.demo.surge import SURGE_COMPANY
from undertone.messages import Alert, AlertState, to_ms
from undertone.settings import Settings
from undertone.store import Store

LOOK_S = 0.5
MINUTE_MS = 60_000
FIRING = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


class Lookout:
    """Asks Redis. ``store`` is a client of its own thread."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._alerts = AlertStore(store.redis)
        self._next = 0.0
        self._seen = False

    def surge(self, since_ms: int) -> Alert | None:
        """The first alert on the company that has the bad hour, once, when it is there. Asks every LOOK_S at most."""
        if self._seen or time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + LOOK_S
        for alert in self._alerts.list():
            due = alert.entity == SURGE_COMPANY and "negative" in alert.rule and to_ms(alert.fired_at) >= since_ms
            if due and alert.state in FIRING:
                self._seen = True
                return alert
        return None

    def counted(self) -> int:
        """Records that the workers are through with."""
        return sum(state.offset + 1 for stream in self._settings.streams for state in self._store.states(stream))

    def watched_ms(self) -> int:
        """The event time up to which the watch has looked at every stream, 0 before it began."""
        return min((self._alerts.evaluated(stream) or 0) for stream in self._settings.streams) * MINUTE_MS

    def caught_up(self) -> bool:
        """Whether the watch has looked at every minute that is over."""
        now_ms = time.time_ns() // 1_000_000
        for stream in self._settings.streams:
            event_now_ms = self._store.event_now_ms(stream, idle_s=self._settings.idle_partition_s, now_ms=now_ms)
            if (self._alerts.evaluated(stream) or 0) < event_now_ms // MINUTE_MS - 1:
                return False
        return True

    def serves(self, version: str) -> bool:
        """Whether a worker says that this model serves."""
        return self._store.model_version() == version
