"""Delivery of the outbox: each receiver has a courier with a cursor of its own, so that none waits for another.

A notification is delivered at least once and recorded once. A receiver that must not act twice on one knows it by
the ``Idempotency-Key`` header (webhook) or the ``notification`` header (Kafka): the courier may die between the
delivery and its record.

Several may be on their way to a receiver at once, but of one incident only one: its notifications arrive in the order
in which they were told. The cursor stands before the oldest that is not done with; those behind it that are have been
recorded, and are passed over by a courier that begins anew.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from redis.exceptions import RedisError

from stream.receivers.channel import Channel, NotDeliveredError
from stream.turnstile import Turnstile
from undertone.alert_store import AlertStore, LeaseLostError, Outgoing
from undertone.rules.routing import BUDGET, UNROUTED, Decision
from undertone.store import connect

POLL_S = 0.25
EXPIRES_MS = 72 * 3_600_000
"""Wall time after which a notification that could not be delivered is given up: it is news no more."""

T = TypeVar("T")
Told = Callable[[str, str], None]
Decide = Callable[[Outgoing, int, bool], Decision]
"""Says what becomes of a notification for one receiver: how many it was sent that day, whether it knows the alert."""

_log = logging.getLogger(__name__)


def everything(name: str) -> Decide:
    """For a receiver that is told of everything."""
    return lambda *_: Decision(name, "", costs=False)


class Courier(threading.Thread):
    """Carries the outbox to one channel, in order, trying each notification until it is done."""

    def __init__(
        self,
        channel: Channel,
        redis_url: str,
        token: str,
        decide: Decide,
        *,
        expires_ms: int | None = EXPIRES_MS,
        told: Told = lambda *_: None,
    ) -> None:
        """Nothing is done until :meth:`start`.

        Args:
            channel: Where to; :meth:`change` gives it another one.
            redis_url: Of the outbox.
            token: Of the lease under which it is carried.
            decide: What is sent.
            expires_ms: Age at which an entry is given up; None for never.
            told: Is given the channel's name and how a notification ended, or ``failed`` for an attempt that is made
                again.
        """
        super().__init__(name=f"courier-{channel.name}", daemon=True)
        self._channel = channel
        self._alerts = AlertStore(connect(redis_url))
        self._token = token
        self._decide = decide
        self._expires_ms = expires_ms
        self._told = told
        self._next: Channel | None = None
        self._stop_asked = threading.Event()
        self._roused = threading.Event()
        self._changing = threading.Lock()
        self._turnstile = Turnstile(channel.at_once)

    def stop(self) -> None:
        """Ask it to end after what it is doing."""
        self._stop_asked.set()
        self._roused.set()
        self._turnstile.close()

    def change(self, channel: Channel) -> None:
        """Go on with this channel, from the next attempt on. It leads to the same receiver by another way."""
        self._next = channel
        self._roused.set()
        self._turnstile.open(channel.at_once)

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
            self._turnstile.close()
            self._channel.close()
            self._alerts.redis.close()

    def _round(self) -> int:
        """Deal with what is in the outbox; returns how many notifications were done with."""
        cursor, waiting = self._alerts.outgoing(self._channel.name)
        batch = _Batch(cursor, waiting)
        for out in waiting:
            while batch.keeps_back(out, self._turnstile.at_once):
                self._settle(batch)
            decision, known = self._patiently(partial(self._decided, out, batch))
            while decision.held == BUDGET and batch.costing:  # one under way may yet be refused, and cost nothing
                self._settle(batch)
                decision, known = self._patiently(partial(self._decided, out, batch))
            if self._stop_asked.is_set():
                break
            batch.under_way[out.entry] = out, decision
            if known or decision.held:
                batch.ended.put((out.entry, "" if known or decision.held == UNROUTED else f"held:{decision.held}"))
            elif self._turnstile.at_once == 1:
                batch.ended.put((out.entry, self._insist(out)))
            else:
                threading.Thread(target=self._carry, args=(out, batch), name=self.name, daemon=True).start()
        while batch.under_way:
            self._settle(batch)
        return batch.done

    def _carry(self, out: Outgoing, batch: _Batch) -> None:
        try:
            batch.ended.put((out.entry, self._insist(out)))
        except BaseException as error:  # it is for the courier to end by it
            batch.ended.put((out.entry, error))

    def _settle(self, batch: _Batch) -> None:
        """Record the next that ends, of those under way."""
        entry, outcome = batch.ended.get()
        out, decision = batch.under_way.pop(entry)
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is None:
            return
        name, count = self._channel.name, ""
        if decision.held:
            count = outcome
        elif outcome == "ok":
            count = "sent" if decision.costs else ""
        elif outcome:
            _log.error("%s: %s was not delivered: %s", name, out.key, outcome)
            count = outcome.partition(":")[0]
        before = batch.cursor
        batch.finish(entry)
        now_ms = time.time_ns() // 1_000_000
        record = partial(self._alerts.record_delivery, self._token, name, before, out, outcome, now_ms)
        self._patiently(partial(record, count=count, cursor_after=batch.cursor))
        if outcome:
            self._told(name, outcome.partition(":")[0])

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask Redis until it answers, or somebody asks to stop: what is under way must not be begun anew meanwhile."""
        while True:
            try:
                return ask()
            except RedisError as error:
                if self._stop_asked.is_set():
                    raise
                _log.warning("%s: Redis does not answer (%s)", self._channel.name, error)
                self._pause(POLL_S)

    def _decided(self, out: Outgoing, batch: _Batch) -> tuple[Decision, bool]:
        """What becomes of a notification, and whether it is recorded already."""
        name, day = self._channel.name, f"{out.alert.updated_at:%Y-%m-%d}"
        counts, ends = self._alerts.standing(name, day, out.alert.id)
        told = any(field.rpartition(":")[0] == name and end.split()[0] == "ok" for field, end in ends.items())
        sent = counts.get("sent", 0) + sum(f"{one.alert.updated_at:%Y-%m-%d}" == day for one in batch.costing)
        return self._decide(out, sent, told), f"{name}:{out.notification}" in ends

    def _insist(self, out: Outgoing) -> str | None:
        """Try until the receiver has answered for good, or it is too late; None if asked to stop meanwhile."""
        failures = 0
        while True:
            if self._expires_ms is not None and _age_ms(out) > self._expires_ms:
                return "expired"
            if not self._turnstile.enter(failures):
                return None
            outcome = self._attempt(out)
            self._turnstile.leave(delivered=outcome is not None)
            if outcome is not None:
                return outcome
            failures += 1

    def _attempt(self, out: Outgoing) -> str | None:
        """How a notification ended, None if it is to be tried again."""
        with self._changing:
            if self._next is not None:
                self._channel.close()
                self._channel, self._next = self._next, None
            channel = self._channel
        try:
            return channel.deliver(out)
        except NotDeliveredError as error:
            _log.warning("%s: %s not delivered (%s): it will be tried again", channel.name, out.key, error)
        except Exception:  # a defect; the receiver must not fall silent for good over it
            _log.exception("%s: %s not delivered: it will be tried again", channel.name, out.key)
        self._told(channel.name, "failed")
        return None

    def _pause(self, seconds: float) -> None:
        self._roused.wait(seconds)
        self._roused.clear()


