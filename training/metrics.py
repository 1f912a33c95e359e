"""Figures of a classifier: accuracy, macro-F1, precision and recall by class, expected calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Classification:
    rows: int
    accuracy: float
    macro_f1: float  # over the classes that occur in the truth
    ece: float
    precision: list[float]
    recall: list[float]
    f1: list[float]
    support: list[int]


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(-1, keepdims=True)
    powers = np.exp(scaled)
    shares: NDArray[np.float64] = powers / powers.sum(-1, keepdims=True)
    return shares


def classification(
    truth: NDArray[np.integer], logits: NDArray[np.floating], temperature: float = 1.0
) -> Classification:
    """Compare labels (rows,) with logits (rows, classes)."""
    probabilities = softmax(logits, temperature)
    return classification_of(truth, probabilities)


def classification_of(truth: NDArray[np.integer], probabilities: NDArray[np.floating]) -> Classification:
    """Compare labels (rows,) with probabilities (rows, classes)."""
    classes = probabilities.shape[1]
    guess = probabilities.argmax(1)
    confusion = np.zeros((classes, classes), dtype=np.int64)  # (truth, guess)
    np.add.at(confusion, (truth, guess), 1)
    hits, support, guessed = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision = hits / np.maximum(guessed, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + guessed, 1)
    return Classification(
        rows=len(truth),
        accuracy=float(hits.sum() / max(len(truth), 1)),
        macro_f1=float(f1[support > 0].mean()),
        ece=expected_calibration_error(truth, probabilities),
        precision=precision.tolist(),
        recall=recall.tolist(),
        f1=f1.tolist(),
        support=support.tolist(),
    )


def expected_calibration_error(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017, eq. 3)."""
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[bin_of == place].mean() - confidence[bin_of == place].mean()) * (bin_of == place).mean()
        for place in range(bins)
        if (bin_of == place).any()
    ]
    return float(sum(gaps))
