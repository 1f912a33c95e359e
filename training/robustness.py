"""Does a label survive what happens to texts on their way? How often noise flips it, and whether a negation moves it.

Noise (training/noise.py) leaves the meaning alone, so a flip is an error; a negation turns it, so no change is one.
"""

import re
from collections.abc import Iterable, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from training.figures import Flips, Negation, Robustness, Share
from training.noise import Swaps, around, kinds_of
from undertone.entities import Linker
from undertone.scorer import Mention, OnnxScorer

# Polarity, then a sentence whose auxiliary takes "not"; {} names a company.
_NEGATABLE = """
+ {} will raise its dividend
+ {} will beat expectations this quarter
+ {} is expected to return to profit
+ {} shares are likely to rise further
+ {} has won the contract
+ {} did report strong growth
+ {} is a buy
+ Analysts are bullish on {}
+ Demand for the products of {} is growing
+ {} has gained market share
- {} will cut jobs
- {} will miss expectations this quarter
- {} is expected to default on its debt
- {} shares are likely to fall further
- {} has lost the contract
- {} did report weak sales
- {} is a sell
- Analysts are bearish on {}
- Demand for the products of {} is falling
- {} has been accused of fraud
""".strip().splitlines()
_AUXILIARY = re.compile(r"\b(will|is|are|has|did)\b")
_COMPANIES = "Apple Boeing Nestle Toyota Infosys Vodafone Siemens Alibaba Pfizer Walmart".split()


def robustness_of(
    scorer: OnnxScorer, texts: Sequence[str], mentions: Sequence[Mention], linker: Linker, seed: int, *, english: bool
) -> Robustness:
    """Return how often noise flips labels, of `texts` for the heads of a text and of `mentions` for the head entity."""
    swaps = Swaps(linker)
    flips: list[Flips] = []
    before = labels_of(scorer, texts)
    before_entity = _entity_labels(scorer, mentions)
    for kind, forms in kinds_of(swaps).items():
        changed: dict[str, list[NDArray[np.bool_]]] = {}
        for form in forms:
            random = Random(f"{seed} {kind} {form.__name__}")
            pairs = [(row, new) for row, text in enumerate(texts) if (new := form(text, random)) is not None]
            rows = [row for row, _ in pairs]
            for head, labels in labels_of(scorer, [new for _, new in pairs]).items():
                changed.setdefault(head, []).append(labels != before[head][rows])
            named = [(row, one) for row, old in enumerate(mentions) if (one := around(old, form, swaps, random))]
            labels = _entity_labels(scorer, [one for _, one in named])
            changed.setdefault("entity", []).append(labels != before_entity[[row for row, _ in named]])
        for head, parts in changed.items():
            if any(len(part) for part in parts):
                flips.append(Flips(kind, head, share_of(np.concatenate(parts))))
    under_noise = {
        head: float(np.mean([one.changed.share for one in flips if one.head == head]))
        for head in dict.fromkeys(one.head for one in flips)
    }
    overall = float(np.mean(list(under_noise.values()))) if under_noise else 0.0
    return Robustness(flips, under_noise, overall, negation_of(scorer) if english and judges_polarity(scorer) else None)


def share_of(hits: Iterable[bool] | NDArray[np.bool_]) -> Share:
    """Return the share of True with Wilson's 95 % interval; of nothing it is 0 and could be anything."""
    found = [bool(hit) for hit in hits]
    if not found:
        return Share(0, 0, 0.0, (0.0, 1.0))
    interval = binomtest(sum(found), len(found)).proportion_ci(method="wilson")
    return Share(sum(found), len(found), sum(found) / len(found), (float(interval.low), float(interval.high)))


def labels_of(scorer: OnnxScorer, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Return the label's number of each text by head."""
    return {head: scores.argmax(1) for head, scores in scorer.score_heads(texts).items()}


def _entity_labels(scorer: OnnxScorer, mentions: Sequence[Mention]) -> NDArray[np.int64]:
    return scorer.score_entities(mentions).argmax(1) if mentions else np.empty(0, np.int64)


def judges_polarity(scorer: OnnxScorer) -> bool:
    """Whether the model tells negative from positive texts."""
    return {"negative", "positive"} <= set(scorer.manifest.labels("sentiment"))


def negation_pairs() -> list[tuple[bool, str, str]]:
    """Return (is it positive, sentence, its negation).

    >>> negation_pairs()[0]
    (True, 'Apple will raise its dividend', 'Apple will not raise its dividend')
    """
    return [
        (line[0] == "+", line[2:].format(company), _AUXILIARY.sub(r"\1 not", line[2:], count=1).format(company))
        for line in _NEGATABLE
        for company in _COMPANIES
    ]


def negation_of(scorer: OnnxScorer) -> Negation:
    pairs = negation_pairs()
    labels = scorer.manifest.labels("sentiment")
    negative, positive = labels.index("negative"), labels.index("positive")
    good = np.array([polarity for polarity, _, _ in pairs])
    plainly = scorer.score_heads([sentence for _, sentence, _ in pairs])["sentiment"]
    negated = scorer.score_heads([negation for _, _, negation in pairs])["sentiment"]
    wanted = np.where(good, positive, negative)
    right = plainly.argmax(1) == wanted
    fall = (plainly - negated)[:, positive] - (plainly - negated)[:, negative]
    return Negation(
        judged_right=share_of(right),
        label_changed=share_of((negated.argmax(1) != wanted)[right]),
        moved_right=share_of((np.where(good, fall, -fall) > 0)[right]),
    )
