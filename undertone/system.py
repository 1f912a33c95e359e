"""The whole system on one machine: embedded servers where none are given, topics, worker, watch, dashboard and API.

Starts and stops them in order; the programs themselves are commands of ``undertone``. Not for a cluster: there each
program runs by itself (``undertone worker`` …).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from undertone import broker, running
from undertone.errors import UndertoneError
from undertone.ports import Ports
from undertone.settings import PREFIX, Settings
from undertone.store import Store
from undertone.supervisor import POLL_S, Program, ProgramFailed, Supervisor, tail

if TYPE_CHECKING:
    from undertone.embedded import DataFolderLock, EmbeddedKafka, EmbeddedValkey

READY_TIMEOUT_S = 90.0
KEEP_S = 1.0
STOP_TIMEOUT_S = 25.0
"""A little more than the worker allows itself to write down what it has scored."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts are ours to run."""

    kafka: bool = True
    valkey: bool = True
    dashboard: bool = True
    api: bool = False
    workers: int = 1


class System:
    """The system from `start` to the end of a ``with``. Once started, ``settings`` are those of the programs.

    The programs run in ``folder``, the current one where none is given, and read a ``.env`` there.
    """

    def __init__(
        self, settings: Settings, parts: Parts, tell: Callable[[str], None], *, folder: Path | None = None
    ) -> None:
        self._asked = settings
        self._parts = parts
        self._tell = tell
        self.data = settings.data.absolute()
        self.settings = settings
        self._lock: DataFolderLock | None = None
        self._servers: list[EmbeddedKafka | EmbeddedValkey] = []
        self._supervisor = Supervisor(self.data / "logs", folder or Path.cwd(), tell)
        self._ports = Ports()
        self._ending = threading.Event()
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Start servers, topics and programs; those need a moment more, see `wait_ready`.

        Raises:
            DataFolderInUse: if another run holds the data folder.
            UndertoneError: if a server or the topics cannot be had. Nothing is left running then.
        """
        from undertone.embedded import DataFolderLock

        self._lock = DataFolderLock(self.data)
        self._lock.acquire()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.dashboard_port}" if self._parts.dashboard else ""

    @property
    def api_url(self) -> str:
        """Where the read API is; empty without one."""
        scheme = "http" if self.settings.api_certfile is None else "https"
        return f"{scheme}://{self.settings.api_host}:{self.settings.api_port}" if self._parts.api else ""

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until a worker says that it scores.

        Raises:
            ProgramFailed: if it does not within the time, or a program was given up.
        """
        store = Store.open(self.settings.redis_url)
        deadline = time.monotonic() + timeout_s
        while not any(health.get("ready") == "1" for health in store.heartbeats().values()):
            self.check()
            if time.monotonic() > deadline:
                log = self._supervisor.log("worker")
                raise ProgramFailed(f"The worker is not ready after {timeout_s:g} s. {tail(log)}")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raise ProgramFailed if a program was given up."""
        self._supervisor.check()

    def pids(self) -> dict[str, int]:
        """The process of each part that runs now."""
        servers = {server.name.lower(): server.pid for server in self._servers if server.pid is not None}
        return servers | self._supervisor.pids()

    def stop(self) -> None:
        """Stop everything: readers first, then the worker, then the servers. Idempotent."""
        self._ending.set()
        if self._keeper is not None:
            self._keeper.join()
        if self._lock is not None and self._lock.held:
            running.remove(self.data)
        self._supervisor.stop()
        for server in self._servers:
            server.stop()
        self._ports.release()
        if self._lock is not None:
            self._lock.release()

    def _start(self) -> None:
        self.settings = self._with_servers(self._with_ports(self._asked))
        created = broker.create_topics(self.settings)
        if created:
            self._tell(f"Created the topics {', '.join(created)}")
        Store.open(self.settings.redis_url)
        running.write(
            self.data,
            running.Running(
                pid=os.getpid(),
                bootstrap_servers=self.settings.bootstrap_servers,
                redis_url=self.settings.redis_url,
                dashboard_url=self.dashboard_url,
                entities_file=str(self.settings.entities_file or ""),
                model=self.settings.model,
            ),
        )
        for number in range(1, self._parts.workers + 1):
            only = number == 1
            self._run("worker" if only else f"worker-{number}", "worker", {} if only else {"health_port": 0})
        self._run("watch", "watch", {})
        if self._parts.dashboard:
            self._run("dashboard", "dashboard", {})
        if self._parts.api:
            self._run("api", "api", {})
        if self._servers:
            self._keeper = threading.Thread(target=self._keep_servers, name="undertone-servers", daemon=True)
            self._keeper.start()

    def _run(self, name: str, command: str, changes: dict[str, object]) -> None:
        settings = self.settings.model_copy(update=changes)
        # What we chose, and nothing that the environment says besides.
        ours = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
        env = {key: value for key, value in os.environ.items() if key not in ours}
        env |= settings.environment() | {"PYTHONUNBUFFERED": "1"}
        # Not a folder of the caller's that happens to hold a `stream` or `undertone` of its own.
        env["PYTHONSAFEPATH"] = "1"
        self._supervisor.start(Program(name, [sys.executable, "-m", "undertone.cli", command], env, STOP_TIMEOUT_S))

    def _with_ports(self, settings: Settings) -> Settings:
        asked = settings.model_fields_set
        changes: dict[str, object] = {
            "data": self.data,
            "health_port": self._ports.choose(
                settings.health_host,
                settings.health_port,
                asked="health_port" in asked,
                variable="UNDERTONE_HEALTH_PORT",
            ),
        }
        changes["watch_health_port"] = self._ports.choose(
            settings.health_host,
            settings.watch_health_port,
            asked="watch_health_port" in asked,
            variable="UNDERTONE_WATCH_HEALTH_PORT",
        )
        if self._parts.dashboard:
            changes["dashboard_port"] = self._ports.choose(
                "127.0.0.1",
                settings.dashboard_port,
                asked="dashboard_port" in asked,
                variable="UNDERTONE_DASHBOARD_PORT",
            )
        if self._parts.api:
            changes["api_port"] = self._ports.choose(
                settings.api_host, settings.api_port, asked="api_port" in asked, variable="UNDERTONE_API_PORT"
            )
        return settings.model_copy(update=changes)

    def _with_servers(self, settings: Settings) -> Settings:
        from undertone.embedded import EmbeddedKafka, EmbeddedValkey

        changes: dict[str, object] = {}
        starts: dict[str, Callable[[], str]] = {}
        if self._parts.valkey:
            valkey = EmbeddedValkey(self.data / "valkey")
            self._servers.append(valkey)
            starts["redis_url"] = valkey.start
        if self._parts.kafka:
            kafka = EmbeddedKafka(self.data / "kafka")
            self._servers.append(kafka)
            starts["bootstrap_servers"] = kafka.start
        with ThreadPoolExecutor(max_workers=2) as pool:
            waiting = {name: pool.submit(start) for name, start in starts.items()}
            for name, address in waiting.items():
                changes[name] = address.result()
        return settings.model_copy(update=changes)

    def _keep_servers(self) -> None:
        """Start an embedded server again that fell; the programs wait for it by themselves."""
        while not self._ending.wait(KEEP_S):
            for server in self._servers:
                if not server.alive():
                    self._tell(f"{server.name} ended; starting it again ({server.log})")
                    with contextlib.suppress(UndertoneError):
                        server.start()
