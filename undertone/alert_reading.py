"""Alerts read in pages, and the outbox read from any entry on, for programs that follow it. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import msgspec
import redis

from undertone import keys
from undertone.messages import Alert, to_ms
from undertone.outbox import Outgoing

CHUNK = 100
MOST_LOOKED_AT = 1_000
"""Alerts read for one page at most, however few of them are wanted."""

_decoder = msgspec.json.Decoder(Alert)


@lru_cache(maxsize=1_024)
def decoded(raw: bytes) -> Alert:
    """An alert as Redis keeps it. Pages and answers ask for the same ones again and again, which change seldom."""
    return _decoder.decode(raw)


class WantedAlerts(NamedTuple):
    """Which alerts: fired in [start_ms, end_ms) of event time, with all that is given and one of the entities."""

    start_ms: int = 0
    end_ms: int | None = None
    state: str | None = None
    severity: str | None = None
    rule: str | None = None
    stream: str | None = None
    topic: str | None = None
    entities: tuple[str, ...] = ()

    def fits(self, alert: Alert) -> bool:
        """Whether an alert has what is wanted; when it fired is not looked at."""
        if self.entities and alert.entity not in self.entities:
            return False
        names = ("state", "severity", "rule", "stream", "topic")
        return all(getattr(self, name) in (None, getattr(alert, name)) for name in names)


class AlertPlace(NamedTuple):
    """A place in the order of alerts: newest first by the time they fired, then by id from z to a."""

    fired_ms: int
    id: str


class AlertPage(NamedTuple):
    """Alerts, and the place after which the next page begins: None if there is nothing more."""

    alerts: list[Alert]
    after: AlertPlace | None


class AlertReader:
    """What programs that only read ask of the alerts. Threads may share it, as they may its client."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    def get(self, alert_id: str) -> Alert | None:
        """The alert of this id, or None."""
        raw = cast("bytes | None", self.redis.get(keys.alert(alert_id)))
        return None if raw is None else decoded(raw)

    def page(self, wanted: WantedAlerts, after: AlertPlace | None, limit: int) -> AlertPage:
        """Up to ``limit`` wanted alerts after a place (None: from the newest on).

        A page may be short or empty and have a place: then it has looked at MOST_LOOKED_AT alerts.
        """
        found: list[Alert] = []
        looked = 0
        while True:
            rows = self._index(wanted, after)
            values = cast("list[bytes | None]", self.redis.mget([keys.alert(one.id) for one in rows]) if rows else [])
            for row, raw in zip(rows, values, strict=True):
                alert = None if raw is None else decoded(raw)
                if alert is not None and wanted.fits(alert):
                    if len(found) == limit:
                        last = found[-1]
                        return AlertPage(found, AlertPlace(to_ms(last.fired_at), last.id))
                    found.append(alert)
                after = row
            looked += len(rows)
            if len(rows) < CHUNK:
                return AlertPage(found, None)
            if looked >= MOST_LOOKED_AT:
                return AlertPage(found, after)

    def _index(self, wanted: WantedAlerts, after: AlertPlace | None) -> list[AlertPlace]:
        """The CHUNK places that come next."""
        highest = "+inf" if wanted.end_ms is None else f"({wanted.end_ms}"
        if after is not None and (wanted.end_ms is None or after.fired_ms < wanted.end_ms):
            highest = str(after.fired_ms)
        count = CHUNK
        while True:
            raws = self.redis.zrevrangebyscore(
                keys.alert_index(), highest, wanted.start_ms, start=0, num=count, withscores=True
            )
            rows = [AlertPlace(int(score), one.decode()) for one, score in cast("list[tuple[bytes, float]]", raws)]
            new = rows if after is None else [row for row in rows if row < after]
            # Many may have fired in one millisecond: all of them have the score that the last page ended with.
            if len(new) >= CHUNK or len(rows) < count:
                return new[:CHUNK]
            count *= 2

    # The outbox.

    def newest(self) -> str:
        """The id of the newest entry; ``0-0`` if there is none."""
        last = cast("list[tuple[bytes, object]]", self.redis.xrevrange(keys.outbox(), count=1))
        return last[0][0].decode() if last else "0-0"

    def missed(self, entry: str) -> str | None:
        """The oldest entry that is kept, if some may have been dropped between it and ``entry``; else None."""
        first = cast("list[tuple[bytes, object]]", self.redis.xrange(keys.outbox(), count=1))
        if entry == "0-0" or not first or entry_order(entry) >= entry_order(first[0][0].decode()):
            return None
        return first[0][0].decode()

    def since(self, entry: str, limit: int) -> Sequence[Outgoing]:
        """Up to ``limit`` entries after this one, oldest first."""
        entries = cast(
            "list[tuple[bytes, dict[bytes, bytes]]]", self.redis.xrange(keys.outbox(), f"({entry}", "+", limit)
        )
        return [_outgoing(name, fields) for name, fields in entries]


def entry_order(entry: str) -> tuple[int, int]:
    """What entries are ordered by: milliseconds and number."""
    ms, _, number = entry.partition("-")
    return int(ms), int(number or 0)


def _outgoing(name: bytes, fields: dict[bytes, bytes]) -> Outgoing:
    return Outgoing(
        name.decode(),
        _decoder.decode(fields[b"alert"]),
        fields[b"alert"],
        int(fields[b"notification"]),
        fields[b"what"].decode(),
        fields.get(b"quiet", b"").decode(),
    )
