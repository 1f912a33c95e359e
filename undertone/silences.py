"""Silences: for a while, people are not told of some alerts. The alerts live on, and are stored as silenced. Pure.

A silence counts in event time, like the alerts that it holds: an hour that is replayed later is silenced all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from undertone.errors import InputError
from undertone.lifecycle import named, reason
from undertone.messages import Alert, encode
from undertone.rules.matching import matches
from undertone.rules.model import Globs, Match, series_kind

LONGEST = timedelta(days=366)
EVERYTHING = Match()


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """People are told nothing of the alerts that ``match`` from ``starts_at`` until before ``ends_at``.

    ``created_at`` and ``ended_at`` are by the clock on the wall.
    """

    id: str
    match: Match
    starts_at: datetime
    ends_at: datetime
    by: str
    why: str = ""
    created_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.starts_at <= at < self.ends_at


def silence(
    match: Match, starts_at: datetime, ends_at: datetime, *, by: str, why: str = "", created_at: datetime
) -> Silence:
    """A new silence; its id is made of all that is given.

    Raises:
        InputError: if it would hold nothing or everything for ever, or the name or the reason cannot be used.
    """
    if not starts_at < ends_at:
        raise InputError(
            f"the silence would begin at {starts_at:%Y-%m-%d %H:%M} and end at {ends_at:%Y-%m-%d %H:%M}: "
            "it must end after it begins"
        )
    if ends_at - starts_at > LONGEST:
        raise InputError(
            f"the silence would last {(ends_at - starts_at).days} days: valid are up to {LONGEST.days}; "
            "what is never of interest belongs into the rules file"
        )
    who, words = named(by, "whoever silences"), reason(why)
    made = Silence(id="", match=match, starts_at=starts_at, ends_at=ends_at, by=who, why=words, created_at=created_at)
    return msgspec.structs.replace(made, id=hashlib.blake2b(encode(made), digest_size=6).hexdigest())


def ended(one: Silence, *, by: str, at: datetime) -> Silence:
    """The same silence, over at ``at``; one that has not begun never will.

    Raises:
        InputError: if it is over, or the name cannot be used.
    """
    if one.ended_at is not None or at >= one.ends_at:
        raise InputError(f"silence {one.id!r} ended at {one.ends_at:%Y-%m-%d %H:%M}: there is nothing to end")
    who = named(by, "whoever ends the silence")
    return msgspec.structs.replace(one, ends_at=max(at, one.starts_at), ended_by=who, ended_at=at)


def silenced(alert: Alert, silences: Iterable[Silence], at: datetime) -> Silence | None:
    """The silence that holds what would be told of an alert at ``at``, the one that ends last; None if none does."""
    holding = [one for one in silences if one.covers(at) and matched(one.match, alert)]
    return max(holding, key=lambda one: (one.ends_at, one.id), default=None)


def matched(match: Match, alert: Alert) -> bool:
    """Whether a silence is meant for an alert.

    Unlike a route's, its sources must cover every source of the evidence: what a source that nobody silenced says too
    is news.
    """
    plain = (
        (match.rule, alert.rule),
        (match.stream, alert.stream),
        (match.series, series_kind(alert.topic, alert.entity)),
        (match.topic, alert.topic or ""),
        (match.entity, alert.entity or ""),
        (match.severity, alert.severity.value),
    )
    return all(matches(globs, text) for globs, text in plain) and _by_source(match.source, alert)


def _by_source(globs: Globs, alert: Alert) -> bool:
    if globs == EVERYTHING.source:
        return True
    return bool(alert.evidence) and all(matches(globs, one.source) for one in alert.evidence)
