"""What the read API answers on one core: requests a second and how long they take, and how many streams one holds.

``python -m benchmarks.api`` fills a Valkey of its own with a month of 200 series and serves the API on one core; what
asks is on another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import numpy as np

from benchmarks.machine import cores, hardware
from benchmarks.month import ALERTS, NOW_MS, SERIES, Month
from benchmarks.viewers import Server, running
from undertone import keys
from undertone.api.events import EACH_CALLER
from undertone.api.tokens import SCOPES, TokenStore
from undertone.embedded import EmbeddedValkey
from undertone.messages import from_ms
from undertone.store import Store

MONTH_AGO: Final = f"{from_ms(NOW_MS - 30 * keys.DAY_S * 1000):%Y-%m-%dT%H:00:00Z}"
ENDPOINTS: Final = {
    "trends, a day of all": "/v1/trends?stream=news",
    "trends, a day of all, not changed": "/v1/trends?stream=news",
    "trends, a day of one company": "/v1/trends?stream=news&entity=CO01",
    "trends, 30 days of all by the hour": f"/v1/trends?stream=news&step=1h&from={MONTH_AGO}",
    "trends, 30 days of one topic by the hour": f"/v1/trends?stream=news&topic=Earnings&step=1h&from={MONTH_AGO}",
    "topics": "/v1/topics",
    "entities, 7 days": "/v1/entities?days=7",
    "stories, the newest 50": "/v1/stories?limit=50",
    "stories that have two words": "/v1/stories?limit=50&q=profit+oil",
    "alerts, the newest 50": "/v1/alerts?limit=50",
    "one alert": "/v1/alerts/bench-1",
    "health": "/v1/health",
}
UNCHANGED: Final = "trends, a day of all, not changed"
AT_ONCE: Final = 8
EVENTS: Final = 20
SETTLE_S: Final = 3.0
Headers = dict[str, str]


class Answers(NamedTuple):
    """What came of asking for a while: times in s, bytes of the last body, CPU of the server in ms."""

    seconds: list[float]
    size: int
    cpu_ms: float
    took_s: float


async def asked(server: Server, path: str, headers: Headers, at_once: int, seconds: float) -> Answers:
    """Ask again and again, ``at_once`` at a time, each on a connection of its own."""
    times: list[float] = []
    size = 0
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", headers=headers) as session:

        async def ask(until: float) -> None:
            nonlocal size
            while time.monotonic() < until:
                begun = time.perf_counter()
                async with session.get(path) as reply:
                    size = len(await reply.read())
                    assert reply.status in (200, 304), await reply.text()
                times.append(time.perf_counter() - begun)

        before, begun = server.cpu_ms(), time.monotonic()
        await asyncio.gather(*(ask(begun + seconds) for _ in range(at_once)))
        return Answers(times, size, server.cpu_ms() - before, time.monotonic() - begun)


async def endpoints(server: Server, headers: Headers, seconds: float) -> None:
    """Print a line for each."""
    print(f"\n{'':42}{'p50 ms':>8}{'p95 ms':>8}{'a second':>10}{'CPU ms':>8}{'kB':>8}")
    for name, path in ENDPOINTS.items():
        sent = dict(headers)
        if name == UNCHANGED:
            async with aiohttp.request("GET", f"http://127.0.0.1:{server.port}{path}", headers=headers) as reply:
                sent["If-None-Match"] = reply.headers["ETag"]
        await asked(server, path, sent, 1, 0.2)
        alone = await asked(server, path, sent, 1, seconds)
        busy = await asked(server, path, sent, AT_ONCE, seconds)
        p50, p95 = np.percentile([1000 * one for one in alone.seconds], (50, 95))
        rate, cpu_ms = len(busy.seconds) / busy.took_s, busy.cpu_ms / len(busy.seconds)
        print(f"{name:42}{p50:8.1f}{p95:8.1f}{rate:10.0f}{cpu_ms:8.1f}{busy.size / 1000:8.1f}", flush=True)


@asynccontextmanager
async def follower(session: aiohttp.ClientSession, headers: Headers, heard: list[float]) -> AsyncIterator[None]:
    """One client of the stream of alerts; each event's time is noted."""
    reply = await session.get("/v1/alerts/stream", headers=headers)
    assert reply.status == 200, await reply.text()

    async def listen() -> None:
        async for line in reply.content:
            if line.startswith(b"data:"):
                heard.append(time.monotonic())

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        listening.cancel()
        reply.close()


