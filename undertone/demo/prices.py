"""Prices of the invented companies, as a file of :mod:`undertone.prices`: hourly on weekdays, oftener where it is live.

Events leave a mark. Pure and seeded.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterator

from undertone.demo.rhythm import HOUR_MS, is_weekend, mood
from undertone.demo.stream import MINUTE_MS, Event, Timeline
from undertone.demo.words import COMPANIES
from undertone.messages import from_ms

OPEN_HOURS = range(8, 21)
STEP = 0.004
"""Standard deviation of an hour's return."""
LEAN = 0.001
"""What a mood of 1 adds to it."""
REACTION_H = 3
"""Hours over which a price takes an event in."""
LIVE_STEP_MS = 5 * MINUTE_MS
"""So that the price is known an hour after the alert, which fires not much more than an hour before the end."""


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
    hours = range(-(-times.start // HOUR_MS) * HOUR_MS, times.live, HOUR_MS)
    for at, step_ms in (*((one, HOUR_MS) for one in hours), *((one, LIVE_STEP_MS) for one in _live(times))):
        there = at + times.shift
        if is_weekend(there) or there // HOUR_MS % 24 not in OPEN_HOURS:
            continue
        part = step_ms / HOUR_MS
        level += draw.gauss(LEAN * mood(run, symbol, at) * part, STEP * math.sqrt(part))
        if event is not None and 0 < at - event.begins <= REACTION_H * HOUR_MS:
            level += math.log1p(event.episode.price) / REACTION_H * part
        yield symbol, f"{from_ms(at):%Y-%m-%dT%H:%MZ}", f"{math.exp(level):.2f}"


def _live(times: Timeline) -> range:
    return range(-(-times.live // LIVE_STEP_MS) * LIVE_STEP_MS, times.end + 1, LIVE_STEP_MS)
