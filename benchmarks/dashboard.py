"""What a viewer of the dashboard costs the server, how 20 of them share one core, and how soon a page is there.

``python -m benchmarks.dashboard`` fills a Valkey of its own with a month of 200 series, serves the dashboard on one
core, opens pages as a browser does (its WebSocket, its messages), and reads the server's own CPU time; then it opens
them in Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median
from typing import Final, NamedTuple

import numpy as np

from benchmarks import first_paint
from benchmarks.machine import cores, hardware
from benchmarks.month import SERIES, Month, going_on
from benchmarks.viewers import CLICK_S, Server, Viewer, Waited, served
from undertone.embedded import EmbeddedValkey
from undertone.store import Store

COMPARED: Final = "".join(f"&vs=CO{n:02d}%3A%3A" for n in range(2, 7))


class Page(NamedTuple):
    """A page: its path, its query, and a selector of what it is about."""

    path: str
    query: str
    content: str


PAGES: Final = {
    "Now": Page("", "", ".ut-watch"),
    "Trends, a day": Page("trends", "", "[data-testid=stEChartsChart] canvas"),
    "Trends, 7 days, 6 series and last week": Page("trends", f"range=7d&entity=CO01&week=1{COMPARED}", "canvas"),
    "Trends, 30 days": Page("trends", "range=30d", "canvas"),
    "Stories, 7 days": Page("stories", "range=7d", ".ut-stories"),
    "Alerts": Page("alerts", "", ".ut-alert-list"),
    "Pipeline": Page("pipeline", "", ".ut-strip"),
}
MIX: Final = {
    "Now": 8, "Trends, a day": 5, "Trends, 7 days, 6 series and last week": 1, "Trends, 30 days": 1,
    "Stories, 7 days": 3, "Alerts": 1, "Pipeline": 1,
}  # fmt: skip
"""Of 20 viewers."""
BEATS: Final = 7
"""In which every live part of a page is looked at."""
IDLE_S: Final = 5.0


class Cost(NamedTuple):
    """CPU of the server, ms: the first look, a full rerun (median); the beat of an open page where nothing is new (mean
    and dearest), and where counts go on (mean and dearest), what is drawn anew included.
    """

    first: float
    rerun: float
    quiet: float
    dearest_quiet: float
    live: float
    dearest_live: float


def cost(server: Server, month: Month, page: Page, times: int) -> Cost:
    """Measure one page, alone."""
    with Viewer(server.port, page.path, page.query) as viewer:
        first = _spent(server, viewer.rerun)
        rerun = median(_spent(server, viewer.rerun) for _ in range(times))
        live = _beats(server, viewer)
        month.paused.set()
        _beats(server, viewer, 2)
        quiet = _beats(server, viewer)
        month.paused.clear()
    return Cost(first, rerun, mean(quiet), max(quiet), mean(live), max(live))


def _beats(server: Server, viewer: Viewer, count: int = BEATS) -> list[float]:
    """What each of so many beats takes, asked for as a browser does."""
    [(beat, every_s)] = viewer.parts.items()
    spent = []
    for _ in range(count):
        time.sleep(every_s)
        spent.append(_spent(server, viewer.rerun, beat))
    return spent


def _spent(server: Server, do: Callable[..., None], *args: str) -> float:
    before = server.cpu_ms()
    do(*args)
    return server.cpu_ms() - before


def together(server: Server, seconds: float) -> None:
    """Print what the viewers of MIX cost at once, and how long they wait."""
    mix = [PAGES[name] for name, count in MIX.items() for _ in range(count)]
    with ExitStack() as stack, ThreadPoolExecutor(len(mix)) as pool:
        viewers = [stack.enter_context(Viewer(server.port, page.path, page.query)) for page in mix]
        for viewer in viewers:
            viewer.rerun()
        before, begun = server.cpu_ms(), time.monotonic()
        waits = [
            pool.submit(viewer.watch, seconds, CLICK_S, CLICK_S * (n + 1) / len(viewers))
            for n, viewer in enumerate(viewers)
        ]
        waited = [one for wait in waits for one in wait.result()]
        took, cpu_s = time.monotonic() - begun, (server.cpu_ms() - before) / 1000
    share, a_minute = cpu_s / took, cpu_s / took * 60 / len(viewers)
    print(
        f"\n{len(viewers)} viewers at once for {took:.0f} s, each running its whole page again every {CLICK_S:.0f} s: "
        f"{share:.0%} of the core, {a_minute:.2f} s of CPU a viewer and minute"
    )
    for whole, name in ((True, "a full rerun"), (False, "a live part")):
        print(f"{name + ', until all is there':42}{_percentiles([one for one in waited if one.whole is whole])}")


def _percentiles(waited: list[Waited]) -> str:
    ms = [1000 * one.seconds for one in waited]
    p50, p95 = np.percentile(ms, (50, 95))
    return f"p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   ({len(ms):,})"


def painted(server: Server, times: int) -> None:
    """Print how soon each page is there in a browser."""
    if first_paint.CHROMIUM is None:
        print("\nno chromium on PATH: first paint is not measured")
        return
    print(f"\n{'in Chromium, s':42}{'new: paint':>12}{'content':>9}{'again: paint':>14}{'content':>9}")
    with first_paint.browser() as opened:
        for name, page in PAGES.items():
            url = f"http://127.0.0.1:{server.port}/{page.path}?{page.query}"
            new, again = first_paint.paints(opened, url, page.content, times)
            print(f"{name:42}{new.first:12.2f}{new.content:9.2f}{again.first:14.2f}{again.content:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15, help="reruns of each page (default 15, 0: none)")
    parser.add_argument("--seconds", type=float, default=60, help="for how long 20 viewers look (default 60, 0: not)")
    parser.add_argument("--paints", type=int, default=3, help="new browsers for each page (default 3, 0: no browser)")
    options = parser.parse_args()
    print(f"Hardware: {hardware()}; the server on one core")
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory() as home, EmbeddedValkey(Path(home) / "valkey") as valkey:
        month = Month(Store.open(valkey.url))
        begun = time.monotonic()
        fields = month.write()
        print(f"{SERIES} series, 30 days, {fields:,} fields of windows, written in {time.monotonic() - begun:.0f} s")
        with served(valkey.url, Path(home)) as server, going_on(month):
            with Viewer(server.port, "", "") as viewer:
                viewer.rerun()  # imports
            before = server.cpu_ms()
            time.sleep(IDLE_S)
            idle_ms = (server.cpu_ms() - before) / IDLE_S
            heads = "".join(f"{one:>9}" for one in ("first", "rerun", "quiet", "most", "live", "most"))
            print(f"\n{'CPU of the server, ms':42}{heads}")
            for name, page in PAGES.items() if options.times else ():
                found = cost(server, month, page, options.times)
                print(f"{name:42}" + "".join(f"{figure:9.1f}" for figure in found), flush=True)
            print(f"{'the server alone, a second':42}{idle_ms:9.1f}")
            if options.seconds:
                together(server, options.seconds)
            if options.paints:
                painted(server, options.paints)


if __name__ == "__main__":
    main()
