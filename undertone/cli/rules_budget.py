"""``undertone rules budget``: what each receiver would be sent a day, and what would keep it within its budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.backtest import KAFKA, ScoredSource, read_scored, split_by_stream
from undertone.cli.file_options import Format
from undertone.cli.options import Bootstrap, EntitiesFile, Json, Model, Stream, settings
from undertone.cli.output import notes, print_json, progress, table

if TYPE_CHECKING:
    from stream.backtest import Ringing
    from stream.calibration import Calibration, Daily
    from undertone.rules import Rules

DAY_MS = 86_400_000


def budget(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Default: UNDERTONE_RULES, else the rules that ship.", show_default=False
        ),
    ] = None,
    source: ScoredSource = KAFKA,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many of the last whole days are counted.")] = 28,
    warm_up: Annotated[
        int, typer.Option(min=0, metavar="DAYS", help="Days before them that are read to learn what is usual.")
    ] = 28,
    stream: Stream = "comments",
    format: Format = "",
    model: Model = None,
    entities_file: EntitiesFile = None,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Replay the last days and show what each receiver would have been sent, and what keeps it within its budget.

    A receiver keeps its budget if it is kept on 19 days of 20. Where it is not, the rules are replayed with ever
    smaller p_count (of a rule that has none: p_share) until it is.
    """
    from datetime import date, timedelta

    from stream.backtest import backtest
    from stream.calibration import calibrate
    from undertone.errors import InputError
    from undertone.messages import to_ms
    from undertone.rules import Rules

    chosen = settings(bootstrap_servers=bootstrap_servers, model=model, entities_file=entities_file)
    named = file or chosen.rules
    rules = Rules.shipped() if named is None else Rules.load(named)
    if not rules.receivers:
        raise InputError("these rules name no receivers, so that there is no budget to keep: add receivers and routes")
    logs = split_by_stream(read_scored(source, chosen, stream, format), stream)
    last_ms = max((int(one.published_ms[-1]) for one in logs.values() if len(one)), default=0)
    end = last_ms // DAY_MS  # the day of the newest message is not over
    logs = {name: one.between((end - days - warm_up) * DAY_MS, end * DAY_MS) for name, one in logs.items()}
    if not any(map(len, logs.values())):
        raise InputError(f"{source} holds no whole day of scored messages: there is nothing to count")
    with progress() as bars:
        task = bars.add_task("Replays", total=None)

        def replay(tried: Rules) -> Sequence[Ringing]:
            found = [one for name, log in logs.items() for one in backtest(log, tried, stream=name)]
            bars.advance(task)
            return [one for one in found if to_ms(one.fired_at) > (end - days) * DAY_MS]

        first = date(1970, 1, 1) + timedelta(days=end - days)
        found = calibrate(rules, replay, first, days)
    if as_json:
        receivers = {one.receiver: _shape(one) for one in found}
        print_json({"from": first.isoformat(), "days": days, "receivers": receivers})
        return
    _tell(found, days)


def _shape(one: Calibration) -> dict[str, object]:
    return {
        "per_day": one.per_day,
        "needs": one.needs._asdict(),
        "critical": one.critical._asdict(),
        "keeps_it": None if one.per_day is None else one.factor == 1.0,
        "p_factor": one.factor,
        "critical_alone_keeps_it": None if one.per_day is None else one.critical.p95 <= one.per_day,
    }


def _tell(found: Sequence[Calibration], days: int) -> None:
    table(
        [
            ("receiver", "left"),
            ("budget", "right"),
            ("a day: median, p95, most", "right"),
            ("critical ones", "right"),
            ("to keep it", "left"),
        ],
        [
            (
                one.receiver,
                "" if one.per_day is None else one.per_day,
                _daily(one.needs),
                _daily(one.critical),
                _advice(one),
            )
            for one in found
        ],
    )
    notes().print(
        f"Without budgets, over {days} days; a budget counts as kept if it is on 19 days of 20.", soft_wrap=True
    )


def _daily(one: Daily) -> str:
    return f"{one.median:g}, {one.p95}, {one.most}"


def _advice(one: Calibration) -> str:
    if one.per_day is None:
        return f"per_day: {one.needs.p95} would do"
    if one.factor == 1.0:
        return "nothing: it is kept"
    ways = [f"every p times {one.factor:g}"] if one.factor is not None else []
    if one.critical.p95 <= one.per_day:
        ways.append("match: {severity: critical}")
    ways.append(f"per_day: {one.needs.p95}")
    return ", or ".join(ways)
