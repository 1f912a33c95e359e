"""The steps of the cycle in order, each with what it leaves behind: a step whose output is there is done.

So a run that was killed goes on where it stopped. The gate and the promotion, which need to know who serves, are put
behind these by the command line (`undertone train`).
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from training import processes
from training.compress import compress
from training.continual import continual
from training.distil import distil
from training.evaluate import evaluate
from training.plan import Plan
from training.prepare import prepare
from training.pretrain import pretrain, pretrains
from training.rows import read_summary
from training.teach import teach
from training.tune import tune
from undertone.errors import InputError


class Step(NamedTuple):
    """One step: its name, what is there once it is done, the steps whose output it reads, and what it does."""

    name: str
    output: Callable[[Plan], Path]
    needs: tuple[str, ...]
    run: Callable[[Plan], None]


class Done(NamedTuple):
    """What became of a step: `seconds` of work, or done before."""

    name: str
    output: Path
    seconds: float | None


STEPS = {
    step.name: step
    for step in (
        Step("prepare", lambda plan: plan.prepared / "prepared.json", (), prepare),
        Step("pretrain", lambda plan: plan.pretrained / "encoder", ("prepare",), pretrain),
        Step("tune", lambda plan: plan.tuned / "best.toml", ("prepare",), tune),
        Step("teach", lambda plan: plan.teacher / "teacher.safetensors", ("prepare",), teach),
        Step("distil", lambda plan: plan.student_folder / "student.safetensors", ("prepare", "teach"), distil),
        Step("continual", lambda plan: plan.student_folder / "student.safetensors", ("prepare",), continual),
        Step("compress", lambda plan: plan.candidate / "manifest.json", ("prepare", "student"), compress),
        Step("evaluate", lambda plan: plan.model / "manifest.json", ("prepare", "compress"), evaluate),
    )
}
ON_SEVERAL_PROCESSES = ("pretrain", "teach")


def steps_of(plan: Plan) -> list[Step]:
    """Return the steps of a whole turn: from a parent, or from the base."""
    names = ["prepare"]
    if plan.parent is not None:
        names.append("continual")
    else:
        names += [*(["pretrain"] if pretrains(plan) else []), "teach", "distil"]
    return [STEPS[name] for name in (*names, "compress", "evaluate")]


def run(plan: Plan, steps: Sequence[Step], *, again: bool = False) -> Iterator[Done]:
    """Run steps in order and yield what became of each; one whose output is there is skipped, unless `again`.

    Raises InputError where the data folder or another step's output is not there, or the folder holds another task.
    """
    _check_processes(steps)
    for step in steps:
        output = step.output(plan)
        if again and processes.rank() == 0:
            _remove(output)
        if output.exists() and not again:
            yield Done(step.name, output, None)
            continue
        check(plan, step)
        started = time.monotonic()
        step.run(plan)
        yield Done(step.name, output, time.monotonic() - started)


def check(plan: Plan, step: Step) -> None:
    """Raise InputError where what a step reads is not there, or is another task's."""
    if step.name == "prepare":
        if not plan.data.is_dir():
            raise InputError(f"There are no data at {plan.data}: name their folder with --data")
        return
    for name in step.needs:
        # What a student is made by, distil or continual, is one to those who need it.
        needed = STEPS["distil" if name == "student" else name]
        if not needed.output(plan).exists():
            raise InputError(
                f"{step.name} needs what {needed.name} writes, {needed.output(plan)}, which is not there: run "
                f"`undertone train {needed.name} --out {plan.out}` first"
            )
    found = read_summary(plan)["task"]
    if found != plan.task.name:
        raise InputError(
            f"{plan.out} holds a run of the task {found!r}, not {plan.task.name!r}: give its --task, or another --out"
        )


def _check_processes(steps: Sequence[Step]) -> None:
    alone = [step.name for step in steps if step.name not in ON_SEVERAL_PROCESSES]
    if processes.count() > 1 and alone:
        raise InputError(
            f"{', '.join(alone)} run in one process, not in {processes.count()}; only {', '.join(ON_SEVERAL_PROCESSES)}"
            " share their work. Start the launcher for those alone, and the rest without it"
        )


def _remove(output: Path) -> None:
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)
