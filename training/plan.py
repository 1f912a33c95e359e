"""The plan of one training run: its task, where its data and output lie, and every number that shapes it.

A plan is read once, from the command line, and then passed along; no step reads the environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from training.task import Source, Student, Task

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class OtherTeacher:
    """A further teacher of the student: `weights` is its share of the mixed answers, by head; none where it lacks one.

    Its folder is a model folder, such as an earlier champion's, or holds the `teacher.safetensors` of another run.
    """

    folder: Path
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """All settings of a run. The defaults make the student that ships, on two CPU cores."""

    task: Task
    data: Path
    out: Path
    date: date  # of the version's name
    fresh: tuple[Source, ...] = ()  # sources beside the task's, such as exported labels
    parent: Path | None = None  # model folder of the champion, for continual training
    seed: int = 20261125
    threads: int = 2
    max_tokens: int = 128
    trackers: tuple[str, ...] = ()  # wandb, mlflow, beside TensorBoard
    device: str = "auto"  # cpu, cuda, or cuda where there is one; of pretrain and teach
    precision: str = "fp32"  # bf16 or fp16 for the matrix products of pretrain and teach

    pretrain_epochs: int = 0  # masked language modelling before teaching; 0 leaves it out
    pretrain_batch: int = 64
    pretrain_rate: float = 3e-4
    pretrain_whole_words: bool = False  # mask all pieces of a word, or none

    tune_trials: int = 12
    tune_sampler: str = "tpe"  # or grid
    tune_pruner: str = "median"  # or hyperband
    tune_share: float = 0.25  # of the training rows that a trial sees

    teacher_epochs: int = 3
    teacher_start: Path | None = None  # weights of a teacher of the same base to go on from
    teacher_batch: int = 32
    teacher_rate: float = 1e-4
    teacher_rate_decay: float = 0.9  # of the rate, from each layer to the one below it
    smoothing: float = 0.05
    average: float = 0.998  # decay of the exponential moving average of the weights, by step
    lora_rank: int = 0  # adapters of this rank instead of all weights; 0 trains them all

    continual_epochs: int = 3
    continual_rate: float = 1e-4
    replay: float = 0.5  # the share of an epoch's rows that are older ones
    keep: float = 1.0  # weight of the champion's own answers beside the labels (learning without forgetting)

    tier: str = ""  # a further student of the same teacher, by its name in the task; none: the task's first
    student_epochs: int = 8
    student_batch: int = 64
    student_rate: float = 0.0  # 0: that of the student's shape
    variants: int = 1  # changed copies of each text that the teacher sees, beside the text itself
    changed_anew: float = 0.4  # share of an epoch's texts changed anew, with the answers to the unchanged text
    temperature: float = 2.0  # T
    hard_share: float = 0.2  # α: the weight of the true labels beside the teacher's
    pooled_weight: float = 1.0  # of the teacher's pooled vector in the loss
    relation_weight: float = 0.0  # of the likeness of a batch's texts to each other
    teachers: tuple["OtherTeacher", ...] = ()  # whose answers are mixed with the first's
    start: Path | None = None  # weights of a student of the same shape to go on from
    keep_start: float = 0.0  # the share of those weights in the mean with what became of them

    @property
    def base(self) -> str:
        """The teacher's encoder: the pre-trained one once that step is done, else the task's."""
        return str(self.pretrained / "encoder") if (self.pretrained / "encoder").is_dir() else self.task.base

    @property
    def student(self) -> Student:
        shape = self.task.tiers[self.tier] if self.tier else self.task.student
        return msgspec.structs.replace(shape, rate=self.student_rate) if self.student_rate else shape

    def of_tier(self, name: str) -> Path:
        """Return the folder of that name for the student that this plan makes."""
        return self.out / (f"{name}-{self.tier}" if self.tier else name)

    @property
    def views(self) -> Path:
        """What the teachers said of each text; all students learn from it."""
        return self.out / "views"

    @property
    def prepared(self) -> Path:
        return self.out / "prepared"

    @property
    def pretrained(self) -> Path:
        return self.out / "pretrained"

    @property
    def tuned(self) -> Path:
        return self.out / "tune"

    @property
    def teacher(self) -> Path:
        return self.out / "teacher"

    @property
    def student_folder(self) -> Path:
        return self.of_tier("student")

    @property
    def candidate(self) -> Path:
        return self.of_tier("candidate")

    @property
    def model(self) -> Path:
        return self.of_tier("model")

    @property
    def report(self) -> Path:
        return self.of_tier("report")


def bert_config(size: Student, pieces: int, max_tokens: int) -> dict[str, Any]:
    """Return the BertConfig fields of a student with `pieces` word pieces."""
    return {
        "vocab_size": pieces,
        "hidden_size": size.width,
        "num_hidden_layers": len(size.from_layers),
        "num_attention_heads": size.heads,
        "intermediate_size": size.inner,
        "hidden_act": "gelu",
        "max_position_embeddings": max_tokens,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
    }


def default_data() -> Path:
    return Path(os.environ.get("UNDERTONE_DATA_SETS", ROOT.parent / "shared" / "data"))
