"""Train again every so often, once enough labels are fresh: when a turn is due is a pure rule, the rest is its edge.

The state is a small file, so a restart does not forget when the last turn was, and a turn that was cut off is gone on
with. Turns run as processes of their own, one at a time: what ends one does not end the schedule.
"""

import logging
import re
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.blocking import BlockingScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]

from undertone.errors import InputError, UndertoneError

log = logging.getLogger(__name__)

STATE = "schedule.json"
MOST_TRIES = 3  # of a turn that fails by itself; a killed one is gone on with for ever
LEAST = timedelta(minutes=1)
_SPAN = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class State(msgspec.Struct, frozen=True):
    """What the schedule remembers.

    Attributes:
        began_at: When the last turn began.
        labels_until: Labels that came later are fresh; None: all are.
        turn: Name of the folder of a turn that has not ended; empty: none.
        failures: How often that turn has failed by itself.
        outcome: What became of the last turn, in words.
    """

    began_at: datetime | None = None
    labels_until: datetime | None = None
    turn: str = ""
    failures: int = 0
    outcome: str = ""


class Decision(NamedTuple):
    """Whether to train now, and why or why not."""

    run: bool
    why: str


class Turn(Protocol):
    """A running turn; `subprocess.Popen` is one."""

    def wait(self) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


def parse_every(text: str) -> timedelta:
    """Return a span such as 45m, 12h, 7d or 2w. Raises InputError where it is none, or under a minute."""
    found = _SPAN.fullmatch(text.strip())
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if span < LEAST:
        raise InputError(f"--every {text!r} is no span: give a number of m, h, d or w, such as 12h or 7d")
    return span


def decide(now: datetime, state: State, every: timedelta, fresh: int, min_labels: int) -> Decision:
    """Say whether a turn is due: one that was cut off always is; else time must be up and enough labels fresh."""
    if state.turn:
        return Decision(True, f"going on with {state.turn}")
    if state.began_at is not None and now < state.began_at + every:
        return Decision(False, f"not before {state.began_at + every:%Y-%m-%d %H:%M}")
    if fresh < min_labels:
        return Decision(False, f"{fresh:,} of {min_labels:,} fresh labels")
    return Decision(True, f"{fresh:,} fresh labels")


class Schedule:
    """Looks again and again whether a turn is due, and runs it."""

    def __init__(
        self,
        out: Path,
        every: timedelta,
        min_labels: int,
        *,
        count: Callable[[datetime | None], int],
        start: Callable[[Path], Turn],
        now: Callable[[], datetime],
        say: Callable[[str], None],
    ) -> None:
        """`count` tells how many labels came after a moment; `start` begins a turn in a folder."""
        self._out, self._every, self._min_labels = out, every, min_labels
        self._count, self._start, self._now, self._say = count, start, now, say
        self._turn: Turn | None = None
        self._stopped = threading.Event()
        self.failed = False  # the last look, or its turn
        self._scheduler: Any = BlockingScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1)},
            # Looks that were missed while a turn ran, or the machine slept, are one look.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def look(self) -> bool:
        """Run a turn if one is due; return whether one ran. What goes wrong is said, and tried at the next look."""
        self.failed = False
        try:
            state = read_state(self._out)
            fresh = 0 if state.turn or self._too_early(state) else self._count(state.labels_until)
            decision = decide(self._now(), state, self._every, fresh, self._min_labels)
            self._say(decision.why)
            if decision.run:
                self._run(state)
        except (UndertoneError, OSError) as error:
            self._say(f"could not look: {error}")
            self.failed = True
            return False
        return decision.run

    def run(self, look_every: timedelta) -> None:
        """Look until `stop`; returns then."""
        # It warns at each look that finds a turn still running, which is how it should be.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        at_once = datetime.now(UTC)  # by the scheduler's own clock
        trigger = IntervalTrigger(seconds=look_every.total_seconds(), timezone="UTC")
        self._scheduler.add_job(self.look, trigger, next_run_time=at_once)
        self._scheduler.start()

    def stop(self) -> None:
        """End the schedule and the turn that runs; it will be gone on with. May be called from a signal's handler."""
        self._stopped.set()
        if self._turn is not None:
            self._turn.send_signal(signal.SIGTERM)
        self._scheduler.shutdown(wait=False)

    def _too_early(self, state: State) -> bool:
        return state.began_at is not None and self._now() < state.began_at + self._every

    def _run(self, state: State) -> None:
        if not state.turn:
            now = self._now()
            state = State(now, state.labels_until, f"turn-{now:%Y%m%d-%H%M%S}")
            write_state(self._out, state)
        began_at = state.began_at
        self._turn = self._start(self._out / state.turn)
        code = self._turn.wait()
        self._turn = None
        self.failed = code not in ENDED
        if self._stopped.is_set() or code < 0 or code in (128 + signal.SIGTERM, 128 + signal.SIGINT):
            self._say(f"{state.turn} was cut off; it will be gone on with")
            return
        failures = state.failures + (code not in ENDED)
        outcome = ENDED.get(code, f"failed with exit code {code}")
        self._say(f"{state.turn}: {outcome}")
        if code in ENDED:
            write_state(self._out, State(began_at, began_at, outcome=outcome))
        elif failures < MOST_TRIES:
            write_state(self._out, msgspec.structs.replace(state, failures=failures, outcome=outcome))
        else:  # its labels stay fresh for the next turn
            write_state(self._out, State(began_at, state.labels_until, outcome=f"given up: {outcome}"))


ENDED = {0: "done", 3: "refused by the gate"}
"""Exit codes of a turn that came to its end."""


def read_state(out: Path) -> State:
    """Return what the schedule of a folder remembers. Raises InputError where its file is damaged."""
    path = out / STATE
    if not path.is_file():
        return State()
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} cannot be read ({error}); remove it to begin the schedule anew") from error


def write_state(out: Path, state: State) -> None:
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f"{STATE}.unfinished"
    unfinished.write_bytes(msgspec.json.encode(state))
    unfinished.replace(out / STATE)
