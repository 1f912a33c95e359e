"""What changed rules would have done: both sets replayed over the last days by ``undertone backtest``.

It is a program of its own, with a time limit, and runs one at a time for all visitors: a replay takes a whole core.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from dashboard.rules_text import Draft
from undertone.errors import BusyError, InputError, UndertoneError
from undertone.messages import from_ms
from undertone.settings import Settings

LIMIT_S: Final = 180
DAYS: Final = (1, 3, 7)
NOW: Final = "now.yaml"
THEN: Final = "proposed.yaml"
_SAID: Final = 600
NO_MESSAGES: Final = "There is no scored message"

_running = threading.Lock()


class TooLongError(UndertoneError):
    """The replay was ended; ``command`` is what it was, for who runs it by hand."""

    def __init__(self, command: str) -> None:
        super().__init__(f"more than {LIMIT_S} s: {command}")
        self.command = command


class Rang(msgspec.Struct, frozen=True):
    """One alert of a replay, as ``undertone backtest --json`` prints it; what else it says is left out."""

    rules: str
    rule: str
    severity: str
    fired_at: datetime
    stream: str
    stories: int
    topic: str | None = None
    entity: str | None = None

    @property
    def series(self) -> tuple[str, str, str, str]:
        return self.rule, self.stream, self.topic or "", self.entity or ""


class Preview(NamedTuple):
    """What rings under the rules as they are and as proposed; ``empty``: there was no message to say anything of."""

    now: tuple[Rang, ...]
    then: tuple[Rang, ...]
    empty: bool = False

    @property
    def only_now(self) -> list[Rang]:
        return _missing(self.now, self.then)

    @property
    def only_then(self) -> list[Rang]:
        return _missing(self.then, self.now)


def run(settings: Settings, made: Draft, now_ms: int, days: int) -> Preview:
    """Replay the scored messages that Kafka holds of the last ``days`` of event time under both.

    Raises:
        BusyError: if another preview is running.
        TooLongError: if it takes more than LIMIT_S.
        InputError: if the replay does not work; says what it said.
    """
    if not _running.acquire(blocking=False):
        raise BusyError("another preview is running")
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in ((NOW, made.before), (THEN, made.text)):
                Path(folder, name).write_text(text, "utf-8")
            return _replayed(settings, Path(folder), now_ms, days)
    finally:
        _running.release()


def command(now_ms: int, days: int, folder: Path = Path()) -> list[str]:
    """The arguments of ``undertone``; both files are in ``folder``."""
    begin, end = (from_ms(now_ms + 60_000 - days * 86_400_000 * back) for back in (1, 0))
    span = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (begin, end)]
    files = [str(folder / name) for name in (NOW, THEN)]
    return ["backtest", "--rules", files[0], "--rules", files[1], "--from", span[0], "--to", span[1], "--json"]


def _replayed(settings: Settings, folder: Path, now_ms: int, days: int) -> Preview:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "undertone.cli", *command(now_ms, days, folder)],
            env=os.environ | settings.environment(),
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooLongError(" ".join(["undertone", *command(now_ms, days)])) from error
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode:
        raise InputError(said[-_SAID:] or f"exit code {done.returncode}")
    found = msgspec.json.decode(b"[" + b",".join(done.stdout.split(b"\n")[:-1]) + b"]", type=list[Rang])
    sets = {name: tuple(one for one in found if one.rules == name) for name in (NOW, THEN)}
    return Preview(sets[NOW], sets[THEN], empty=NO_MESSAGES in said)


def _missing(mine: Sequence[Rang], others: Sequence[Rang]) -> list[Rang]:
    """Those of ``mine`` that no alert of the others on the same series rings within an hour of."""
    times: dict[tuple[str, str, str, str], list[datetime]] = {}
    for one in others:
        times.setdefault(one.series, []).append(one.fired_at)
    near = timedelta(hours=1)
    return [one for one in mine if not any(abs(at - one.fired_at) <= near for at in times.get(one.series, ()))]
