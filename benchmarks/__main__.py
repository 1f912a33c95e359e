"""Print the README's table: what Undertone does in a second on this machine, and what the alternatives do.

``python -m benchmarks`` runs everything in under ten minutes on two cores; ``--only scorer,worker`` runs a part,
``--json`` prints the figures for a script. Contestants that are compared run in turn, and the ratio is the median
of the ratios of the turns, since the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from benchmarks.load import fill, messages
from benchmarks.machine import cores, hardware
from benchmarks.stage import Stage, stage
from undertone.broker import producer
from undertone.keys import partition_state

SCORED, PLAIN = "comments", "news"
SCORED_COUNT = 9_000
PLAIN_COUNT = 150_000
WHOLE_COUNT = 45_000
USER_COUNT = 600
TURNS = 3
LATENCY_S = 15.0
LOADS = ((0.5, ""), (0.7, "≤ 100"))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``aim`` is what the project set out to reach."""

    what: str
    figure: float
    unit: str
    aim: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="comma separated: " + ", ".join(PARTS))
    parser.add_argument("--model", default="default", help="model of the scored runs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only names {', '.join(sorted(unknown))}: valid are {', '.join(PARTS)}")
    console = Console(stderr=True)
    rows: list[Row] = []
    with stage() as on, console.status("filling topics") if console.is_terminal else nullcontext():
        fill(on.settings, SCORED, SCORED_COUNT)
        fill(on.settings, PLAIN, PLAIN_COUNT, seed=2)
        for part in parts:
            console.print(f"measuring {part} …")
            rows += PARTS[part](on, options.model)
    if options.json:
        print(json.dumps({"schema_version": 1, "hardware": hardware(), "rows": [_as_json(row) for row in rows]}))
    else:
        _print_table(rows)
    return 0


