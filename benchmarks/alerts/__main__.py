"""Print how good the alerts are, on simulated streams and on real texts, next to what people use instead.

``python -m benchmarks.alerts`` takes about ten minutes of one core, ``--quick`` one, once the texts are scored;
``--only null,surges`` runs a part. Nothing here was chosen by the known events.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.alerts import contest, events, null, shipped, spread
from benchmarks.alerts.grounds import ground
from benchmarks.alerts.texts import KEPT, default_scorer, headlines, negatives, scored, tweets
from benchmarks.machine import hardware
from stream.backtest import Ringing, backtest
from stream.scored_log import ScoredLog, from_table
from undertone.cli.output import table
from undertone.messages import Severity
from undertone.replay import parse_moment
from undertone.rules import Rules
from undertone.rules.model import SeriesKind

DAY_MS = 86_400_000


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.alerts", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="comma separated: " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a month and few series")
    parser.add_argument("--json", type=Path, default=KEPT / "report.json", help="where the figures go")
    options = parser.parse_args(argv)
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only names {', '.join(sorted(unknown))}: valid are {', '.join(PARTS)}")
    report: dict[str, Any] = {"schema_version": 1, "hardware": hardware(), "quick": options.quick}
    for part in parts:
        began = time.monotonic()
        report[part] = PARTS[part](options.quick)
        print(f"{part}: {time.monotonic() - began:.0f} s\n", file=sys.stderr)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1, default=str) + "\n")
    return 0


def of_tweets(begin: str, end: str) -> ScoredLog:
    """The tweets of a period."""
    return from_table(scored("tweets", tweets, default_scorer)).between(parse_moment(begin), parse_moment(end))


def rung(log: ScoredLog, counted_from: str, whole: bool = True) -> list[Ringing]:
    """The alerts on a log by the rules that ship, from a time on; without those of the whole stream if so wanted."""
    rules = Rules.shipped()
    if not whole:
        parts: tuple[SeriesKind, ...] = ("topic", "entity", "topic-entity")
        rules = msgspec.structs.replace(
            rules, rules=tuple(msgspec.structs.replace(one, series=parts) for one in rules.rules)
        )
    found = backtest(log, rules, stream="comments")
    begin = parse_moment(counted_from)
    return [one for one in found if int(one.fired_at.timestamp() * 1000) >= begin]


def calibrate(quick: bool) -> list[dict[str, Any]]:
    """Null calibration."""
    sets: dict[str, tuple[Any, Any]] = {"simulated": null.simulated(1, *((60, 35) if quick else (300, 49)))}
    sets["tweets, shuffled over weeks"] = null.shuffled(
        of_tweets("2014-01-01", "2014-04-01" if quick else "2014-07-01"), 1
    )
    rows = [
        (name, counts.shape[1], *share)
        for name, (counts, kinds) in sets.items()
        for share in null.calibration(counts, kinds, 2)
    ]
    table(
        [
            *(("background", "left"), ("series", "right"), ("window", "left"), ("P(p < .001), drawn", "right")),
            *(("as the detector takes it", "right"), ("looks", "right")),
        ],
        [
            (name, series, window, f"{drawn:.5f}", f"{raw:.5f}", looks)
            for name, series, window, drawn, raw, looks in rows
        ],
        title="Null calibration (.001 is right, .0005 to .002 the aim)",
    )
    return [dict(zip(("background", "series", *null.Share._fields), row, strict=True)) for row in rows]


def compete(quick: bool) -> list[dict[str, Any]]:
    """Injected surges, our test against what people use."""
    judged = [one == "negative" for one in negatives()["sentiment"].to_pylist()]
    if quick:
        spring = of_tweets("2014-01-01", "2014-03-15")
        few = ground("tweets by company", spring, entities=True, topics=False, least=1, parts=(0.5, 0.7))
        return contest.run([few], judged)
    every = of_tweets("2014-01-01", "2015-07-01")
    news = from_table(scored("headlines", headlines, default_scorer)).between(parse_moment("2018-03-20"), None)
    grounds = [
        ground(
            "tweets by company",
            of_tweets("2014-03-01", "2014-09-15"),
            entities=True,
            topics=False,
            least=1,
            parts=(0.2, 0.6),
        ),
        ground("tweets, six layers", every, entities=True, topics=True, least=3, parts=(0.4, 0.65), layers=6),
        ground("headlines by topic", news, entities=False, topics=True, least=1, parts=(0.25, 0.6)),
    ]
    return contest.run(grounds, judged)


def ship(quick: bool) -> dict[str, Any]:
    """Injected surges, as alerts ship."""
    period = shipped.Period("2014-07-01", "2014-07-20" if quick else "2014-09-15")
    return shipped.run(period, of_tweets("2014-01-01", "2015-07-01"), negatives(), rung)


def scatter(quick: bool) -> list[dict[str, Any]]:
    """Injected surges about no company."""
    period = shipped.Period("2014-07-01", "2014-07-20" if quick else "2015-06-01")
    return spread.run(period, of_tweets("2014-01-01", "2015-07-01"), negatives(), rung)


def known(quick: bool) -> dict[str, Any]:
    """The known events of the tweets and, unless quick, of the headlines, and all else that rang."""
    log = of_tweets("2014-01-20", "2014-02-21") if quick else of_tweets("2014-01-01", "2014-10-01")
    found = rung(log, "2014-01-27")
    results = events.outcomes(events.TWEETS[:1] if quick else events.TWEETS, log, found)
    bursts = events.bursts(log, found)
    rates = {"tweets": _rate(log, found)}
    if not quick:
        news = from_table(scored("headlines", headlines, default_scorer)).between(parse_moment("2018-03-20"), None)
        rang = backtest(news, Rules.shipped(), stream="news")
        results += events.outcomes(events.HEADLINES, news, rang)
        rates["headlines"] = _rate(news, rang)
    table(
        [("event", "left"), ("must ring", "left"), ("clock", "left"), ("after min", "right"), ("right", "left")],
        [
            (
                one.event.name,
                "yes" if one.event.rings else "no",
                "—" if one.start is None else f"{one.start:%Y-%m-%d %H:%M}",
                "—" if one.minutes is None else f"{one.minutes:.0f}",
                "yes" if one.right else "no",
            )
            for one in results
        ],
        title="Known events",
    )
    table(
        [("hours of ten tweets on a stock", "left"), ("hours", "right"), ("an alert is out", "right")],
        [(one.kind, one.hours, one.out) for one in bursts],
    )
    names = ("days", "live series", "warnings a day per 100", "criticals a day per 100", "notifications per incident")
    table(
        [("all that rang", "left"), *((name, "right") for name in names)],
        [(name, *(f"{one[column]:.4g}" for column in names)) for name, one in rates.items()],
    )
    return {
        "events": [{"event": one.event.name, "minutes": one.minutes, "right": one.right} for one in results],
        "bursts": [one._asdict() for one in bursts],
        "all": rates,
    }


def _rate(log: ScoredLog, found: Sequence[Ringing]) -> dict[str, float]:
    days = (int(log.published_ms[-1]) - int(log.published_ms[0])) / DAY_MS
    live = shipped.live(log)[1]
    of = {severity: sum(one.alert.severity is severity for one in found) / days / live * 100 for severity in Severity}
    return {
        "days": round(days),
        "live series": live,
        "warnings a day per 100": of[Severity.WARNING],
        "criticals a day per 100": of[Severity.CRITICAL],
        "notifications per incident": shipped.calls(found),
    }


PARTS: dict[str, Callable[[bool], Any]] = {
    "null": calibrate,
    "surges": ship,
    "spread": scatter,
    "contest": compete,
    "events": known,
}


if __name__ == "__main__":
    raise SystemExit(main())
