"""Who may try a receiver, and when: several at once while it takes what it is given, else one, and ever more seldom.

It knows of attempts and pauses, and nothing of what is delivered.
"""

from __future__ import annotations

import random
import threading
import time

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 60.0


class Turnstile:
    """For the threads that try one receiver.

    Waits after failures grow twofold to LONGEST_RETRY_S with equal jitter (Brooker 2015, "Exponential Backoff And
    Jitter"), for the receiver as a whole and for each notification by itself: one that the receiver cannot take does
    not keep others from it.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0
        self._failures = 0
        self._not_before = 0.0
        self._openings = 0

    def enter(self, failures: int) -> bool:
        """Wait for the right to make an attempt, which :meth:`leave` gives back; False if there will be none.

        ``failures`` is how often this notification has failed before.
        """
        with self._changed:
            own = time.monotonic() + _pause_s(failures)
            openings = self._openings
            while not self._closed:
                due = max(self._not_before, own if self._openings == openings else 0.0) - time.monotonic()
                free = self._inside < (1 if self._failures else self.at_once)
                if free and due <= 0:
                    self._inside += 1
                    return True
                self._changed.wait(due if due > 0 else None)
            return False

    def leave(self, *, delivered: bool) -> None:
        """Say how an attempt ended; delivered means that the receiver has answered for good."""
        with self._changed:
            self._inside -= 1
            if delivered:
                self._failures, self._not_before = 0, 0.0
            elif time.monotonic() >= self._not_before:  # of those that failed together one counts
                self._failures += 1
                self._not_before = time.monotonic() + _pause_s(self._failures)
            self._changed.notify_all()

    def open(self, at_once: int) -> None:
        """Let everybody try at once: there is another way to the receiver."""
        with self._changed:
            self.at_once = at_once
            self._failures, self._not_before = 0, 0.0
            self._openings += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _pause_s(failures: int) -> float:
    if not failures:
        return 0.0
    longest = min(FIRST_RETRY_S * 2 ** min(failures - 1, 20), LONGEST_RETRY_S)
    return random.uniform(longest / 2, longest)
