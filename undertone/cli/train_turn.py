"""One turn of the cycle at the command line: the lock, what a run takes in, its steps, the gate and the promotion."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from undertone.cli.group import REFUSED
from undertone.cli.output import notes

if TYPE_CHECKING:
    from training.plan import Plan
    from training.run import Step
    from training.verdict import Verdict
    from undertone.registry import Registry
    from undertone.settings import Settings

BUSY = 75
"""Exit code of: another trainer is at it; try again later (EX_TEMPFAIL of sysexits.h)."""


@contextmanager
def held(out: Path, wait_s: float) -> Iterator[None]:
    """Hold the work folder for this trainer; exit code 75 where another one does."""
    from training import processes
    from training.lock import sole_trainer
    from undertone.errors import BusyError

    _log_to_stderr()
    if processes.rank():  # the first process holds it for all
        yield
        return
    owner = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    try:
        with sole_trainer(out, owner, wait_s):
            yield
    except BusyError as error:
        typer.echo(f"undertone: {error}", err=True)
        raise typer.Exit(BUSY) from error


def take_in(plan: Plan, labels: str | None, parent: str | None, settings: Settings) -> Plan:
    """Return the plan with fresh labels and a parent, which are copied into its folder unless they are there."""
    from training import fresh
    from undertone import registry as registries
    from undertone.errors import InputError
    from undertone.model import artefact
    from undertone.settings import Settings as AllSettings

    if labels is not None and not plan.fresh:
        rows = topic_rows(plan, settings) if labels == "topic" else fresh.rows_of_file(Path(labels))
        plan = replace(plan, fresh=fresh.take_in(plan.out, plan.task, rows))
    if parent is not None and plan.parent is None:
        model = "default" if parent == "champion" else parent
        folder = registries.resolve(AllSettings(model=model, registry=settings.registry))
        if folder == "trivial":
            raise InputError("'trivial' is no model: there is nothing to go on from")
        artefact.copy(folder, plan.out / "parent")
        plan = replace(plan, parent=plan.out / "parent")
    return plan


def topic_rows(plan: Plan, settings: Settings, since: datetime | None = None) -> list[dict[str, str | None]]:
    """Return the rows that may train of all labels in Kafka, as exported; those of texts labelled after `since`."""
    from undertone import labels as rule
    from undertone.labels import files, log

    topics = plan.task.labels("topic") if "topic" in plan.task.heads else None
    training = rule.for_training(
        log.read(settings), rule.Gate.shipped(), rule.Limits.of(settings), datetime.now(UTC), topics
    )
    rows = [row for row in training.rows if since is None or row.labelled_at > since]
    return list(files.table(rows))


def take_steps(plan: Plan, steps: Sequence[Step], *, again: bool = False) -> list[dict[str, Any]]:
    """Run the steps, say what becomes of each on standard error, and return the same for scripts."""
    from training import processes
    from training.run import run

    shapes: list[dict[str, Any]] = []
    console = notes()
    for done in run(plan, steps, again=again):
        said = "done before" if done.seconds is None else f"{done.seconds:,.0f} s"
        if not processes.rank():
            console.print(f"[bold]{done.name}[/bold]: {said} ({done.output})", soft_wrap=True)
        shapes.append(
            {
                "step": done.name,
                "output": str(done.output),
                "skipped": done.seconds is None,
                "seconds": None if done.seconds is None else round(done.seconds, 1),
            }
        )
    return shapes


def judge(
    plan: Plan, settings: Settings, *, again: bool = False, rules: Path | None = None, alerts: bool = True
) -> Verdict:
    """Return the gate's verdict over the run's model, against the registry's champion; one that still fits is kept.

    `rules` is a file of limits instead of the task's own; without `alerts` nothing is rehearsed.
    """
    from stream.rehearsal import rehearse
    from training.gate import GATE, gate, print_verdict, read_verdict
    from training.rules import load_rules
    from undertone import registry as registries
    from undertone.errors import InputError
    from undertone.model import artefact

    if not (plan.model / artefact.MANIFEST).is_file():
        raise InputError(f"There is no model in {plan.model}: run `undertone train evaluate --out {plan.out}` first")
    registry = registries.open_registry(settings)
    champion = champion_of(plan, registry)
    challenger_digest = artefact.read_manifest(plan.model).digest
    champion_digest = "" if champion is None else artefact.read_manifest(champion).digest
    if (plan.out / GATE).is_file() and not again:
        before = read_verdict(plan.out / GATE)
        if (before.challenger_digest, before.champion_digest) == (challenger_digest, champion_digest):
            print_verdict(before, notes())
            return before
    limits = None if rules is None else load_rules(plan.task.name, rules)
    verdict = gate(plan, champion, plan.model, partial(rehearse, settings=settings) if alerts else None, rules=limits)
    print_verdict(verdict, notes())
    return verdict


def champion_of(plan: Plan, registry: Registry | None) -> Path | None:
    """Return the folder of the model that serves now; None where none of this task does."""
    from undertone.model import artefact

    folder = artefact.SHIPPED if registry is None else registry.folder(registry.state().champion)
    return folder if artefact.read_manifest(folder).task == plan.task.name else None


def put_into_service(
    plan: Plan,
    settings: Settings,
    verdict: Verdict,
    *,
    force: str = "",
    allow_research: bool = False,
    as_challenger: bool = False,
) -> dict[str, Any]:
    """Promote the run's model in the registry; one that serves already is left alone. Returns it for scripts."""
    from training.promote import promote
    from undertone.errors import InputError
    from undertone.model import artefact
    from undertone.registry import Registry

    if settings.registry is None:
        raise InputError("Where is the registry? Give --registry FOLDER|URL, or set UNDERTONE_REGISTRY")
    version = artefact.read_manifest(plan.model).version
    state = Registry.open(settings.registry).state()
    if version not in (state.champion, state.challenger if as_challenger else ""):
        state = promote(
            settings.registry,
            plan.model,
            verdict,
            by=getpass.getuser(),
            at=datetime.now(UTC),
            force=force,
            allow_research=allow_research,
            as_challenger=as_challenger,
        )
    role = "challenger" if as_challenger else "champion"
    notes().print(f"[bold]promote[/bold]: {version} is the {role} of {settings.registry}", soft_wrap=True)
    return {"champion": state.champion, "challenger": state.challenger, "revision": state.revision}


def refuse(verdict: Verdict) -> None:
    """Exit with code 3 where the gate refused."""
    if not verdict.passed:
        raise typer.Exit(REFUSED)


def _log_to_stderr() -> None:
    """Send progress bars and the steps' log to standard error, since standard output is for data."""
    import logging

    import rich
    from rich.logging import RichHandler

    rich.reconfigure(stderr=True, highlight=False)
    # Other packages' notes are for their authors; the steps' own are under `training`.
    if sys.stderr.isatty():
        handler = RichHandler(console=rich.get_console(), show_path=False, show_level=False)
        logging.basicConfig(level=logging.ERROR, format="%(message)s", handlers=[handler])
    else:
        logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("training").setLevel(logging.INFO)
