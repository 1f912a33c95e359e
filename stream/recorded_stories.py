"""The stories behind a reading, out of a log that is all there: what :mod:`stream.sightings` asks Redis for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from stream.baseline import Ints
from stream.detector import WINDOWS_S
from stream.episode import Sighting
from stream.explain import EVIDENCE_SHOWN
from stream.incidents import Place
from stream.recording import MINUTE_MS, Recording
from stream.scored_log import ScoredLog
from stream.voices import MANY_SOURCES, complete, counted
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_BUCKET
from undertone.messages import SENTIMENTS, Evidence
from undertone.rules import FEED_SILENT, Rule, Rules
from undertone.trends import Series

_DAY_MIN = 1440


class RecordedStories:
    """The stories of the windows that end with the minute at which a recording stands."""

    def __init__(self, log: ScoredLog, recording: Recording, rules: Rules, stream: str) -> None:
        self._log = log
        self._recording = recording
        self._stream = stream
        self._sources, names = log.sources
        self._tiers = [rules.tier(name, stream) for name in names]
        self._starts: Ints = log.published_ms // (EVIDENCE_BUCKET_S * 1000) * EVIDENCE_BUCKET_S

    def see(self, rule: Rule, series: Series, window_s: int) -> Sighting:
        """For the state machine: which stories are behind a reading, and whose they are."""
        return _Sighting(self, self.rows(rule, series, window_s))

    def rows(self, rule: Rule, series: Series, window_s: int) -> Ints:
        """The messages of a log that are the kept stories of a series, as a rule looks at it."""
        if rule.kind == FEED_SILENT:
            return np.zeros(0, np.int64)
        recording, end = self._recording, (self._recording.minute + 1) * MINUTE_MS
        return recording.kept_rows(recording.column(series), end - window_s * 1000, end, negative=rule.negative)

    def positions(self, rows: Ints) -> list[str]:
        """What names the messages of some rows, which are ascending."""
        return self._log.positions(rows)

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

    def tier(self, rows: Ints) -> int:
        """The best tier of the sources of some rows, 0 for none."""
        known = any(self._tiers)
        return min((self._tiers[one] for one in set(self._sources[rows].tolist())), default=0) if known else 0

    def counted(self, rows: Ints) -> int:
        """How many of some rows count."""
        alone = self.sources(rows) == 1 and self._sources_of_stream() >= MANY_SOURCES
        return counted(self._log.authors[rows], alone=alone)

    def complete(self, rows: Ints) -> bool:
        """Whether there was room for more than some rows."""
        kinds = self._log.topic[rows] * len(SENTIMENTS) + self._log.sentiment[rows]
        return complete(self._starts[rows], kinds, self._full())

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


class _Sighting:
    """Of some rows, each answer worked out when it is asked for: the names of the stories are their rows."""

    def __init__(self, stories: RecordedStories, rows: Ints) -> None:
        self._stories = stories
        self._rows = rows

    @cached_property
    def positions(self) -> frozenset[Place]:
        return frozenset(self._rows.tolist())

    @cached_property
    def sources(self) -> int:
        return self._stories.sources(self._rows)

    @cached_property
    def tier(self) -> int:
        return self._stories.tier(self._rows)

    @cached_property
    def counted(self) -> int:
        return self._stories.counted(self._rows)

    @cached_property
    def complete(self) -> bool:
        return self._stories.complete(self._rows)

    def first(self, most: int) -> tuple[Place, ...]:
        rows = self._rows
        if len(rows) > most:  # by what the watch calls them, so that it remembers the same ones
            rows = rows[np.argsort(np.array(self._stories.positions(rows), object), kind="stable")[:most]]
        return tuple(rows.tolist())
