"""An episode of one rule on one series, what may happen to it, and the names that it has. Types alone.

What becomes of episodes is for :mod:`stream.alerting` to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from stream.detector import Reading
from stream.incidents import Place, Told
from undertone.messages import AlertState, Severity
from undertone.rules import Rule
from undertone.trends import Series


class Sighting(Protocol):
    """The stories behind a reading, as far as they are kept. Some answers cost, so that none is had before it is asked.

    Attributes:
        positions: What names them.
        sources: How many sources they have.
        tier: The best tier of these, 0 for none.
        counted: How many count once each voice has had its share; None where nobody asked whose they are.
        complete: Whether there was room to keep more.
    """

    @property
    def positions(self) -> frozenset[Place]: ...

    @property
    def sources(self) -> int: ...

    @property
    def tier(self) -> int: ...

    @property
    def counted(self) -> int | None: ...

    @property
    def complete(self) -> bool: ...

    def first(self, most: int) -> tuple[Place, ...]:
        """So many of ``positions``, the first in the order of their names."""
        ...


class Seen(NamedTuple):
    """A sighting of which all is known; ``counted`` and ``complete`` are of :func:`stream.voices.seen`."""

    positions: frozenset[Place]
    sources: int
    tier: int = 0
    counted: int | None = None
    complete: bool = False

    def first(self, most: int) -> tuple[Place, ...]:
        return tuple(sorted(self.positions, key=str)[:most])


class What(StrEnum):
    """Kinds of change. All but ``UPDATED`` are news, of which people are told unless the change is quiet."""

    FIRED = "fired"
    ESCALATED = "escalated"
    GROWN = "grown"
    NEW_TIER = "new-tier"
    RESOLVED = "resolved"
    UPDATED = "updated"


class Episode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The state of one rule on one series; times are event minutes since 1970.

    ``incident`` is the name of its incident's first episode. ``untold`` says that people do not know of it: it joined
    an incident that they know, or a silence held the word.
    """

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
    tier: int = 0
    incident: str = ""
    untold: bool = False

    @property
    def series(self) -> Series:
        return Series(self.topic, self.entity)

    @property
    def key(self) -> Key:
        return self.rule, self.topic, self.entity

    @property
    def name(self) -> str:
        """What tells it from the other episodes of its stream."""
        return "\t".join((*self.key, str(self.started)))

    @property
    def open(self) -> bool:
        """Whether it has fired and is not over."""
        return self.phase in (AlertState.FIRING, AlertState.ACKNOWLEDGED)

    @property
    def told(self) -> Told | None:
        """What people were told of it."""
        if self.untold or self.notified < 0:
            return None
        return Told(self.severity, self.notified_stories, self.notified, self.tier)


class Change(NamedTuple):
    """One thing that happened to an episode; ``reading`` is None when it ended.

    A quiet change is news for programs that keep count and for nobody else.
    """

    what: What
    episode: Episode
    reading: Reading | None
    quiet: bool = False


Key = tuple[str, str, str]
"""Rule, topic, entity."""
See = Callable[[Rule, Series, int], Sighting]
"""Gives the stories behind a rule and series over a window of seconds; asked only where the answer decides."""


def alert_id(stream: str, episode: Episode) -> str:
    """16 hexadecimal digits that name the episode, whoever computes them and whenever."""
    return _id(stream, episode.name)


def incident_id(stream: str, episode: Episode) -> str:
    """The id of the first alert of an episode's incident."""
    return _id(stream, episode.incident or episode.name)


def _id(stream: str, name: str) -> str:
    rule, *rest = name.split("\t")
    return hashlib.blake2b("\t".join((rule, stream, *rest)).encode(), digest_size=8).hexdigest()
