"""An outage of something the worker cannot do without: how long to wait before the next try, and when to say so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 2.0
SAY_EVERY_S = 10.0

log = logging.getLogger(__name__)


class Outage:
    """One caller's view of one server. The caller tries again after `failed`, without end, and says `over`."""

    def __init__(self, what: str, clock: Callable[[], float] = monotonic) -> None:
        self.what = what
        self._clock = clock
        self._wait_s = FIRST_WAIT_S
        self._said = 0.0
        self.since: float | None = None
        """Monotonic time of the first failure; None while all is well. Read by other threads."""

    def failed(self, error: BaseException) -> float:
        """Note a failed try; returns the seconds to wait before the next one."""
        now = self._clock()
        if self.since is None:
            self.since = self._said = now
            log.warning("%s does not answer (%s): nothing more is read until it does", self.what, _words(error))
        elif now - self._said >= SAY_EVERY_S:
            self._said = now
            log.warning("%s has not answered for %.0f s (%s)", self.what, now - self.since, _words(error))
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 2, LONGEST_WAIT_S)
        return wait_s

    def over(self) -> None:
        """Note a try that succeeded."""
        if self.since is not None:
            log.warning("%s answers again, after %.1f s", self.what, self._clock() - self.since)
            self.since = None
        self._wait_s = FIRST_WAIT_S


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
