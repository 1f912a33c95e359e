"""Which ingredients of distillation help: the same student trained with and without each, all else alike.

Not a step of the cycle. `undertone train ablate` runs it on the views that `distil` left behind and writes
`ablation.json`; the table in `docs/experiments.md` comes from it. What is chosen is chosen on the held-out part of
train; frozen sets are shown beside it, never decided on.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from training.batches import encode, load_tokenizer
from training.checkpoints import CHECKPOINT, drop
from training.distil import Targets, load_teacher, pieces_of, start_student, teacher_targets, train_student
from training.metrics import classification
from training.plan import Plan
from training.rows import PROSE, Rows, load_rows
from training.teach import logits_of
from training.whole import whole
from undertone.model.network import Network, build_student

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to distil: fields of the plan that differ, and what else is left out."""

    name: str
    changes: Mapping[str, Any]
    untrained_start: bool = False
    without_prose: bool = False
    variants: int | None = None  # changed copies of each text; None: all there are


TRIALS = (
    Trial("all of it", {}),
    Trial("true labels alone, no teacher", {"hard_share": 1.0, "pooled_weight": 0.0}),
    Trial("teacher alone, no true labels (α = 0)", {"hard_share": 0.0}),
    Trial("without the pooled vector", {"pooled_weight": 0.0}),
    Trial("with likeness between texts", {"relation_weight": 1.0}),
    Trial("T = 1", {"temperature": 1.0}),
    Trial("T = 4", {"temperature": 4.0}),
    Trial("without copies changed once, which the teacher has seen", {}, variants=0),
    Trial("without copies changed anew, with the answers to the text itself", {"changed_anew": 0.0}),
    Trial("without any changed copies", {"changed_anew": 0.0}, variants=0),
    Trial("without generated prose", {}, without_prose=True),
    Trial("from random weights", {}, untrained_start=True),
)


def ablate(plan: Plan, rows: int, trials: Sequence[Trial] = TRIALS) -> list[dict[str, Any]]:
    """Train the plan's student once for each trial on `rows` texts and return the figures; also `ablation.json`.

    Trials that the file has already are not run again; those about copies that the teacher has seen are left out
    where the plan has none.
    """
    path = plan.of_tier("ablation").with_suffix(".json")
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    done = {result["name"] for result in found}
    torch.set_num_threads(plan.threads)
    teacher = load_teacher(plan)
    targets = teacher_targets(plan, teacher)
    evaluation = evaluation_rows(plan)
    for trial in trials:
        if trial.name in done or (trial.variants is not None and not plan.variants):
            continue
        changed = replace(plan, out=plan.out / "ablation" / trial.name.replace(" ", "-"), **trial.changes)
        result = {"name": trial.name, **run(changed, plan, trial, teacher, targets, rows, evaluation)}
        log.info("%s: %s", trial.name, result)
        found.append(result)
        with whole(path) as unfinished:
            unfinished.write_text(json.dumps(found, indent=2, ensure_ascii=False))
    return found


def run(
    changed: Plan,
    plan: Plan,
    trial: Trial,
    teacher: Network,
    targets: Targets,
    rows: int,
    evaluation: Mapping[str, Rows],
) -> dict[str, Any]:
    """Return macro-F1 by set and head of one trial."""
    torch.manual_seed(plan.seed)
    changed.student_folder.mkdir(parents=True, exist_ok=True)
    kept = pieces_of(plan, targets.texts[0], changed.student_folder)
    student, dims = start_student(changed, teacher, kept, targets.texts[0])
    if trial.untrained_start:
        student = build_student(student.encoder.config.to_dict(), plan.task.head_sizes)
    part = part_of(plan, targets, rows, trial)
    state = train_student(changed, student, part, dims, calibration=load_rows(plan, "calibration"))
    drop(changed.student_folder / CHECKPOINT)
    student.load_state_dict(state)
    tokenizer = load_tokenizer(changed.student_folder / "tokenizer.json", plan.max_tokens)
    return {name: figures(plan, student.eval(), tokenizer, some) for name, some in evaluation.items()}


def part_of(plan: Plan, targets: Targets, rows: int, trial: Trial) -> Targets:
    """Return the targets of `rows` texts, drawn alike for each trial."""
    order = np.random.default_rng(plan.seed).permutation(len(targets.sources))[:rows]
    chosen = [int(row) for row in order if not (trial.without_prose and targets.sources[row] == PROSE)]
    variants = len(targets.texts) if trial.variants is None else 1 + trial.variants
    index = torch.tensor(chosen)
    return Targets(
        [[texts[row] for row in chosen] for texts in targets.texts[:variants]],
        targets.pooled[:variants, index],
        {head: logits[:variants, index] for head, logits in targets.soft.items()},
        targets.labels[index],
        targets.named[index],
        [targets.sources[row] for row in chosen],
    )


def evaluation_rows(plan: Plan) -> dict[str, Rows]:
    """Return the held-out part of train and each frozen set."""
    rows = load_rows(plan, "evaluation")
    names = sorted(set(rows.sources))
    sources = np.array(rows.sources)
    sets = {name: rows.take(np.flatnonzero(sources == name)) for name in names}
    return {"held out": load_rows(plan, "calibration"), **sets}


def figures(plan: Plan, network: Network, tokenizer: Any, rows: Rows) -> dict[str, float]:
    found: dict[str, float] = {}
    logits = logits_of(network, encode(tokenizer, rows.mentions))
    for column, head in enumerate(plan.task.head_sizes):
        truth = rows.labels[:, column].numpy()
        known = truth >= 0
        if known.any():
            found[head] = round(classification(truth[known], logits[head][known]).macro_f1, 4)
    return found
