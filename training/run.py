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
    default = StudentSize()
    parser = argparse.ArgumentParser("python -m training.run", description="Train the model that scores texts.")
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the data sets (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="work folder (%(default)s)")
    parser.add_argument("--base", default="minilm-l6", help="encoder of the teacher: a folder, or %(default)s")
    parser.add_argument("--card", type=Path, help="where the model card goes (OUT/model-card.md)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--teacher-epochs", type=int, default=3)
    parser.add_argument("--student-epochs", type=int, default=10)
    parser.add_argument("--student-layers", default="0,1", help="teacher's layers to start from (%(default)s)")
    parser.add_argument("--student-width", type=int, default=default.width)
    parser.add_argument("--student-heads", type=int, default=default.heads)
    parser.add_argument("--student-inner", type=int, default=default.inner)
    parser.add_argument("--vocabulary", type=int, default=21_000, help="word pieces of the student (%(default)s)")
    parser.add_argument("--variants", type=int, default=2, help="changed copies of each text (%(default)s)")
    given = parser.parse_args(argv)
    return Plan(
        data=given.data,
        out=given.out,
        card=given.card or given.out / "model-card.md",
        date=datetime.now(UTC).date(),
        base=given.base,
        seed=given.seed,
        threads=given.threads,
        max_tokens=given.max_tokens,
        teacher_epochs=given.teacher_epochs,
        student=StudentSize(
            tuple(int(layer) for layer in given.student_layers.split(",")),
            given.student_width,
            given.student_heads,
            given.student_inner,
        ),
        student_epochs=given.student_epochs,
        vocabulary=given.vocabulary,
        variants=given.variants,
    )


if __name__ == "__main__":
    raise SystemExit(main())
