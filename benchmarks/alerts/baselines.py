"""What people use instead: detectors on the counts of distinct negative stories of each series, in windows of an hour.

Each gives a score for every five minutes and series, -inf where the hour holds less than MIN_STORIES; an alert is a
score over a bar, and none follows within QUIET_H. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from benchmarks.alerts.grounds import SLOT_MIN, Floats

HOUR, DAY, WEEK = 60 // SLOT_MIN, 1440 // SLOT_MIN, 7 * 1440 // SLOT_MIN
MIN_STORIES = 4
QUIET_H = 6


def _trailing(values: Floats, slots: int) -> Floats:
    """Sums over the last slots, the own one included, (slots, companies)."""
    sums = np.cumsum(values, axis=0)
    result = sums.copy()
    result[slots:] -= sums[:-slots]
    return result


def _before(values: Floats, slots: int) -> Floats:
    """Sums over the slots before the last hour."""
    result = np.zeros_like(values)
    result[HOUR:] = _trailing(values, slots)[:-HOUR]
    return result


def z_score(counts: Floats, slots: int) -> Floats:
    """The hour against mean and deviation of the hours before it."""
    hour = _trailing(counts, HOUR)
    mean = _before(hour, slots) / slots
    variance = np.maximum(_before(hour**2, slots) / slots - mean**2, 1e-9)
    result: Floats = (hour - mean) / np.sqrt(variance + 0.05)
    return result


def ratio(counts: Floats) -> Floats:
    """The hour against the mean hour of a week, with half a story added to both."""
    hour = _trailing(counts, HOUR)
    result: Floats = (hour + 0.5) / (_before(counts, WEEK) / (7 * 24) + 0.5)
    return result


def seasonal_mad(counts: Floats) -> Floats:
    """The hour against the median of the same hour on the 14 days before, in median absolute deviations."""
    hour = _trailing(counts, HOUR)
    past = np.stack([np.roll(hour, day * DAY, axis=0) for day in range(1, 15)])
    median = np.median(past, axis=0)
    spread = 1.4826 * np.median(np.abs(past - median), axis=0)
    result: Floats = (hour - median) / (spread + 0.5)
    result[: 14 * DAY] = 0
    return result


def poisson(counts: Floats) -> Floats:
    """How unlikely the hour is at the rate of the week before, as -log10."""
    hour = _trailing(counts, HOUR)
    rate = (_before(counts, WEEK) + 1) / (7 * 24)
    tail = special.pdtrc(np.maximum(hour - 1, 0), rate)
    result: Floats = np.where(hour > 0, -np.log10(np.maximum(tail, 1e-300)), 0.0)
    return result


def kleinberg(counts: Floats) -> Floats:
    """The cost that a burst state of four times the weekly rate saves, of Kleinberg's automaton with two states (2003).

    The state is left for the quiet one when its saving is used up.
    """
    rate = (_before(counts, WEEK) + 1) / WEEK
    saving = counts * np.log(4.0) - 3 * rate
    level = np.zeros(counts.shape[1])
    result = np.zeros_like(counts)
    for slot in range(len(counts)):
        level = np.maximum(level + saving[slot], 0.0)
        result[slot] = level
    return result


METHODS: Mapping[str, Callable[[Floats], Floats]] = {
    "z-score, 24 h": lambda counts: z_score(counts, DAY),
    "z-score, 7 d": lambda counts: z_score(counts, WEEK),
    "ratio to 7 d": ratio,
    "seasonal MAD": seasonal_mad,
    "Poisson, 7 d": poisson,
    "Kleinberg": kleinberg,
}


def score(name: str, counts: Floats) -> Floats:
    """The score of a method where the hour holds enough stories, else -inf."""
    result: Floats = np.where(_trailing(counts, HOUR) >= MIN_STORIES, METHODS[name](counts), -np.inf)
    return result


def alarms(score: Floats, bar: float) -> list[tuple[int, int]]:
    """Slot and series of each alert."""
    over = (score >= bar) & np.isfinite(score)
    found = []
    for series in np.flatnonzero(over.any(axis=0)):
        last = -QUIET_H * HOUR
        for slot in np.flatnonzero(over[:, series]).tolist():
            if slot - last >= QUIET_H * HOUR:
                found.append((slot, int(series)))
                last = slot
    return sorted(found)


def tuned(score: Floats, wanted: float) -> float:
    """The lowest bar that gives at most so many alerts."""
    candidates = np.concatenate([[-np.inf], np.unique(score[np.isfinite(score)])])
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        if len(alarms(score, float(candidates[middle]))) <= wanted:
            high = middle
        else:
            low = middle + 1
    return float(candidates[low]) if low < len(candidates) else float(np.nextafter(candidates[-1], np.inf))
