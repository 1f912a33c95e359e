"""Delivery of the outbox: each receiver has a courier with a cursor of its own, so that none waits for another.

A notification is delivered at least once and recorded once. A receiver that must not act twice on one knows it by
the ``Idempotency-Key`` header (webhook) or the ``notification`` header (Kafka): the courier may die between the
delivery and its record.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from stream.receivers.channel import Channel, NotDeliveredError
from undertone.alert_store import AlertStore, LeaseLostError, Outgoing
from undertone.rules.routing import Decision
from undertone.store import connect

POLL_S = 0.25
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 60.0
EXPIRES_MS = 72 * 3_600_000
"""Wall time after which a notification that could not be delivered is given up: it is news no more."""

Decide = Callable[[Outgoing, int, bool], Decision]
"""Says what becomes of a notification for one receiver: how many it was sent that day, whether it knows the alert."""

_log = logging.getLogger(__name__)


def everything(name: str) -> Decide:
    """For a receiver that is told of everything."""
    return lambda *_: Decision(name, "", costs=False)


class Courier(threading.Thread):
    """Carries the outbox to one channel, in order, trying each notification until it is done."""

    def __init__(
        self, channel: Channel, redis_url: str, token: str, decide: Decide, *, expires_ms: int | None = EXPIRES_MS
    ) -> None:
        """Nothing is done until :meth:`start`.

        Args:
            channel: Where to; :meth:`change` gives it another one.
            redis_url: Of the outbox.
            token: Of the lease under which it is carried.
            decide: What is sent.
            expires_ms: Age at which an entry is given up; None for never.
        """
        super().__init__(name=f"courier-{channel.name}", daemon=True)
        self._channel = channel
        self._alerts = AlertStore(connect(redis_url))
        self._token = token
        self._decide = decide
        self._expires_ms = expires_ms
        self._next: Channel | None = None
        self._stop_asked = threading.Event()
        self._roused = threading.Event()

    def stop(self) -> None:
        """Ask it to end after what it is doing."""
        self._stop_asked.set()
        self._roused.set()

    def change(self, channel: Channel) -> None:
        """Go on with this channel, from the next attempt on. It leads to the same receiver by another way."""
        self._next = channel
        self._roused.set()

    def run(self) -> None:
        """Deliver until stopped, or until another watcher has taken over."""
        try:
            while not self._stop_asked.is_set():
                try:
                    if not self._round():
                        self._pause(POLL_S)
                except RedisError as error:
                    _log.warning("%s: Redis does not answer (%s)", self._channel.name, error)
                    self._pause(POLL_S)
        except LeaseLostError as lost:
            _log.warning("%s: %s", self._channel.name, lost)
        finally:
            self._channel.close()
            self._alerts.redis.close()

    def _round(self) -> int:
        """Deal with what is in the outbox; returns how many notifications were done with."""
        name = self._channel.name
        cursor, waiting = self._alerts.outgoing(name)
        done = 0
        for out in waiting:
            decision = self._decided(out)
            outcome = f"held:{decision.held}" if decision.held else self._insist(out)
            if outcome is None:
                break
            count = ""
            if decision.held == "unrouted":
                outcome = ""
            elif decision.held:
                count = outcome
            elif outcome != "ok":
                _log.error("%s: %s was not delivered: %s", name, out.key, outcome)
                count = outcome.partition(":")[0]
            elif decision.costs:
                count = "sent"
            now_ms = time.time_ns() // 1_000_000
            self._alerts.record_delivery(self._token, name, cursor, out, outcome, now_ms, count=count)
            cursor, done = out.entry, done + 1
        return done

    def _decided(self, out: Outgoing) -> Decision:
        name = self._channel.name
        sent = self._alerts.tally(name, f"{out.alert.updated_at:%Y-%m-%d}").get("sent", 0)
        ends = self._alerts.deliveries(out.alert.id)
        told = any(field.rpartition(":")[0] == name and end.split()[0] == "ok" for field, end in ends.items())
        return self._decide(out, sent, told)

    def _insist(self, out: Outgoing) -> str | None:
        """Try until the receiver has answered for good, or it is too late; None if asked to stop meanwhile.

        Waits grow twofold to LONGEST_RETRY_S with equal jitter (Brooker 2015, "Exponential Backoff And Jitter").
        """
        longest = FIRST_RETRY_S
        while not self._stop_asked.is_set():
            if self._next is not None:
                self._channel.close()
                self._channel, self._next = self._next, None
                longest = FIRST_RETRY_S
            if self._expires_ms is not None and _age_ms(out) > self._expires_ms:
                return "expired"
            wait_s = random.uniform(longest / 2, longest)
            name = self._channel.name
            try:
                return self._channel.deliver(out)
            except NotDeliveredError as error:
                _log.warning("%s: %s not delivered (%s): again in %.1f s", name, out.key, error, wait_s)
            except Exception:  # a defect; the receiver must not fall silent for good over it
                _log.exception("%s: %s not delivered: again in %.1f s", name, out.key, wait_s)
            self._pause(wait_s)
            longest = min(longest * 2, LONGEST_RETRY_S)
        return None

    def _pause(self, seconds: float) -> None:
        self._roused.wait(seconds)
        self._roused.clear()


def _age_ms(out: Outgoing) -> int:
    """Since it was put into the outbox, by the wall clocks of Redis and of this machine."""
    return time.time_ns() // 1_000_000 - int(out.entry.partition("-")[0])
