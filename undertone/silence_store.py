"""Silences in Redis, each change with its record in the audit; :mod:`undertone.silences` says what one holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec
import redis

from undertone import audit, keys
from undertone.client import lua, pack
from undertone.errors import InputError, StoreError
from undertone.messages import Alert, encode, to_ms
from undertone.silences import Silence, ended, silenced

KEPT_AFTER = timedelta(days=35)
"""A silence is listed for so long after it was over and made."""
TRIES = 20

_decoder = msgspec.json.Decoder(Silence)


class SilenceStore:
    """All reads and writes of silences."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._keep = client.register_script(lua("silence"))

    def list(self) -> list[Silence]:
        """All that are kept, in the order in which they begin; those over too."""
        return sorted(map(_decoder.decode, self._raw().values()), key=lambda one: (one.starts_at, one.id))

    def holding(self, alert: Alert) -> Silence | None:
        """The silence that holds what would be told of an alert now: at the event time of its last change."""
        return silenced(alert, self.list(), alert.updated_at)

    def add(self, new: Silence) -> Silence:
        """Keep a silence. Adding the same again changes nothing.

        Raises:
            InputError: if there are as many as are kept.
        """
        long_ago = new.created_at - KEPT_AFTER
        gone = [one.id for one in self.list() if max(one.ends_at, one.created_at) < long_ago]
        if self._write("silenced", new, None, gone, new.by, new.created_at, new.why) == -1:
            raise InputError(
                f"there are {keys.SILENCES_KEPT:,} silences, which is the most: end some that are in force"
            )
        return new

    def end(self, silence_id: str, by: str, at: datetime, why: str = "") -> Silence:
        """End a silence early, at ``at``.

        Raises:
            InputError: if there is no such silence, or it is over.
        """
        for _ in range(TRIES):
            raw = self._raw().get(silence_id)
            if raw is None:
                raise InputError(
                    f"there is no silence {silence_id!r}: `undertone alerts silence list` shows those there are"
                )
            after = ended(_decoder.decode(raw), by=by, at=at)
            if self._write("silence-ended", after, raw, [], after.ended_by or by, at, why) == 1:
                return after
        raise StoreError(f"silence {silence_id!r} changed {TRIES} times meanwhile: try to end it again")

    def _raw(self) -> dict[str, bytes]:
        found = cast("dict[bytes, bytes]", self.redis.hgetall(keys.silences()))
        return {name.decode(): value for name, value in found.items()}

    def _write(
        self, action: str, after: Silence, raw: bytes | None, gone: Sequence[str], by: str, at: datetime, why: str
    ) -> int:
        before = {} if raw is None else {"ends_at": _decoder.decode(raw).ends_at}
        changed = msgspec.to_builtins(after) if raw is None else {"ends_at": after.ends_at}
        body = {
            "id": after.id,
            "expected": "" if raw is None else raw.decode(),
            "json": encode(after).decode(),
            "audit": audit.record(by, action, at_ms=to_ms(at), silence=after.id, before=before, after=changed, why=why),
            "gone": gone,
            "kept": keys.SILENCES_KEPT,
            "ttl": keys.SILENCE_TTL_S,
            "audit_kept": keys.AUDIT_KEPT,
            "audit_ttl": keys.AUDIT_TTL_S,
        }
        return cast("int", self._keep(keys=[keys.silences(), keys.audit()], args=[pack(body)]))
