"""The figures of a classifier against scikit-learn, and their intervals against what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from training.metrics import classification_of, difference_of, intervals_of, softmax


def drawn(seed: int, rows: int, classes: int, skill: float = 1.0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels and the probabilities of a judge who is right the more often, the greater its skill."""
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=rows)
    logits = random.normal(size=(rows, classes))
    logits[np.arange(rows), truth] += skill
    return truth, softmax(logits)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 60), classes=st.integers(2, 9))
def test_figures_are_those_of_scikit_learn(seed: int, rows: int, classes: int) -> None:
    truth, probabilities = drawn(seed, rows, classes)
    guess = probabilities.argmax(1)
    found = classification_of(truth, probabilities)
    labels = list(range(classes))
    precision, recall, f1, support = precision_recall_fscore_support(truth, guess, labels=labels, zero_division=0)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.f1, f1)
    assert found.support == support.tolist()
    assert found.confusion == confusion_matrix(truth, guess, labels=labels).tolist()
    present = sorted(set(truth.tolist()))
    assert found.macro_f1 == pytest.approx(f1_score(truth, guess, labels=present, average="macro", zero_division=0))
    assert found.accuracy == pytest.approx((truth == guess).mean())


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 60))
def test_calibration_is_the_mean_gap_over_bins_that_cover_every_row_once(seed: int, rows: int) -> None:
    truth, probabilities = drawn(seed, rows, 3)
    found = classification_of(truth, probabilities)
    assert sum(one.rows for one in found.reliability) == rows
    for one in found.reliability:
        assert one.low < one.confidence <= one.high + 1e-12
    gap = sum(abs(one.accuracy - one.confidence) * one.rows for one in found.reliability) / rows
    assert found.ece == pytest.approx(gap)
    squares = [
        sum((share - (label == place)) ** 2 for place, share in enumerate(row))
        for label, row in zip(truth, probabilities, strict=True)
    ]
    assert found.brier == pytest.approx(sum(squares) / rows)


def test_a_judge_who_says_what_it_knows_is_calibrated_and_a_boaster_is_not() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(size=(20_000, 3)) * 2
    honest = softmax(logits)
    truth = np.array([random.choice(3, p=row) for row in honest])
    assert classification_of(truth, honest).ece < 0.015
    assert classification_of(truth, softmax(logits * 3)).ece > 0.1


def test_intervals_hold_the_true_value_about_as_often_as_they_promise() -> None:
    truth, probabilities = drawn(1, 200_000, 3, skill=1.2)
    whole = classification_of(truth, probabilities)
    random = np.random.default_rng(2)
    accuracy, macro = 0, 0
    for trial in range(200):
        rows = random.choice(len(truth), 300, replace=False)
        found = intervals_of(truth[rows], probabilities[rows], trial, resamples=400)
        accuracy += found.accuracy[0] <= whole.accuracy <= found.accuracy[1]
        macro += found.macro_f1[0] <= whole.macro_f1 <= found.macro_f1[1]
    assert 180 <= accuracy <= 199
    assert 180 <= macro <= 199


def test_redrawing_cells_is_redrawing_rows() -> None:
    truth, probabilities = drawn(3, 150, 4)
    found = intervals_of(truth, probabilities, seed=4, resamples=4000)
    random = np.random.default_rng(5)
    figures = []
    for _ in range(1000):
        rows = random.integers(len(truth), size=len(truth))
        figure = classification_of(truth[rows], probabilities[rows])
        figures.append((figure.accuracy, figure.macro_f1, figure.ece))
    expected = np.quantile(figures, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose([found.accuracy, found.macro_f1, found.ece], expected, atol=0.015)


def test_intervals_are_the_same_for_the_same_seed_and_hold_the_figure() -> None:
    truth, probabilities = drawn(8, 500, 20)
    found = intervals_of(truth, probabilities, 1)
    assert found == intervals_of(truth, probabilities, 1)
    assert found != intervals_of(truth, probabilities, 2)
    figure = classification_of(truth, probabilities)
    assert found.accuracy[0] < figure.accuracy < found.accuracy[1]
    assert found.macro_f1[0] < figure.macro_f1 < found.macro_f1[1]


def test_a_difference_is_certain_only_where_one_judge_is_clearly_better() -> None:
    truth, good = drawn(11, 800, 3, skill=3.0)
    _, poor = drawn(11, 800, 3, skill=0.5)
    better, worse = good.argmax(1), poor.argmax(1)
    low, high = difference_of(truth, better, worse, 3, seed=0)
    assert low > 0.1
    assert difference_of(truth, better, better, 3, seed=0) == (0.0, 0.0)
    assert difference_of(truth, worse, better, 3, seed=0) == pytest.approx((-high, -low), abs=0.02)
    almost = better.copy()
    almost[:6] = (almost[:6] + 1) % 3
    low, high = difference_of(truth, better, almost, 3, seed=0)
    assert 0 <= low <= high < 0.02  # paired: the rows on which they agree add no doubt
