"""Prices of the invented companies, as a file of :mod:`undertone.prices`: hourly on weekdays, and events leave a mark.

Pure and seeded.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterator

from undertone.demo.rhythm import HOUR_MS, is_weekend, mood
from undertone.demo.stream import Event, Timeline
from undertone.demo.words import COMPANIES
from undertone.messages import from_ms

OPEN_HOURS = range(8, 21)
STEP = 0.004
"""Standard deviation of an hour's return."""
LEAN = 0.001
"""What a mood of 1 adds to it."""
REACTION_H = 3
"""Hours over which a price takes an event in."""


def prices_csv(run: str, times: Timeline) -> str:
    """Symbol, time and price of every company at each open hour of a run."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["symbol", "time", "price"])
    by_company = {one.episode.company: one for one in (*times.past, times.bad)}
    for symbol, _, _ in COMPANIES:
        rows.writerows(_walk(run, symbol, times, by_company.get(symbol)))
    return text.getvalue()


def _walk(run: str, symbol: str, times: Timeline, event: Event | None) -> Iterator[tuple[str, str, str]]:
    draw = random.Random(f"{run}-{symbol}-price")
    level = math.log(draw.uniform(12, 240))
    for at in range(-(-times.start // HOUR_MS) * HOUR_MS, times.end, HOUR_MS):
        there = at + times.shift
        if is_weekend(there) or there // HOUR_MS % 24 not in OPEN_HOURS:
            continue
        level += draw.gauss(LEAN * mood(run, symbol, at), STEP)
        if event is not None and 0 < at - event.begins <= REACTION_H * HOUR_MS:
            level += math.log1p(event.episode.price) / REACTION_H
        yield symbol, f"{from_ms(at):%Y-%m-%dT%H:%MZ}", f"{math.exp(level):.2f}"
