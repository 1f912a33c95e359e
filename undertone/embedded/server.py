"""What every embedded server shares: a data folder, a port, one child process and its end.

Knows nothing of Kafka or Valkey: a subclass says which command to run and how to tell that it answers.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from undertone.embedded import leash
from undertone.embedded.extra import need_extra
from undertone.embedded.lock import DataFolderLock
from undertone.errors import UndertoneError

HOST = "127.0.0.1"
# Below the ephemeral ranges of Linux and macOS: a client that keeps dialling a dead server's port
# inside that range can be given the very same port as its own, connect to itself and so take it.
PORTS = range(20_000, 30_000)
PORT_TRIES = 5
POLL_S = 0.03
START_TIMEOUT_S = 120.0
KILL_TIMEOUT_S = 10.0
LOG_KEEP_BYTES = 16 * 1024 * 1024
LOG_TAIL_LINES = 12


class EmbeddedServerError(UndertoneError):
    """An embedded server does not start or does not answer; carries the tail of its log."""


class EmbeddedServer(ABC):
    """A server process that belongs to this process and lives in `data`."""

    name: ClassVar[str]
    stop_timeout_s: ClassVar[float]
    """How long `stop` waits after SIGTERM before it sends SIGKILL."""

    def __init__(self, data: Path, *, port: int = 0) -> None:
        need_extra("psutil")
        self.data = Path(data).absolute()
        self._asked_port = port
        self._port = 0
        self._lock = DataFolderLock(self.data)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port, the same for the object's life once it has started."""
        port = self._port or self._asked_port or self._recorded_port()
        if not port:
            raise EmbeddedServerError(f"{self.name} in {self.data} has no port yet: start it first.")
        return port

    @property
    def log(self) -> Path:
        return self.data / f"{self.name.lower()}.log"

    @property
    def pid(self) -> int | None:
        """The process, or None where it is not running."""
        return self._process.pid if self._process is not None and self.alive() else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the server and return its address once it answers requests; no-op while it runs.

        Raises:
            DataFolderInUse: Another run holds the data folder.
            EmbeddedServerError: It exits, or does not answer within `timeout_s` of what it fetches first.
        """
        if self.alive():
            return self._address()
        self._lock.acquire()
        try:
            self._end_stale()
            self._start_on_some_port(timeout_s)
        except BaseException:
            self.kill()
            raise
        return self._address()

    def stop(self) -> None:
        """End the server in order; SIGKILL if it has not ended `stop_timeout_s` after SIGTERM."""
        if self._process is not None and self.alive():
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_timeout_s)
        self.kill()

    def kill(self) -> None:
        """End the server at once, as a crash would. Its data stays."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._process.kill()
            self._process.wait(KILL_TIMEOUT_S)
            self._process = None
            self._pid_file.unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _address(self) -> str: ...

    @abstractmethod
    def _command(self) -> list[str]:
        """Write the configuration for `port`; return the command, program by full path, to run in `data`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether *this* server serves requests; may raise OSError or ValueError for no."""

    def _start_on_some_port(self, timeout_s: float) -> None:
        for tries_left in reversed(range(PORT_TRIES)):
            port = self._port or self._asked_port or self._recorded_port()
            may_move = not (self._port or self._asked_port)
            if port and not _port_is_free(port):
                if not may_move:
                    raise EmbeddedServerError(
                        f"{self.name} cannot listen on port {port} of {HOST}: another program does. "
                        "Stop that program, or choose another port."
                    )
                port = 0
            self._port = port or free_port()
            try:
                self._start_once(timeout_s)
            except _PortTaken as taken:
                self.log.unlink(missing_ok=True)  # else the next try reads this one's complaint
                if may_move:
                    self._port = 0
                    self._port_file.unlink(missing_ok=True)
                if not tries_left:
                    raise EmbeddedServerError(str(taken)) from taken
                continue
            self._port_file.write_text(f"{self._port}\n")
            return

    def _start_once(self, timeout_s: float) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_KEEP_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        command = self._command()  # may fetch what it runs, which takes what the network takes
        deadline = time.monotonic() + timeout_s
        with self.log.open("ab") as output:
            log_start = output.tell()
            # A locale that lets Java open the data folder whatever letters its name has.
            env = os.environ | {"LC_ALL": "C.UTF-8"}
            self._process = leash.spawn(command, folder=self.data, output=output, env=env)
        self._note_pid(self._process.pid)
        while not self._ready():
            code = self._process.poll()
            if code is not None:
                kind = _PortTaken if self._port_was_taken(log_start) else EmbeddedServerError
                raise kind(f"{self.name} ended at start with exit code {code}. {self._log_says(log_start)}")
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{self.name} did not answer on {HOST}:{self._port} within {timeout_s:g} s. "
                    f"{self._log_says(log_start)}"
                )
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        try:
            return self._answers()
        except (OSError, ValueError):
            return False

    def _log_since(self, start: int) -> str:
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def _port_was_taken(self, start: int) -> bool:
        text = self._log_since(start)
        return any(words in text for words in ("Address already in use", "BindException", "Failed to bind"))

    def _log_says(self, start: int) -> str:
        tail = "\n".join(f"  {line}" for line in self._log_since(start).splitlines()[-LOG_TAIL_LINES:])
        return f"The log {self.log} ends with:\n{tail}" if tail else f"The log {self.log} is empty."

    @property
    def _port_file(self) -> Path:
        return self.data / "port"

    @property
    def _pid_file(self) -> Path:
        return self.data / "pid"

    def _recorded_port(self) -> int:
        try:
            return int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _note_pid(self, pid: int) -> None:
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            self._pid_file.write_text(f"{pid} {psutil.Process(pid).create_time()}\n")

    def _end_stale(self) -> None:
        """End a server that outlived the run which started it.

        With the folder's lock held no other run can own it. On Linux the kernel ends it, though
        not at once; elsewhere nobody else does.
        """
        import psutil

        with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pid, created_at = self._pid_file.read_text().split()
            stale = psutil.Process(int(pid))
            if abs(stale.create_time() - float(created_at)) < 1:  # else a stranger has the number now
                stale.kill()
                stale.wait(KILL_TIMEOUT_S)
        self._pid_file.unlink(missing_ok=True)


class _PortTaken(EmbeddedServerError):
    """Somebody took the port between the choice and the start."""


def free_port(*, other_than: int = 0) -> int:
    """A port of `PORTS` that nobody listens on right now, and not one that is about to be listened on."""
    choose = random.SystemRandom()
    for _ in range(200):
        port = choose.choice(PORTS)
        if port != other_than and _port_is_free(port):
            return port
    raise EmbeddedServerError(f"No free port found on {HOST} from {PORTS.start} to {PORTS.stop - 1}.")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections of a dead one that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True
