"""Run a step of the training in a process of its own, which kills itself at a chosen moment with SIGKILL.

The moments are those at which a file or folder gets its final name: before the k-th of them, everything that a step
makes whole is either there or not.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.plan import Plan

# One process imports torch and the rest once; each step is a fork of it, which has no thread but its own.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "training.run",
        "transformers.models.bert.modeling_bert",
        "transformers.models.auto.modeling_auto",
        "peft",
        "optuna.storages",
        "sqlalchemy.dialects.sqlite",
    ]
)


def run_step(plan: Plan, name: str, *, before: int | None = None) -> bool:
    """Run a step; with `before`, killed before its so manieth renaming (from 0). Return whether it came to its end."""
    child = CONTEXT.Process(target=_step, args=(plan, name, before))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    assert before is not None or child.exitcode == 0
    return child.exitcode == 0


def start_step(plan: Plan, name: str, **environment: str) -> Any:
    """Start a step with those variables in its environment."""
    child = CONTEXT.Process(target=_step, args=(plan, name, None, environment))
    child.start()
    return child


def _step(plan: Plan, name: str, before: int | None, environment: dict[str, str] | None = None) -> None:
    os.environ |= environment or {}
    from training.run import STEPS, run

    if before is not None:
        _kill_before(before)
    for _ in run(plan, [STEPS[name]]):
        pass


def _kill_before(count: int) -> None:
    left = [count]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def renamed(self: Path, target: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(self, target)

        return renamed

    for name in ("replace", "rename"):
        setattr(Path, name, counted(getattr(Path, name)))
