"""Step 1: read the task's data, keep what may train, and hold frozen rows apart.

Writes `train.parquet`, `calibration.parquet` (a held-out part of train), `evaluation.parquet` and `unlabelled.parquet`
(texts of sources without labels), and `prepared.json` with counts, class balance and checksums. No text from here
enters the repository.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from training.plan import Plan
from training.sources import UNKNOWN, Row, path_of, read
from training.task import HEADS, PERMISSIVE, Task
from training.whole import whole
from undertone.errors import InputError
from undertone.near_duplicates import near
from undertone.text import normalise

CALIBRATION_SHARE = 0.06
LEAKS = Path("_leaks/eval_rows_seen_in_train.json")


def prepare(plan: Plan) -> None:
    """Write the three sets of `plan` and their summary. Raises InputError where data or task do not fit."""
    task = plan.task
    leaks = json.loads((plan.data / LEAKS).read_text()) if (plan.data / LEAKS).is_file() else {}
    candidates: list[Row] = []
    evaluation: list[Row] = []
    texts_alone: list[Row] = []
    for source in (*task.sources, *plan.fresh):
        rows = read(task, source, plan.data, leaks)
        if source.use == "evaluate":
            evaluation += rows
        elif not source.labels:
            texts_alone += rows
        else:
            held_out = [share_of(normalise(row.text), f"{source.name}-valid") < source.held_out for row in rows]
            candidates += [row for row, held in zip(rows, held_out, strict=True) if not held]
            evaluation += [_held_out(row) for row, held in zip(rows, held_out, strict=True) if held]
    refuse_what_may_not_train(task, [*candidates, *texts_alone])
    merged = merge_same_texts(candidates)
    repeats = near([row.text for row in merged], (row.text for row in evaluation))
    unseen = [row for row, repeat in zip(merged, repeats, strict=True) if not repeat]
    calibration = [row for row in unseen if share_of(normalise(row.text), "calibration") < CALIBRATION_SHARE]
    train = [row for row in unseen if share_of(normalise(row.text), "calibration") >= CALIBRATION_SHARE]

    texts_alone = list({normalise(row.text): row for row in texts_alone}.values())
    repeats = near([row.text for row in texts_alone], (row.text for row in evaluation))
    unlabelled = [row for row, repeat in zip(texts_alone, repeats, strict=True) if not repeat]

    plan.prepared.mkdir(parents=True, exist_ok=True)
    sets = {"train": train, "calibration": calibration, "evaluation": evaluation, "unlabelled": unlabelled}
    for name, rows in sets.items():
        pd.DataFrame(rows, columns=[field.name for field in fields(Row)]).to_parquet(plan.prepared / f"{name}.parquet")
    summary = {
        "task": task.name,
        "heads": {name: task.heads[name].labels for name in HEADS if name in task.heads},
        "read": Counter(row.source for row in candidates),
        "train": Counter(row.source for row in train),
        "calibration": Counter(row.source for row in calibration),
        "evaluation": Counter(row.source for row in evaluation),
        "unlabelled": Counter(row.source for row in unlabelled),
        "balance": {name: balance(task, name, train) for name in HEADS if name in task.heads},
        "dropped": {"same_text": len(candidates) - len(merged), "near_evaluation": len(merged) - len(unseen)},
        "sources": [_provenance(plan, source) for source in (*task.sources, *plan.fresh)],
    }
    # Last, and whole or not at all: its being there says that the step is done.
    with whole(plan.prepared / "prepared.json") as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2, ensure_ascii=False))


def refuse_what_may_not_train(task: Task, rows: Iterable[Row]) -> None:
    """Raise InputError on the first row whose licence or role forbids training a model that ships."""
    frozen = {source.name for source in task.sources if source.use == "evaluate" or source.benchmark}
    for row in rows:
        if row.source in frozen or (task.shippable and row.licence not in PERMISSIVE):
            raise InputError(
                f"A row of {row.source!r} (licence {row.licence}) may not train a model that ships; "
                f"valid are training sources under {', '.join(sorted(PERMISSIVE))}"
            )


def merge_same_texts(rows: Iterable[Row]) -> list[Row]:
    """Return one row per normalised text and entity; a tied label becomes unknown.

    The first row of a text carries its topic and sentiment where known; its rows for other entities carry those
    entities' labels alone.
    """
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[normalise(row.text)].append(row)
    merged = []
    for group in groups.values():
        mentions: defaultdict[str, list[Row]] = defaultdict(list)
        for row in group:
            mentions[row.text[row.start : row.end].lower()].append(row)
        named = [of_entity for name, of_entity in mentions.items() if name]
        firsts = [of_entity[0] for of_entity in named] or [group[0]]
        for first, of_entity in zip(firsts, named, strict=False):
            first.entity = _majority(row.entity for row in of_entity)
        topic, sentiment = _majority(row.topic for row in group), _majority(row.sentiment for row in group)
        for place, first in enumerate(firsts):
            first.topic, first.sentiment = (UNKNOWN, UNKNOWN) if place else (topic, sentiment)
            if (first.topic, first.sentiment, first.entity) != (UNKNOWN, UNKNOWN, UNKNOWN):
                merged.append(first)
    return merged


def balance(task: Task, head: Any, rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of rows by label of a head."""
    counts = Counter(getattr(row, head) for row in rows)
    return {label: counts[place] for place, label in enumerate(task.labels(head))}


def share_of(key: str, purpose: str) -> float:
    """Return a number in [0, 1) that depends on the text alone, so that a split survives new data."""
    digest = hashlib.sha256(f"{purpose}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _held_out(row: Row) -> Row:
    row.source = f"{row.source}-valid"
    return row


def _majority(labels: Iterable[int]) -> int:
    counts = Counter(label for label in labels if label != UNKNOWN).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return UNKNOWN
    return counts[0][0]


def _provenance(plan: Plan, source: Any) -> dict[str, Any]:
    path = path_of(source, plan.data)
    return {
        "name": source.name,
        "file": Path(source.file).name if Path(source.file).is_absolute() else source.file,
        "licence": source.licence,
        "trained_on": source.use != "evaluate",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
    }
