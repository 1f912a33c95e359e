"""``undertone train``: the whole cycle of the model, one step of it, or the cycle again every so often."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import Commands
from undertone.cli.options import Json
from undertone.cli.output import print_json
from undertone.cli.train_options import given_here, options, settings_of, with_options
from undertone.cli.train_schedule import keep_training

if TYPE_CHECKING:
    from training.plan import Plan
    from training.run import Step

train = typer.Typer(
    cls=Commands,
    rich_markup_mode="rich",
    invoke_without_command=True,
    help="The model's cycle. Alone: every step in order; what is done already is skipped.",
    epilog="Example: undertone train --out runs/first --registry /srv/models    "
    "Every week: undertone train --every 7d --min-labels 500 --labels topic --from champion --registry /srv/models",
)

Again = Annotated[bool, typer.Option("--again", help="Do it again, though its output is there.")]
Research = Annotated[
    bool, typer.Option("--allow-research", help="Take a model whose sources' licences keep it to experiments.")
]


@train.callback()
@with_options
def whole_cycle(
    ctx: typer.Context,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="SPAN", help="Train again and again: 12h, 7d …", show_default=False),
    ] = None,
    min_labels: Annotated[int, typer.Option(min=0, help="With --every: not before so many labels are fresh.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="With --every: look one time, as a CronJob does.")] = False,
    allow_research: Research = False,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Prepare, teach, distil, compress, evaluate; with a registry also gate and promote."""
    from undertone.errors import InputError

    if ctx.invoked_subcommand is not None:
        named = _named(ctx)
        if named:
            raise InputError(f"{named} stands before {ctx.invoked_subcommand!r}, where it says nothing: put it behind")
        return
    if every is not None:
        keep_training(ctx, every, min_labels, given, once=once)
        return
    if min_labels or once:
        raise InputError(
            f"{'--once' if once else '--min-labels'} says how --every goes about it: give both, or neither"
        )
    from training.run import steps_of
    from undertone.cli import train_turn

    settings = settings_of(given["registry"])
    plan = _plan(given)
    with train_turn.held(plan.out, given["wait"]):
        plan = train_turn.take_in(plan, given["labels"], given["parent"], settings)
        shape: dict[str, Any] = {"steps": train_turn.take_steps(plan, steps_of(plan))}
        verdict = None
        if settings.registry is not None:
            verdict = train_turn.judge(plan, settings)
            if verdict.passed:
                shape |= train_turn.put_into_service(plan, settings, verdict, allow_research=allow_research)
    _tell(plan, shape, verdict, as_json=as_json)
    if verdict is not None:
        train_turn.refuse(verdict)


def _verb(name: str, help: str, example: str) -> None:
    """Add the command that runs one step alone."""

    def command(again: Again = False, as_json: Json = False, **given: Any) -> None:
        from training.run import STEPS

        _one_step(STEPS[name], given, again=again, as_json=as_json)

    command.__doc__ = help
    train.command(name, help=help, epilog=f"Example: undertone train {example}")(with_options(command))


for _name, _help, _example in (
    (
        "prepare",
        "Read the data, drop leaks and repeats, part train from held-out and frozen rows.",
        "prepare --task banking77 --data ../data --out runs/bank",
    ),
    (
        "pretrain",
        "Masked language modelling on the run's texts, before the teacher.",
        "pretrain --pretrain-epochs 2 --out runs/first",
    ),
    ("teach", "Fine-tune the teacher.", "teach --out runs/first --teacher-epochs 3 --lora 16"),
    ("distil", "Teach a small student to answer as the teacher does.", "distil --out runs/first --student-epochs 12"),
    ("compress", "Make the student a model folder of int8 ONNX.", "compress --out runs/first"),
    (
        "evaluate",
        "Measure the candidate on the frozen sets; report and model card.",
        "evaluate --out runs/first --json",
    ),
    (
        "continual",
        "Go on from a champion with fresh labels, instead of teaching and distilling.",
        "continual --from champion --labels labels.parquet --out runs/next",
    ),
):
    _verb(_name, _help, _example)


