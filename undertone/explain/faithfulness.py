"""How far a word's weight says what the model does: words are taken out, or put in, in the order of their weights.

Deletion and insertion (Petsiuk et al. 2018, RISE, section 4.1), comprehensiveness and sufficiency (DeYoung et al. 2020,
ERASER, section 4.2). The operation is the same as occlusion's, which therefore plays at home.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertone.explain.question import Question
from undertone.explain.words import Span, cut
from undertone.scorer import Mention

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of a text's words, one word at least: ERASER's bins


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Figures of one text and one order of its words, in probability of the label.

    Attributes:
        deletion: Area under the probability as words are cut out, the first of the order first; lower is better.
        insertion: Area under it as they are put in instead; higher is better.
        comprehensiveness: What the label loses without the first words, mean over SHARES; higher is better.
        sufficiency: What it loses with nothing but the first words, mean over SHARES; lower is better.
    """

    deletion: float
    insertion: float
    comprehensiveness: float
    sufficiency: float

    @property
    def gap(self) -> float:
        """Insertion less deletion: the one figure that decides the default method; an order by chance has about 0."""
        return self.insertion - self.deletion


def faithfulness(
    question: Question, mention: Mention, words: Sequence[Span], weights: NDArray[np.float64], label: int
) -> Faithfulness:
    """Return how faithful the weights (words,) of a text with one word or more are; the heaviest word comes first."""
    order = [words[number] for number in np.argsort(-weights, kind="stable")]
    many = len(order)
    without = [cut(mention, order[:first]) for first in range(many + 1)]
    alone = [cut(mention, order[first:]) for first in range(many + 1)]
    answers = question.answers(without + alone)[:, label].astype(np.float64)
    deleted, inserted = answers[: many + 1], answers[many + 1 :]
    firsts = [max(1, int(np.ceil(share * many))) for share in SHARES]
    return Faithfulness(
        deletion=float(np.trapezoid(deleted) / many),
        insertion=float(np.trapezoid(inserted) / many),
        comprehensiveness=float(deleted[0] - deleted[firsts].mean()),
        sufficiency=float(deleted[0] - inserted[firsts].mean()),
    )
