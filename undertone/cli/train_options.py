"""The options that `undertone train` and its verbs share, and the plan that they come to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from training.plan import OtherTeacher, Plan
    from training.task import Task
    from undertone.settings import Settings

_RUN, _TEACHER, _STUDENT, _LABELS = "Run", "Teacher", "Student", "Champion and labels"


def options(
    task: Annotated[
        str, typer.Option("--task", metavar="NAME|FILE", help="finance, banking77, finfe, or a TOML file of your own.")
    ] = "finance",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FOLDER", help="Folder of the data sets.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Work folder of the run.")] = Path("runs/latest"),
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of every random draw.", show_default=False, rich_help_panel=_RUN)
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads.", show_default=False, rich_help_panel=_RUN)
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=8, help="Word pieces of a text.", show_default=False, rich_help_panel=_RUN),
    ] = None,
    tracker: Annotated[
        list[str] | None,
        typer.Option(help="wandb or mlflow, beside TensorBoard.", show_default=False, rich_help_panel=_RUN),
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for another trainer.", rich_help_panel=_RUN)
    ] = 0.0,
    numbers: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="Any other number of the plan, such as teacher_rate=8e-5; training/plan.py lists them.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="FOLDER|minilm-l6|scratch",
            help="The encoder to begin with (default: the task's).",
            show_default=False,
            rich_help_panel=_TEACHER,
        ),
    ] = None,
    pretrain_epochs: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of masked language modelling first; 0: none.", show_default=False, rich_help_panel=_TEACHER
        ),
    ] = None,
    teacher_epochs: Annotated[
        int | None, typer.Option(min=1, help="Of teaching.", show_default=False, rich_help_panel=_TEACHER)
    ] = None,
    teacher_start: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A teacher of the same base to go on from: another run's.",
            show_default=False,
            rich_help_panel=_TEACHER,
        ),
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            "--lora",
            metavar="RANK",
            min=1,
            help="Train adapters of this rank only.",
            show_default=False,
            rich_help_panel=_TEACHER,
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16 (GPU only).", rich_help_panel=_TEACHER)] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_TEACHER)] = "auto",
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Take what `tune` found best.", rich_help_panel=_TEACHER)
    ] = False,
    tier: Annotated[
        str,
        typer.Option(help="A further student of the task, by name.", show_default=False, rich_help_panel=_STUDENT),
    ] = "",
    student_epochs: Annotated[
        int | None, typer.Option(min=1, help="Of distillation.", show_default=False, rich_help_panel=_STUDENT)
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="FOLDER",
            help="A student of the same shape and word pieces to go on from, such as another run's.",
            show_default=False,
            rich_help_panel=_STUDENT,
        ),
    ] = None,
    also_teacher: Annotated[
        list[str] | None,
        typer.Option(
            "--also-teacher",
            metavar="FOLDER[:HEAD=WEIGHT,…]",
            help="A further teacher, a model or another run's teacher, and its share of the mixed answers by head "
            "(default: half of each). May be given more than once.",
            show_default=False,
            rich_help_panel=_STUDENT,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="FILE|topic",
            help="Fresh labels: a file of `undertone labels export`, or the Kafka topic itself.",
            show_default=False,
            rich_help_panel=_LABELS,
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            metavar="FOLDER|URL",
            help="Where models are promoted to; without one the run ends with a model folder.  env: UNDERTONE_REGISTRY",
            show_default=False,
            rich_help_panel=_LABELS,
        ),
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="champion|VERSION|FOLDER",
            help="Go on from this model with the labels, instead of teaching anew.",
            show_default=False,
            rich_help_panel=_LABELS,
        ),
    ] = None,
    continual_epochs: Annotated[
        int | None, typer.Option(min=1, help="Over the labels.", show_default=False, rich_help_panel=_LABELS)
    ] = None,
    replay: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.99, help="Share of older rows beside the labels.", show_default=False, rich_help_panel=_LABELS
        ),
    ] = None,
) -> Plan:
    """Return the plan of these options. Nothing is written.

    Raises:
        InputError: names the option, what was given and what is valid.
    """
    import datetime
    from importlib.util import find_spec

    import msgspec

    from undertone.errors import InputError

    if find_spec("torch") is None or find_spec("transformers") is None:
        raise InputError("Training needs more packages than serving: pip install 'undertone[train]'")

    from training import fresh
    from training.plan import Plan, default_data
    from training.task import load_task
    from training.tracking import TRACKERS

    chosen = load_task(task)
    if base is not None:
        chosen = msgspec.structs.replace(chosen, base=base)
    if tier and tier not in chosen.tiers:
        raise InputError(f"Task {chosen.name!r} has no tier {tier!r}: it has {', '.join(chosen.tiers) or 'none'}")
    unknown = [name for name in tracker or () if name not in TRACKERS]
    if unknown:
        raise InputError(f"Tracker {unknown[0]!r} is not known: valid are {', '.join(TRACKERS)}")
    given: dict[str, Any] = {
        "seed": seed,
        "threads": threads,
        "max_tokens": max_tokens,
        "trackers": tuple(tracker) if tracker else None,
        "pretrain_epochs": pretrain_epochs,
        "teacher_epochs": teacher_epochs,
        "lora_rank": lora,
        "teacher_start": weights_in(teacher_start, "teacher.safetensors", "--teacher-start"),
        "student_epochs": student_epochs,
        "start": weights_in(start, "student.safetensors", "--start"),
        "teachers": tuple(other_teacher(given, chosen) for given in also_teacher or ()) or None,
        "continual_epochs": continual_epochs,
        "replay": replay,
    }
    plan = Plan(
        task=chosen,
        data=data or default_data(),
        out=out,
        date=datetime.datetime.now(datetime.UTC).date(),
        fresh=fresh.sources_in(out, chosen),
        parent=out / "parent" if (out / "parent").is_dir() else None,
        precision=precision,
        device=device,
        tier=tier,
        **{name: value for name, value in given.items() if value is not None},
    )
    plan = plan_tuned(plan) if tuned else plan
    return with_numbers(plan, numbers or ())


def weights_in(folder: Path | None, name: str, flag: str) -> Path | None:
    """Return the file of weights in a folder. Raises InputError where there is none."""
    from undertone.errors import InputError

    if folder is None:
        return None
    if not (folder / name).is_file():
        raise InputError(f"{flag} {folder}: there is no {name} in it")
    return folder / name


def other_teacher(given: str, task: Task) -> OtherTeacher:
    """Return the teacher that `FOLDER` or `FOLDER:HEAD=WEIGHT,…` names. Raises InputError."""
    from training.plan import OtherTeacher
    from undertone.errors import InputError
    from undertone.model import artefact

    folder, _, shares = given.partition(":")
    if not any((Path(folder) / name).is_file() for name in ("teacher.safetensors", artefact.MANIFEST)):
        raise InputError(f"--also-teacher {given}: {folder} holds neither a model nor a teacher.safetensors")
    weights = {}
    for share in filter(None, shares.split(",")):
        head, _, weight = share.partition("=")
        try:
            weights[head] = float(weight)
        except ValueError:
            weights[head] = -1.0
        if head not in task.head_sizes or not 0 < weights[head] < 1:
            raise InputError(
                f"--also-teacher {given}: {share!r} is no HEAD=WEIGHT; heads are {', '.join(task.head_sizes)}, and a "
                "weight lies between 0 and 1"
            )
    return OtherTeacher(Path(folder), weights or dict.fromkeys(task.head_sizes, 0.5))


def with_numbers(plan: Plan, given: Sequence[str]) -> Plan:
    """Return the plan with some of its numbers set. Raises InputError."""
    from dataclasses import fields, replace

    from undertone.errors import InputError

    known = {field.name: type(getattr(plan, field.name)) for field in fields(plan)}
    known = {name: kind for name, kind in known.items() if kind in (int, float)}
    found: dict[str, Any] = {}
    for one in given:
        name, _, number = one.partition("=")
        if name not in known:
            raise InputError(f"--set {one}: the plan has no number {name!r}; it has {', '.join(sorted(known))}")
        try:
            found[name] = known[name](number)
        except ValueError as error:
            kind = "a whole number" if known[name] is int else "a number"
            raise InputError(f"--set {one}: {number!r} is not {kind}") from error
    return replace(plan, **found)


def plan_tuned(plan: Plan) -> Plan:
    from training.tune import apply_best

    return apply_best(plan)


def settings_of(registry: str | None) -> Settings:
    from undertone.settings import Settings

    return Settings(registry=registry)


def given_here(ctx: typer.Context, name: str) -> bool:
    """Whether a parameter was given on the command line itself, and not by a default or the environment."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, behind its own parameters; it takes theirs as keyword arguments.

    A command that has an option of the same name keeps its own.
    """
    own = [one for one in inspect.signature(command).parameters.values() if one.kind is not one.VAR_KEYWORD]
    hints = get_type_hints(command, include_extras=True)
    names = {one.name for one in own}
    shared = [one for one in inspect.signature(options).parameters.values() if one.name not in names]
    shared_hints = get_type_hints(options, {**globals(), "Plan": Any}, include_extras=True)
    parameters = [
        *(one.replace(annotation=hints[one.name], kind=one.KEYWORD_ONLY) for one in own),
        *(one.replace(annotation=shared_hints[one.name], kind=one.KEYWORD_ONLY) for one in shared),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command
