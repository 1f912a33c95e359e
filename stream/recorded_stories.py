"""The stories behind a reading, out of a log that is all there: what :mod:`stream.sightings` asks Redis for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream.baseline import Ints
from stream.detector import WINDOWS_S
from stream.episode import Seen
from stream.recording import MINUTE_MS, NEGATIVE, Recording
from stream.scored_log import ScoredLog
from stream.voices import seen
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_BUCKET
from undertone.messages import Evidence
from undertone.rules import FEED_SILENT, Rule, Rules
from undertone.trends import Series

_DAY_MIN = 1440
_MOST_READY = 50_000


class RecordedStories:
    """The stories of the windows that end with the minute at which a recording stands."""

    def __init__(self, log: ScoredLog, recording: Recording, rules: Rules, stream: str) -> None:
        self._log = log
        self._recording = recording
        self._rules = rules
        self._stream = stream
        self._ready: dict[int, Evidence] = {}
        self._around: tuple[int, int, frozenset[int]] = (-1, 0, frozenset())

    def see(self, rule: Rule, series: Series, window_s: int) -> Seen:
        """For the state machine: which stories are behind a reading, and whose they are."""
        stories = self.evidence(self.rows(rule, series, window_s))
        tier = min((self._rules.tier(source, self._stream) for source in {one.source for one in stories}), default=0)
        sources, full = self._of_stream()
        return seen(stories, sources=sources, tier=tier, full=full)

    def rows(self, rule: Rule, series: Series, window_s: int) -> Ints:
        """The messages of a log that are the kept stories of a series, as a rule looks at it."""
        if rule.kind == FEED_SILENT:
            return np.zeros(0, np.int64)
        recording, end = self._recording, (self._recording.minute + 1) * MINUTE_MS
        rows = recording.rows(recording.column(series), end - window_s * 1000, end)
        rows = rows[self._log.kept[rows]]
        return rows[self._log.sentiment[rows] == NEGATIVE] if rule.negative else rows

    def evidence(self, rows: Ints) -> Sequence[Evidence]:
        """Some messages as evidence, in the order of the rows."""
        wanted = rows.tolist()
        new = [row for row in wanted if row not in self._ready]
        if len(self._ready) + len(new) > _MOST_READY:
            self._ready, new = {}, wanted
        self._ready.update(zip(new, self._log.evidence(np.array(new, np.int64), self._stream), strict=True))
        return [self._ready[row] for row in wanted]

    def models(self, minute: int) -> list[str]:
        """Versions of the model over the last day, in the order in which they took over."""
        codes, names = self._log.models
        if len(names) == 1:
            return [name for name in names if name]
        published = self._log.published_ms
        day = slice(*np.searchsorted(published, ((minute - _DAY_MIN) * MINUTE_MS, (minute + 1) * MINUTE_MS)))
        return [names[code] for code in dict.fromkeys(codes[day].tolist())]

    def _of_stream(self) -> tuple[int, frozenset[int]]:
        """Sources of the whole stream in the widest window, and the five minutes in which no room was left."""
        minute = self._recording.minute
        if self._around[0] != minute:
            end = (minute + 1) * MINUTE_MS
            rows = slice(*np.searchsorted(self._log.published_ms, (end - max(WINDOWS_S) * 1000, end)))
            kept = self._log.kept[rows]
            starts, n = np.unique(self._log.published_ms[rows][kept] // (EVIDENCE_BUCKET_S * 1000), return_counts=True)
            full = frozenset((starts[n >= EVIDENCE_PER_BUCKET] * EVIDENCE_BUCKET_S).tolist())
            self._around = (minute, len(np.unique(self._log.sources[rows][kept])), full)
        return self._around[1:]