def scored(on: Stage, model: str) -> list[Row]:
    """The bare scorer against the whole worker on the same core."""
    core, _ = cores()
    take = on.settings.chunk_records * on.settings.take_chunks
    bare, whole = [], []
    for _ in range(TURNS):
        bare.append(on.contestant(core, "benchmarks.bare_scorer", model, str(SCORED_COUNT // 2), str(take)))
        with on.worker(core, on.environment(model=model, streams=SCORED)):
            whole.append(on.rate(SCORED, SCORED_COUNT))
    return [
        Row("scorer alone, one core", statistics.median(bare), "texts/s"),
        Row("end to end, Kafka to Redis, same core", statistics.median(whole), "texts/s"),
        Row("end to end / scorer alone", _ratio(whole, bare), "ratio", "≥ .90"),
    ]


def user(on: Stage, model: str) -> list[Row]:
    """The whole worker against the loop that one would write in an afternoon."""
    core, _ = cores()
    loop, whole = [], []
    for turn in range(2):
        on.environment()
        arguments = (on.settings.bootstrap_servers, SCORED, on.settings.redis_url, str(USER_COUNT), str(turn))
        loop.append(on.contestant(core, "benchmarks.user_loop", *arguments))
        with on.worker(core, on.environment(model=model, streams=SCORED)):
            whole.append(on.rate(SCORED, SCORED_COUNT))
    return [
        Row("kafka-python + Hugging Face pipeline on MiniLM-L6, one core", statistics.median(loop), "texts/s"),
        Row("end to end / that loop", _ratio(whole, loop), "ratio", "≥ 10"),
    ]


def stream(on: Stage, _: str) -> list[Row]:
    """The stream without a model: stock Faust that does nothing, our transport alone, the whole pipeline."""
    core, _second = cores()
    stock, alone, whole = [], [], []
    for _turn in range(TURNS):
        arguments = (on.settings.bootstrap_servers, PLAIN)
        stock.append(on.contestant(core, "benchmarks.stock_faust", *arguments, str(PLAIN_COUNT // 4)))
        alone.append(on.contestant(core, "benchmarks.transport_alone", *arguments, str(PLAIN_COUNT)))
        with on.worker(core, on.environment(model="trivial", streams=PLAIN)):
            whole.append(on.rate(PLAIN, WHOLE_COUNT))
    return [
        Row("stock Faust take(256) that does nothing", statistics.median(stock), "records/s"),
        Row("chunk transport that does nothing", statistics.median(alone), "records/s"),
        Row("chunk transport / stock Faust", _ratio(alone, stock), "ratio", "≥ 25"),
        Row("whole pipeline, trivial scorer, Redis included", statistics.median(whole), "records/s"),
        Row("whole pipeline / stock Faust that does nothing", _ratio(whole, stock), "ratio", "≥ 10"),
    ]


def scale(on: Stage, model: str) -> list[Row]:
    """Two workers against one, once both have their partitions; the second shares its core with the servers."""
    first, second = cores()
    fill(on.settings, SCORED, SCORED_COUNT, seed=4)  # so that enough is left when the group has settled
    settled, end = SCORED_COUNT * 2 // 3, SCORED_COUNT * 2
    one, two = [], []
    for _ in range(2):
        environment = on.environment(model=model, streams=SCORED)
        with on.worker(first, environment):
            one.append(on.rate(SCORED, end, after=settled))
        environment = on.environment(model=model, streams=SCORED)
        with on.worker(first, environment), on.worker(second, environment):
            two.append(on.rate(SCORED, end, after=settled))
    return [Row("two workers / one worker", _ratio(two, one), "ratio", "≥ 1.95")]


def start(on: Stage, model: str) -> list[Row]:
    """From the start of a worker's process to its first batch in Redis, with messages waiting."""
    core, _ = cores()
    taken = []
    for _turn in range(TURNS):
        environment = on.environment(model=model, streams=SCORED)
        began = time.perf_counter()
        with on.worker(core, environment):
            taken.append(on.reach(SCORED, 1) - began)
    return [Row("start of a worker to its first written batch", statistics.median(taken), "s")]


def latency(on: Stage, model: str) -> list[Row]:
    """Produce to Redis at a part of what one core carries, as seen by a client that polls the stored offsets."""
    core, _ = cores()
    rows = []
    with on.worker(core, on.environment(model=model, streams=SCORED)):
        rate = on.rate(SCORED, SCORED_COUNT)
        for load, aim in LOADS:
            p50, p99 = (float(one) * 1000 for one in np.percentile(_drip(on, rate * load), (50, 99)))
            rows.append(Row(f"produce to Redis at {load:.0%} load, median", p50, "ms"))
            rows.append(Row(f"produce to Redis at {load:.0%} load, p99", p99, "ms", aim))
    return rows


def _drip(on: Stage, rate: float) -> list[float]:
    """Seconds from send to stored, for a steady flow of ``rate`` messages a second; the first two are warm-up."""
    sent: dict[tuple[int, int], float] = {}
    offsets = {state.partition: state.offset + 1 for state in on.store.states(SCORED)}
    partitions = sorted(offsets)
    done = threading.Event()

    def send() -> None:
        with producer(on.settings, linger_ms=0) as sender:
            began = time.perf_counter()
            for number, message in enumerate(messages(int(rate * LATENCY_S), seed=3)):
                due = began + number / rate
                if (wait := due - time.perf_counter()) > 0:
                    time.sleep(wait)
                partition = partitions[number % len(partitions)]
                sent[partition, offsets[partition]] = due
                offsets[partition] += 1
                sender.send(SCORED, value=message.encode(), partition=partition)
            sender.flush()
        done.set()

    sender_thread = threading.Thread(target=send, daemon=True)
    stored = {partition: offset - 1 for partition, offset in offsets.items()}
    began = time.perf_counter()
    sender_thread.start()
    times: list[float] = []
    pipe = on.store.redis.pipeline(transaction=False)
    while not done.is_set() or len(times) < len(sent):
        for partition in partitions:
            pipe.hget(partition_state(SCORED, partition), "offset")
        now_stored = [int(value or -1) for value in pipe.execute()]
        now = time.perf_counter()
        for partition, offset in zip(partitions, now_stored, strict=True):
            times += [now - sent[partition, known] for known in range(stored[partition] + 1, offset + 1)]
            stored[partition] = offset
        if now - began > LATENCY_S * 3:
            sys.exit("the worker fell behind while latency was measured: the load is more than it carries")
        time.sleep(0.001)
    return times[int(rate * 2) :]


PARTS: dict[str, Callable[[Stage, str], list[Row]]] = {
    "scored": scored,
    "user": user,
    "stream": stream,
    "latency": latency,
    "start": start,
    "scale": scale,  # last: it adds to the backlog
}


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _as_json(row: Row) -> dict[str, str | float]:
    return {"what": row.what, "figure": row.figure, "unit": row.unit, "aim": row.aim}


def _print_table(rows: Sequence[Row]) -> None:
    """A Markdown table, so that what the README shows is what was printed."""
    print(f"Measured on: {hardware()}.\n")
    print("| what | figure | aim |")
    print("|---|---:|---|")
    for row in rows:
        figure = f"{row.figure:,.0f}" if row.figure >= 100 else f"{row.figure:.3g}"
        print(f"| {row.what} | {figure} {row.unit if row.unit != 'ratio' else '×'} | {row.aim} |")


if __name__ == "__main__":
    sys.exit(main())
