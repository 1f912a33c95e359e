"""The outbox: what is to be told, and what became of it for each channel that tells it.

Entries are written with the change that they tell of (:mod:`undertone.alert_store`); only the holder of the lease
records what became of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import msgspec
import redis

from undertone import keys
from undertone.client import lua
from undertone.errors import StoreError
from undertone.messages import Alert

_decoder = msgspec.json.Decoder(Alert)


class LeaseLostError(StoreError):
    """Another watcher is in charge; whatever this one was doing has not been written."""


class Outgoing(NamedTuple):
    """One entry of the outbox."""

    entry: str
    alert: Alert
    raw: bytes
    notification: int
    what: str
    quiet: str = ""

    @property
    def key(self) -> str:
        """The same for every attempt to deliver this notification, and for no other one."""
        return f"{self.alert.id}-{self.notification}"


class Outbox:
    """Reads the outbox and records what became of its entries."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._delivered = client.register_script(lua("delivered"))

    def outgoing(self, channel: str, limit: int = 50) -> tuple[str, Sequence[Outgoing]]:
        """The cursor of a channel, and the entries after it, oldest first."""
        raw = cast("bytes | None", self.redis.hget(keys.watch_state(), f"cursor:{channel}"))
        cursor = raw.decode() if raw else "0-0"
        entries = cast(
            "list[tuple[bytes, dict[bytes, bytes]]]", self.redis.xrange(keys.outbox(), f"({cursor}", "+", limit)
        )
        return cursor, [
            Outgoing(
                entry.decode(),
                _decoder.decode(fields[b"alert"]),
                fields[b"alert"],
                int(fields[b"notification"]),
                fields[b"what"].decode(),
                fields.get(b"quiet", b"").decode(),
            )
            for entry, fields in entries
        ]

    def oldest_ms(self, channel: str) -> int | None:
        """When the oldest entry was written that a channel is not done with, by Redis' clock; None if it has none."""
        cursor = cast("bytes | None", self.redis.hget(keys.watch_state(), f"cursor:{channel}")) or b"0-0"
        found = cast("list[tuple[bytes, object]]", self.redis.xrange(keys.outbox(), b"(" + cursor, "+", 1))
        return int(found[0][0].partition(b"-")[0]) if found else None

    def join(self, channel: str) -> None:
        """Let a channel that has no cursor begin with what is told from now on."""
        last = cast("list[tuple[bytes, object]]", self.redis.xrevrange(keys.outbox(), count=1))
        self.redis.hsetnx(keys.watch_state(), f"cursor:{channel}", last[0][0] if last else b"0-0")

    def record_delivery(
        self,
        token: str,
        channel: str,
        cursor: str,
        out: Outgoing,
        outcome: str,
        now_ms: int,
        *,
        count: str = "",
        cursor_after: str | None = None,
    ) -> None:
        """Note how an entry ended, and move a channel's cursor; the first note of a notification stays.

        Args:
            token: Of the lease.
            channel: Who was told, or not.
            cursor: As :meth:`outgoing` gave it, or the entry recorded last.
            out: The entry.
            outcome: ``ok``, ``held:…`` or a refusal; empty where the channel has nothing to do with the alert.
            now_ms: By the clock on the wall.
            count: What it adds to in the :meth:`tally` of the day of event time; may be empty.
            cursor_after: Where the cursor goes, which is before it while an older entry is not done with; by default
                past the entry.

        Raises:
            LeaseLostError: if another watcher is in charge.
        """
        day = f"{out.alert.updated_at:%Y-%m-%d}"
        names = [keys.lease(), keys.watch_state(), keys.delivered(out.alert.id), keys.tally(channel, day)]
        args: Sequence[str | int] = [
            token,
            f"cursor:{channel}",
            cursor,
            cursor_after or out.entry,
            f"{channel}:{out.notification}",
            f"{outcome} {now_ms}" if outcome else "",
            keys.ALERT_TTL_S,
            keys.WATCH_TTL_S,
            count,
            keys.TALLY_TTL_S,
        ]
        if not self._delivered(keys=names, args=args):
            raise LeaseLostError("another watcher delivers now: this one holds the lease no more")

    def tally(self, channel: str, day: str) -> dict[str, int]:
        """What became of a channel's notifications on a UTC day of event time, ``2026-11-25``.

        ``sent`` counts those that cost budget, ``held:<reason>`` those that were not sent.
        """
        raw = cast("dict[bytes, bytes]", self.redis.hgetall(keys.tally(channel, day)))
        return {name: int(value) for name, value in _texts(raw).items()}

    def deliveries(self, alert_id: str) -> dict[str, str]:
        """How each notification of an alert ended, by ``<channel>:<notification>``: ``ok`` or a refusal, and when."""
        return _texts(cast("dict[bytes, bytes]", self.redis.hgetall(keys.delivered(alert_id))))

    def standing(self, channel: str, day: str, alert_id: str) -> tuple[dict[str, int], dict[str, str]]:
        """The :meth:`tally` of a channel on a day and the :meth:`deliveries` of an alert, asked for at once."""
        asked = self.redis.pipeline(transaction=False)
        asked.hgetall(keys.tally(channel, day))
        asked.hgetall(keys.delivered(alert_id))
        counts, ends = cast("list[dict[bytes, bytes]]", asked.execute())
        return {name: int(value) for name, value in _texts(counts).items()}, _texts(ends)


def _texts(raw: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw.items()}
