"""What the gate demands: tolerances, the floors of a first model, and the replay whose alerts must not get worse.

The rules of a task are a TOML file in `training/gates/`; without one the defaults hold and no alerts are replayed.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from training.task import HeadName
from undertone.errors import InputError

GATES = Path(__file__).resolve().parent / "gates"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much worse a challenger may be.

    A loss refuses where it is above its tolerance *and* chance does not explain it: a one-sided paired test at `alpha`,
    shared out over the comparisons of its kind (Bonferroni). For macro-F1 over all sets the burden of proof is the
    challenger's: the lower 1 - `alpha` bound of the mean difference must stay above -`overall`.
    """

    alpha: Share = 0.05
    macro_f1: Share = 0.005
    overall: Share = 0.01
    accuracy: Share = 0.005
    recall: Share = 0.03
    least_support: int = 20  # rows of a class whose recall is compared
    ece: Share = 0.01
    ece_fine: Share = 0.03  # an ECE up to this one is fine, whatever the champion's
    flips: Share = 0.005
    speed: float = 0.8  # of the champion's texts a second
    bytes: int = 25_000_000
    false_alerts: Share = 0.1  # more than the champion's, or one more
    resamples: int = 2000


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accuracy: Share = 0.0
    macro_f1: Share = 0.0


class Floors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model must reach that has no champion to be held against, by set and head.

    A set without a floor must be judged better than by always giving its most frequent label (McNemar, `alpha`).
    """

    sets: dict[str, dict[HeadName, Floor]] = {}
    ece: Share = 0.1
    flips: Share = 0.15
    events: Annotated[int, msgspec.Meta(ge=0)] = 0  # of those that must ring


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[begin, end) of event time."""

    begin: Moment = msgspec.field(name="from")
    end: Moment = msgspec.field(name="to")

    def holds(self, at: datetime) -> bool:
        return self.begin <= at < self.end


class Period(Span, frozen=True, forbid_unknown_fields=True):
    """A part of the replay; its alerts count from `counted_from` on, when the baselines have settled."""

    counted_from: Moment


class Event(Span, frozen=True, forbid_unknown_fields=True):
    """Something that happened: alerts about `entity` within the span are right, or must not be."""

    name: str
    entity: str
    must: Literal["ring", "silent"]


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dated messages with known events. `file` is relative to the data folder; the texts are not ours to ship."""

    file: str
    source: str
    periods: tuple[Period, ...]
    events: tuple[Event, ...]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limits: Limits = Limits()
    floors: Floors = Floors()
    replay: Replay | None = None


def load_rules(task: str, path: Path | None = None) -> Rules:
    """Return the rules in a file, or those that ship for a task, or the defaults.

    Raises:
        InputError: if the file is missing or says what does not fit together.
    """
    if path is None:
        path = GATES / f"{task}.toml"
        if not path.is_file():
            return Rules()
    try:
        rules = msgspec.toml.decode(path.read_bytes(), type=Rules)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"Gate rules {path} cannot be used: {error}") from error
    problem = _problem(rules.replay) if rules.replay else ""
    if problem:
        raise InputError(f"Gate rules {path} cannot be used: {problem}")
    return rules


def _problem(replay: Replay) -> str:
    """Return what is wrong with a replay that has the right form, or nothing."""
    for span in (*replay.periods, *replay.events):
        if span.begin >= span.end:
            return f"a span from {span.begin.isoformat()} to {span.end.isoformat()} is empty"
    for period in replay.periods:
        if not period.holds(period.counted_from):
            return f"counted_from {period.counted_from.isoformat()} is outside its period"
    for event in replay.events:
        if not any(one.counted_from <= event.begin and event.end <= one.end for one in replay.periods):
            return f"event {event.name!r} is in no period's counted part"
    names = [event.name for event in replay.events]
    if len(set(names)) != len(names):
        return f"two events have the same name among {', '.join(names)}"
    return ""
