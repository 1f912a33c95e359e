"""Does a name move the sentiment by itself? Neutral sentences about companies by region and about people by origin.

Measures, mends nothing. A lean is P(negative) - P(positive): above 0 a name is taken for bad news. On real rows the
error rate by how often the training texts name a company tells whether rare ones fare worse.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kruskal

from training.figures import BandErrors, Fairness, GroupLean, Lean
from training.noise import plain
from training.robustness import share_of
from undertone.entities import Linker
from undertone.scorer import Mention, OnnxScorer

MOST_NAMES = 40  # of one region
FEWEST_NAMES = 5
WORST = 10
BANDS = ((0, "never"), (9, "1 to 9 times"), (49, "10 to 49 times"), (None, "50 times or more"))

_OF_COMPANIES = """
{} will publish its quarterly report on Thursday
{} holds its annual general meeting in May
{} has its head office in the city
{} employs people in several countries
The board of {} meets next week
{} makes a presentation at the conference
Here is what to know about {}
{} describes its business in the annual report
The shares of {} are listed on the exchange
A spokesperson for {} answered questions on Monday
""".strip().splitlines()
_OF_PEOPLE = """
{} is the chief financial officer of the company
{} will speak at the investor conference on Thursday
{} answers questions about the quarterly report
{} has worked at the bank for six years
The board meets {} next week
{} writes about markets every Monday
""".strip().splitlines()
_PEOPLE = {  # common given and family names, so none of them is a person in particular
    "English, women": "Emily Walker|Susan Clark|Karen Hill|Laura Scott|Helen Cooper|Alice Turner",
    "English, men": "Peter Walker|Simon Clark|Brian Hill|Kevin Scott|George Cooper|Henry Turner",
    "Chinese": "Li Na|Wang Wei|Zhang Min|Chen Jing|Liu Yang|Zhao Lei",
    "Indian": "Priya Sharma|Rahul Verma|Anita Rao|Sanjay Patel|Kavita Iyer|Vikram Singh",
    "Arabic": "Fatima Hassan|Ahmed Saleh|Layla Mansour|Omar Khalil|Aisha Nasser|Yusuf Haddad",
    "West African": "Ngozi Okafor|Chidi Eze|Amina Bello|Kwame Mensah|Abena Owusu|Femi Adeyemi",
    "Slavic": "Olga Ivanova|Dmitri Petrov|Anna Kowalska|Pavel Novak|Irina Sokolova|Marek Zielinski",
    "Hispanic": "Maria Garcia|Jose Martinez|Lucia Fernandez|Carlos Gomez|Elena Torres|Diego Ramirez",
}


def companies_by_region(linker: Linker, seed: int) -> dict[str, list[str]]:
    """Return at most 40 company names of each region that has 5 or more; no currencies, no indices."""
    regions: dict[str, list[str]] = {}
    for company in linker.companies:
        if company.region not in ("", "CRYPTO", "INDEX"):
            regions.setdefault(company.region, []).append(plain(company.name))
    random = Random(seed)
    return {
        region: sorted(random.sample(names, min(MOST_NAMES, len(names))))
        for region, names in sorted(regions.items())
        if len(names) >= FEWEST_NAMES
    }


def fairness_of(scorer: OnnxScorer, linker: Linker, seed: int) -> list[Fairness]:
    """Return what names do to each head that judges sentiment: companies by region, people by origin."""
    groups = {
        "region": (companies_by_region(linker, seed), _OF_COMPANIES),
        "origin": ({origin: names.split("|") for origin, names in _PEOPLE.items()}, _OF_PEOPLE),
    }
    return [
        compare(head, by, names, scores_of(scorer, head, names, sentences), scorer.manifest.labels(head))
        for by, (names, sentences) in groups.items()
        for head in ("sentiment", "entity")
        if {"negative", "positive"} <= set(scorer.manifest.labels(head))
    ]


def scores_of(
    scorer: OnnxScorer, head: str, groups: Mapping[str, Sequence[str]], sentences: Sequence[str]
) -> NDArray[np.float32]:
    """Return the probabilities of each name, in the order of the groups, in each sentence: (names, sentences, 3)."""
    names = [name for group in groups.values() for name in group]
    mentions = [
        Mention(sentence.format(name), start := sentence.index("{}"), start + len(name))
        for name in names
        for sentence in sentences
    ]
    if head == "entity":
        scores = scorer.score_entities(mentions)
    else:
        scores = scorer.score_heads([mention.text for mention in mentions])[head]
    return scores.reshape(len(names), len(sentences), -1)


def compare(
    head: str, by: str, groups: Mapping[str, Sequence[str]], scores: NDArray[np.floating], labels: Sequence[str]
) -> Fairness:
    """Compare groups of names by their leans; `scores` is (names, sentences, labels) in the order of the groups."""
    leans = (scores[..., labels.index("negative")] - scores[..., labels.index("positive")]).mean(1)  # (names,)
    polar = np.isin(scores.argmax(-1), [labels.index("negative"), labels.index("positive")])
    group_of = np.repeat(np.arange(len(groups)), [len(names) for names in groups.values()])
    found = []
    for place, (group, names) in enumerate(groups.items()):
        own = leans[group_of == place]
        low, high = np.quantile(own, [0.25, 0.75])
        neutral = 1 - polar[group_of == place].mean()
        found.append(GroupLean(group, len(names), float(own.mean()), float(low), float(high), float(neutral)))
    statistic, p_value = _kruskal([leans[group_of == place] for place in range(len(groups))])
    named = [(name, group) for group, names in groups.items() for name in names]
    furthest = np.argsort(-np.abs(leans - np.median(leans)), kind="stable")[:WORST]
    means = [group.mean for group in found]
    return Fairness(
        head=head,
        by=by,
        names=len(named),
        sentences=scores.shape[1],
        groups=found,
        spread=max(means) - min(means),
        statistic=statistic,
        p_value=p_value,
        effect=statistic / max(len(named) - 1, 1),
        worst=[Lean(named[place][0], named[place][1], float(leans[place])) for place in furthest],
    )


def errors_by_frequency(
    source: str, head: str, wrong: NDArray[np.bool_], counts: Sequence[int | None]
) -> list[BandErrors]:
    """Return the error rate of rows by how often train names their entity; rows that name none (None) are left out."""
    found = []
    below = -1
    for most, band in BANDS:
        inside = [count is not None and below < count and (most is None or count <= most) for count in counts]
        below = below if most is None else most
        if any(inside):
            found.append(BandErrors(source, head, band, share_of(wrong[np.array(inside)])))
    return found


class Frequency:
    """How often the training texts name a company: by symbol, and for a labelled mention by its name as written."""

    def __init__(self, linker: Linker, train: pd.DataFrame) -> None:
        """`train` is the prepared set of that name."""
        self._linker = linker
        self._symbols = Counter(symbol for text in train["text"].unique() for symbol in linker.link(text))
        self._names = Counter(_names(train))

    def of_text(self, text: str) -> int | None:
        """Return the count of the text's best known company; None where it names none."""
        symbols = self._linker.link(text)
        return max(self._symbols[symbol] for symbol in symbols) if symbols else None

    def of_mention(self, mention: Mention) -> int:
        return self._names[mention.text[mention.start : mention.end].lower()]


def _names(rows: pd.DataFrame) -> Iterable[str]:
    for text, start, end in zip(rows["text"], rows["start"], rows["end"], strict=True):
        if end > start:
            yield text[start:end].lower()


def _kruskal(samples: Sequence[NDArray[np.floating]]) -> tuple[float, float]:
    """Return statistic and p-value; values that are all equal differ by nothing."""
    together = np.concatenate(samples)
    if len(samples) < 2 or np.ptp(together) == 0:
        return 0.0, 1.0
    found = kruskal(*samples)
    return float(found.statistic), float(found.pvalue)
