"""The prepared rows as training sees them: texts with spans, and one column of labels a head."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment import Mentioned
from training.plan import Plan
from training.prose import Prose

PROSE = "prose"  # the source of generated sentences


@dataclass(frozen=True, slots=True)
class Rows:
    """`labels` is (rows, heads) in the order of the task's heads; -1 where unknown."""

    mentions: list[Mentioned]
    labels: Tensor
    sources: list[str]

    def __len__(self) -> int:
        return len(self.mentions)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """Return those rows, in that order."""
        chosen = [int(row) for row in rows]
        return Rows([self.mentions[row] for row in chosen], self.labels[chosen], [self.sources[row] for row in chosen])

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(
            self.mentions + other.mentions, torch.cat([self.labels, other.labels]), self.sources + other.sources
        )


def load_rows(plan: Plan, name: str) -> Rows:
    """Return the prepared set `train`, `calibration` or `evaluation`."""
    return rows_of(plan, pd.read_parquet(plan.prepared / f"{name}.parquet"))


def rows_of(plan: Plan, frame: pd.DataFrame) -> Rows:
    heads = list(plan.task.head_sizes)
    if frame.empty:
        return Rows([], torch.empty((0, len(heads)), dtype=torch.long), [])
    mentions = [
        Mentioned(str(text), int(start), int(end))
        for text, start, end in zip(frame["text"], frame["start"], frame["end"], strict=True)
    ]
    labels = torch.tensor(frame[heads].to_numpy(np.int64)).reshape(len(mentions), len(heads))
    return Rows(mentions, labels, [str(source) for source in frame["source"]])


def load_unlabelled(plan: Plan) -> Rows:
    """Return the prepared texts without labels: a transfer set for distillation, and text to pre-train on."""
    return load_rows(plan, "unlabelled")


def prose_rows(plan: Plan, seed: int) -> Rows:
    """Return the task's number of generated sentences; other ones for each seed."""
    prose = Prose(seed)
    sentences = [prose() for _ in range(plan.task.prose)]
    columns = {"sentiment": [one.sentiment for one in sentences], "entity": [one.entity for one in sentences]}
    heads = list(plan.task.head_sizes)
    labels = [columns.get(head, [-1] * len(sentences)) for head in heads]
    return Rows(
        [Mentioned(one.text, one.start, one.end) for one in sentences],
        torch.tensor(labels, dtype=torch.long).T.reshape(len(sentences), len(heads)),
        [PROSE] * len(sentences),
    )


def source_shares(plan: Plan, sources: list[str]) -> NDArray[np.float64]:
    """Return how often a row of each source is seen in an epoch, (rows,) for the sources of rows."""
    shares = {source.name: source.share for source in (*plan.task.sources, *plan.fresh)}
    return np.array([shares.get(source, 1.0) for source in sources])


def read_summary(plan: Plan) -> dict[str, Any]:
    """Return `prepared.json`."""
    return cast(dict[str, Any], json.loads((Path(plan.prepared) / "prepared.json").read_text()))
