"""A new model judges otherwise than the one before it: what its negative stories are compared with. Pure.

History was counted by the old model. It is converted to what the new one would have counted: by the answers that both
gave to the same messages while the new one ran in shadow, or, without them, by how often it has found negative
stories since. A history that was counted again by the new model holds its version alone and needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream.baseline import CountBaseline, Floats, ShareBaseline

if TYPE_CHECKING:
    from undertone.shadow_store import Disagreement

UNSURE_H = 24
"""Hours after a takeover in which series may still differ in how the new model judges them; then each has a level of
its own."""
SEEN_CV2 = 0.02
UNSEEN_CV2 = 0.09
"""Squared coefficient of variation of a series' own ratio of negative stories around the conversion for all: with a
shadow, and without."""
SHADOW_PRIOR = 20.0
"""Compared messages that must be outweighed to leave "both models say the same"."""
MIN_COMPARED = 200
"""Fewer compared messages than this count as no shadow."""
SINCE_PRIOR = 50.0
"""Expected negative stories since the takeover that must be outweighed to leave "both models say the same"."""


class Conversion(NamedTuple):
    """What becomes of a story in the new model's eyes: P(negative) if the old one called it negative, and if not."""

    kept: float = 1.0
    gained: float = 0.0

    def of(self, negative: Floats, total: Floats) -> Floats:
        """Expected negative stories by the new model; any shape."""
        result: Floats = self.kept * negative + self.gained * (total - negative)
        return result


class Takeover(NamedTuple):
    """The first hour of event time since 1970 of which a model counted most messages, and the model before it.

    ``seen`` is the conversion that the shadow found, None where there was none.
    """

    hour: int
    old: str
    new: str
    seen: Conversion | None = None


def takeovers(versions: Mapping[int, Mapping[str, int]]) -> list[Takeover]:
    """Where another model counted most messages of an hour than of the one before that has any.

    Args:
        versions: Hour since 1970 → model version → messages, in any order.
    """
    found: list[Takeover] = []
    old = ""
    for hour, counts in sorted(versions.items()):
        if not counts:
            continue
        new = max(counts, key=lambda version: (counts[version], version == old, version))
        if old and new != old:
            found.append(Takeover(hour, old, new))
        old = new
    return found


def seen(compared: Disagreement) -> Conversion | None:
    """The conversion from a champion to the challenger that follows it, None where too little was compared.

    Each probability is a Beta posterior mean whose prior says that both answer the same.
    """
    if compared.compared < MIN_COMPARED:
        return None
    (both, *rest), *others = compared.sentiment
    was_negative, was_not = both + sum(rest), sum(map(sum, others))
    turned = sum(row[0] for row in others)
    return Conversion((SHADOW_PRIOR + both) / (SHADOW_PRIOR + was_negative), turned / (SHADOW_PRIOR + was_not))


def since(negative: float, total: float, share: float) -> Conversion:
    """The conversion by which the whole stream's negative stories have changed since a takeover.

    The ratio is the Gamma-Poisson posterior mean (κ + N) / (κ + E); it also holds what has changed in the news.

    Args:
        negative: Negative stories since.
        total: All stories since.
        share: Negative share before, by the old model.
    """
    ratio = (SINCE_PRIOR + negative) / (SINCE_PRIOR + total * share)
    if ratio <= 1:
        return Conversion(ratio, 0.0)
    return Conversion(1.0, min((ratio - 1) * share / max(1 - share, 1e-6), 1.0))


def converted(
    negative: Floats, total: Floats, begin: int, found: Sequence[Takeover], conversions: Sequence[Conversion]
) -> Floats:
    """History as the newest model would have counted it, (hours, series).

    Args:
        negative: (hours, series) as counted, chronological.
        total: The same of all stories.
        begin: The hour since 1970 of the first row.
        found: In order of time.
        conversions: One for each.
    """
    for takeover, conversion in zip(found, conversions, strict=True):
        before = min(max(takeover.hour - begin, 0), len(negative))
        if before:
            negative = np.concatenate([conversion.of(negative[:before], total[:before]), negative[before:]])
    return negative


def widened(
    negatives: CountBaseline, shares: ShareBaseline, hour: int, found: Sequence[Takeover]
) -> tuple[CountBaseline, ShareBaseline]:
    """The same baselines, less sure in the first UNSURE_H after a takeover.

    With a squared coefficient of variation c of the negative rate, the dispersion grows by c and the variance of the
    share, in units of s(1-s), by c·s/(1-s).
    """
    recent = [one for one in found if 0 <= hour - one.hour < UNSURE_H]
    if not recent:
        return negatives, shares
    c = max(UNSEEN_CV2 if one.seen is None else SEEN_CV2 for one in recent)
    variance = 1 / (1 + shares.precision) + c * shares.mean / (1 - shares.mean)
    return (
        CountBaseline(negatives.base, negatives.level, negatives.dispersion + c),
        ShareBaseline(shares.mean, np.maximum(1 / variance - 1, 0.5)),
    )
