"""Alerts of a rehearsal, held against what is known to have happened: which events rang, and what rang for nothing.

Pure. Who rehearses is given from outside (`stream.rehearsal`, which this package does not know).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from training.rules import Event, Replay


class Rung(Protocol):
    """What is asked of an alert; `entity` is empty where it is about a topic as a whole."""

    @property
    def fired_at(self) -> datetime: ...

    @property
    def entity(self) -> str: ...


class Tally(msgspec.Struct, frozen=True):
    """What one model's alerts come to.

    Attributes:
        rang: Names of the events that had to ring and did.
        broken: Names of the events that had to stay silent and rang.
        false: Alerts outside every span in which something happened, those of `broken` included.
        counted: All alerts of the counted parts.
    """

    rang: tuple[str, ...]
    broken: tuple[str, ...]
    false: int
    counted: int


def tally(replay: Replay, alerts: Sequence[Rung]) -> Tally:
    """Sort the alerts of all periods.

    An alert about the event's entity within its span is true. Any other alert within the span of an event that must
    ring is neither true nor false: it may tell of the same thing.
    """
    counted = [one for one in alerts if any(p.counted_from <= one.fired_at < p.end for p in replay.periods)]
    ring = [event for event in replay.events if event.must == "ring"]
    silent = [event for event in replay.events if event.must == "silent"]
    return Tally(
        rang=tuple(event.name for event in ring if any(_of(event, one) for one in counted)),
        broken=tuple(event.name for event in silent if any(_of(event, one) for one in counted)),
        false=sum(not any(event.holds(one.fired_at) for event in ring) for one in counted),
        counted=len(counted),
    )


def _of(event: Event, alert: Rung) -> bool:
    return alert.entity == event.entity and event.holds(alert.fired_at)
