"""Whether the count tail is what it says where nothing happens: the share of tails below 1e-3. Pure.

Counts are whole numbers, so that a tail jumps; drawn evenly between P(X > n) and P(X ≥ n) it is uniform where the
baseline is right (the randomised PIT of Czado, Gneiting & Held 2009, Biometrics 65). That share is to be 1e-3. The tail
as the detector takes it, P(X ≥ n), lies above it and rings less.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.baseline import DAY_H, HISTORY_H, RECENT_H, WEEK_H, Floats, Ints, fit_counts
from stream.detector import count_tail, overlap
from stream.scored_log import ScoredLog, mentions

NOMINAL = 1e-3
HOUR_MS = 3_600_000


class Share(NamedTuple):
    """Tails below NOMINAL in one window: their share, drawn and as they are, and of how many."""

    window: str
    drawn: float
    as_is: float
    looks: int


def simulated(seed: int, series: int = 300, days: int = 49) -> tuple[Floats, Ints]:
    """Negative binomial counts by hour, with hours of day, weekends, and rates from one in two days to ten an hour."""
    draw = np.random.default_rng(seed)
    hours = np.arange(days * DAY_H)
    shape = 1 + 0.8 * np.sin((hours % DAY_H - 8) / DAY_H * 2 * np.pi)
    shape *= np.where(hours % WEEK_H >= 5 * DAY_H, 0.4, 1.0)
    rates = 10 ** draw.uniform(-1.7, 1.0, series)
    alpha = draw.uniform(0.05, 0.6, series)
    means = shape[:, None] * rates
    return draw.poisson(means * draw.gamma(1 / alpha, alpha, means.shape)).astype(np.float64), np.zeros(
        series, np.int64
    )


def shuffled(log: ScoredLog, seed: int) -> tuple[Floats, Ints]:
    """Stories of a real log by hour, each moved to the same hour of a week drawn at random: rates without events."""
    told = mentions(log)
    opens = log.opens[told.message]
    hour = log.published_ms[told.message[opens]] // HOUR_MS
    first = int(hour.min()) // WEEK_H * WEEK_H + WEEK_H
    weeks = (int(hour.max()) + 1 - first) // WEEK_H
    inside = (hour >= first) & (hour < first + weeks * WEEK_H)
    hour, series = hour[inside] - first, told.series[opens][inside]
    moved = (
        np.random.default_rng(seed).integers(0, weeks, len(log))[told.message[opens][inside]] * WEEK_H + hour % WEEK_H
    )
    counts = np.zeros((weeks * WEEK_H, len(told.names)))
    np.add.at(counts, (moved, series), 1)
    kinds = np.array([(0 if not one.entity else 2 if one.topic else 1) for one in told.names])
    often = counts.sum(axis=0) >= weeks  # a story a week: of rarer ones hardly a tail can be low
    return counts[:, often], kinds[often]


def calibration(counts: Floats, kinds: Ints, seed: int, refit_h: int = DAY_H) -> list[Share]:
    """Shares of the windows of 1 h and 6 h that end with each hour after the first 28 days."""
    draw = np.random.default_rng(seed)
    part = overlap(59)
    tails: dict[int, list[tuple[Floats, Floats]]] = {1: [], 6: []}
    usable = np.ones_like(counts, bool)
    for begin in range(HISTORY_H, len(counts) - refit_h + 1, refit_h):
        known = slice(begin - HISTORY_H, begin)
        fit = fit_counts(counts[known], usable[known], kinds, pooled=counts[known].sum(axis=1), default_rate=1.0)
        for hour in range(begin, begin + refit_h):
            recent = slice(hour - RECENT_H, hour)
            usual = fit.now(hour - begin, counts[recent], usable[recent])
            mean = usual.expected(part)
            for row, hours in ((1, 1), (2, 6)):
                n = counts[hour + 1 - hours : hour + 1].sum(axis=0).astype(np.int64)
                at, above = (count_tail(n + more, mean[row], usual.dispersion[row]) for more in (0, 1))
                tails[hours].append((at, above + draw.random(len(n)) * (at - above)))
    shares = []
    for hours, found in tails.items():
        as_is, drawn = (np.concatenate([one[place] for one in found]) for place in (0, 1))
        shares.append(Share(f"{hours} h", float((drawn < NOMINAL).mean()), float((as_is < NOMINAL).mean()), len(drawn)))
    return shares