async def streams(server: Server, month: Month, tokens: Sequence[Headers], count: int, first: int) -> None:
    """Print what ``count`` streams cost while nothing happens, and how late events are when something does."""
    heard: list[float] = []
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(base, timeout=timeout, connector=connector) as session, AsyncExitStack() as stack:
        for number in range(count):
            await stack.enter_async_context(follower(session, tokens[number // EACH_CALLER], heard))
        await asyncio.sleep(SETTLE_S)
        before, begun = server.cpu_ms(), time.monotonic()
        await asyncio.sleep(2 * SETTLE_S)
        quiet = (server.cpu_ms() - before) / 1000 / (time.monotonic() - begun)
        late, before = [], server.cpu_ms()
        for number in range(EVENTS):
            heard.clear()
            fired = time.monotonic()
            month.fire(first + number)
            while len(heard) < count:
                await asyncio.sleep(0.01)
            late += [one - fired for one in heard]
        cpu_ms = (server.cpu_ms() - before) / EVENTS / count
    memory = server.process.memory_info().rss / 2**20
    p50, p95 = np.percentile([1000 * one for one in late], (50, 95))
    figures = f"{quiet:12.1%}{p50:12.0f}{p95:9.0f}{cpu_ms:12.3f}{memory:10.0f}"
    print(f"{f'{count} streams':42}{figures}", flush=True)


@contextmanager
def served(redis_url: str, folder: Path, most_streams: int) -> Iterator[Server]:
    """The API on the first core, without rates that would matter here."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    env = {
        "UNDERTONE_REDIS_URL": redis_url, "UNDERTONE_API_PORT": str(port), "UNDERTONE_API_BURST": "100000",
        "UNDERTONE_API_PER_MINUTE": "1000000", "UNDERTONE_API_STREAMS": str(max(100, most_streams)),
    }  # fmt: skip
    arguments = ["-m", "undertone.cli", "api"]
    with running(arguments, env, folder / "api.log", f"http://127.0.0.1:{port}/v1/health") as process:
        yield Server(port, process)


async def measured(server: Server, month: Month, tokens: Sequence[Headers], options: argparse.Namespace) -> None:
    await endpoints(server, tokens[0], options.seconds)
    print(
        f"\n{'the stream of alerts':42}{'quiet: CPU':>12}{'late p50 ms':>12}{'p95 ms':>9}{'CPU ms each':>12}{'MiB':>10}"
    )
    for turn, count in enumerate(options.streams):
        await streams(server, month, tokens, count, ALERTS + turn * EVENTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="for how long each path is asked (default 3)")
    parser.add_argument("--streams", type=int, nargs="*", default=[100, 500], help="streams at once (default 100 500)")
    options = parser.parse_args()
    print(f"Hardware: {hardware()}; the server on one core; {AT_ONCE} connections for requests a second, 1 for times")
    os.sched_setaffinity(0, {cores()[1]})
    most = max(options.streams, default=0)
    with tempfile.TemporaryDirectory() as home, EmbeddedValkey(Path(home) / "valkey") as valkey:
        store = Store.open(valkey.url)
        month = Month(store)
        print(f"{SERIES} series, 30 days, {month.write():,} fields of windows, {ALERTS} alerts")
        made = TokenStore(store.redis)
        wall_ms = time.time_ns() // 1_000_000
        written = [made.create(f"bench-{n}", SCOPES, wall_ms, 3_600)[0] for n in range(1 + most // EACH_CALLER)]
        tokens = [{"Authorization": f"Bearer {one}"} for one in written]
        with served(valkey.url, Path(home), most) as server:
            asyncio.run(measured(server, month, tokens, options))


if __name__ == "__main__":
    main()
