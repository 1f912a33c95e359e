"""Alerts in Redis: what fired, what people did to it, the outbox, and the watch's own state and lease.

Only the holder of the lease publishes; anyone may read, and act on an alert (:mod:`undertone.lifecycle`). The Lua
files state the contracts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import msgspec
import redis

from undertone import audit, keys
from undertone.alert_reading import decoded
from undertone.client import lua, pack
from undertone.errors import InputError, StoreError
from undertone.lifecycle import DONE, Act, Action, act, checked
from undertone.messages import Alert, AlertState, Label, encode, from_ms, to_ms
from undertone.outbox import LeaseLostError, Outbox, Outgoing
from undertone.silence_store import SilenceStore

__all__ = ["AlertStore", "Conflict", "Crowd", "LeaseLostError", "Outgoing", "Publication"]

CHUNK = 200
PERSON_TRIES = 20

INCIDENT = "incident"
SILENCED = "silenced"
"""Why people are not told of news: they know of its incident, or a silence holds it."""

_decoder = msgspec.json.Decoder(Alert)


class Publication(NamedTuple):
    """One alert to be written. ``expected`` is its JSON as last seen, None where it is new.

    ``what`` is why it is notified; an empty one writes the alert and tells nobody. ``quiet`` is why people are not
    told (INCIDENT or SILENCED), though it is news: it goes to programs that keep count, such as those that read Kafka.
    """

    alert: Alert
    expected: bytes | None
    what: str
    quiet: str = ""


class Conflict(NamedTuple):
    """The alert that somebody else has changed, and its JSON now (None: it is gone). Nothing was written."""

    alert_id: str
    current: bytes | None


class Crowd(NamedTuple):
    """How many series the watch of a stream remembers, and how many counts it could not keep for want of a place."""

    series: int
    refused: int


class AlertStore(Outbox):
    """All reads and writes of alerts. Synchronous; give each thread its own client or use it one at a time."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._publish = client.register_script(lua("alert"))
        self._lease = client.register_script(lua("lease"))
        self.silences = SilenceStore(client)

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
            found += [alert for alert in map(decoded, raws.values()) if state is None or alert.state is state]
            begin += CHUNK
        return found[:limit]

    def changes(self) -> int:
        """How often an alert was written: while it stays the same, so do the alerts, but for those that expire."""
        return int(cast("bytes | None", self.redis.hget(keys.watch_state(), "changes")) or 0)

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
        return self.act(alert_id, Action.ACKNOWLEDGE, by, now_ms)

    def resolve(self, alert_id: str, by: str, now_ms: int, why: str = "") -> Alert:
        """End an alert by hand. Its series rings again only after it has been quiet.

        Raises:
            InputError: if there is no such alert.
        """
        return self.act(alert_id, Action.RESOLVE, by, now_ms, why=why)

    def act(
        self,
        alert_id: str,
        action: Action,
        by: str,
        at_ms: int,
        *,
        why: str = "",
        to: str | None = None,
        labels: Sequence[Label] = (),
    ) -> Alert:
        """Do something to an alert, with the record of it in the audit. What changes nothing leaves no record.

        Args:
            alert_id: Which.
            action: What; :data:`undertone.lifecycle.LEADS_TO` says in which state.
            by: Who.
            at_ms: When, by the clock on the wall.
            why: The reason, or the text of a comment.
            to: Whom it is assigned to; None takes that back.
            labels: What the texts of a false alarm are instead; each goes to Kafka once for its person and position.

        Returns:
            The alert as it is then.

        Raises:
            InputError: if there is no such alert, its state does not allow it, or a name or reason cannot be used.
        """
        doing = checked(Act(action, by, from_ms(at_ms), why, to))
        for _ in range(PERSON_TRIES):
            raw = self.raw([alert_id]).get(alert_id)
            if raw is None:
                raise InputError(f"there is no alert {alert_id!r}: `undertone alerts list` shows those there are")
            before = _decoder.decode(raw)
            looked = self.evaluated(before.stream)
            event_at = before.updated_at if looked is None else from_ms((looked + 1) * 60_000)
            after, tell = act(before, doing, event_at)
            holding = self.silences.holding(after) if tell and tell != "resolved" else None
            if after is before and not labels:
                return before
            old, new = audit.changes(before, after)
            record = audit.record(
                doing.by,
                DONE[action],
                at_ms=at_ms,
                alert=alert_id,
                before=old,
                after=new | ({"labels": [one.position for one in labels]} if labels else {}),
                why=doing.why,
            )
            quiet = "" if holding is None else SILENCED
            if self._write("", [Publication(after, raw, tell, quiet)], {}, (), [record], labels) is None:
                return after
        raise StoreError(f"alert {alert_id!r} changed {PERSON_TRIES} times meanwhile: try to {action} it again")

    def trail(self, alert_id: str | None = None, limit: int = 100) -> Sequence[audit.Entry]:
        """Who did what to an alert (None: to any, and to silences), the newest first."""
        return audit.read(self.redis, alert_id, limit)

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
        return dict(self._fields(f"episode:{stream}\t"))

    def _fields(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """The fields of the watch whose names begin so, without that; one may come twice."""
        cursor = 0
        while True:
            cursor, page = cast(
                "tuple[int, dict[bytes, bytes]]", self.redis.hscan(keys.watch_state(), cursor, prefix + "*", 500)
            )
            for name, value in page.items():
                yield name.decode().removeprefix(prefix), value
            if not cursor:
                return

    def masks(self, stream: str) -> dict[int, bytes]:
        """By hour since 1970 what was found in it of hours that are not to be learnt from, as it was published."""
        prefix = f"masks:{stream}\t"
        return {int(name): value for name, value in self._fields(prefix)}

    def crowd(self, stream: str) -> Crowd:
        """How many series of a stream the watch remembers, and how often one found no place since it began."""
        fields = [f"series:{stream}", f"refused:{stream}"]
        series, refused = cast("list[bytes | None]", self.redis.hmget(keys.watch_state(), fields))
        return Crowd(int(series or 0), int(refused or 0))

    def past(self, stream: str) -> bytes | None:
        """The alerts of a stream that ended lately, as they were published."""
        return cast("bytes | None", self.redis.hget(keys.watch_state(), f"past:{stream}"))

    def publish(
        self,
        token: str,
        stream: str,
        minute: int,
        publications: Sequence[Publication],
        episodes: Mapping[str, bytes | None],
        past: bytes | None = None,
        masks: Mapping[int, bytes | None] = MappingProxyType({}),
        crowd: Crowd | None = None,
    ) -> Conflict | None:
        """Write alerts, outbox and the watch's state at once, and that ``minute`` is done.

        Args:
            token: Of the lease.
            stream: Which stream was looked at.
            minute: The last minute looked at.
            publications: The alerts that changed.
            episodes: State of the alert machines that changed, by name; None removes one.
            past: The alerts that ended lately, if that changed.
            masks: By hour since 1970 what was found in it of hours not to be learnt from; None removes it.
            crowd: How many series are remembered and refused, if that changed.

        Returns:
            None if written; else the first alert that somebody else has changed.

        Raises:
            LeaseLostError: if another watcher is in charge.
        """
        fields = {f"episode:{stream}\t{name}": value for name, value in episodes.items()}
        fields |= {f"masks:{stream}\t{hour}": value for hour, value in masks.items()}
        set_ = {name: value.decode() for name, value in fields.items() if value is not None}
        drop = [name for name, value in fields.items() if value is None]
        if crowd is not None:
            set_ |= {f"series:{stream}": str(crowd.series), f"refused:{stream}": str(crowd.refused)}
        set_ |= {f"evaluated:{stream}": str(minute)} | ({} if past is None else {f"past:{stream}": past.decode()})
        by = f"watch:{token.rsplit(' ', maxsplit=1)[0]}"
        records = []
        for alert, expected, what, quiet in publications:
            old, new = audit.changes(None if expected is None else _decoder.decode(expected), alert)
            why = " ".join(filter(None, (quiet, alert.reason)))
            record = audit.record(by, what, at_ms=None, alert=alert.id, before=old, after=new, why=why)
            records.append(record if what else {})
        return self._write(token, publications, set_, drop, records)

    def _write(
        self,
        token: str,
        publications: Sequence[Publication],
        set_: Mapping[str, str],
        drop: Sequence[str],
        records: Sequence[Mapping[str, str]],
        labels: Sequence[Label] = (),
    ) -> Conflict | None:
        names = [keys.lease(), keys.watch_state(), keys.alert_index(), keys.outbox(), keys.audit(), keys.verdicts()]
        first = len(names)
        names += [keys.alert(one.alert.id) for one in publications]
        rows = []
        for place, (alert, expected, what, quiet) in enumerate(publications):
            fired, notification = to_ms(alert.fired_at), alert.notifications if what else 0
            before = "" if expected is None else expected.decode()
            row = (alert.id, fired, before, encode(alert).decode(), notification, what, quiet, records[place])
            rows.append((first + place + 1, *row))
        names += [keys.judged(one.alert.id) for one in publications if labels]
        body = {
            "alert_ttl": keys.ALERT_TTL_S,
            "watch_ttl": keys.WATCH_TTL_S,
            "audit_ttl": keys.AUDIT_TTL_S,
            "kept": keys.ALERTS_KEPT,
            "outbox_kept": keys.OUTBOX_KEPT,
            "audit_kept": keys.AUDIT_KEPT,
            "set": set_,
            "drop": drop,
            "alerts": rows,
            "labels": [
                (len(names), one.id, f"{one.position} {one.labelled_by}", encode(one).decode()) for one in labels
            ],
        }
        code, *rest = cast("list[Any]", self._publish(keys=names, args=[token, pack(body)]))
        if code == 0:
            raise LeaseLostError("another watcher has taken over: this one holds the lease no more")
        return Conflict(publications[rest[0] - first - 1].alert.id, rest[1] or None) if code == -1 else None
