"""Surges about no company, spread over all topics: what rings with the series of the whole stream, and without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from benchmarks.alerts.shipped import DAY_MS, WARM_MS, Period, figures
from benchmarks.alerts.surges import SIZES, found, put_in
from stream.backtest import Ringing
from stream.scored_log import ScoredLog, from_table
from undertone.cli.output import table
from undertone.replay import parse_moment

A_DAY = 1.0
"""Surges put in a day."""
Ring = Callable[[ScoredLog, str, bool], list[Ringing]]


def run(period: Period, quiet: ScoredLog, pool: pa.Table, ring: Ring) -> list[dict[str, Any]]:
    """Print and return recall and delay by size, and what rings where nothing was put in, without and with the series.

    Args:
        period: What is judged; ``quiet`` begins four weeks before it.
        quiet: The background; whom its messages name is left out.
        pool: Scored texts that are truly negative; their topics are those that the model gives them.
        ring: Gives the alerts of a log from a time on, with the stream as a whole or without it.
    """
    begin, end = parse_moment(period.begin), parse_moment(period.end)
    days = (end - begin) / DAY_MS
    background = quiet.between(begin - WARM_MS, end).table.drop_columns(["entities"])
    rows, surges = put_in(begin, end - DAY_MS, [""], pool, a_day=A_DAY, seed=9)
    calm = from_table(background)
    loud = from_table(pa.concat_tables([background, rows.select(background.column_names)]))
    results = []
    for name, whole in (("topics alone", False), ("with the stream as a whole", True)):
        about = found(surges, ring(loud, period.begin, whole))
        results.append(
            {
                "series": name,
                "by_size": {size: figures([one for one in about if one.surge.size == size]) for size in SIZES},
                "alerts_a_day_in_the_background": len(ring(calm, period.begin, whole)) / days,
            }
        )
    _print(results)
    return results


def _print(results: Sequence[dict[str, Any]]) -> None:
    table(
        [
            *(("series", "left"), ("stories", "right"), ("n", "right"), ("recall", "right"), ("median", "right")),
            *(("notifications", "right"), ("alerts a day in the background", "right")),
        ],
        [
            (
                one["series"],
                size,
                of["surges"],
                f"{of['recall']:.2f}",
                "—" if of["delay_median_min"] is None else f"{of['delay_median_min']:.0f} min",
                f"{of['notifications']:.2f}",
                f"{one['alerts_a_day_in_the_background']:.2f}",
            )
            for one in results
            for size, of in one["by_size"].items()
        ],
        title="Surges about no company, spread over the topics",
    )