@train.command(epilog="Example: undertone train tune --out runs/first --trials 20 --sampler tpe --pruner hyperband")
@with_options
def tune(
    trials: Annotated[int, typer.Option(min=1, help="How many trainings to try.")] = 12,
    sampler: Annotated[str, typer.Option(help="tpe or grid.")] = "tpe",
    pruner: Annotated[str, typer.Option(help="median or hyperband.")] = "median",
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of the rows that a trial sees.")] = 0.25,
    again: Again = False,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Look for the teacher's numbers; `--tuned` then takes what was found. More --trials go on with the search."""
    from dataclasses import replace

    from training.run import STEPS
    from training.tune import finished

    def changed(plan: Plan) -> Plan:
        return replace(plan, tune_trials=trials, tune_sampler=sampler, tune_pruner=pruner, tune_share=share)

    step = STEPS["tune"]
    more = finished(changed(_plan(given))) < trials
    _one_step(step, given, again=again or more, as_json=as_json, changed=changed)


@train.command(
    epilog="Example: undertone train ablate --out runs/first --tier fast --rows 8000 --student-epochs 4 --json"
)
@with_options
def ablate(
    rows: Annotated[int, typer.Option(min=1, help="Texts that each student learns from.")] = 8_000,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Train the student once with and once without each ingredient of distillation, on the run's teacher.

    Macro-F1 on the held-out part of train and on each frozen set; the same command goes on where it stopped.
    """
    from training.ablation import ablate as run
    from training.run import STEPS, check
    from undertone.cli import train_turn
    from undertone.cli.output import table

    plan = _plan(given)
    with train_turn.held(plan.out, given["wait"]):
        check(plan, STEPS["distil"])  # it trains what distil trains
        found = run(plan, rows)
    if as_json:
        print_json({"trials": found})
        return
    columns = [(f"{name} {head}", name, head) for name in found[0] if name != "name" for head in found[0][name]]
    table(
        [("trial", "left"), *((title, "right") for title, _, _ in columns)],
        [(one["name"], *(f"{one[name][head]:.3f}" for _, name, head in columns)) for one in found],
    )


@train.command(epilog="Example: undertone train gate --out runs/first --registry /srv/models --json")
@with_options
def gate(
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Limits, floors and replay, instead of the task's own."),
    ] = None,
    without_alerts: Annotated[
        bool, typer.Option("--without-alerts", help="Leave the replay out, minutes of work; the verdict says so.")
    ] = False,
    again: Again = False,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Hold the run's model against the champion; exit code 3 and the reasons where it is refused."""
    from undertone.cli import train_turn

    settings, plan = settings_of(given["registry"]), _plan(given)
    again = again or without_alerts or rules is not None
    with train_turn.held(plan.out, given["wait"]):
        verdict = train_turn.judge(plan, settings, again=again, rules=rules, alerts=not without_alerts)
    _tell(plan, {}, verdict, as_json=as_json)
    train_turn.refuse(verdict)


@train.command(epilog="Example: undertone train promote --out runs/first --registry /srv/models")
@with_options
def promote(
    force: Annotated[
        str, typer.Option("--force", metavar="REASON", help="Overrule the gate; the history keeps why.")
    ] = "",
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Let it run in shadow beside the champion, which serves on.")
    ] = False,
    allow_research: Research = False,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Put the run's model into the registry and into service, as the gate's verdict allows."""
    from undertone.cli import train_turn

    settings, plan = settings_of(given["registry"]), _plan(given)
    with train_turn.held(plan.out, given["wait"]):
        verdict = train_turn.judge(plan, settings)
        shape = train_turn.put_into_service(
            plan, settings, verdict, force=force, allow_research=allow_research, as_challenger=challenger
        )
    _tell(plan, shape, verdict, as_json=as_json)


def _one_step(step: Step, given: dict[str, Any], *, again: bool, as_json: bool, changed: Any = None) -> None:
    from undertone.cli import train_turn

    settings, plan = settings_of(given["registry"]), _plan(given)
    with train_turn.held(plan.out, given["wait"]):
        plan = train_turn.take_in(plan, given["labels"], given["parent"], settings)
        shapes = train_turn.take_steps(changed(plan) if changed else plan, [step], again=again)
    _tell(plan, {"steps": shapes}, None, as_json=as_json)


def _plan(given: dict[str, Any]) -> Plan:
    return options(**given)


def _tell(plan: Plan, shape: dict[str, Any], verdict: Any, *, as_json: bool) -> None:
    """Print the outcome: one line for people, one object for scripts."""
    import msgspec

    from training import processes
    from undertone.model import artefact

    if processes.rank():
        return
    whole = (plan.model / artefact.MANIFEST).is_file()
    if as_json:
        shape |= {"out": str(plan.out), "task": plan.task.name}
        if whole:
            shape |= {"model": str(plan.model), "version": artefact.read_manifest(plan.model).version}
        if verdict is not None:
            shape["verdict"] = msgspec.to_builtins(verdict)
        print_json(shape)
    elif "steps" not in shape or shape["steps"][-1]["step"] == "evaluate":
        print(f"The model is in {plan.model}, its report in {plan.report / 'report.html'}")


def _named(ctx: typer.Context) -> str:
    """Return the flag of an option that was given on the command line; empty where none was."""
    for one in ctx.command.params:
        if one.name and given_here(ctx, one.name):
            return str(one.opts[0])
    return ""
