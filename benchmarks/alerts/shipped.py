"""The alerts as they ship, on surges put into real background: what rings, how late, and how often it calls.

Reads scored messages, and rings by the states, evidence and incidents that the watch uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.alerts.surges import SHAPES, SIZES, Found, found, of_a_surge, put_in
from benchmarks.alerts.texts import SOURCES
from stream.backtest import Ringing
from stream.detector import NEGATIVE_SURGE
from stream.scored_log import ScoredLog, from_table
from undertone.cli.output import table
from undertone.messages import Severity
from undertone.replay import parse_moment

DAY_MS = 86_400_000
WARM_MS = 28 * DAY_MS
A_DAY = 2.0
"""Surges put in a day, over all companies."""
STORY_A_DAY = 1.0
"""Stories a day from which a series is live: it is such that may ring falsely, and surges are about such companies."""
FEWEST = NEGATIVE_SURGE.min_stories
Ring = Callable[[ScoredLog, str], list[Ringing]]


class Period(NamedTuple):
    """Alerts count from ``begin`` to ``end``."""

    begin: str
    end: str


def run(period: Period, quiet: ScoredLog, pool: pa.Table, ring: Ring) -> dict[str, Any]:
    """Print and return what rings of surges, by size and by shape, and what rings where nothing was put in.

    Args:
        period: What is judged; ``quiet`` begins four weeks before it.
        quiet: The background.
        pool: Scored texts that are truly negative.
        ring: Gives the alerts of a log from a time on.
    """
    begin, end = parse_moment(period.begin), parse_moment(period.end)
    quiet = quiet.between(begin - WARM_MS, end)
    companies, series = live(quiet)
    rows, surges = put_in(begin, end - DAY_MS, companies, pool, a_day=A_DAY, seed=7)
    loud = from_table(pa.concat_tables([quiet.table, rows.select(quiet.table.column_names)]))
    calm, stirred = ring(quiet, period.begin), ring(loud, period.begin)
    about = found(surges, stirred)
    fourth = _fourth(rows)
    of_surges = [one for one in stirred if of_a_surge(surges, one.fired_at, one.alert.entity)]
    days = (end - begin) / DAY_MS
    results = {
        "surges": len(surges),
        "companies": len(companies),
        "live_series": series,
        "sources": SOURCES,
        "by_size": {size: figures([one for one in about if one.surge.size == size]) for size in SIZES},
        "by_shape": {shape: figures([one for one in about if one.surge.shape == shape]) for shape in SHAPES},
        "all": figures(about),
        "fourth_negative_story_p90_min": float(np.quantile(fourth, 0.9)),
        "false_a_day_per_100": {
            severity.value: sum(one.alert.severity is severity for one in calm) / days / series * 100
            for severity in Severity
        },
        "notifications_per_incident": {"of surges": calls(of_surges), "of the background": calls(calm)},
    }
    _print(results)
    return results


def calls(rung: Sequence[Ringing]) -> float:
    """Notifications for each incident; that something is over is not counted."""
    return sum(one.notifications for one in rung) / max(len({one.incident for one in rung}), 1)


def _fourth(rows: pa.Table) -> list[float]:
    """Minutes from the first story of each surge to the fourth that the model calls negative."""
    told: dict[str, list[tuple[int, bool]]] = {}
    for place, at, sentiment in zip(
        *(rows[name].to_pylist() for name in ("position", "published_at", "sentiment")), strict=True
    ):
        told.setdefault(place.split(":")[0], []).append((at.timestamp(), sentiment == "negative"))
    times = [(one[0][0], [at for at, bad in one if bad]) for one in told.values()]
    return [(bad[FEWEST - 1] - begin) / 60 for begin, bad in times if len(bad) >= FEWEST]


def live(log: ScoredLog) -> tuple[list[str], int]:
    """Companies with STORY_A_DAY, and how many series are live: companies and topics that have it, and the stream."""
    days = (int(log.published_ms[-1]) - int(log.published_ms[0])) / DAY_MS
    counts = np.bincount(log.entity[log.opens[log.mentioning]], minlength=len(log.entities))
    companies = [name for name, n in zip(log.entities, counts, strict=True) if n >= STORY_A_DAY * days]
    topics = int((np.bincount(log.topic[log.opens]) >= STORY_A_DAY * days).sum())
    return companies, len(companies) + topics + 1


def figures(about: Sequence[Found]) -> dict[str, Any]:
    """What was found of some surges, and how soon."""
    delays = [one.delay_min for one in about if one.delay_min is not None]
    return {
        "surges": len(about),
        "recall": len(delays) / max(len(about), 1),
        "delay_median_min": float(np.median(delays)) if delays else None,
        "delay_p90_min": float(np.quantile(delays, 0.9)) if delays else None,
        "notifications": sum(one.notifications for one in about) / max(len(delays), 1),
    }


def _print(results: dict[str, Any]) -> None:
    groups = {f"{size} stories": one for size, one in results["by_size"].items()} | results["by_shape"]
    table(
        [("surges", "left"), *((name, "right") for name in ("n", "recall", "delay, median", "p90", "notifications"))],
        [
            (
                name,
                one["surges"],
                f"{one['recall']:.2f}",
                *("—" if one[key] is None else f"{one[key]:.0f} min" for key in ("delay_median_min", "delay_p90_min")),
                f"{one['notifications']:.2f}",
            )
            for name, one in {**groups, "all": results["all"]}.items()
        ],
        title="As shipped: surges put into the tweets by company",
    )
    table(
        [("where nothing was put in", "left"), ("figure", "right")],
        [
            ("live series (companies, topics, the stream)", results["live_series"]),
            ("p90 of the fourth negative story, min", f"{results['fourth_negative_story_p90_min']:.0f}"),
            *((f"{name}s a day per 100", f"{rate:.2f}") for name, rate in results["false_a_day_per_100"].items()),
            *(
                (f"notifications per incident {name}", f"{n:.2f}")
                for name, n in results["notifications_per_incident"].items()
            ),
        ],
    )
