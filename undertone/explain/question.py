"""What is asked of a model: one head, about texts or about the entities that they mention."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertone.errors import InputError, ModelError
from undertone.scorer import Mention, OnnxScorer, Scorer

HEADS = ("sentiment", "topic", "entity")


@dataclass(frozen=True, slots=True)
class Question:
    """One head of a scorer. `OnnxScorer` answers for a head that its model lacks; a question must not."""

    scorer: Scorer
    head: str

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise InputError(f"There is no head {self.head!r}; valid are {', '.join(HEADS)}")
        if self.head == "entity":
            self.scorer.score_entities([])  # raises where there is no such head
        elif isinstance(self.scorer, OnnxScorer) and self.scorer.manifest.head(self.head) is None:
            names = ", ".join(head.name for head in self.scorer.manifest.heads)
            raise ModelError(f"Model {self.scorer.version} has no head {self.head!r}; it has {names}")

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scorer.topics if self.head == "topic" else self.scorer.sentiments

    def answers(self, mentions: Sequence[Mention]) -> NDArray[np.float32]:
        """Return the probability of each label for each text or mention, (mentions, labels)."""
        if self.head == "entity":
            return self.scorer.score_entities(mentions)
        scores = self.scorer.score([mention.text for mention in mentions])
        return scores.topic if self.head == "topic" else scores.sentiment
