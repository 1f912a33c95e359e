"""The stories behind a reading, out of a log that is all there: what :mod:`stream.sightings` asks Redis for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.baseline import Ints
from stream.detector import WINDOWS_S
from stream.episode import Seen
from stream.explain import EVIDENCE_SHOWN
from stream.recording import MINUTE_MS, NEGATIVE, Recording
from stream.scored_log import ScoredLog
from stream.voices import seen_of
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_BUCKET
from undertone.messages import SENTIMENTS, Evidence
from undertone.rules import FEED_SILENT, Rule, Rules
from undertone.trends import Series

_DAY_MIN = 1440
_NAMED_AT_ONCE = 262_144


class RecordedStories:
    """The stories of the windows that end with the minute at which a recording stands."""

    def __init__(self, log: ScoredLog, recording: Recording, rules: Rules, stream: str) -> None:
        self._log = log
        self._recording = recording
        self._stream = stream
        self._sources, names = log.sources
        self._tiers = [rules.tier(name, stream) for name in names]
        self._starts: Ints = log.published_ms // (EVIDENCE_BUCKET_S * 1000) * EVIDENCE_BUCKET_S
        self._named: tuple[int, NDArray[np.object_]] = (0, np.zeros(0, object))

    def see(self, rule: Rule, series: Series, window_s: int) -> Seen:
        """For the state machine: which stories are behind a reading, and whose they are."""
        rows = self.rows(rule, series, window_s)
        own = set(self._sources[rows].tolist())
        return seen_of(
            self.positions(rows),
            own_sources=len(own),
            authors=self._log.authors[rows],
            starts=self._starts[rows],
            kinds=self._log.topic[rows] * len(SENTIMENTS) + self._log.sentiment[rows],
            sources=self._sources_of_stream(),
            tier=min((self._tiers[one] for one in own), default=0),
            full=self._full(),
        )

    def rows(self, rule: Rule, series: Series, window_s: int) -> Ints:
        """The messages of a log that are the kept stories of a series, as a rule looks at it."""
        if rule.kind == FEED_SILENT:
            return np.zeros(0, np.int64)
        recording, end = self._recording, (self._recording.minute + 1) * MINUTE_MS
        rows = recording.kept_rows(recording.column(series), end - window_s * 1000, end)
        return rows[self._log.sentiment[rows] == NEGATIVE] if rule.negative else rows

    def positions(self, rows: Ints) -> frozenset[str]:
        """What names the messages of some rows, which are ascending."""
        if not len(rows):
            return frozenset()
        low, high = int(rows[0]), int(rows[-1]) + 1
        begin, names = self._named
        if low < begin or high > begin + len(names):
            widest = (self._recording.minute + 1) * MINUTE_MS - max(WINDOWS_S) * 1000
            begin = min(low, int(np.searchsorted(self._log.published_ms, widest)))
            end = min(max(high, begin + _NAMED_AT_ONCE), len(self._log))
            names = self._log.positions(begin, end)
            self._named = begin, names
        return frozenset(names[rows - begin].tolist())

    def sources(self, rows: Ints) -> int:
        """How many sources the messages of some rows have."""
        return len(set(self._sources[rows].tolist()))

    def shown(self, rows: Ints) -> Sequence[Evidence]:
        """Of the messages of some rows those that an alert may show: the surest, and what is as sure as the last."""
        if len(rows) > EVIDENCE_SHOWN:
            sure = self._log.probabilities[rows].round(6)
            rows = rows[sure >= np.partition(sure, -EVIDENCE_SHOWN)[-EVIDENCE_SHOWN]]
        return self._log.evidence(rows, self._stream)

    def models(self, minute: int) -> list[str]:
        """Versions of the model over the last day, in the order in which they took over."""
        codes, names = self._log.models
        if len(names) == 1:
            return [name for name in names if name]
        published = self._log.published_ms
        day = slice(*np.searchsorted(published, ((minute - _DAY_MIN) * MINUTE_MS, (minute + 1) * MINUTE_MS)))
        return [names[code] for code in dict.fromkeys(codes[day].tolist())]

    def _sources_of_stream(self) -> int:
        """Distinct sources of the stories that are kept of the whole stream in the widest window."""
        end = (self._recording.minute + 1) * MINUTE_MS
        published, before = self._told_before
        first, last = np.searchsorted(published, (end - max(WINDOWS_S) * 1000, end))
        return int(np.count_nonzero(before[first:last] < first))  # one of each source has none before it in the window

    @cached_property
    def _told_before(self) -> tuple[Ints, Ints]:
        """Event times of the stories that are kept, and for each the place of the last one before it by its source."""
        rows = np.flatnonzero(self._log.kept)
        sources = self._sources[rows]
        order = np.argsort(sources, kind="stable")
        before = np.full(len(rows), -1, np.int64)
        again = sources[order][1:] == sources[order][:-1]
        before[order[1:][again]] = order[:-1][again]
        return self._log.published_ms[rows], before

    def _full(self) -> frozenset[int]:
        """The five minutes of the widest window in which no room was left for the stories of the stream."""
        end = (self._recording.minute + 1) * MINUTE_MS
        begin = end - max(WINDOWS_S) * 1000
        return frozenset(start for start, first, last in self._filled if begin <= first and last < end)

    @cached_property
    def _filled(self) -> list[tuple[int, int, int]]:
        """Five minutes that were filled: their start in seconds, and when the first and the last story in them came."""
        rows = np.flatnonzero(self._log.kept)
        starts, at, n = np.unique(self._starts[rows], return_index=True, return_counts=True)
        published = self._log.published_ms[rows]
        full = np.flatnonzero(n >= EVIDENCE_PER_BUCKET)
        first, last = published[at[full]], published[at[full] + EVIDENCE_PER_BUCKET - 1]
        return list(zip(starts[full].tolist(), first.tolist(), last.tolist(), strict=True))
