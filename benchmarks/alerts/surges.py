"""Surges put into real background: their stories, shapes and times, and what was found of them. Pure.

A story of a surge is drawn from texts that people had labelled negative and that the model was not trained on, as the
model judged them, so that its errors are in the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from stream.backtest import Ringing
from stream.judging import SCHEMA
from undertone.messages import from_ms

SIZES = (8, 15, 30, 60)
SHAPES = ("burst", "ramp", "echo")
MINUTE_MS = 60_000
GRACE = timedelta(minutes=60)
"""An alert within so long of a surge's last story has found it."""


class Surge(NamedTuple):
    """One event that was put in."""

    entity: str
    size: int
    shape: str
    begin: datetime
    end: datetime


def offsets(shape: str, size: int, draw: np.random.Generator) -> list[int]:
    """Milliseconds after the beginning at which the stories of a surge are told, in order.

    A burst takes half an hour; a ramp three hours, ever faster; an echo is two bursts two hours apart.
    """
    at = draw.random(size)
    if shape == "burst":
        minutes = at * 30
    elif shape == "ramp":
        minutes = np.sqrt(at) * 180
    else:
        minutes = np.where(draw.random(size) < 0.5, at * 30, 120 + at * 30)
    minutes = np.sort(minutes - minutes.min())
    return [int(one * MINUTE_MS) for one in minutes]


def put_in(
    begin_ms: int, end_ms: int, entities: Sequence[str], pool: pa.Table, *, a_day: float, seed: int
) -> tuple[pa.Table, list[Surge]]:
    """Surges spread over a period, each size and shape in turn: their scored messages, and what they are.

    Args:
        begin_ms: The first may begin then.
        end_ms: All are over by then.
        entities: Whom they may be about, each as likely; an empty one is nobody in particular.
        pool: Scored texts that are truly negative.
        a_day: How many there are.
        seed: Of all that is drawn.
    """
    draw = np.random.default_rng(seed)
    judged = pool.select(["topic", "sentiment", "p", "model"]).to_pylist()
    surges: list[Surge] = []
    rows: list[dict[str, object]] = []
    n = int((end_ms - begin_ms) / 86_400_000 * a_day)
    step = (end_ms - begin_ms) / max(n, 1)
    kinds = [(size, shape) for size in SIZES for shape in SHAPES]
    for number in range(n):
        size, shape = kinds[number % len(kinds)]
        entity = str(draw.choice(list(entities)))
        start = int(begin_ms + (number + 0.8 * draw.random()) * step)
        times = [start + late for late in offsets(shape, size, draw)]
        surges.append(Surge(entity, size, shape, from_ms(times[0]), from_ms(times[-1])))
        for place, at_ms in enumerate(times):
            position = f"surge-{number}:{place}"
            told = {"position": position, "id": position, "stream": "comments", "story": position, "status": "counted"}
            row = judged[int(draw.integers(len(judged)))]
            rows.append(
                {
                    **told,
                    **row,
                    "published_at": at_ms,
                    "source": f"source-{draw.integers(12)}",
                    "entities": [entity] if entity else [],
                }
            )
    return pa.Table.from_pylist(rows, SCHEMA), surges


class Found(NamedTuple):
    """What became of one surge: minutes from its first story to the first alert about its entity, None if none.

    Of one about nobody in particular an alert of any topic, or of the whole stream, counts.
    """

    surge: Surge
    delay_min: float | None
    notifications: int


def found(surges: Sequence[Surge], rung: Sequence[Ringing]) -> list[Found]:
    """Which surges rang."""
    results = []
    for surge in surges:
        about = [
            one
            for one in rung
            if (one.alert.entity or "") == surge.entity and surge.begin <= one.fired_at <= surge.end + GRACE
        ]
        delays = [(one.fired_at - surge.begin).total_seconds() / 60 for one in about]
        results.append(Found(surge, min(delays, default=None), sum(one.notifications for one in about)))
    return results


def of_a_surge(surges: Sequence[Surge], at: datetime, entity: str | None) -> bool:
    """Whether an alert may tell of a surge: of its entity, or of a topic while it lasts."""
    return any(
        (entity is None or entity == one.entity) and one.begin <= at <= one.end + timedelta(hours=7) for one in surges
    )
