"""Shapley values: what a word adds to the label's probability, on average over the orders in which words may be added.

Estimated from random orders, each also walked backwards (Castro et al. 2009; Mitchell et al. 2022, section 4.1 on
antithetic sampling). Needs nothing but a scorer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undertone.explain.question import Question
from undertone.explain.words import Span, cut
from undertone.scorer import Mention

SEED = 20261123
MOST_ORDERS = 12
MOST_TEXTS = 1_500
"""Texts scored for one explanation; a longer text gets fewer orders."""


def shapley(question: Question, mention: Mention, words: Sequence[Span], label: int) -> NDArray[np.float64]:
    """Return the weight of each word, (words,), in probability of the label numbered `label`.

    The weights sum to the label's probability for the text less that for the text without all the words. The same text
    gets the same orders, so the same weights.
    """
    count = len(words)
    if not count:
        return np.zeros(0)
    rng = np.random.default_rng(SEED)
    pairs = max(1, min(MOST_ORDERS, MOST_TEXTS // count) // 2)
    orders = [order for _ in range(pairs) for order in _both_ways(rng.permutation(count))]
    kept = np.zeros((len(orders), count + 1, count), bool)
    for row, order in enumerate(orders):
        for step, word in enumerate(order, 1):
            kept[row, step:, word] = True
    asked, place = np.unique(kept.reshape(-1, count), axis=0, return_inverse=True)
    texts = [cut(mention, [words[int(word)] for word in np.flatnonzero(~row)]) for row in asked]
    probabilities = question.answers(texts)[:, label].astype(np.float64)[place].reshape(len(orders), count + 1)
    gains = np.diff(probabilities, axis=1)
    total = np.zeros(count)
    for order, gain in zip(orders, gains, strict=True):
        total[order] += gain
    return total / len(orders)


def _both_ways(order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return order, order[::-1]
