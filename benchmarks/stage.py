"""The stage on which contestants run: real servers on one core, a worker on another, and how progress is read.

Rates are taken between the first tenth of a backlog and its end, as seen from outside in Redis, so that neither
start-up nor the worker's own clock is in them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import ONE_THREAD, cores, pinned
from undertone.broker import create_topics
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.settings import Settings
from undertone.store import Store

POLL_S = 0.002
STALL_S = 120.0


class Stage:
    """Kafka and Valkey, the folder they live in, and a counter that gives each run a consumer group of its own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.store = Store.open(settings.redis_url)
        self._runs = 0

    def environment(self, **changes: str | int | bool) -> dict[str, str]:
        """The environment of a contestant: an empty Redis, a new group, one thread for each library."""
        self.store.redis.flushall()
        self._runs += 1
        chosen = {"group": f"bench-{self._runs}", "health_port": 0, "publish_scored": False} | changes
        settings = Settings(**{**self.settings.model_dump(), **chosen})
        return {**os.environ, **ONE_THREAD, **settings.environment()}

    @contextmanager
    def worker(self, core: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """A running worker on one core; ended by SIGKILL, since what it leaves behind is flushed anyway."""
        with (self.folder / "worker.log").open("ab") as log:
            child = subprocess.Popen(pinned(core, "-m", "stream.worker"), env=environment, stdout=log, stderr=log)
            try:
                yield child
            finally:
                child.kill()
                child.wait()

    def applied(self, stream: str) -> int:
        """Records of a stream that are in Redis, by offset."""
        return sum(state.offset + 1 for state in self.store.states(stream))

    def reach(self, stream: str, count: int) -> float:
        """The moment (perf_counter) at which ``count`` records of a stream are in Redis."""
        deadline = time.perf_counter() + STALL_S
        while self.applied(stream) < count:
            if time.perf_counter() > deadline:
                sys.exit(f"no progress to {count} records in {STALL_S:.0f} s; see {self.folder / 'worker.log'}")
            time.sleep(POLL_S)
        return time.perf_counter()

    def rate(self, stream: str, count: int, *, after: int | None = None) -> float:
        """Records per second from ``after`` records, or the first tenth of a backlog of ``count``, to its end."""
        began = self.reach(stream, count // 10 if after is None else after)
        first = self.applied(stream)
        return (count - first) / (self.reach(stream, count) - began)

    def contestant(self, core: int, module: str, *arguments: str) -> float:
        """The figure that a contestant program prints as its last line."""
        done = subprocess.run(
            pinned(core, "-m", module, *arguments),
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            sys.exit(f"{module} failed:\n{done.stderr[-2000:]}")
        return float(done.stdout.split()[-1])


@contextmanager
def stage(partitions: int = 4) -> Iterator[Stage]:
    """A stage on real servers in a folder of their own; servers and load stay on the second core."""
    os.sched_setaffinity(0, {cores()[1]})  # children inherit it; contestants are pinned elsewhere
    with tempfile.TemporaryDirectory(prefix="undertone-bench-") as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as kafka, EmbeddedValkey(folder / "valkey") as valkey:
            settings = Settings(bootstrap_servers=kafka.bootstrap, redis_url=valkey.url, partitions=partitions)
            create_topics(settings)
            yield Stage(folder, settings)
