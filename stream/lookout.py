"""One stream under watch: its memory, its baselines and its episodes, moved on minute by minute of event time.

Pure: the counts come in and the changes go out; :mod:`stream.watch` carries them from and to Redis, and a backtest
may carry them from a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stream import alerting, detector
from stream.baseline import RECENT_H, Bools, CountBaseline, Fit, Ints, ShareBaseline, fit_counts, fit_shares
from stream.headroom import Headroom
from stream.rings import TOPIC, Rings
from undertone.trends import Counts, Series

DEFAULT_STORIES_H = 1.0
"""Stories an hour expected of a series while nothing at all is known."""
DEFAULT_NEGATIVE_H = 0.3
MASK_H = 24
"""An episode that lasts longer than this is the new normal, and is learnt."""


REFIT_H = 24
"""Profiles, rates and dispersion are fitted anew this often; in a stream's first days, each time it is an eighth
older. The level follows hour by hour."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The slow part of the baselines, fitted for ``hour``; valid until ``until``."""

    hour: int
    until: int
    columns: int
    negatives: Fit
    totals: Fit
    shares: ShareBaseline


@dataclass(frozen=True, slots=True)
class _Baselines:
    hour: int
    columns: int
    negatives: CountBaseline
    totals: CountBaseline
    shares: ShareBaseline


class Lookout:
    """Detector and alert states of one stream. Call :meth:`look` once for every minute, in order."""

    def __init__(self, rules: Sequence[detector.Rule] = detector.RULES, known: Iterable[alerting.Episode] = ()) -> None:
        self.rules = tuple(rules)
        self.rings = Rings()
        self.episodes = alerting.Episodes(self.rules, known)
        self._fitted: _Fitted | None = None
        self._hourly: _Baselines | None = None
        self._headroom: tuple[_Baselines, list[Headroom]] | None = None

    def hour(self, hour: int, counts: Mapping[Series, Counts]) -> None:
        """Put one whole hour into history."""
        self.rings.write_hour(hour, counts)
        self._hourly = None

    def minute(self, minute: int, counts: Mapping[Series, Counts]) -> None:
        """Put one minute into the windows; again, where late messages have changed it."""
        self.rings.write_minute(minute, counts)

    def look(self, minute: int, see: alerting.See) -> list[alerting.Change]:
        """Judge the windows that end with ``minute``, whose row has been written."""
        usual = self._baselines(minute // 60)
        columns, negative, total = self.rings.windows()
        near = self._near(usual, columns, negative, total)
        columns = columns[near]
        readings = (
            detector.look(
                self.rules,
                minute,
                negative[:, near],
                total[:, near],
                _of(usual.negatives, columns),
                _of(usual.totals, columns),
                ShareBaseline(usual.shares.mean[columns], usual.shares.precision[columns]),
            )
            if len(columns)
            else []
        )
        named = [(self.rings.names[columns[one.series]], one) for one in readings]
        for series, reading in named:
            if reading.severity is not None:
                self._mask(series, reading, minute)
        return self.episodes.step(minute, named, see)

    def _near(self, usual: _Baselines, columns: Ints, negative: Ints, total: Ints) -> Bools:
        """Which series may stand out under some rule, (columns,)."""
        if self._headroom is None or self._headroom[0] is not usual:
            rooms = [Headroom(rule, usual.negatives if rule.negative else usual.totals) for rule in self.rules]
            self._headroom = (usual, rooms)
        near = np.zeros(len(columns), bool)
        for rule, room in zip(self.rules, self._headroom[1], strict=True):
            near |= room.exceeded(columns, negative if rule.negative else total)
        return near

    def _mask(self, series: Series, reading: detector.Reading, minute: int) -> None:
        episode = self.episodes.by_key.get((reading.rule.name, series.topic, series.entity))
        if episode is None or minute - episode.started <= MASK_H * 60:
            first = minute - reading.window_s // 60 + 1
            self.rings.mask(series, range(first // 60, minute // 60 + 1))

    def _baselines(self, hour: int) -> _Baselines:
        fitted = self._fitted
        if fitted is None or not fitted.hour <= hour < fitted.until:
            self._fitted = fitted = self._fit(hour)
            self._hourly = None
        usual = self._hourly
        if usual is None or usual.hour != hour:
            usual = self._level(fitted, hour)
        if usual.columns < len(self.rings):
            usual = _widened(usual, self.rings.kinds)
        self._hourly = usual
        return usual

    def _fit(self, hour: int) -> _Fitted:
        negative, total, usable = self.rings.history(hour)
        kinds = self.rings.kinds
        topics = (kinds == TOPIC).astype(np.float64)
        known = int(usable.any(axis=1).sum())
        return _Fitted(
            hour,
            hour + min(max(known // 8, 1), REFIT_H),
            len(self.rings),
            fit_counts(negative, usable, kinds, pooled=negative @ topics, default_rate=DEFAULT_NEGATIVE_H),
            fit_counts(total, usable, kinds, pooled=total @ topics, default_rate=DEFAULT_STORIES_H),
            fit_shares(negative, total, usable, kinds),
        )

    def _level(self, fitted: _Fitted, hour: int) -> _Baselines:
        width, later = fitted.columns, hour - fitted.hour
        negative, total, usable = self.rings.history(hour, RECENT_H)
        negatives = fitted.negatives.now(later, negative[:, :width], usable[:, :width])
        totals = fitted.totals.now(later, total[:, :width], usable[:, :width])
        return _Baselines(hour, width, negatives, totals, fitted.shares)


def _widened(usual: _Baselines, kinds: Ints) -> _Baselines:
    """The same baselines with columns for series met since: each is as its kind's unknown series."""
    columns = np.concatenate([np.arange(usual.columns), kinds[usual.columns :]])
    shares = ShareBaseline(usual.shares.mean[columns], usual.shares.precision[columns])
    return _Baselines(usual.hour, len(kinds), _of(usual.negatives, columns), _of(usual.totals, columns), shares)


def _of(baseline: CountBaseline, columns: Ints) -> CountBaseline:
    return CountBaseline(baseline.base[:, columns], baseline.level[:, columns], baseline.dispersion[:, columns])
