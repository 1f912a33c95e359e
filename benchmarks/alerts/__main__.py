"""Print how good the alerts are, on simulated streams and on real texts, next to what people use instead.

``python -m benchmarks.alerts`` takes most of an hour on one core, ``--quick`` less than a minute once the texts are
scored; ``--only null,surges`` runs a part. Detectors are tuned on an earlier part of the year than they are judged on.
Nothing here was chosen by the known events.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.alerts import contest, events, null
from benchmarks.alerts.texts import KEPT, default_scorer, headlines, scored, tweets
from benchmarks.machine import hardware
from stream.backtest import Ringing, backtest
from stream.scored_log import ScoredLog, from_table
from undertone.cli.output import table
from undertone.replay import parse_moment
from undertone.rules import Rules

DAY_MS = 86_400_000
WARM_DAYS = 28


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


def rung(log: ScoredLog, counted_from: str) -> list[Ringing]:
    """The alerts on a log by the rules that ship, from a time on."""
    found = backtest(log, Rules.shipped(), stream="comments")
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


def compete(quick: bool) -> dict[str, Any]:
    """Injected surges, ours against what people use."""
    periods = contest.QUICK if quick else contest.WHOLE
    return contest.run(periods, of_tweets, rung)


def known(quick: bool) -> list[dict[str, Any]]:
    """The known events of the tweets and, unless quick, of the headlines."""
    found = [*events.outcomes(events.TWEETS[:1] if quick else events.TWEETS, _tweets_rung(quick))]
    if not quick:
        log = from_table(scored("headlines", headlines, default_scorer))
        for event in events.HEADLINES:
            begin = int(event.begin.timestamp() * 1000)
            part = log.between(begin - 2 * WARM_DAYS * DAY_MS, begin + 7 * DAY_MS)
            found += events.outcomes([event], backtest(part, Rules.shipped(), stream="news"))
    table(
        [("event", "left"), ("about", "left"), ("must ring", "left"), ("after min", "right"), ("right", "left")],
        [
            (
                one.event.name,
                one.event.entity,
                "yes" if one.event.rings else "no",
                "—" if one.minutes is None else f"{one.minutes:.0f}",
                "yes" if one.right else "no",
            )
            for one in found
        ],
        title="Known events",
    )
    return [{"event": one.event.name, "minutes": one.minutes, "right": one.right} for one in found]


def _tweets_rung(quick: bool) -> list[Ringing]:
    if quick:
        return rung(of_tweets("2014-01-20", "2014-02-21"), "2014-02-17")
    return rung(of_tweets("2014-01-01", "2014-10-01"), "2014-02-01")


PARTS: dict[str, Callable[[bool], Any]] = {"null": calibrate, "surges": compete, "events": known}


if __name__ == "__main__":
    raise SystemExit(main())
