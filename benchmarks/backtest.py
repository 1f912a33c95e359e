"""How many scored messages a second of one core ``undertone backtest`` replays, stage by stage.

``python -m benchmarks.backtest`` makes a month of scored messages by a seeded generator, replays it under the rules
that ship and prints CPU seconds; ``--source FILE`` replays a file instead, ``--messages N`` makes another number, and
``--json`` prints the figures for a script.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from benchmarks.machine import hardware
from stream import scored_files
from stream.backtest import Ringing, backtest
from stream.backtest_report import budget, shape
from stream.scored_log import ScoredLog, from_table
from undertone.messages import SENTIMENTS
from undertone.rules import Rules

T = TypeVar("T")

START_MS = 1_392_595_200_000  # 2014-02-17T00:00:00Z, a Monday
DAY_MS = 86_400_000
DAYS = 30
MESSAGES = 3_000_000
TOPICS, ENTITIES = 20, 50
"""Each company is spoken of under four topics: 200 series of both, and 70 of either."""
SOURCES, AUTHORS = 60, 20_000
SURGES, STORIES = 60, 120
DISPERSED = 20.0
"""Shape of the gamma by which the hours of a topic are busier or quieter than usual."""
COPIES = 0.3
NEGATIVE = (0.22, 0.53, 0.25)
AIM = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.backtest", description=__doc__)
    parser.add_argument("--source", type=Path, help="replay this file of scored messages")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="how many to make")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if options.source is not None:
        figures = measure(options.source)
    else:
        with tempfile.TemporaryDirectory(prefix="undertone-bench-") as folder:
            path = Path(folder) / "scored.parquet"
            scored_files.write(invented(options.messages), path)
            figures = measure(path)
    if options.json:
        print(json.dumps({"schema_version": 1, "hardware": hardware(), **figures}))
    else:
        show(figures)
    return 0


def invented(messages: int, seed: int = 1) -> pa.Table:
    """A month of scored messages by hour of day and week, companies by Zipf's law, with copies and bad hours."""
    draw = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)
    day = np.exp(1.2 * np.sin((hours % 24 - 8) / 24 * 2 * np.pi)) * np.where(hours // 24 % 7 >= 5, 0.4, 1.0)
    about, mood = _companies(draw, messages), draw.choice(3, messages, p=NEGATIVE)
    topic = (about * 7 + draw.integers(0, 4, messages) ** 2) % TOPICS
    quiet = np.empty(messages, np.int64)
    for one in range(TOPICS):  # the hours of a topic differ more than chance would have it
        its = np.flatnonzero(topic == one)
        busy = day * draw.gamma(DISPERSED, 1 / DISPERSED, len(hours))
        quiet[its] = draw.choice(hours, len(its), p=busy / busy.sum()) * 3_600_000
    quiet += draw.integers(0, 3_600_000, messages)
    bad = np.sort(draw.choice(messages, SURGES * STORIES, replace=False))
    surge = draw.integers(0, SURGES, len(bad))
    begins, who = draw.integers(3 * DAY_MS, (DAYS - 1) * DAY_MS, SURGES), draw.integers(0, ENTITIES, SURGES)
    quiet[bad] = begins[surge] + (draw.beta(1, 2, len(bad)) * 5_400_000).astype(np.int64)
    about[bad], mood[bad], topic[bad] = who[surge], 0, who[surge] % TOPICS
    order = np.argsort(quiet, kind="stable")
    at, about, mood, topic = quiet[order] + START_MS, about[order], mood[order], topic[order]
    copy = draw.random(messages) < COPIES
    owner = np.maximum.accumulate(np.where(copy, 0, np.arange(messages)))
    positions = pa.array([f"comments-{one % 4}:{one // 4}" for one in range(messages)])
    second = np.where(draw.random(messages) < 0.15, _companies(draw, messages), -1)
    named = np.stack([about, second], axis=1)
    there = (named >= 0) & (draw.random(messages) < 0.7)[:, None]
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return pa.table(
        {
            "position": positions,
            "id": positions,
            "stream": _words(np.zeros(messages, np.int64), ["comments"]),
            "published_at": pa.array(at, pa.timestamp("ms", "UTC")),
            "source": _words(draw.integers(0, SOURCES, messages), [f"source-{n}" for n in range(SOURCES)]),
            "author": _words(draw.integers(0, AUTHORS, messages), [f"author-{n}" for n in range(AUTHORS)]),
            "text": _words(draw.integers(0, 5_000, messages), [f"What may be told, {n}. " * 5 for n in range(5_000)]),
            "topic": _words(topic, [f"Topic {n}" for n in range(TOPICS)]),
            "sentiment": _words(mood, list(SENTIMENTS)),
            "p": pa.array(draw.uniform(0.4, 1.0, messages), pa.float32()),
            "entities": pa.ListArray.from_arrays(
                pa.array(ends, pa.int32()), _words(named[there], [f"E{n}" for n in range(ENTITIES)])
            ),
            "story": positions.take(pa.array(owner)),
            "status": _words(np.zeros(messages, np.int64), ["counted"]),
            "model": _words(np.zeros(messages, np.int64), ["model-1"]),
        }
    )  # fmt: skip


def _companies(draw: np.random.Generator, n: int) -> Any:
    weight = 1 / np.arange(1, ENTITIES + 1)
    return draw.choice(ENTITIES, n, p=weight / weight.sum())


def _words(codes: Any, words: list[str]) -> pa.Array:
    return pa.array(words).take(pa.array(codes))


def measure(path: Path) -> dict[str, Any]:
    """CPU seconds of each stage of a backtest of a file."""
    rules, stages = Rules.shipped(), dict[str, float]()

    def timed(name: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        result = work()
        stages[name] = round(time.process_time() - began, 3)
        return result

    table = timed("read the file", lambda: scored_files.read_file(path))
    log: ScoredLog = timed("put it into columns", lambda: from_table(table))
    found: list[Ringing] = timed("replay it", lambda: backtest(log, rules, stream="comments"))
    timed("tell of it", lambda: [budget(found, rules), [shape(one) for one in found]])
    spent = sum(stages.values())
    return {
        "messages": len(log),
        "days": round((int(log.published_ms[-1]) - int(log.published_ms[0])) / DAY_MS, 1),
        "alerts": len(found),
        "stages": stages,
        "cpu_s": round(spent, 3),
        "messages_per_s": round(len(log) / spent),
    }


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{hardware()}\n")
    print(f"{figures['messages']:,} scored messages of {figures['days']} days, {figures['alerts']} alerts.\n")
    print("| stage | CPU seconds | messages a second |")
    print("| --- | ---: | ---: |")
    for name, seconds in (*figures["stages"].items(), ("all", figures["cpu_s"])):
        print(f"| {name} | {seconds:.2f} | {figures['messages'] / max(seconds, 1e-3):,.0f} |")
    print(f"\nThe aim is {AIM:,} messages a second of one core.")


if __name__ == "__main__":
    sys.exit(main())
