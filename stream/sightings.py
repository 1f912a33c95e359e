"""The stories that Redis keeps for evidence, as the watch asks for them: read when the answer decides something."""

from __future__ import annotations

from collections import Counter

from stream.detector import WINDOWS_S
from stream.episode import Seen
from stream.evidence import behind
from stream.voices import seen
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_BUCKET
from undertone.messages import Evidence
from undertone.rules import FEED_SILENT, Rule, Rules
from undertone.store import Store
from undertone.trends import Series, bucket

MINUTE_MS = 60_000
LATE_MIN = 60
"""What is older than the lateness allowed by default does not change any more."""


class Sightings:
    """The stories of the widest window that ends with ``minute``; a wider one is read anew each time."""

    def __init__(self, store: Store, stream: str, rules: Rules) -> None:
        self.rules = rules
        self._store = store
        self._stream = stream
        self._found: dict[str, Evidence] = {}
        self._sources = 0
        self._full: frozenset[int] = frozenset()
        self._read_to = -1
        self.minute = 0

    def see(self, rule: Rule, series: Series, window_s: int) -> Seen:
        """For the state machine: which stories are behind a reading, and whose they are."""
        stories = self.of(rule, series, window_s)
        tier = min((self.rules.tier(source, self._stream) for source in {one.source for one in stories}), default=0)
        return seen(stories, sources=self._sources, tier=tier, full=self._full)

    def of(self, rule: Rule, series: Series, window_s: int) -> list[Evidence]:
        """The stories of a series, as the rule looks at it, in the window that ends with ``minute``."""
        if rule.kind == FEED_SILENT:
            return []
        self._read()
        end = (self.minute + 1) * MINUTE_MS
        begin = end - window_s * 1000
        kept = self._found.values()
        if window_s > max(WINDOWS_S):
            return behind(self._store.evidence(self._stream, begin, end), rule, series, begin, end)
        return behind(kept, rule, series, begin, end)

    def _read(self) -> None:
        end = (self.minute + 1) * MINUTE_MS
        if self._read_to == end:
            return
        oldest = end - max(WINDOWS_S) * 1000
        begin = max(oldest, self._read_to - LATE_MIN * MINUTE_MS) if self._read_to >= oldest else oldest
        kept = {position: one for position, one in self._found.items() if one.published_ms >= oldest}
        for one in self._store.evidence(self._stream, begin, end):
            kept[one.position] = one
        held = Counter(bucket(one.published_ms, EVIDENCE_BUCKET_S) for one in kept.values())
        self._full = frozenset(start for start, n in held.items() if n >= EVIDENCE_PER_BUCKET)
        self._sources = len({one.source for one in kept.values()})
        self._found, self._read_to = kept, end
