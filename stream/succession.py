"""Which model counted when, and what the shadow saw of the one that followed: read from Redis for the baselines."""

from __future__ import annotations

from stream.rings import KEPT_H
from stream.takeover import Conversion, Takeover, seen, takeovers
from undertone.keys import DAY_S, SHADOW_TTL_S
from undertone.shadow_store import Pair, ShadowStore, total
from undertone.store import Store

HOUR_S = 3_600
DAY_H = DAY_S // HOUR_S


class Succession:
    """The models of one stream over the last 29 days of event time."""

    def __init__(self, store: Store, stream: str) -> None:
        self._store = store
        self._shadow = ShadowStore(store.redis)
        self._stream = stream
        self._versions: dict[int, dict[str, int]] = {}
        self._seen: dict[tuple[int, str, str], Conversion | None] = {}

    def start(self, hour: int) -> None:
        """Read all that came before an hour: by the day, and by the hour where more than one model counted."""
        first = (hour - KEPT_H) // DAY_H * DAY_H
        before = ""
        for begin, counts in sorted(self._models(DAY_S, first, hour).items()):
            if len(counts) > 1 or before not in counts or begin + DAY_H > hour:
                self.read(begin, min(begin + DAY_H, hour))
            else:
                self._versions[begin] = counts
            before = max(counts, key=lambda version: counts[version])

    def read(self, begin: int, end: int) -> None:
        """Read the hours in [begin, end)."""
        self._versions |= self._models(HOUR_S, begin, end)
        self._versions = {hour: counts for hour, counts in self._versions.items() if hour >= end - KEPT_H}

    def takeovers(self) -> list[Takeover]:
        """Where a new model began to count, with what its shadow saw, in order of time."""
        return [one._replace(seen=self._conversion(one)) for one in takeovers(self._versions)]

    def _conversion(self, found: Takeover) -> Conversion | None:
        name = (found.hour, found.old, found.new)
        if name not in self._seen:
            end_ms = (found.hour + 1) * HOUR_S * 1000
            by_hour = self._shadow.disagreement(self._stream, end_ms - SHADOW_TTL_S * 1000, end_ms)
            self._seen[name] = seen(total(by_hour.get(Pair(found.old, found.new), {}).values()))
        return self._seen[name]

    def _models(self, size_s: int, begin: int, end: int) -> dict[int, dict[str, int]]:
        """Messages by version of the windows in [begin, end), by their first hour since 1970."""
        hour_ms = HOUR_S * 1000
        found = self._store.models(self._stream, size_s, begin * hour_ms, end * hour_ms)
        return {start // HOUR_S: counts for start, counts in found.items()}
