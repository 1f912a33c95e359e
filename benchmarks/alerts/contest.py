"""Detectors at one rate of false alarms: ours and what people use, on the same backgrounds, surges and jumps of volume.

All look at distinct stories, copies taken out, which most that people use do not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.alerts import baselines, ours
from benchmarks.alerts.grounds import SLOT_MIN, Floats, Ground, Planted, jumped, surged
from benchmarks.alerts.surges import GRACE, SIZES
from undertone.cli.output import table

RATES = (0.1, 0.5, 1.0)
"""False alarms a day for each 100 series."""
DAYS_BETWEEN = 25
"""Days between two surges of one series. So it is for jumps, which are put into a background of their own."""
OURS = "Undertone's test"
GRACE_SLOTS = int(GRACE.total_seconds()) // 60 // SLOT_MIN

METHODS: dict[str, Callable[[Ground], Floats]] = {
    OURS: ours.score,
    f"the same, p_share {ours.LOOSER}": lambda ground: ours.score(ground, ours.LOOSER),
    "the count alone": lambda ground: ours.score(ground, 1.0),
    **{name: lambda ground, name=name: baselines.score(name, ground.negative) for name in baselines.METHODS},  # type: ignore[misc]
}


def run(grounds: Sequence[Ground], judged: Sequence[bool]) -> list[dict[str, Any]]:
    """Print and return, for each background, detector and rate: recall by size, delay, jumps that rang, rate as tuned.

    Args:
        grounds: Backgrounds.
        judged: Of texts that are truly negative, whether the model calls them so.
    """
    rows = []
    for ground in grounds:
        found = [*_on(ground, judged)]
        _print(ground, found)
        rows += found
    return rows


def _on(ground: Ground, judged: Sequence[bool]) -> Iterator[dict[str, Any]]:
    a_day = ground.total.shape[1] / DAYS_BETWEEN
    loud, surges = surged(ground, judged, a_day=a_day, seed=7)
    busy, jumps = jumped(ground, a_day=a_day, seed=8)
    series = ground.total.shape[1]
    for name, method in METHODS.items():
        calm, stirred, crowded = (method(one) for one in (ground, loud, busy))
        for rate in RATES:
            a_slot = rate * series / 100 * SLOT_MIN / 1440
            earlier = baselines.tuned(calm[ground.tune : ground.judge], a_slot * (ground.judge - ground.tune))
            later = baselines.alarms(calm[ground.judge :], earlier)
            bar = baselines.tuned(calm[ground.judge :], a_slot * (len(calm) - ground.judge))
            as_tuned = _heard(surges, baselines.alarms(stirred, earlier))
            yield {
                "background": ground.name,
                "detector": name,
                "rate": rate,
                "bar": bar,
                **_figures(surges, _heard(surges, baselines.alarms(stirred, bar))),
                "jumps": _share(_heard(jumps, baselines.alarms(crowded, bar))),
                "rate_as_tuned_earlier": len(later) / ground.judged_days / series * 100,
                "recall_as_tuned_earlier": _share(as_tuned),
            }


def _heard(planted: Sequence[Planted], alarms: Sequence[tuple[int, int]]) -> list[float | None]:
    """Minutes from the first story of each to the first alert about its series, None if there was none in time."""
    by_series: dict[int, list[int]] = {}
    for slot, series in alarms:
        by_series.setdefault(series, []).append(slot)
    delays: list[float | None] = []
    for one in planted:
        slots = [slot for slot in by_series.get(one.series, []) if one.begin <= slot <= one.end + GRACE_SLOTS]
        delays.append((min(slots) + 1 - one.begin) * SLOT_MIN if slots else None)
    return delays


def _share(delays: Sequence[float | None]) -> float:
    return float(np.mean([one is not None for one in delays]))


def _figures(surges: Sequence[Planted], delays: Sequence[float | None]) -> dict[str, Any]:
    known = [one for one in delays if one is not None]
    by_size = {
        size: _share([delay for surge, delay in zip(surges, delays, strict=True) if surge.size == size])
        for size in SIZES
    }
    return {
        "recall": by_size,
        "delay_median_min": float(np.median(known)) if known else None,
        "delay_p90_min": float(np.quantile(known, 0.9)) if known else None,
    }


def _print(ground: Ground, found: Sequence[dict[str, Any]]) -> None:
    table(
        [
            *(("detector", "left"), ("rate", "right"), *((f"{size}", "right") for size in SIZES)),
            *(("median", "right"), ("p90", "right"), ("jumps", "right"), ("rate if tuned earlier", "right")),
        ],
        [
            (
                one["detector"],
                f"{one['rate']:g}",
                *(f"{one['recall'][size]:.2f}" for size in SIZES),
                *("—" if one[key] is None else f"{one[key]:.0f}" for key in ("delay_median_min", "delay_p90_min")),
                f"{one['jumps']:.2f}",
                f"{one['rate_as_tuned_earlier']:.2f}",
            )
            for one in found
        ],
        title=f"{ground.name}: {ground.total.shape[1]} series, {ground.a_day:.0f} stories a day. Recall by stories put "
        "in at so many false alarms a day per 100 series, delay in minutes, jumps with the usual share that rang",
    )
