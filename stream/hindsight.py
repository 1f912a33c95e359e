"""A lookout over a log that is all there: it knows of every hour which series can matter, and at which minutes. Pure.

It judges as :class:`stream.lookout.Lookout` does and is that class; only what it need not compute is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream import detector, usual
from stream.baseline import Bools, CountBaseline, Floats, Ints, ShareBaseline
from stream.detector import overlap
from stream.lookout import Lookout, Named
from stream.recording import HOUR_MIN, Recording
from stream.rings import KINDS
from stream.screen import least, lowest
from undertone.rules import Rule

_NEVER = 1 << 31


class Hindsight(Lookout):
    """A lookout whose memory is a recording. Call :meth:`hot` for every hour before its first look."""

    def __init__(self, rules: Sequence[Rule], recording: Recording, stream: str) -> None:
        super().__init__(rules, stream=stream)
        self.rings = self.recording = recording
        self._covered: dict[str, Bools] = {}
        self._needed: Ints = np.zeros(0, np.int64)
        self._found: dict[int, list[Named]] | None = None
        self._fewest = self._fewest_of(True), self._fewest_of(False)

    def _fewest_of(self, negative: bool) -> int:
        return min((rule.min_stories for rule in self._surges if rule.negative is negative), default=_NEVER)

    def hot(self, hour: int) -> Bools:
        """At which minutes of an hour a surge may begin, (60,); the recording counts the series that matter in it."""
        recording = self.recording
        self._slow(hour)
        if not self._acquainted():
            recording.choose(np.zeros(0, np.int64))
            return np.zeros(HOUR_MIN, bool)
        going_on = np.array([recording.column(one.series) for one in self.episodes.by_key.values()], np.int64)
        columns, negative, total = recording.count(hour, self._fewest, going_on)
        self._needed = columns
        self._hourly = self._found = None
        bars = self._bars(hour, columns, negative, total) if len(columns) else []
        matter = np.isin(columns, going_on)
        for rule, bar in bars:
            matter |= ((negative if rule.negative else total) >= bar).any(axis=0)
        recording.choose(columns[matter])
        return recording.reaching([(rule.negative, bar[:, matter]) for rule, bar in bars])

    def _surging(self, minute: int) -> list[Named]:
        """As that of the watch, found for all minutes of an hour at once."""
        if self._found is None:
            self._found = self._of_hour(minute // HOUR_MIN)
        return self._found.get(minute, [])

    def _of_hour(self, hour: int) -> dict[int, list[Named]]:
        """What the surge rules see of the chosen series at every minute of an hour."""
        columns, negative, total = self.recording.every_minute()  # (3, minutes * columns) each
        baselines = self._baselines(hour)
        every = np.tile(columns, HOUR_MIN)
        found = detector.look(
            self._surges,
            hour * HOUR_MIN,
            negative,
            total,
            _by_minute(baselines.negatives, columns),
            _by_minute(baselines.totals, columns),
            ShareBaseline(baselines.shares.mean[every], baselines.shares.precision[every]),
            self._asked_by_minute(baselines, columns, negative, total),
        )
        by_minute: dict[int, list[Named]] = {}
        for one in found:
            minute, place = divmod(one.series, len(columns))
            named = self.rings.names[columns[place]], one
            by_minute.setdefault(hour * HOUR_MIN + minute, []).append(named)
        return by_minute

    def _asked_by_minute(self, baselines: usual.Baselines, columns: Ints, negative: Ints, total: Ints) -> Bools:
        """Which rule asks about which series at which minute in which windows, (rules, 3, minutes * columns)."""
        asked = np.zeros((len(self._surges), *negative.shape), bool)
        for place, rule in enumerate(self._surges):
            usually = usual.of(baselines.negatives if rule.negative else baselines.totals, columns)
            counts = (negative if rule.negative else total).reshape(len(negative), HOUR_MIN, len(columns))
            fewest = (rule.min_stories + 1) // 2
            few = least(
                detector.lower_bar(rule), fewest, lowest(usually), usually.dispersion, counts.max(axis=1, initial=0)
            )
            asked[place] = ((counts >= few[:, None]) & self._scope(rule)[columns]).reshape(negative.shape)
        return asked

    def _bars(self, hour: int, columns: Ints, negative: Ints, total: Ints) -> list[tuple[Rule, Ints]]:
        """For each rule, from how many stories on it may warn, (3, columns)."""
        baselines = self._baselines(hour)
        bars = []
        for rule in self._surges:
            usually = usual.of(baselines.negatives if rule.negative else baselines.totals, columns)
            most = np.where(self._scope(rule)[columns], negative if rule.negative else total, 0)
            bar = 1.0 if rule.warning.p_count is None else rule.warning.p_count
            bars.append((rule, least(bar, rule.min_stories, lowest(usually), usually.dispersion, most)))
        return bars

    def _levelled(self, fitted: usual.Fitted, hour: int) -> usual.Baselines:
        """The level of the series that matter in this hour alone, and of those that stand for unknown ones."""
        columns = np.union1d(self._needed[self._needed < fitted.columns], np.arange(KINDS))

        def history(until: int, hours: int) -> usual.History:
            return self.recording.history(until, hours, columns)

        lift = self._lift(fitted, hour)
        found = usual.levelled(usual.among(fitted, columns), hour, history, fitted.takeovers, lift=lift)
        return found.spread(columns, fitted.columns)

    def _scope(self, rule: Rule) -> Bools:
        """As that of the watch, worked out once: no column of a recording changes."""
        known = self._covered.get(rule.name)
        if known is None:
            covers = [rule.covers(self.stream, *series) for series in self.recording.names]
            known = self._covered[rule.name] = np.array(covers, bool)
        return known


def _by_minute(baseline: CountBaseline, columns: Ints) -> CountBaseline:
    """The baseline of some series at each minute of an hour, (minutes * series), as one of its first minute.

    The level takes up how the part of each hour that lies in a window changes.
    """
    base, level = baseline.base[:, columns], baseline.level[:, columns]
    first: Floats = overlap(0) @ base  # (3, series); expectations are never 0
    means = np.stack([overlap(minute) @ base for minute in range(HOUR_MIN)], axis=1)  # (3, minutes, series)
    size = HOUR_MIN * len(columns)
    return CountBaseline(
        np.tile(base, HOUR_MIN),
        (means / first[:, None] * level[:, None]).reshape(len(level), size),
        np.tile(baseline.dispersion[:, columns], HOUR_MIN),
    )
