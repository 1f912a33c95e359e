"""``undertone train --every``: the cycle again and again, each turn a process and a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from undertone.cli.group import FAILED
from undertone.cli.output import notes
from undertone.cli.train_options import given_here

if TYPE_CHECKING:
    from training.plan import Plan

LOOK_EVERY = timedelta(minutes=10)
_ITS_OWN = ("every", "min_labels", "once", "out", "wait", "as_json")


def keep_training(ctx: typer.Context, every: str, min_labels: int, given: dict[str, Any], *, once: bool) -> None:
    """Look every few minutes whether a turn is due, until SIGTERM or Ctrl-C; one that was cut off is gone on with.

    With `once` look one time and end, with exit code 1 where the look or its turn failed.
    """
    from training.schedule import Schedule, parse_every
    from undertone.cli.train_options import options, settings_of
    from undertone.cli.train_turn import held, topic_rows
    from undertone.errors import InputError

    span = parse_every(every)
    plan, settings, labels = options(**given), settings_of(given["registry"]), given["labels"]
    if min_labels and labels is None:
        raise InputError("--min-labels counts fresh labels: say where they are with --labels topic or --labels FILE")
    arguments = repeated(ctx)

    def count(since: datetime | None) -> int:
        if labels is None:
            return 0
        return len({row["text"] for row in _rows(plan, labels, since, lambda: topic_rows(plan, settings, since))})

    def start(folder: Path) -> subprocess.Popen[bytes]:
        from undertone.embedded import leash

        command = [sys.executable, "-m", "undertone.cli", "train", *arguments, "--out", str(folder.absolute())]
        return leash.spawn(command, folder=Path.cwd(), output=sys.stderr.buffer)

    schedule = Schedule(
        plan.out,
        span,
        min_labels,
        count=count,
        start=start,
        now=lambda: datetime.now(UTC),
        say=lambda words: notes().print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} {words}", markup=False, soft_wrap=True),
    )
    with held(plan.out, given["wait"]):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: schedule.stop())
        if not once:
            schedule.run(min(LOOK_EVERY, span))
            return
        schedule.look()
    if schedule.failed:
        raise typer.Exit(FAILED)


def _rows(plan: Plan, labels: str, since: datetime | None, of_topic: Any) -> list[Any]:
    """Return the labels that came after `since`, from the topic or from a file."""
    from training.fresh import rows_of_file

    if labels == "topic":
        return list(of_topic())
    rows = rows_of_file(Path(labels))
    if since is None:
        return rows
    return [row for row in rows if _moment(row.get("labelled_at")) > since]


def _moment(text: object) -> datetime:
    """Return when a row was labelled; one that does not say counts as of long ago."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def repeated(ctx: typer.Context) -> list[str]:
    """Return the options of this command line that each turn is to be given, as they were given here."""
    arguments: list[str] = []
    for one in ctx.command.params:
        if not one.name or one.name in _ITS_OWN or not given_here(ctx, one.name):
            continue
        value = ctx.params[one.name]
        if isinstance(value, bool):
            arguments += [one.opts[0]] if value else []
        else:
            for part in value if isinstance(value, (list, tuple)) else [value]:
                arguments += [one.opts[0], str(part)]
    return arguments
