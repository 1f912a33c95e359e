"""The watch: the program that looks at every minute of event time, and delivers what it finds.

One watcher holds the lease and works; others stand by and take over when it is gone. What is announced and what
is remembered are written together under the lease (:mod:`undertone.alert_store`), so that neither a crash nor a
second watcher makes an alert twice or loses one.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterable

from redis.exceptions import RedisError

from stream import logs
from stream.acknowledge import AckServer
from stream.endpoints import Endpoints
from stream.labelling import carry_labels
from stream.patrol import Patrol
from stream.post import Post
from stream.receivers.addressed import addressed
from stream.watch_health import WatchHealth
from undertone.alert_store import AlertStore, LeaseLostError
from undertone.errors import InputError, SettingsError, UndertoneError
from undertone.keys import LEASE_TTL_S
from undertone.outbox import Outbox
from undertone.rules.watcher import Watcher
from undertone.settings import Settings, variable
from undertone.store import Store, connect

POLL_S = 0.25
FEW_MIN = 30
"""So few minutes looked at in a round are no hurry: of a log that is read again, the next round has more at once."""
STANDBY_S = 1.0
KEEP_S = LEASE_TTL_S / 5
STOP_S = 10.0
"""How long the couriers may take to finish when the watch stops; what they have not done is done later."""

_log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Watch until SIGTERM or Ctrl-C; returns the exit code. Blocks, and takes over logging and signals."""
    logs.configure(settings.log_level, as_json=settings.log_json)
    for name in ("apprise", "httpcore", "urllib3"):  # they log URLs and bodies, which hold secrets and texts
        logging.getLogger(name).setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        Watch(settings).run(stop)
    except UndertoneError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


class Watch:
    """A watcher; several may run at once, one of them works."""

    def __init__(self, settings: Settings) -> None:
        """Read the rules and open the store.

        Raises:
            InputError: if the rules file cannot be used, or a variable that it names is not set.
            StoreError: if Redis cannot be reached or is set up so that data would be lost.
        """
        self._settings = settings
        self._rules = Watcher(settings.rules)
        for receiver in self._rules.rules.receivers:
            addressed(receiver, variable)
        self._store = Store.open(settings.redis_url)
        self._alerts = AlertStore(self._store.redis)
        self._health = WatchHealth(Outbox(connect(settings.redis_url)))

    def run(self, stop: threading.Event) -> None:
        """Stand by, take the lease, work until it is lost, and again, until ``stop``."""
        served = [one for one in (self._links(), self._endpoints()) if one is not None]
        try:
            self._take_turns(stop)
        finally:
            for one in served:
                one.stop()
            self._health.close()

    def _take_turns(self, stop: threading.Event) -> None:
        waiting = False
        while not stop.is_set():
            self._health.tick()
            try:
                token = self._alerts.take_lease(self._settings.worker)
                if token is not None:
                    waiting = False
                    self._in_charge(token, stop)
                elif not waiting:
                    waiting = True
                    _log.info("another watcher is in charge: standing by")
            except LeaseLostError as lost:
                _log.warning("%s", lost)
            except RedisError as error:
                _log.warning("Redis does not answer (%s): trying again", error)
            stop.wait(STANDBY_S)

    def _in_charge(self, token: str, stop: threading.Event) -> None:
        _log.info("in charge with lease %r", token)
        lost = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(token, lost), name="lease", daemon=True)
        keeper.start()
        labels = threading.Thread(target=carry_labels, args=(self._settings, lost), name="labels", daemon=True)
        labels.start()
        post = Post(self._settings, self._alerts, token, told=self._health.told)
        self._health.in_charge(post.receivers)
        try:
            post.use(self._rules.rules)
            self._patrol(token, post, stop, lost)
        finally:
            self._health.stands_by()
            post.stop(STOP_S)
            lost.set()
            keeper.join(STOP_S)
            labels.join(STOP_S)
            self._alerts.drop_lease(token)

    def _patrol(self, token: str, post: Post, stop: threading.Event, lost: threading.Event) -> None:
        rules = self._rules.rules
        patrols = {name: Patrol(self._store, self._alerts, name, token, rules) for name in self._settings.streams}
        while not stop.is_set():
            self._health.tick()
            if lost.is_set():
                raise LeaseLostError("the lease ran out: another watcher may be in charge")
            self._follow(post, patrols.values())
            if sum(self._advance(name, patrol) for name, patrol in patrols.items()) < FEW_MIN:
                stop.wait(POLL_S)

    def _advance(self, name: str, patrol: Patrol) -> int:
        now_ms = time.time_ns() // 1_000_000
        idle_s = self._settings.idle_partition_s
        event_now_ms = self._store.event_now_ms(name, idle_s=idle_s, now_ms=now_ms)
        states = self._store.states(name)
        idle = all(now_ms - state.updated_ms > idle_s * 1000 for state in states)
        began = time.perf_counter()
        done = patrol.advance(event_now_ms, idle=idle)
        self._health.looked(patrol, done, time.perf_counter() - began)
        if idle and states and not done:
            newest_ms = max(state.watermark_ms for state in states)
            patrol.listen(newest_ms, max(state.updated_ms for state in states), now_ms)
        return done

    def _keep(self, token: str, lost: threading.Event) -> None:
        """Renew the lease beside the work, which may take longer than the lease lasts."""
        alerts = AlertStore(connect(self._settings.redis_url))
        while not lost.wait(KEEP_S):
            try:
                if not alerts.keep_lease(token):
                    lost.set()
            except RedisError as error:
                _log.warning("the lease could not be renewed (%s)", error)
        alerts.redis.close()

    def _follow(self, post: Post, patrols: Iterable[Patrol]) -> None:
        """Work by the rules as the file has them now."""
        post.tend()
        rules = self._rules.changed()
        if rules is None:
            return
        try:
            post.use(rules)
        except InputError as error:
            self._rules.refuse(error)
            return
        for patrol in patrols:
            patrol.use(rules)
        self._rules.accept(rules)

    def _endpoints(self) -> Endpoints | None:
        """Health and metrics."""
        settings = self._settings
        variable = "UNDERTONE_WATCH_HEALTH_PORT"
        try:
            served = Endpoints(self._health, settings.health_host, settings.watch_health_port, variable)
        except SettingsError as error:  # alerts matter more than figures about them
            _log.warning("health and metrics are not served: %s", error)
            return None
        served.start()
        _log.info("health and metrics are served on port %d", served.port)
        return served

    def _links(self) -> AckServer | None:
        """The page behind acknowledge links, where the settings ask for them."""
        settings = self._settings
        if not (settings.public_url and settings.link_secret):
            return None
        try:
            server = AckServer(settings.redis_url, settings.link_secret, settings.watch_host, settings.watch_port)
        except SettingsError as error:  # alerts matter more than the links in them
            _log.error("acknowledge links will not work: %s", error)
            return None
        server.start()
        _log.info("acknowledge links are served on port %d", server.port)
        return server


def main() -> int:
    """``python -m stream.watch``: the settings come from the environment."""
    try:
        settings = Settings()
    except UndertoneError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
