"""What a viewer of the dashboard costs the server: CPU of a full rerun of each page and of its live parts.

``python -m benchmarks.dashboard`` fills a Valkey of its own with 30 days of 200 series, serves the dashboard on
loopback, opens pages as a browser does (its WebSocket, its messages), and reads the server's own CPU time.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Final, NamedTuple, Self
from urllib.error import URLError

import msgspec
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.machine import ONE_THREAD, hardware
from undertone import keys
from undertone.embedded import EmbeddedValkey
from undertone.messages import Evidence, Sentiment, position
from undertone.scorer import TOPICS
from undertone.store import Outcome, Run, Store
from undertone.trends import MESSAGE_METRICS, MICRO, SCORE_METRIC, STORY_METRICS, bucket

NOW_MS: Final = 1_392_843_900_000
PARTITIONS: Final = {"news": 4, "comments": 4}
ENTITIES: Final = [f"CO{n:02d}" for n in range(40)]
SERIES: Final = 200
RECENT: Final = {60: 6 * 3_600, 300: 2 * keys.DAY_S, 3_600: 30 * keys.DAY_S, keys.DAY_S: 30 * keys.DAY_S}
"""For how long, s, windows of each size are written: as far back as the ranges of the pages reach into them."""
COMPARED: Final = "".join(f"&vs=CO{n:02d}%3A%3A" for n in range(2, 7))
PAGES: Final = {
    "Now": ("", ""),
    "Trends, a day": ("trends", ""),
    "Trends, 7 days, 6 series and last week": ("trends", f"range=7d&entity=CO01&week=1{COMPARED}"),
    "Trends, 30 days": ("trends", "range=30d"),
    "Stories, 7 days": ("stories", "range=7d"),
}  # fmt: skip
SERVE: Final = "import sys, dashboard; from undertone.settings import Settings; sys.exit(dashboard.run(Settings()))"
TIMEOUT_S: Final = 120


class Cost(NamedTuple):
    """CPU of the server, ms: the first look, a full rerun (median), one live part (mean over the page's parts)."""

    first: float
    rerun: float
    tick: float
    parts: int


def fill(store: Store) -> int:
    """Write 30 days of SERIES series; return how many fields of windows there are."""
    draw = random.Random(6)
    named = [(topic, "") for topic in TOPICS]
    pairs = [(topic, entity) for entity in ENTITIES for topic in TOPICS]
    series = named + draw.sample(pairs, SERIES - len(named))
    places = [(stream, n) for stream, count in PARTITIONS.items() for n in range(count)]
    cells: dict[tuple[str, int], dict[tuple[int, int], dict[str, int]]] = {
        place: defaultdict(lambda: defaultdict(int)) for place in places
    }
    for size, back_s in RECENT.items():
        first = bucket(NOW_MS - back_s * 1000, size)
        likely = min(0.9, size / 7_200)
        for start in range(first, NOW_MS // 1000 + 1, size):
            for topic, entity in series:
                if draw.random() < likely:
                    _count(cells[draw.choice(places)][size, start], topic, entity, size, draw)
    stories = _stories(series, draw)
    for stream, number in places:
        store.register(stream, number)
        windows = {place: dict(found) for place, found in cells[stream, number].items()}
        _write(store, stream, number, windows, stories[stream, number])
    store.write_labels(TOPICS, "bench", NOW_MS)
    return sum(len(found) for place in places for found in cells[place].values())


def _count(window: dict[str, int], topic: str, entity: str, size: int, draw: random.Random) -> None:
    tone, n = draw.randrange(3), 1 + int(draw.expovariate(3_600 / size / 4))
    window[keys.field(topic, entity, MESSAGE_METRICS[tone])] += n + n // 2
    window[keys.field(topic, entity, STORY_METRICS[tone])] += n
    window[keys.field(topic, entity, SCORE_METRIC)] += (tone - 1) * n * MICRO // 2


def _stories(
    series: Sequence[tuple[str, str]], draw: random.Random
) -> dict[tuple[str, int], dict[int, dict[str, str]]]:
    found: dict[tuple[str, int], dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    words = "shares outlook profit bank deal rates court oil chip growth cut raise miss beat fine".split()
    for number in range(6_000):
        topic, entity = draw.choice(series)
        place = draw.choice([(stream, n) for stream, count in PARTITIONS.items() for n in range(count)])
        at_ms = NOW_MS - draw.randrange(7 * keys.DAY_S * 1000)
        story = Evidence(
            position=position(*place, number), id=str(number), stream=place[0], published_ms=at_ms, source="bench",
            text=" ".join(draw.sample(words, 9)), topic=topic, sentiment=draw.choice([*Sentiment]), p=0.8,
            entities=(entity,) if entity else (), url="https://example.com/", model="bench",
        )  # fmt: skip
        found[place][bucket(at_ms, keys.EVIDENCE_BUCKET_S)][story.position] = msgspec.json.encode(story).decode()
    return found


def _write(
    store: Store, stream: str, number: int, windows: dict[tuple[int, int], dict[str, int]],
    evidence: dict[int, dict[str, str]],
) -> None:  # fmt: skip
    offset, todo = -1, [*windows.items()]
    for begin in range(0, len(todo), 400):
        run = Run(stream, number, offset + 1, offset + 1, offset, "bench")
        run.state = {"watermark_ms": NOW_MS, "updated_ms": time.time_ns() // 1_000_000}
        run.windows = dict(todo[begin : begin + 400])
        run.evidence = evidence if not begin else {}
        outcome, offset = store.apply(run)
        assert outcome is Outcome.APPLIED, outcome


class Viewer:
    """One browser's connection, without a browser."""

    def __init__(self, port: int, page: str, query: str) -> None:
        self._address = f"ws://127.0.0.1:{port}/_stcore/stream"
        self._page, self._query = calc_hash(page), query
        self._open = ExitStack()
        self.parts: set[str] = set()

    def __enter__(self) -> Self:
        opening = connect(self._address, subprotocols=[Subprotocol("streamlit")], max_size=None)
        self._socket: ClientConnection = self._open.enter_context(opening)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def rerun(self, fragment: str = "") -> None:
        """Ask for the page, or for one of its live parts, and wait until it is all here."""
        asked = BackMsg()
        asked.rerun_script.query_string = self._query
        asked.rerun_script.page_script_hash = self._page
        asked.rerun_script.fragment_id = fragment
        asked.rerun_script.is_auto_rerun = bool(fragment)
        self._socket.send(asked.SerializeToString())
        if not fragment:
            self.parts.clear()
        while True:
            told = ForwardMsg()
            told.ParseFromString(self._socket.recv(TIMEOUT_S, decode=False))
            kind = told.WhichOneof("type")
            if kind == "auto_rerun":
                self.parts.add(told.auto_rerun.fragment_id)
            if kind == "delta" and told.delta.new_element.WhichOneof("type") == "exception":
                sys.exit(f"the page failed: {told.delta.new_element.exception.message}")
            if kind == "script_finished":
                return


@contextmanager
def served(redis_url: str, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The port and the process of a dashboard."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    env = os.environ | ONE_THREAD | {"UNDERTONE_REDIS_URL": redis_url, "UNDERTONE_DASHBOARD_PORT": str(port)}
    with (folder / "dashboard.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=env, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not _answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit(f"the dashboard does not answer: {(folder / 'dashboard.log').read_text()[-2_000:]}")
            time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def cost(port: int, server: psutil.Process, page: str, query: str, times: int) -> Cost:
    """Measure one page."""
    with Viewer(port, page, query) as viewer:
        first = _spent(server, viewer.rerun)
        reruns = [_spent(server, viewer.rerun) for _ in range(times)]
        ticks = [_spent(server, viewer.rerun, part) for part in sorted(viewer.parts) for _ in range(times)]
    return Cost(first, median(reruns), mean(ticks), len(viewer.parts))


def _spent(server: psutil.Process, do: Callable[..., None], *args: str) -> float:
    before = _cpu_ms(server)
    do(*args)
    return _cpu_ms(server) - before


def _cpu_ms(server: psutil.Process) -> float:
    # The CPU clock of another process, as clock_getcpuclockid(3) names it: in ns, where /proc counts ticks of 10 ms.
    return time.clock_gettime((~server.pid << 3) | 2) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15, help="reruns of each page (default 15)")
    options = parser.parse_args()
    print(f"Hardware: {hardware()}")
    with tempfile.TemporaryDirectory() as home, EmbeddedValkey(Path(home) / "valkey") as valkey:
        store = Store.open(valkey.url)
        begun = time.monotonic()
        fields = fill(store)
        print(f"{SERIES} series, 30 days, {fields:,} fields of windows, written in {time.monotonic() - begun:.0f} s")
        print(f"{'CPU of the server, ms':42}{'first':>9}{'rerun':>9}{'live tick':>11}{'parts':>7}")
        with served(valkey.url, Path(home)) as (port, server):
            with Viewer(port, "", "") as viewer:
                viewer.rerun()  # imports
            for name, (page, query) in PAGES.items():
                found = cost(port, server, page, query, options.times)
                print(f"{name:42}{found.first:9.1f}{found.rerun:9.1f}{found.tick:11.1f}{found.parts:7d}", flush=True)


if __name__ == "__main__":
    main()
