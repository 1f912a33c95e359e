"""Incidents: which alerts tell of one event, and what people have been told of it. Pure.

Two alerts tell of one event if they share at least half of the stories of the smaller one, or if they are about the
same company at the same time and share a story at all. All stories are of the stream as a whole, so that sharing them
with its alert tells little: a company's is of one event with it if it has half of the stream's own stories, and the
stream's, which rings on what no other alert tells, opens an incident. An alert joins an incident when it fires and
stays in it: what people were told is not changed behind their backs, even if two incidents turn out to be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from undertone.messages import Severity

Place = str | int
"""What names a story among those of its stream: its position, or its row where all of a log is there."""
SHARED = 0.5
MEMORY_MIN = 360
"""An alert that ended longer ago than the widest window is long has no story in common with one that fires now."""
STORIES_KEPT = 200
"""Positions of an ended alert that are remembered, the first in their order."""


class Member(NamedTuple):
    """One alert as incidents see it.

    Attributes:
        name: Of its episode.
        incident: Name of the incident's first episode, empty for an alert that fires at this look.
        entity: Which company it is about, empty for none.
        begin: Event minute in which its episode began.
        end: The last one in which it was seen.
        stories: Positions of its stories.
        place: Among the alerts of this look, the order in which they are told.
        whole: Whether it is of the stream as a whole.
    """

    name: str
    incident: str
    entity: str
    begin: int
    end: int
    stories: frozenset[Place]
    place: int = 0
    whole: bool = False


class Told(NamedTuple):
    """What people were told of one alert: how bad, how many stories, when last (event minute), by which tier."""

    severity: Severity
    stories: int
    minute: int
    tier: int


class Past(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An alert that is over and may still have stories in common with one that fires; ``told`` None if it was quiet."""

    name: str
    incident: str
    entity: str
    begin: int
    end: int
    stories: tuple[Place, ...] = ()
    told: Told | None = None
    whole: bool = False

    @property
    def member(self) -> Member:
        stories = frozenset(self.stories)
        return Member(self.name, self.incident, self.entity, self.begin, self.end, stories, whole=self.whole)


def related(one: Member, other: Member) -> bool:
    """Whether two alerts tell of one event."""
    shared = len(one.stories & other.stories)
    if not shared:
        return False
    at_once = one.begin <= other.end and other.begin <= one.end
    if one.entity and one.entity == other.entity and at_once:
        return True
    sizes = len(one.stories), len(other.stories)
    part = one.whole is not other.whole and bool(one.entity or other.entity)
    return shared >= SHARED * (max(sizes) if part else min(sizes))


def _joins(new: Member, known: Member) -> bool:
    return related(new, known) and (known.whole or not new.whole)


def group(new: Iterable[Member], known: Sequence[Member]) -> dict[str, str]:
    """The incident of each alert that fires at one look, by the name of its episode.

    Those that are related, if only through others of this look, join one incident: the oldest that any of them is
    related to, else one that is named after the first of them to be told. The order of the arguments does not matter.
    """
    left = sorted(new, key=lambda one: (one.place, one.name))
    begun = {one.incident: one.begin for one in sorted(known, key=lambda one: -one.begin)}
    found: dict[str, str] = {}
    while left:
        together = [left.pop(0)]
        for one in together:  # grows as it goes
            together += [other for other in left if related(one, other)]
            left = [other for other in left if other not in together]
        joined = {other.incident for one in together for other in known if _joins(one, other)}
        incident = min(joined, key=lambda name: (begun[name], name), default=together[0].name)
        found |= {one.name: incident for one in together}
    return found
