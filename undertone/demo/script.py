"""What happens when in the history of the demo: who serves, and which alerts people tend to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from undertone.demo.lookout import Lookout
from undertone.demo.people import Committee, People
from undertone.demo.rhythm import DAY_MS
from undertone.demo.stream import Timeline
from undertone.demo.teller import Stop

MINUTE_MS = 60_000
CROWNED_DAYS = 20
"""So long before the live part the accurate model takes over from the small one, where history is longer."""
CHALLENGED_DAYS = 6
TENDED = 0.8
"""How much of an event is told when people tend to its alerts."""


def small_first(times: Timeline) -> bool:
    """Whether the history is long enough to begin with the small model."""
    return times.live - times.start > CROWNED_DAYS * DAY_MS


def stops(
    times: Timeline,
    people: People,
    committee: Committee | None,
    lookout: Lookout,
    wait_for: Callable[[Callable[[], bool]], None],
) -> list[Stop]:
    """The moments at which something is done.

    Args:
        times: Of the run.
        people: Who tend to alerts.
        committee: Who choose the model; None where it was chosen for the demo.
        lookout: Sees when a model serves.
        wait_for: Waits until something is so.
    """

    def crown(at_ms: int) -> None:
        version = committee.crown(at_ms) if committee else ""
        wait_for(partial(lookout.serves, version))

    found = [
        Stop(one.begins + int(TENDED * one.episode.minutes) * MINUTE_MS, partial(people.tend, one))
        for one in times.past
    ]
    if committee is not None:
        if small_first(times):
            crowned = times.live - CROWNED_DAYS * DAY_MS
            found.append(Stop(crowned, partial(crown, crowned)))
        challenged = max(times.live - CHALLENGED_DAYS * DAY_MS, (times.start + times.live) // 2)
        found.append(Stop(challenged, partial(committee.challenge, challenged)))
    return found
