"""A backtest: what would have rung on a log of scored messages, by the watch's own detector and alert states. Pure.

It gives what a look at every minute gives, and is quick because most minutes change nothing: hours in which no series
can stand out are passed over, and in the others only the series that can are counted minute by minute.

All messages are there before the first look, so that none is late. Rules of the kind ``feed-silent``, which go by the
clock on the wall, ring as if each message had come when it was published (:mod:`stream.pauses`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np

from stream.baseline import Ints
from stream.episode import Change, Key, What, incident_id
from stream.explain import explain, is_news
from stream.hindsight import Hindsight
from stream.pauses import Pauses
from stream.recorded_stories import RecordedStories
from stream.recording import HOUR_MIN, MINUTE_MS, Recording
from stream.rings import KEPT_H
from stream.scored_log import ScoredLog
from stream.takeover import takeovers
from undertone.messages import Alert, Severity, from_ms
from undertone.rules import FEED_SILENT, Rules

TAIL_MIN = 360
"""Minutes that are looked at after the last message: until then its widest window holds something."""


class News(NamedTuple):
    """What happened to an alert. Quiet is news of an incident that people know already."""

    at: datetime
    what: str
    quiet: bool
    severity: Severity


@dataclass(slots=True)
class Ringing:
    """One episode that fired.

    Attributes:
        alert: As it was when it fired, but of the highest severity that it reached.
        incident: Names the event that it tells of, together with others.
        told: What happened to it; the first is that it fired.
        stories: Positions of the stories that were evidence of it.
    """

    alert: Alert
    incident: str
    told: list[News] = field(default_factory=list)
    stories: set[str] = field(default_factory=set)

    @property
    def fired_at(self) -> datetime:
        return self.alert.fired_at

    @property
    def notifications(self) -> int:
        """How often people would have been told of it; that it is over is not counted."""
        return sum(not one.quiet and one.what != What.RESOLVED for one in self.told)

    @property
    def resolved_at(self) -> datetime | None:
        """When it was over; None if it was not by the end of the log."""
        return next((one.at for one in self.told if one.what == What.RESOLVED), None)


def backtest(
    log: ScoredLog, rules: Rules, *, stream: str, advance: Callable[[int], None] | None = None
) -> list[Ringing]:
    """The alerts that a log would have raised, in the order in which they fire.

    Args:
        log: The messages of one stream.
        rules: What to look for.
        stream: ``news`` or ``comments``.
        advance: Told how many more hours of event time are done.
    """
    if not len(log):
        return []
    walk = _Walk(log, rules, stream)
    first, hours = span(log)
    end = int(log.published_ms[-1]) // MINUTE_MS + TAIL_MIN
    for hour in range(first, first + hours):
        walk.hour(hour, min((hour + 1) * HOUR_MIN, end))
        walk.recording.remember(hour)
        if advance is not None:
            advance(1)
    return walk.found


def span(log: ScoredLog) -> tuple[int, int]:
    """The first hour since 1970 that a backtest looks at, and how many there are."""
    first = int(log.published_ms[0]) // MINUTE_MS // HOUR_MIN
    end = int(log.published_ms[-1]) // MINUTE_MS + TAIL_MIN
    return first, -(-end // HOUR_MIN) - first


class _Walk:
    """One pass over a log."""

    def __init__(self, log: ScoredLog, rules: Rules, stream: str) -> None:
        self.found: list[Ringing] = []
        self.recording = Recording(log)
        self._lookout = Hindsight(rules.rules, self.recording, stream)
        self._stories = RecordedStories(log, self.recording, rules, stream)
        self._stream = stream
        self._ringing: dict[Key, Ringing] = {}
        self._versions = _versions(log)
        silences = [one for one in rules.rules if one.kind == FEED_SILENT and stream in one.streams]
        shortest = min((one.warning.minutes or 1 for one in silences), default=1)
        self._pauses = Pauses(log.published_ms if silences else log.published_ms[:0], shortest)

    def hour(self, hour: int, end: int) -> None:
        """Look at the minutes of an hour, up to ``end``."""
        lookout = self._lookout
        if self._versions:
            lately = {one: self._versions[one] for one in self._versions if hour - KEPT_H <= one < hour}
            lookout.succeed(takeovers(lately))
        hot = lookout.hot(hour)
        drifts = bool(lookout.shifts(hour))
        for minute in range(hour * HOUR_MIN, end):
            if hot[minute % HOUR_MIN] or drifts or lookout.episodes.by_key:
                self.recording.at(minute)
                for change in lookout.look(minute, self._stories.see):
                    self._take(minute, change)
            self._listen(minute)

    def _listen(self, minute: int) -> None:
        """Judge the pause after a minute, if there is one."""
        told = self._pauses.after(minute)
        if not told or not self._lookout.hears(told[-1]):
            return
        for one in told:
            for change in self._lookout.hush(one):
                self._take(one.begin + one.minutes, change)

    def _take(self, minute: int, change: Change) -> None:
        if not is_news(change):
            return
        episode, reading = change.episode, change.reading
        rows: Ints = np.zeros(0, np.int64)
        if reading is not None:
            rows = self._stories.rows(reading.rule, episode.series, reading.window_s)
        if change.what is What.FIRED:
            ringing = Ringing(self._alert(minute, change, rows), incident_id(self._stream, episode))
            self._ringing[episode.key] = ringing
            self.found.append(ringing)
        ringing = self._ringing[episode.key]
        at = from_ms((minute + 1) * MINUTE_MS)
        ringing.told.append(News(at, change.what.value, change.quiet, episode.severity))
        ringing.stories.update(self._stories.positions(rows))
        if episode.severity is not ringing.alert.severity:
            ringing.alert = msgspec.structs.replace(ringing.alert, severity=episode.severity)

    def _alert(self, minute: int, change: Change, rows: Ints) -> Alert:
        assert change.reading is not None, "what fires has been read"
        alert = explain(
            self._stream,
            minute,
            change,
            stories=self._stories.shown(rows),
            sources=self._stories.sources(rows),
            messages=self._lookout.messages(change.episode.series, change.reading),
            models=self._stories.models(minute),
            before=None,
        )
        return msgspec.structs.replace(alert, incident=incident_id(self._stream, change.episode))


def _versions(log: ScoredLog) -> dict[int, dict[str, int]]:
    """Messages of each model by hour since 1970; empty if there was only one."""
    codes, names = log.models
    if len(names) < 2:
        return {}
    cells, counts = np.unique(log.published_ms // MINUTE_MS // HOUR_MIN * len(names) + codes, return_counts=True)
    found: dict[int, dict[str, int]] = {}
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        found.setdefault(cell // len(names), {})[names[cell % len(names)]] = count
    return found
