"""The post: a courier for each receiver that the rules name, changed with the rules while it works."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from stream.couriers import Courier, Decide, Told, everything
from stream.receivers.addressed import Addressed, Variables, acknowledging, addressed, channel, from_setting
from stream.receivers.channel import Channel
from stream.receivers.kafka import KafkaChannel
from undertone.alert_store import AlertStore, Outgoing
from undertone.rules import Rules
from undertone.rules.check import FROM_SETTING
from undertone.rules.routing import UNROUTED, Decision, route
from undertone.settings import Settings, variable

_log = logging.getLogger(__name__)


class Post:
    """The couriers under one lease. Not for several threads."""

    def __init__(
        self,
        settings: Settings,
        alerts: AlertStore,
        token: str,
        *,
        variables: Variables = variable,
        now_s: Callable[[], float] = time.time,
        told: Told = lambda *_: None,
    ) -> None:
        """Start the courier to Kafka, which carries everything; :meth:`use` starts the others."""
        self._settings = settings
        self._alerts = alerts
        self._token = token
        self._variables = variables
        self._now_s = now_s
        self._told = told
        self._rules = Rules(version=1)
        self._implicit: tuple[str, ...] = ()
        self._to: dict[str, Addressed] = {}
        self._ready: dict[str, Channel] = {}
        self._couriers: dict[str, Courier] = {}
        self._leaving: dict[str, Courier] = {}
        self._kafka = Courier(
            KafkaChannel(settings), settings.redis_url, token, everything(KafkaChannel.name), expires_ms=None, told=told
        )
        self._kafka.start()

    def use(self, rules: Rules) -> None:
        """Deliver by these rules from now on.

        A receiver that is new begins with what is told from now on. One that is gone keeps its place in the outbox,
        for when it comes back. One that has another address goes on with what it has not yet got.

        Raises:
            InputError: if a receiver's address cannot be used; all goes on as before then.
        """
        wanted = {one.name: addressed(one, self._variables) for one in rules.receivers}
        setting = from_setting(self._settings)
        if setting is not None:
            wanted[setting.name] = setting
        elif any(FROM_SETTING in path.to for path in rules.routes):
            _log.warning("a route leads to %r, but UNDERTONE_WEBHOOK_URL is not set: nobody gets it", FROM_SETTING)
        channels = {name: self._channel(one) for name, one in wanted.items() if self._to.get(name) != one}
        # Nothing above has changed anything, and nothing below can fail.
        self._rules, self._implicit = rules, () if setting is None else (setting.name,)
        for name in self._couriers.keys() - wanted.keys():
            self._leaving[name] = courier = self._couriers.pop(name)
            courier.stop()
        self._to = wanted
        self._ready = {name: one for name, one in self._ready.items() if name in wanted} | channels
        self.tend()

    def tend(self) -> None:
        """Give couriers the channels that are ready, once no courier of the same name is still finishing."""
        self._leaving = {name: one for name, one in self._leaving.items() if one.is_alive()}
        for name in [*self._ready]:
            if name in self._leaving:
                continue
            if name in self._couriers:
                self._couriers[name].change(self._ready.pop(name))
                continue
            self._alerts.join(name)
            courier = Courier(
                self._ready.pop(name), self._settings.redis_url, self._token, self._decide(name), told=self._told
            )
            self._couriers[name] = courier
            courier.start()

    def receivers(self) -> list[str]:
        """The names of those that are told."""
        return [KafkaChannel.name, *list(self._couriers)]

    def stop(self, within_s: float) -> None:
        """Let every courier finish what it is doing, for so long; what is not done is done by the next watcher."""
        all_of_them = [self._kafka, *self._couriers.values(), *self._leaving.values()]
        for courier in all_of_them:
            courier.stop()
        deadline = time.monotonic() + within_s
        for courier in all_of_them:
            courier.join(max(deadline - time.monotonic(), 0))

    def _channel(self, to: Addressed) -> Channel:
        settings = self._settings
        return channel(to, acknowledging(settings, to.name, self._now_s), settings.public_url or "")

    def _decide(self, name: str) -> Decide:
        return partial(self._decided, name)

    def _decided(self, name: str, out: Outgoing, sent: int, told: bool) -> Decision:
        """For one receiver, by the rules that hold now; called on its courier's thread."""
        alert = out.alert
        found = route(
            self._rules,
            alert,
            out.what,
            alert.updated_at,
            {name: sent},
            {name} if told else (),
            self._implicit,
            out.quiet,
        )
        return next((one for one in found if one.receiver == name), Decision(name, UNROUTED, costs=False))
