"""A thread that ends the process when it only looks alive: with one clear line, so that a supervisor restarts it.

Faust never notices that aiokafka's coordinator has died, nor can an event loop report that it is stuck. Ending at
once is safe: whatever was not written is read again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable

CHECK_S = 1.0
STRIKES = 3
"""A reason must hold for so many looks: a rebalance or a long collection of garbage is no death."""

log = logging.getLogger(__name__)

Check = Callable[[], str | None]


class Watchdog:
    """Asks each check every CHECK_S whether something has died."""

    def __init__(self, checks: Iterable[Check], exit_process: Callable[[int], object] = os._exit) -> None:
        """Each check says what has died, in words fit for the log, or None."""
        self._checks = list(checks)
        self._exit = exit_process
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def watch(self) -> None:
        """Look until stopped, or until something has died."""
        strikes = 0
        while not self._stopped.wait(CHECK_S):
            reason = next((found for check in self._checks if (found := _ask(check)) is not None), None)
            strikes = strikes + 1 if reason is not None else 0
            if reason is not None and strikes >= STRIKES:
                log.critical("The worker ends itself, to be started again: %s", reason)
                logging.shutdown()
                self._exit(1)
                return


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # a check that fails must not be the end of watching
        log.debug("a check failed: %s", error)
        return None


def stuck(since: Callable[[], float], limit_s: float, what: str) -> Check:
    """A check that something has moved within `limit_s`; `since` gives the monotonic time of its last move."""

    def check() -> str | None:
        idle_s = time.monotonic() - since()
        return f"{what} has not moved for {idle_s:.0f} s" if idle_s > limit_s else None

    return check
