"""The same surges for every detector: ours as it ships, the others tuned to ring as often on an earlier period."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.alerts import baselines
from benchmarks.alerts.surges import GRACE, SIZES, Found, Surge, found, of_a_surge, put_in
from benchmarks.alerts.texts import DATA, SOURCES, default_scorer, scored
from stream.backtest import Ringing
from stream.scored_log import ScoredLog, from_table
from undertone.cli.output import table
from undertone.messages import SENTIMENTS, Message, Severity, from_ms
from undertone.replay import parse_moment

SLOT_MS = baselines.SLOT_MIN * 60_000
DAY_MS = 86_400_000
A_DAY = 2.0
"""Surges put in a day, over all companies."""
Read = Callable[[str, str], ScoredLog]
Ring = Callable[[ScoredLog, str], list[Ringing]]


class Periods(NamedTuple):
    """``learn`` is where reading begins; detectors are tuned on [tune, judge) and judged on [judge, end)."""

    learn: str
    tune: str
    judge: str
    end: str


WHOLE = Periods("2014-03-01", "2014-04-01", "2014-07-01", "2014-09-15")
QUICK = Periods("2014-02-01", "2014-03-01", "2014-03-10", "2014-03-20")


def negatives() -> pa.Table:
    """Texts that people called bearish, of a set that the model was not trained on, as the model judges them."""

    def messages() -> list[Message]:
        with (DATA / "twitter_fin_sentiment" / "sent_valid.csv").open(newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file) if row["label"] == "0"]
        return [
            Message(id=f"valid {n}", text=text, published_at=from_ms(n * DAY_MS), source="valid")
            for n, text in enumerate(texts)
        ]

    return scored("negatives", lambda: iter(messages()), default_scorer)


def run(periods: Periods, read: Read, ring: Ring) -> dict[str, Any]:
    """Print and return recall by size, delay, and false alarms of each detector."""
    pool = negatives()
    print_pool = float(np.mean([one == "negative" for one in pool["sentiment"].to_pylist()]))
    quiet = read(periods.learn, periods.end)
    companies = _companies(quiet)
    rows, surges = put_in(
        parse_moment(periods.judge), parse_moment(periods.end) - DAY_MS, companies, pool, a_day=A_DAY, seed=7
    )
    before = parse_moment(periods.judge) - 28 * DAY_MS
    part = quiet.between(before, None)
    loud = from_table(pa.concat_tables([part.table, rows.select(part.table.column_names)]))
    ours = _ours(periods, surges, ring(quiet, periods.tune), ring(loud, periods.judge), len(companies))
    results = {"Undertone": ours, **_others(periods, quiet, loud, surges, companies, ours["tuned_to"])}
    _print(results)
    return {"surges": len(surges), "recall_of_negative": print_pool, "companies": len(companies), "detectors": results}


def _companies(log: ScoredLog) -> list[str]:
    """Those with a tweet a day or more: surges in the others are found by any rule."""
    days = (int(log.published_ms[-1]) - int(log.published_ms[0])) / DAY_MS
    counts = np.bincount(log.entity, minlength=len(log.entities))
    return [name for name, n in zip(log.entities, counts, strict=True) if n >= days]


def _ours(
    periods: Periods, surges: list[Surge], quiet: list[Ringing], loud: list[Ringing], companies: int
) -> dict[str, Any]:
    judge = parse_moment(periods.judge)
    tuning = [one for one in quiet if one.alert.entity and one.fired_at.timestamp() * 1000 < judge]
    judging = [one for one in quiet if one.fired_at.timestamp() * 1000 >= judge]
    about = found(surges, loud)
    told = [one.notifications for one in about if one.notifications]
    of_surges = [one for one in loud if of_a_surge(surges, one.fired_at, one.alert.entity)]
    incidents = len({one.incident for one in of_surges})
    per_day = 100 / companies / _days(periods.judge, periods.end)
    return {
        **_figures(about),
        "tuned_to": len(tuning),
        "alerts_a_day_per_100": len([one for one in judging if one.alert.entity]) * per_day,
        "warnings_a_day_per_100": sum(one.alert.severity is Severity.WARNING for one in judging) * per_day,
        "criticals_a_day_per_100": sum(one.alert.severity is Severity.CRITICAL for one in judging) * per_day,
        "notifications_per_incident": sum(one.notifications for one in of_surges) / max(incidents, 1),
        "notifications_per_found_surge": float(np.mean(told)) if told else 0.0,
        "sources": SOURCES,
    }


def _others(
    periods: Periods, quiet: ScoredLog, loud: ScoredLog, surges: list[Surge], companies: list[str], wanted: int
) -> dict[str, dict[str, Any]]:
    begin, judge = parse_moment(periods.learn), parse_moment(periods.judge)
    tune_slot, judge_slot = ((parse_moment(one) - begin) // SLOT_MS for one in (periods.tune, periods.judge))
    calm = _counts(quiet, companies, begin, parse_moment(periods.end))
    # What was put in begins with the judged period: before it the counts are those without.
    stirred = calm.copy()
    stirred[judge_slot:] = _counts(loud, companies, judge, parse_moment(periods.end))[: len(calm) - judge_slot]
    results = {}
    for name, method in baselines.METHODS.items():
        score = method(calm)
        tuning = slice(tune_slot, judge_slot)
        bar = baselines.tuned(score[tuning], calm[tuning], max(wanted, 1))  # of none no bar can be learnt
        false = [one for one in baselines.alarms(score, calm, bar) if one[0] >= judge_slot]
        alarms = [
            (from_ms(begin + (slot + 1) * SLOT_MS), companies[company])
            for slot, company in baselines.alarms(method(stirred), stirred, bar)
        ]
        about = []
        for surge in surges:
            delays = [
                (at - surge.begin) / timedelta(minutes=1)
                for at, company in alarms
                if company == surge.entity and surge.begin <= at <= surge.end + GRACE
            ]
            about.append(Found(surge, min(delays, default=None), 0))
        per_day = 100 / len(companies) / _days(periods.judge, periods.end)
        results[name] = {**_figures(about), "bar": bar, "alerts_a_day_per_100": len(false) * per_day}
    return results


def _counts(log: ScoredLog, companies: list[str], begin: int, end: int) -> baselines.Floats:
    """Negative stories by five minutes and company."""
    place = {name: number for number, name in enumerate(companies)}
    column = np.array([place.get(name, -1) for name in log.entities])[log.entity]
    message = log.mentioning
    wanted = (column >= 0) & log.opens[message] & (log.sentiment[message] == SENTIMENTS.index("negative"))
    slot = (log.published_ms[message] - begin) // SLOT_MS
    slots = (end - begin) // SLOT_MS
    wanted &= (slot >= 0) & (slot < slots)
    counts = np.zeros((slots, len(companies)))
    np.add.at(counts, (slot[wanted], column[wanted]), 1)
    return counts


def _days(begin: str, end: str) -> float:
    return (parse_moment(end) - parse_moment(begin)) / DAY_MS


def _figures(about: list[Found]) -> dict[str, Any]:
    delays = [one.delay_min for one in about if one.delay_min is not None]
    recall = {
        size: float(np.mean([one.delay_min is not None for one in about if one.surge.size == size] or [False]))
        for size in SIZES
    }
    return {
        "recall": recall,
        "delay_median_min": float(np.median(delays)) if delays else None,
        "delay_p90_min": float(np.quantile(delays, 0.9)) if delays else None,
    }


def _print(results: dict[str, dict[str, Any]]) -> None:
    table(
        [
            *(("detector", "left"), *((f"{size} stories", "right") for size in SIZES)),
            *(("delay, median", "right"), ("p90", "right"), ("alerts a day per 100", "right")),
        ],
        [
            (
                name,
                *(f"{one['recall'][size]:.2f}" for size in SIZES),
                *("—" if one[key] is None else f"{one[key]:.0f} min" for key in ("delay_median_min", "delay_p90_min")),
                f"{one['alerts_a_day_per_100']:.2f}",
            )
            for name, one in results.items()
        ],
        title="Injected surges: recall",
    )
