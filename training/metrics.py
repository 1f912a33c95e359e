"""Figures of a classifier: accuracy, macro-F1, precision and recall by class, calibration, and how sure each is.

Pure: labels and probabilities in, figures out. The structs are what `evaluation.json` holds (training/figures.py).
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

BINS = 15
RESAMPLES = 1000

Pair = tuple[float, float]


class Bin(msgspec.Struct, frozen=True):
    """The rows whose confidence (highest probability) lies in (low, high]: how sure they were, how often right."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


class Classification(msgspec.Struct, frozen=True):
    """What `classification_of` finds; lists are by class, `confusion` is (truth, guess)."""

    rows: int
    accuracy: float
    macro_f1: float  # over the classes that occur in the truth
    ece: float
    brier: float
    precision: list[float]
    recall: list[float]
    f1: list[float]
    support: list[int]
    confusion: list[list[int]]
    reliability: list[Bin]  # the bins that hold rows


class Intervals(msgspec.Struct, frozen=True):
    """95 % intervals, (low, high), by the percentile bootstrap over rows (Efron and Tibshirani 1993, chapter 13)."""

    accuracy: Pair
    macro_f1: Pair
    ece: Pair


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
    confusion = confusion_of(truth, probabilities.argmax(1), probabilities.shape[1])
    hits, support, guessed = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return Classification(
        rows=len(truth),
        accuracy=float(hits.sum() / max(len(truth), 1)),
        macro_f1=float(macro_f1(confusion)),
        ece=expected_calibration_error(truth, probabilities),
        brier=brier(truth, probabilities),
        precision=(hits / np.maximum(guessed, 1)).tolist(),
        recall=(hits / np.maximum(support, 1)).tolist(),
        f1=(2 * hits / np.maximum(support + guessed, 1)).tolist(),
        support=support.tolist(),
        confusion=confusion.tolist(),
        reliability=reliability(truth, probabilities),
    )


def confusion_of(truth: NDArray[np.integer], guess: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return the number of rows by (truth, guess), (classes, classes)."""
    cells = truth.astype(np.int64) * classes + guess
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def macro_f1(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the mean F1 of the classes that occur in the truth, for confusions (…, classes, classes)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, guessed = confusion.sum(-1), confusion.sum(-2)
    f1 = 2 * hits / np.maximum(support + guessed, 1)
    mean: NDArray[np.float64] = (f1 * (support > 0)).sum(-1) / np.maximum((support > 0).sum(-1), 1)
    return mean


def reliability(truth: NDArray[np.integer], probabilities: NDArray[np.floating], bins: int = BINS) -> list[Bin]:
    """Return the equal-width bins of confidence that hold rows."""
    confidence, correct, bin_of = _binned(truth, probabilities, bins)
    return [
        Bin(
            place / bins,
            (place + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(correct[inside].mean()),
        )
        for place in range(bins)
        if (inside := bin_of == place).any()
    ]


def expected_calibration_error(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], bins: int = BINS
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017, eq. 3)."""
    gaps = (abs(found.accuracy - found.confidence) * found.rows for found in reliability(truth, probabilities, bins))
    return float(sum(gaps) / max(len(truth), 1))


def brier(truth: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the mean squared distance of the probabilities from the truth, 0 to 2 (Brier 1950, eq. 2)."""
    wanted = np.eye(probabilities.shape[1])[truth]
    return float(((probabilities - wanted) ** 2).sum(1).mean()) if len(truth) else 0.0


def intervals_of(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], seed: int, resamples: int = RESAMPLES
) -> Intervals:
    """Return the bootstrap intervals of a classifier's figures; rows must not be empty.

    Accuracy and macro-F1 depend on the rows through the confusion alone, so its cells are redrawn, not the rows.
    """
    random = np.random.default_rng(seed)
    classes = probabilities.shape[1]
    cells = truth.astype(np.int64) * classes + probabilities.argmax(1)
    used, counts = np.unique(cells, return_counts=True)
    confusions = np.zeros((resamples, classes * classes), np.int64)
    confusions[:, used] = random.multinomial(len(truth), counts / len(truth), size=resamples)
    confusions = confusions.reshape(resamples, classes, classes)
    accuracy = np.trace(confusions, axis1=1, axis2=2) / len(truth)
    return Intervals(
        _middle(accuracy), _middle(macro_f1(confusions)), _middle(_eces(truth, probabilities, random, resamples))
    )


def difference_of(
    truth: NDArray[np.integer],
    ours: NDArray[np.integer],
    theirs: NDArray[np.integer],
    classes: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> Pair:
    """Return the 95 % interval of our macro-F1 less theirs, by the bootstrap over the rows that both guessed."""
    return _middle(differences_of(truth, ours, theirs, classes, seed, resamples))


def differences_of(
    truth: NDArray[np.integer],
    ours: NDArray[np.integer],
    theirs: NDArray[np.integer],
    classes: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return our macro-F1 less theirs in each resample of the rows, (resamples,)."""
    cells = (truth.astype(np.int64) * classes + ours) * classes + theirs
    used, counts = np.unique(cells, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(truth), counts / len(truth), size=resamples)
    true, our, their = used // classes**2, used // classes % classes, used % classes
    found = []
    for guess in (our, their):
        confusions = np.zeros((classes * classes, resamples), np.int64)
        np.add.at(confusions, true * classes + guess, draws.T)
        found.append(macro_f1(confusions.T.reshape(resamples, classes, classes)))
    return found[0] - found[1]


def _binned(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return each row's confidence, whether it is right, and its bin."""
    confidence = probabilities.max(1).astype(np.float64)
    # Bins are open below, so that a confidence of exactly a bound counts to the lower bin, as in Guo et al.
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return confidence, probabilities.argmax(1) == truth, bin_of


def gaps_of(truth: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what each row adds to its bin's gap, (rows, BINS): the ECE is the mean of the columns' absolute sums."""
    confidence, correct, bin_of = _binned(truth, probabilities, BINS)
    gaps = np.zeros((len(truth), BINS))
    gaps[np.arange(len(truth)), bin_of] = correct - confidence
    return gaps


def _eces(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], random: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Return the ECE of each resample of the rows."""
    gaps = gaps_of(truth, probabilities)
    found = np.empty(resamples)
    for start in range(0, resamples, 100):  # a hundred at a time, so that large sets fit in memory
        times = random.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=min(100, resamples - start))
        found[start : start + len(times)] = np.abs(times @ gaps).sum(1) / len(truth)
    return found


def _middle(values: NDArray[np.float64]) -> Pair:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
