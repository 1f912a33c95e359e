"""Child programs that run until they are stopped, come back when they fall, and never outlive their parent.

Knows nothing of what a program does. Each runs in a session of its own, so that Ctrl-C reaches the parent only and
the children are stopped in order; on Linux the kernel ends them when the parent is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from undertone.embedded import leash
from undertone.errors import UndertoneError

POLL_S = 0.2
BACKOFF_S = 0.5
BACKOFF_CAP_S = 30.0
STABLE_S = 20.0
"""A program that has lived this long works: what ends it later is worth any number of new starts."""
FALSE_STARTS = 4
"""A program that has never been stable is given up after so many starts."""
LOG_KEEP_BYTES = 16 * 1024 * 1024
LOG_TAIL_LINES = 6
_LOG_TAIL_BYTES = 16_384


class ProgramFailed(UndertoneError):
    """A program does not stay up; carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """One child: its name, its command by full path, its environment, and how long it may take to end in order."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    stop_timeout_s: float = 15.0


@dataclass(slots=True)
class _Child:
    program: Program
    log: Path
    process: subprocess.Popen[bytes]
    started_at: float
    starts: int = 1
    stable: bool = False
    next_start: float = field(default=0.0)


class Supervisor:
    """Starts programs, watches them from a thread of its own, and stops them, the last one started first.

    Args:
        logs: Folder of the log files, one a program.
        folder: Working folder of the programs.
        tell: Told in one line what happened; called from the watching thread.
    """

    def __init__(self, logs: Path, folder: Path, tell: Callable[[str], None]) -> None:
        self._logs = logs
        self._folder = folder
        self._tell = tell
        self._children: dict[str, _Child] = {}
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None
        self._failure: ProgramFailed | None = None

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        with self._guard:
            log = self._logs / f"{program.name}.log"
            self._children[program.name] = _Child(program, log, self._spawn(program, log), time.monotonic())
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="undertone-supervisor", daemon=True)
            self._watcher.start()

    def pids(self) -> dict[str, int]:
        """The process of each program that runs now."""
        with self._guard:
            return {name: child.process.pid for name, child in self._children.items() if child.process.poll() is None}

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise what made the supervisor give a program up, if anything did.

        Raises:
            ProgramFailed: with the end of the program's log.
        """
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End all programs in order; whatever of a program's session is left is killed. Idempotent."""
        self._ended.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        with self._guard:
            while self._children:
                _, child = self._children.popitem()
                _end(child)

    def _spawn(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_KEEP_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            return leash.spawn(program.command, folder=self._folder, output=output, env=program.env)

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            with self._guard:
                for child in self._children.values():
                    self._look_after(child, time.monotonic())

    def _look_after(self, child: _Child, now: float) -> None:
        name = child.program.name
        if child.process.poll() is None:
            if not child.stable and now - child.started_at > STABLE_S:
                child.stable, child.starts = True, 1
            return
        if not child.next_start:
            if now - child.started_at > STABLE_S:
                child.starts = 1
            code = child.process.returncode
            if child.starts >= FALSE_STARTS and not child.stable:
                if self._failure is None:
                    self._failure = ProgramFailed(
                        f"The {name} does not stay up (exit code {code}, {child.starts} starts). {tail(child.log)}"
                    )
                return
            wait_s = min(BACKOFF_S * 2 ** (child.starts - 1), BACKOFF_CAP_S)
            child.next_start = now + wait_s
            self._tell(f"The {name} ended with exit code {code}; starting it again in {wait_s:g} s ({child.log})")
        elif now >= child.next_start:
            _end(child)  # clear away what it may have left in its session
            child.process = self._spawn(child.program, child.log)
            child.started_at, child.next_start = now, 0.0
            child.starts += 1


def tail(log: Path) -> str:
    """The end of a log file, for an error's text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join([f"Its log {log} ends with:", *(f"  {line}" for line in lines[-LOG_TAIL_LINES:])])


def _end(child: _Child) -> None:
    process = child.process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(child.program.stop_timeout_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # its session: helpers of its own, or itself
    process.wait()
