"""Does it pay to correct the counts for what the classifier gets wrong? By simulation, with the shipped model's errors.

``python -m benchmarks.classifier_error`` compares, at the same rate of false alarms, the counts as they are with three
that are corrected: by the inverse of the confusion matrix, by prior-shift EM on the probabilities (Saerens, Latinne &
Decaestecker 2002, Neural Computation 14) and by summing the probabilities. It takes about half a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from benchmarks.machine import hardware
from stream.baseline import Floats, Ints
from stream.detector import NEGATIVE_SURGE, count_tail, share_tail

MEAN, DISPERSION = 6.0, 0.3
"""Stories an hour of the series, and their α."""
SHARE, PRECISION = 0.2, 10.0
"""True negative share, which varies from hour to hour."""
WINDOWS = 100_000
FALSE_ALARMS = 1e-3
SURGES = (4, 6, 8, 12)
EM_STEPS = 30


class Errors(NamedTuple):
    """Of "negative" against the rest on one set of the model card: recall, precision, negative rows, all rows."""

    name: str
    recall: float
    precision: float
    negative: int
    rows: int

    @property
    def false_positive(self) -> float:
        """Share of what is not negative that is called so."""
        return self.negative * self.recall * (1 / self.precision - 1) / (self.rows - self.negative)


TWEETS = Errors("tweets sentiment valid", 0.770, 0.763, 318, 2_245)
HEADLINES = Errors("sentfin valid", 0.835, 0.868, 316, 1_157)
UNSEEN = Errors("phrasebank 50, unseen", 0.694, 0.760, 604, 4_846)
CASES = ((TWEETS, TWEETS), (HEADLINES, HEADLINES), (UNSEEN, HEADLINES))
"""The errors that are made, and those that are corrected for: of the model card, and of a source it was not made on."""


class Windows(NamedTuple):
    """n windows of at most w stories: how many there are, which places are stories, and the score of each, (n, w)."""

    total: Ints
    there: NDArray[np.bool_]
    score: Floats


def simulate(rng: np.random.Generator, errors: Errors, n: int, surge: int = 0) -> Windows:
    """Hours of a series, ``surge`` truly negative stories more in each.

    The score of a story is normal with variance 1 around 0, or around d if it is negative, where d and the threshold
    give the errors of the model card.
    """
    background = rng.negative_binomial(1 / DISPERSION, 1 / (1 + DISPERSION * MEAN), n)
    share = rng.beta(SHARE * PRECISION, (1 - SHARE) * PRECISION, n)
    negative = rng.binomial(background, share) + surge
    total = background + surge
    place = np.arange(total.max())
    there = place < total[:, None]
    threshold, distance = _scores(errors)
    score = rng.standard_normal(there.shape, np.float32) + distance * (place < negative[:, None])
    return Windows(total.astype(np.int64), there, score - threshold)


def _scores(errors: Errors) -> tuple[float, float]:
    """Threshold, and distance of the two classes, that have these errors."""
    threshold = -float(ndtri(errors.false_positive))
    return threshold, threshold + float(ndtri(errors.recall))


def plain(found: Windows, errors: Errors) -> Ints:
    """Stories that are called negative."""
    counts: Ints = ((found.score > 0) & found.there).sum(axis=1)
    return counts


def inverted(found: Windows, errors: Errors) -> Ints:
    """By the inverse of the confusion matrix: (k - FPR n) / (TPR - FPR)."""
    exact = (plain(found, errors) - errors.false_positive * found.total) / (errors.recall - errors.false_positive)
    return _whole(exact, found.total)


def shifted(found: Windows, errors: Errors) -> Ints:
    """By EM on each window's own share of negative stories."""
    ratio = _likelihood_ratio(found, errors)
    share = np.full(len(found.total), SHARE, np.float32)[:, None]
    n = np.maximum(found.total, 1)[:, None]
    for _ in range(EM_STEPS):
        share = (share * ratio / (share * ratio + 1 - share) * found.there).sum(axis=1, keepdims=True) / n
    return _whole((share[:, 0] * found.total).astype(np.float64), found.total)


def summed(found: Windows, errors: Errors) -> Ints:
    """By the sum of the probabilities, with the usual share as their prior."""
    ratio = _likelihood_ratio(found, errors)
    expected: Floats = (SHARE * ratio / (SHARE * ratio + 1 - SHARE) * found.there).sum(axis=1).astype(np.float64)
    return _whole(expected, found.total)


