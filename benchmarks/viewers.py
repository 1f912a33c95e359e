"""A dashboard on one core, and viewers of it without a browser: they speak the page's WebSocket as a browser does."""

from __future__ import annotations

import heapq
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.error import URLError

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.machine import ONE_THREAD, cores, pinned

TIMEOUT_S: Final = 120
FOLLOWS_S: Final = 0.05
"""So soon a run that follows another begins."""
CLICK_S: Final = 20.0
"""A viewer changes something, so that the whole page is run again, this often."""
_SERVE: Final = "import sys, dashboard; from undertone.settings import Settings; sys.exit(dashboard.run(Settings()))"


class Waited(NamedTuple):
    """One answer: whether of the whole page, and how long it took until it was all here, s."""

    whole: bool
    seconds: float


class Viewer:
    """One browser's connection."""

    def __init__(self, port: int, page: str, query: str) -> None:
        self._address = f"ws://127.0.0.1:{port}/_stcore/stream"
        self._page, self._query = calc_hash(page), query
        self._open = ExitStack()
        self.parts: dict[str, float] = {}
        """What of the page is to be asked for again, and how often, s."""
        self.there_s = 0.0
        """When, by the monotonic clock, the last of what was asked for was all here."""
        self.markup: list[str] = []
        """What was drawn as markup since it was asked for last."""

    def __enter__(self) -> Self:
        opening = connect(self._address, subprotocols=[Subprotocol("streamlit")], max_size=None)
        self._socket: ClientConnection = self._open.enter_context(opening)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def rerun(self, fragment: str = "") -> None:
        """Ask for the page, or for one of its live parts, and wait until it and what it has drawn is all here."""
        asked = BackMsg()
        asked.rerun_script.query_string = self._query
        asked.rerun_script.page_script_hash = self._page
        asked.rerun_script.fragment_id = fragment
        asked.rerun_script.is_auto_rerun = bool(fragment)
        self._socket.send(asked.SerializeToString())
        self.markup.clear()
        if not fragment:
            self.parts.clear()
        self._take_run(TIMEOUT_S)
        # The beat of a page has the parts that moved run right after it.
        while fragment and self._take_run(FOLLOWS_S):
            pass

    def _take_run(self, patience_s: float) -> bool:
        """Take in one run; whether there was one, of which the first message comes within ``patience_s``."""
        begun = False
        while True:
            told = ForwardMsg()
            try:
                told.ParseFromString(self._socket.recv(TIMEOUT_S if begun else patience_s, decode=False))
            except TimeoutError:
                if patience_s == TIMEOUT_S:
                    raise
                return False
            kind = told.WhichOneof("type")
            if kind == "new_session":
                begun = True
            if kind == "auto_rerun":
                self.parts[told.auto_rerun.fragment_id] = told.auto_rerun.interval
            drawn = told.delta.new_element
            if drawn.HasField("exception"):
                sys.exit(f"the page failed: {drawn.exception.message}")
            if drawn.HasField("html"):
                self.markup.append(drawn.html.body)
            if kind == "script_finished" and begun:
                self.there_s = time.monotonic()
                return True

    def watch(self, seconds: float, click_s: float = CLICK_S, first_click_s: float = 0.0) -> list[Waited]:
        """Keep the page open, each live part asked for when it is due, and the whole page now and then."""
        begun = time.monotonic()
        due = [(begun + every, part) for part, every in self.parts.items()]
        due.append((begun + (first_click_s or click_s), ""))
        heapq.heapify(due)
        waited = []
        while due[0][0] < begun + seconds:
            at, part = heapq.heappop(due)
            time.sleep(max(0.0, at - time.monotonic()))
            asked = time.monotonic()
            self.rerun(part)
            waited.append(Waited(not part, self.there_s - asked))
            # A browser counts from the answer on.
            heapq.heappush(due, (time.monotonic() + (self.parts.get(part, click_s) if part else click_s), part))
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        return waited


class Server(NamedTuple):
    """A dashboard that is served: on this port, by this process."""

    port: int
    process: psutil.Process

    def cpu_ms(self) -> float:
        """CPU time that it has taken, ms."""
        # The clock of another process, as clock_getcpuclockid(3) names it: in ns, where /proc counts ticks of 10 ms.
        return time.clock_gettime((~self.process.pid << 3) | 2) * 1000


@contextmanager
def served(redis_url: str, folder: Path) -> Iterator[Server]:
    """A dashboard on the first core; whoever measures should be on the second."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    env = {"UNDERTONE_REDIS_URL": redis_url, "UNDERTONE_DASHBOARD_PORT": str(port)}
    with running(["-c", _SERVE], env, folder / "dashboard.log", f"http://127.0.0.1:{port}/_stcore/health") as process:
        yield Server(port, process)


@contextmanager
def running(arguments: list[str], env: dict[str, str], log: Path, health: str) -> Iterator[psutil.Process]:
    """``python ARGUMENTS`` on the first core, once the address ``health`` answers."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            pinned(cores()[0], *arguments), env=os.environ | ONE_THREAD | env, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not _answers(health):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit(f"nothing answers at {health}: {log.read_text()[-2_000:]}")
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False
