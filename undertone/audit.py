"""The audit: who did what to alerts and silences, when and why. A Redis stream that is written with each change.

The scripts write it (``alert.lua``, ``silence.lua``); here is what a record holds and how records are read. What is
done elsewhere than in Redis, to the rules file or the model registry, is recorded with :func:`append`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec
import redis

from undertone import keys
from undertone.messages import Alert, from_ms

CHUNK = 500

CHANGES = (
    "state",
    "severity",
    "stories",
    "tier",
    "incident",
    "acknowledged_by",
    "assigned_to",
    "silenced_by",
    "wrong_by",
)
"""The fields of an alert whose values before and after a change are recorded."""

_values = msgspec.json.Decoder(dict[str, Any])


class Entry(NamedTuple):
    """One record.

    Attributes:
        id: Of the entry of the stream. It begins with Redis' own time, whatever clocks people have.
        at: When, as whoever did it said; of the watch Redis' own time.
        by: A person, or ``watch:<name>``.
        action: What was done: ``fired``, ``acknowledged``, …
        alert: Id of the alert, empty for a silence.
        silence: Id of the silence, empty for an alert. Both are empty for what was done elsewhere.
        before: What was changed, as it was.
        after: The same as it is.
        why: The reason that was given; may be empty.
    """

    id: str
    at: datetime
    by: str
    action: str
    alert: str
    silence: str
    before: dict[str, Any]
    after: dict[str, Any]
    why: str


def record(
    by: str,
    action: str,
    *,
    at_ms: int | None,
    alert: str = "",
    silence: str = "",
    before: Mapping[str, object],
    after: Mapping[str, object],
    why: str = "",
) -> dict[str, str]:
    """The fields of a record, for the scripts. Without ``at_ms`` Redis' own time is taken when it is read."""
    fields = {"by": by, "action": action, "alert": alert, "silence": silence, "why": why}
    if at_ms is not None:
        fields["at"] = str(at_ms)
    changed = {"before": before, "after": after}
    return fields | {name: msgspec.json.encode(value).decode() for name, value in changed.items()}


def append(client: redis.Redis, fields: Mapping[str, str]) -> None:
    """Write a record of what changes neither an alert nor a silence, such as the rules file, after it was done.

    It is trimmed as ``alert.lua`` trims it.
    """
    seconds, _ = client.time()
    row: dict[Any, Any] = dict(fields)
    with client.pipeline() as pipe:
        pipe.xadd(keys.audit(), row, maxlen=keys.AUDIT_KEPT, approximate=True)
        pipe.xtrim(keys.audit(), minid=str((seconds - keys.AUDIT_TTL_S) * 1000), approximate=True)
        pipe.expire(keys.audit(), keys.AUDIT_TTL_S)
        pipe.execute()


def changes(before: Alert | None, after: Alert) -> tuple[dict[str, object], dict[str, object]]:
    """The values of CHANGES that differ between two states of an alert, before and after; all if it is new."""
    differ = [name for name in CHANGES if before is None or getattr(before, name) != getattr(after, name)]
    old = {} if before is None else {name: getattr(before, name) for name in differ}
    return old, {name: getattr(after, name) for name in differ}


def read(client: redis.Redis, alert: str | None = None, limit: int = 100) -> list[Entry]:
    """The newest records, of one alert or of all, newest first."""
    found: list[Entry] = []
    for entry in _entries(client):
        if len(found) >= limit:
            break
        if alert is None or entry.alert == alert:
            found.append(entry)
    return found


def _entries(client: redis.Redis) -> Iterator[Entry]:
    last = "+"
    while True:
        page = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrevrange(keys.audit(), last, "-", CHUNK))
        if not page:
            return
        for name, raw in page:
            yield _entry(name.decode(), {key.decode(): value.decode() for key, value in raw.items()})
        last = f"({page[-1][0].decode()}"


def _entry(name: str, fields: dict[str, str]) -> Entry:
    at_ms = int(fields.get("at") or name.split("-", maxsplit=1)[0])
    return Entry(
        id=name,
        at=from_ms(at_ms),
        by=fields["by"],
        action=fields["action"],
        alert=fields["alert"],
        silence=fields["silence"],
        before=_values.decode(fields["before"]),
        after=_values.decode(fields["after"]),
        why=fields["why"],
    )