def _age_ms(out: Outgoing) -> int:
    """Since it was put into the outbox, by the wall clocks of Redis and of this machine."""
    return time.time_ns() // 1_000_000 - int(out.entry.partition("-")[0])


class _Batch:
    """Notifications that are dealt with together, and how far they have come.

    Attributes:
        cursor: The newest before which all are done with.
        under_way: By entry those that are not, with what was decided of each.
        ended: Entries that are to be recorded, each with its outcome; None if it was left, an error if it failed.
        done: How many have been recorded.
    """

    def __init__(self, cursor: str, waiting: Sequence[Outgoing]) -> None:
        self.cursor = cursor
        self.under_way: dict[str, tuple[Outgoing, Decision]] = {}
        self.ended: queue.SimpleQueue[tuple[str, str | BaseException | None]] = queue.SimpleQueue()
        self.done = 0
        self._order = [out.entry for out in waiting]
        self._finished: set[str] = set()

    def keeps_back(self, out: Outgoing, at_once: int) -> bool:
        """Whether a notification has to wait for one that is under way."""
        if len(self.under_way) >= at_once:
            return True
        return any(_event(one) == _event(out) for one, _ in self.under_way.values())

    @property
    def costing(self) -> list[Outgoing]:
        """Those under way that cost budget if they arrive."""
        return [out for out, decision in self.under_way.values() if decision.costs and not decision.held]

    def finish(self, entry: str) -> None:
        """Count one as done with."""
        self.done += 1
        self._finished.add(entry)
        while self._order and self._order[0] in self._finished:
            self.cursor = self._order.pop(0)


def _event(out: Outgoing) -> str:
    return out.alert.incident or out.alert.id
