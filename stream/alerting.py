"""What becomes of readings: episodes that begin, grow, and end, and which of them a person is told about.

Pure: minutes and readings go in, changes come out. One episode is one alert, and its id is a hash of rule, series
and first minute, so that the same minutes looked at again give the same id.

A series whose condition holds is pending until it has held for two looks. Then it fires, unless an alert that is
already out covers it: a topic, an entity and the entity under the topic usually ring on the same stories. Of those
that are due at one look the most surprising goes first, and the rest are held back while at least
``COVERED`` of their stories are evidence of alerts that are out. A rule is covered by itself and by the rules before
it in ``RULES``, never by one after it: news that a surge is negative is not old because the surge is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from stream.detector import WINDOWS_S, Reading, Rule
from undertone.messages import AlertState, Severity
from undertone.trends import Series

COVERED = 0.6
HOLD_MIN = 1
"""Minutes for which a condition must have held before it fires."""
RESOLVE_MIN = 30
"""An episode is over once its series has been under the lower bar for this long."""
QUIET_MIN = 15
"""Event minutes between two notifications about mere growth."""
UPDATE_MIN = 5
"""The figures of an open alert are brought up to date this often."""
RECHECK_MIN = 360
"""A covered series is compared again once it has grown by a quarter, or after this long: when the alert that covers
it ends first, what is left in its widest window is old news."""


class Seen(NamedTuple):
    """The stories behind a reading, as far as they are kept: their positions and their sources."""

    positions: frozenset[str]
    sources: int


class What(StrEnum):
    """Kinds of change. All but ``UPDATED`` are notified."""

    FIRED = "fired"
    ESCALATED = "escalated"
    GROWN = "grown"
    RESOLVED = "resolved"
    UPDATED = "updated"


class Episode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The state of one rule on one series; times are event minutes since 1970."""

    rule: str
    topic: str
    entity: str
    phase: AlertState
    started: int
    last_over: int
    fired: int = -1
    severity: Severity = Severity.WARNING
    notifications: int = 0
    notified: int = -1
    notified_stories: int = 0
    updated: int = -1
    checked: int = -1
    checked_stories: int = 0

    @property
    def series(self) -> Series:
        return Series(self.topic, self.entity)

    @property
    def open(self) -> bool:
        """Whether a person has been told of it and it is not over."""
        return self.phase in (AlertState.FIRING, AlertState.ACKNOWLEDGED)


class Change(NamedTuple):
    """One thing that happened to an episode; ``reading`` is None when it ended."""

    what: What
    episode: Episode
    reading: Reading | None


Key = tuple[str, str, str]
"""Rule, topic, entity."""
See = Callable[[Rule, Series, int], Seen]
"""Gives the stories behind a rule and series over a window of seconds; asked only where the answer decides."""


def alert_id(stream: str, episode: Episode) -> str:
    """16 hexadecimal digits that name the episode, whoever computes them and whenever."""
    name = "\t".join((episode.rule, stream, episode.topic, episode.entity, str(episode.started)))
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