def _likelihood_ratio(found: Windows, errors: Errors) -> Floats:
    threshold, distance = _scores(errors)
    ratio: Floats = np.exp(distance * (found.score + threshold) - distance**2 / 2)
    return ratio


def _whole(counts: Floats, total: Ints) -> Ints:
    result: Ints = np.clip(np.rint(counts), 0, total).astype(np.int64)
    return result


METHODS: dict[str, Callable[[Windows, Errors], Ints]] = {
    "counts as they are": plain,
    "confusion matrix inverted": inverted,
    "prior-shift EM (Saerens 2002)": shifted,
    "probabilities summed": summed,
}


class Baseline(NamedTuple):
    """What is usual of one method's counts, by moments of the windows without a surge."""

    mean: float
    dispersion: float
    share: float
    precision: float


def usual(counts: Ints, total: Ints) -> Baseline:
    """Fit negative binomial and beta-binomial by moments, as :mod:`stream.baseline` does."""
    mean = float(counts.mean())
    share = float(counts.sum() / total.sum())
    spread = share * (1 - share)
    excess = float(((counts - total * share) ** 2 - total * spread).sum())
    rho = min(max(excess / float((total * (total - 1) * spread).sum()), 1e-3), 0.9)
    return Baseline(mean, max((float(counts.var()) - mean) / mean**2, 1e-3), share, 1 / rho - 1)


def surprise(counts: Ints, total: Ints, baseline: Baseline) -> Floats:
    """How far both tails are under the thresholds of a warning, in powers of ten; the nearer one counts."""
    n = len(counts)
    bars = NEGATIVE_SURGE.warning
    assert bars.p_count is not None, "the shipped rule tests counts"
    assert bars.p_share is not None, "and shares"
    p_count = count_tail(counts, np.full(n, baseline.mean), np.full(n, baseline.dispersion))
    p_share = share_tail(counts, total, np.full(n, baseline.share), np.full(n, baseline.precision))
    under = np.maximum(np.log10(p_count / bars.p_count + 1e-300), np.log10(p_share / bars.p_share + 1e-300))
    return np.where(counts >= NEGATIVE_SURGE.min_stories, -under, -np.inf)


def measure(errors: Errors, known: Errors, windows: int = WINDOWS) -> list[dict[str, Any]]:
    """For each method: false alarms at the shipped thresholds, and surges found at FALSE_ALARMS.

    ``errors`` are made, ``known`` are corrected for.
    """
    rng = np.random.default_rng(20261125)
    null = simulate(rng, errors, windows)
    surges = {size: simulate(rng, errors, max(windows // 10, 1), size) for size in SURGES}
    rows = []
    for name, method in METHODS.items():
        counts = method(null, known)
        baseline = usual(counts, null.total)
        quiet = surprise(counts, null.total, baseline)
        bar = float(np.quantile(quiet, 1 - FALSE_ALARMS))
        found = {
            size: float((surprise(method(one, known), one.total, baseline) > bar).mean())
            for size, one in surges.items()
        }
        rows.append({"method": name, "false_alarms": float((quiet >= 0).mean()), "found": found})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.classifier_error", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    figures = {errors.name: measure(errors, known) for errors, known in CASES}
    if options.json:
        print(json.dumps({"schema_version": 1, "hardware": hardware(), "sets": figures}))
        return 0
    for errors, known in CASES:
        print(f"\nErrors of {errors.name}: recall {errors.recall:.3f}, false positives {errors.false_positive:.3f}")
        print(f"Corrected for those of {known.name}\n")
        print(f"| counts | false alarms as shipped | {' | '.join(f'+{size} found' for size in SURGES)} |")
        print(f"| --- | ---: |{' ---: |' * len(SURGES)}")
        for row in figures[errors.name]:
            shares = " | ".join(f"{share:.3f}" for share in row["found"].values())
            print(f"| {row['method']} | {row['false_alarms']:.5f} | {shares} |")
    print(
        f"\n“found” is at {FALSE_ALARMS:g} false alarms a window. {WINDOWS:,} windows, {WINDOWS // 10:,} of each surge."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
