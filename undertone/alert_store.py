"""Alerts in Redis: what fired, the outbox that carries it to receivers, and the watch's own state and lease.

Only the holder of the lease publishes; anyone may read, acknowledge and resolve. The Lua files state the contracts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
import redis

from undertone import keys
from undertone.client import lua, pack
from undertone.errors import InputError, StoreError
from undertone.messages import Alert, AlertState, encode, from_ms, to_ms

CHUNK = 200
PERSON_TRIES = 20

_decoder = msgspec.json.Decoder(Alert)


class LeaseLostError(StoreError):
    """Another watcher is in charge; whatever this one was doing has not been written."""


class Publication(NamedTuple):
    """One alert to be written. ``expected`` is its JSON as last seen, None where it is new.

    ``what`` is why it is notified; an empty one writes the alert and tells nobody.
    """

    alert: Alert
    expected: bytes | None
    what: str


class Conflict(NamedTuple):
    """The alert that somebody else has changed, and its JSON now (None: it is gone). Nothing was written."""

    alert_id: str
    current: bytes | None


class Outgoing(NamedTuple):
    """One entry of the outbox."""

    entry: str
    alert: Alert
    raw: bytes
    notification: int
    what: str

    @property
    def key(self) -> str:
        """The same for every attempt to deliver this notification, and for no other one."""
        return f"{self.alert.id}-{self.notification}"


class AlertStore:
    """All reads and writes of alerts. Synchronous; give each thread its own client or use it one at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._publish = client.register_script(lua("alert"))
        self._lease = client.register_script(lua("lease"))
        self._delivered = client.register_script(lua("delivered"))

    # Anyone.

    def list(self, state: AlertState | None = None, limit: int = 100) -> list[Alert]:
        """The alerts in ``state`` (None: all), newest first by the time they fired."""
        found: list[Alert] = []
        begin = 0
        while len(found) < limit:
            ids = cast("list[bytes]", self.redis.zrevrange(keys.alert_index(), begin, begin + CHUNK - 1))
            if not ids:
                break
            raws = self.raw(one.decode() for one in ids)
            found += [alert for alert in map(_decoder.decode, raws.values()) if state is None or alert.state is state]
            begin += CHUNK
        return found[:limit]

    def get(self, alert_id: str) -> Alert | None:
        """The alert of this id, or None."""
        raw = cast("bytes | None", self.redis.get(keys.alert(alert_id)))
        return None if raw is None else _decoder.decode(raw)

    def raw(self, alert_ids: Iterable[str]) -> dict[str, bytes]:
        """The JSON of those of these alerts that exist, by id, in the order given."""
        ids = list(alert_ids)
        if not ids:
            return {}
        values = cast("list[bytes | None]", self.redis.mget([keys.alert(one) for one in ids]))
        return {one: value for one, value in zip(ids, values, strict=True) if value is not None}

    def acknowledge(self, alert_id: str, by: str, now_ms: int) -> Alert:
        """Say that a person has taken an alert on. Doing it again changes nothing.

        Raises:
            InputError: if there is no such alert, or it is over.
        """
        return self._by_hand(alert_id, AlertState.ACKNOWLEDGED, by, now_ms)

    def resolve(self, alert_id: str, by: str, now_ms: int) -> Alert:
        """End an alert by hand. Its series rings again only after it has been quiet.

        Raises:
            InputError: if there is no such alert.
        """
        return self._by_hand(alert_id, AlertState.RESOLVED, by, now_ms)

    def _by_hand(self, alert_id: str, state: AlertState, by: str, now_ms: int) -> Alert:
        for _ in range(PERSON_TRIES):
            raw = self.raw([alert_id]).get(alert_id)
            if raw is None:
                raise InputError(f"there is no alert {alert_id!r}: `undertone alerts list` shows those there are")
            alert = _decoder.decode(raw)
            if alert.state is state:
                return alert
            if alert.state is AlertState.RESOLVED:
                raise InputError(f"alert {alert_id!r} was resolved at {alert.resolved_at}: it cannot be {state}")
            at = from_ms(now_ms)
            changed = msgspec.structs.replace(
                alert,
                state=state,
                updated_at=at,
                resolved_at=at if state is AlertState.RESOLVED else None,
                acknowledged_by=by,
                notifications=alert.notifications + 1,
            )
            if self._write("", [Publication(changed, raw, state.value)], {}, ()) is None:
                return changed
        raise StoreError(f"alert {alert_id!r} changed {PERSON_TRIES} times while it was being {state}: try again")

    # The watch.

    def take_lease(self, name: str) -> str | None:
        """The token of the lease, or None while another watcher holds it. It lasts LEASE_TTL_S unless kept."""
        token = cast("bytes | None", self._leased("take", name))
        return None if token is None else token.decode()

    def keep_lease(self, token: str) -> bool:
        """Hold the lease for LEASE_TTL_S more; False if it is lost."""
        return bool(self._leased("keep", token))

    def drop_lease(self, token: str) -> None:
        """Let another watcher take over at once."""
        self._leased("drop", token)

    def _leased(self, what: str, name: str) -> object:
        args: Sequence[str | int] = [what, name, keys.LEASE_TTL_S * 1000, keys.WATCH_TTL_S]
        return self._lease(keys=[keys.lease(), keys.watch_state()], args=args)

    def evaluated(self, stream: str) -> int | None:
        """The last minute of a stream that was looked at, or None."""
        raw = cast("bytes | None", self.redis.hget(keys.watch_state(), f"evaluated:{stream}"))
        return None if raw is None else int(raw)

    def episodes(self, stream: str) -> dict[str, bytes]:
        """The state of each alert machine of a stream, by its name."""
        prefix = f"episode:{stream}\t"
        cursor, found = 0, dict[str, bytes]()
        while True:
            cursor, page = cast(
                "tuple[int, dict[bytes, bytes]]", self.redis.hscan(keys.watch_state(), cursor, prefix + "*", 500)
            )
            found |= {name.decode().removeprefix(prefix): value for name, value in page.items()}
            if not cursor:
                return found

    def publish(
        self,
        token: str,
        stream: str,
        minute: int,
        publications: Sequence[Publication],
        episodes: Mapping[str, bytes | None],
    ) -> Conflict | None:
        """Write alerts, outbox and the watch's state at once, and that ``minute`` is done.

        Args:
            token: Of the lease.
            stream: Which stream was looked at.
            minute: The last minute looked at.
            publications: The alerts that changed.
            episodes: State of the alert machines that changed, by name; None removes one.

        Returns:
            None if written; else the first alert that somebody else has changed.

        Raises:
            LeaseLostError: if another watcher is in charge.
        """
        set_ = {f"episode:{stream}\t{name}": value.decode() for name, value in episodes.items() if value is not None}
        drop = [f"episode:{stream}\t{name}" for name, value in episodes.items() if value is None]
        return self._write(token, publications, {**set_, f"evaluated:{stream}": str(minute)}, drop)

    def _write(
        self, token: str, publications: Sequence[Publication], set_: Mapping[str, str], drop: Sequence[str]
    ) -> Conflict | None:
        names = [keys.lease(), keys.watch_state(), keys.alert_index(), keys.outbox()]
        rows = []
        for alert, expected, what in publications:
            names.append(keys.alert(alert.id))
            fired, notification = to_ms(alert.fired_at), alert.notifications if what else 0
            before = "" if expected is None else expected.decode()
            rows.append((len(names), alert.id, fired, before, encode(alert).decode(), notification, what))
        body = {
            "alert_ttl": keys.ALERT_TTL_S,
            "watch_ttl": keys.WATCH_TTL_S,
            "kept": keys.ALERTS_KEPT,
            "outbox_kept": keys.OUTBOX_KEPT,
            "set": set_,
            "drop": drop,
            "alerts": rows,
        }
        code, *rest = cast("list[Any]", self._publish(keys=names, args=[token, pack(body)]))
        if code == 0:
            raise LeaseLostError("another watcher has taken over: this one holds the lease no more")
        return None if code == 1 else Conflict(publications[rest[0] - 5].alert.id, rest[1] or None)

    # The outbox.

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
            )
            for entry, fields in entries
        ]

    def join(self, channel: str) -> None:
        """Let a channel that has no cursor begin with what is told from now on."""
        last = cast("list[tuple[bytes, object]]", self.redis.xrevrange(keys.outbox(), count=1))
        self.redis.hsetnx(keys.watch_state(), f"cursor:{channel}", last[0][0] if last else b"0-0")

    def record_delivery(
        self, token: str, channel: str, cursor: str, out: Outgoing, outcome: str, now_ms: int, *, count: str = ""
    ) -> None:
        """Move a channel's cursor past an entry and note how it ended; the first note of a notification stays.

        Args:
            token: Of the lease.
            channel: Who was told, or not.
            cursor: As :meth:`outgoing` gave it, or the entry recorded last.
            out: The entry.
            outcome: ``ok``, ``held:…`` or a refusal; empty where the channel has nothing to do with the alert.
            now_ms: By the clock on the wall.
            count: What it adds to in the :meth:`tally` of the day of event time; may be empty.

        Raises:
            LeaseLostError: if another watcher is in charge.
        """
        day = f"{out.alert.updated_at:%Y-%m-%d}"
        names = [keys.lease(), keys.watch_state(), keys.delivered(out.alert.id), keys.tally(channel, day)]
        args: Sequence[str | int] = [
            token,
            f"cursor:{channel}",
            cursor,
            out.entry,
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
        return {name.decode(): int(value) for name, value in raw.items()}

    def deliveries(self, alert_id: str) -> dict[str, str]:
        """How each notification of an alert ended, by ``<channel>:<notification>``: ``ok`` or a refusal, and when."""
        raw = cast("dict[bytes, bytes]", self.redis.hgetall(keys.delivered(alert_id)))
        return {name.decode(): value.decode() for name, value in raw.items()}
