"""Occlusion: what a word is worth is what the label's probability loses when the word is cut out of the text.

Zeiler & Fergus 2014 (images), Li et al. 2016 (words). Needs nothing but a scorer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.explain.question import Question
from undertone.explain.words import Span, cut
from undertone.scorer import Mention


def occlusion(question: Question, mention: Mention, words: Sequence[Span], label: int) -> NDArray[np.float64]:
    """Return the weight of each word, (words,), in probability of the label numbered `label`."""
    answers = question.answers([mention, *(cut(mention, [word]) for word in words)])[:, label].astype(np.float64)
    lost: NDArray[np.float64] = answers[0] - answers[1:]
    return lost