class Episodes:
    """The alert state machine of one stream."""

    def __init__(self, rules: Sequence[Rule], known: Iterable[Episode] = ()) -> None:
        self._rules = {rule.name: (order, rule) for order, rule in enumerate(rules)}
        self.by_key: dict[Key, Episode] = {
            (one.rule, one.topic, one.entity): one for one in known if one.rule in self._rules
        }

    def step(self, minute: int, readings: Iterable[tuple[Series, Reading]], see: See) -> list[Change]:
        """Move every episode to ``minute``.

        Args:
            minute: Event time; later than in the last call.
            readings: Each series that stands out, as the detector gave it.
            see: Looks up the stories of a rule and series.
        """
        present: dict[Key, Reading] = {(r.rule.name, s.topic, s.entity): r for s, r in readings}
        changes = self._end(minute, present)
        due: list[tuple[Episode, Reading]] = []
        for key, reading in present.items():
            episode = self.by_key.get(key)
            if episode is None:
                if reading.severity is None:
                    continue
                episode = self._begin(key, minute)
            episode.last_over = minute
            if episode.phase is AlertState.PENDING:
                if reading.severity is None:
                    del self.by_key[key]
                elif minute - episode.started >= HOLD_MIN and _worth_checking(episode, reading, minute):
                    due.append((episode, reading))
            elif episode.open:
                changes += self._go_on(episode, reading, minute, see)
        return changes + self._announce(due, minute, see)

    def close(self, key: Key) -> None:
        """A person has resolved it: say no more until the series has been quiet and surges anew."""
        self.by_key[key].phase = AlertState.RESOLVED

    def _begin(self, key: Key, minute: int) -> Episode:
        rule, topic, entity = key
        episode = Episode(
            rule=rule, topic=topic, entity=entity, phase=AlertState.PENDING, started=minute, last_over=minute
        )
        self.by_key[key] = episode
        return episode

    def _end(self, minute: int, present: dict[Key, Reading]) -> list[Change]:
        changes = []
        for key, episode in list(self.by_key.items()):
            if key in present:
                continue
            if episode.phase is AlertState.PENDING:
                del self.by_key[key]
            elif minute - episode.last_over >= RESOLVE_MIN:
                del self.by_key[key]
                if episode.open:
                    episode.phase = AlertState.RESOLVED
                    episode.notifications += 1
                    changes.append(Change(What.RESOLVED, episode, None))
        return changes

    def _go_on(self, episode: Episode, reading: Reading, minute: int, see: See) -> list[Change]:
        if reading.severity is Severity.CRITICAL and episode.severity is Severity.WARNING:
            if reading.wide > episode.checked_stories and _is_critical(reading, episode, see):
                episode.severity = Severity.CRITICAL
                return [self._notify(What.ESCALATED, episode, reading, minute)]
            episode.checked_stories = max(reading.wide, episode.checked_stories)
        if reading.wide >= 2 * episode.notified_stories and minute - episode.notified >= QUIET_MIN:
            return [self._notify(What.GROWN, episode, reading, minute)]
        if minute - episode.updated >= UPDATE_MIN and reading.severity is not None:
            episode.updated = minute
            return [Change(What.UPDATED, episode, reading)]
        return []

    def _announce(self, due: list[tuple[Episode, Reading]], minute: int, see: See) -> list[Change]:
        """Fire those that no other alert covers, the most telling rule and the most surprising series first."""
        changes = []
        due.sort(key=lambda one: (self._rules[one[0].rule][0], one[1].p_count, -_depth(one[0]), one[0].series))
        # One that a person has ended still covers: its stories are known.
        out = [key for key, episode in self.by_key.items() if episode.phase is not AlertState.PENDING]
        told: dict[Key, frozenset[str]] = {}
        for episode, reading in due:
            order = self._rules[episode.rule][0]
            mine = see(reading.rule, episode.series, reading.window_s)
            others: set[str] = set()
            for key in out:
                if self._rules[key[0]][0] <= order:
                    if key not in told:
                        told[key] = see(self._rules[key[0]][1], Series(key[1], key[2]), max(WINDOWS_S)).positions
                    others |= told[key]
            episode.checked, episode.checked_stories = minute, reading.wide
            if _covered(mine.positions, others):
                continue
            episode.phase, episode.fired = AlertState.FIRING, minute
            if reading.severity is Severity.CRITICAL and mine.sources >= reading.rule.critical_sources:
                episode.severity = Severity.CRITICAL
            changes.append(self._notify(What.FIRED, episode, reading, minute))
            out.append((episode.rule, episode.topic, episode.entity))
        return changes

    def _notify(self, what: What, episode: Episode, reading: Reading, minute: int) -> Change:
        episode.notifications += 1
        episode.notified = episode.updated = minute
        episode.notified_stories = reading.wide
        return Change(what, episode, reading)


def _is_critical(reading: Reading, episode: Episode, see: See) -> bool:
    return see(reading.rule, episode.series, reading.window_s).sources >= reading.rule.critical_sources


def _worth_checking(episode: Episode, reading: Reading, minute: int) -> bool:
    grown = reading.wide * 4 >= episode.checked_stories * 5 and reading.wide > episode.checked_stories
    return episode.checked < 0 or grown or minute - episode.checked >= RECHECK_MIN


def _covered(mine: frozenset[str], others: set[str]) -> bool:
    return bool(mine) and len(mine & others) >= COVERED * len(mine)


def _depth(episode: Episode) -> int:
    return bool(episode.topic) + bool(episode.entity)
