"""The whole cycle in order: prepare, teach, distil, export, evaluate.

    python -m training.run --out runs/first

A step is skipped when its output is there, so an interrupted run goes on where it stopped; delete a step's
folder to run it again. On two CPU cores the defaults take well under three hours.
"""

import argparse
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from training.distil import distil
from training.evaluate import evaluate
from training.export import export
from training.plan import Plan, StudentSize, default_data
from training.prepare import prepare
from training.teach import teach

log = logging.getLogger("training")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps of the plan that `argv` describes; return 0, or 2 where the data is missing."""
    plan = parse(argv)
    plan.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if not plan.data.is_dir():
        print(f"No data at {plan.data}; name the folder with --data or UNDERTONE_DATA")
        return 2
    steps: list[tuple[str, Path, Callable[[Plan], object]]] = [
        ("prepare", plan.prepared / "prepared.json", prepare),
        ("teach", plan.teacher / "teacher.safetensors", teach),
        ("distil", plan.student_folder / "student.safetensors", distil),
        ("export", plan.candidate / "manifest.json", export),
        ("evaluate", plan.model / "manifest.json", evaluate),
    ]
    for name, output, step in steps:
        if output.exists():
            log.info("%s: done before (%s)", name, output)
            continue
        started = time.monotonic()
        step(plan)
        log.info("%s: %.0f s", name, time.monotonic() - started)
    print(f"The model is in {plan.model}, its figures in {plan.out / 'evaluation.json'} and {plan.card}")
    return 0


def parse(argv: Sequence[str] | None) -> Plan:
    """Return the plan of the command line; what it does not name keeps the default that `Plan` gives it."""
    parser = argparse.ArgumentParser(
        "python -m training.run",
        description="Train the model that scores texts.",
        argument_default=argparse.SUPPRESS,
        epilog="Defaults of what is not shown here: training/plan.py",
    )
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the data sets (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="work folder (%(default)s)")
    parser.add_argument("--card", type=Path, help="where the model card goes (OUT/model-card.md)")
    parser.add_argument("--base", help="encoder of the teacher: a folder in Hugging Face format, or minilm-l6")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--teacher-epochs", type=int)
    parser.add_argument("--student-epochs", type=int)
    parser.add_argument("--vocabulary", type=int, help="word pieces of the student")
    parser.add_argument("--variants", type=int, help="changed copies of each text")
    shape = parser.add_argument_group("shape of the student")
    shape.add_argument("--from-layers", type=_numbers, help="the teacher's layers to start from, such as 0,1")
    shape.add_argument("--width", type=int)
    shape.add_argument("--heads", type=int)
    shape.add_argument("--inner", type=int)
    given = vars(parser.parse_args(argv))
    size = {name: given.pop(name) for name in ("from_layers", "width", "heads", "inner") if name in given}
    given.setdefault("card", given["out"] / "model-card.md")
    return Plan(date=datetime.now(UTC).date(), student=StudentSize(**size), **given)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    raise SystemExit(main())
