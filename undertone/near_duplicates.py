"""Which texts nearly repeat one of another set: an exact join on token Jaccard similarity, without comparing all pairs.

For sets at rest, such as train against test. The stream's own search (`stream/stories.py`) has to answer at once and
estimates.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from undertone.text import normalise

JACCARD = 0.8


def near(texts: Sequence[str], others: Iterable[str]) -> list[bool]:
    """Return for each text whether its token Jaccard similarity to some other text is at least `JACCARD`.

    Tokens are the words of `undertone.text.normalise`. Prefix filtering (Chaudhuri et al. 2006): two sets of
    similarity ≥ t share a token among the |x| - ⌈t|x|⌉ + 1 rarest of each, so only those are indexed.
    """
    other_sets = [frozenset(normalise(text).split()) for text in others]
    text_sets = [frozenset(normalise(text).split()) for text in texts]
    frequency = Counter(token for tokens in (*other_sets, *text_sets) for token in tokens)

    def rarest(tokens: frozenset[str]) -> list[str]:
        kept = len(tokens) - -(-len(tokens) * 8 // 10) + 1
        return sorted(tokens, key=lambda token: (frequency[token], token))[:kept]

    index: defaultdict[str, list[int]] = defaultdict(list)
    for position, tokens in enumerate(other_sets):
        for token in rarest(tokens):
            index[token].append(position)

    def is_near(tokens: frozenset[str]) -> bool:
        candidates = {position for token in rarest(tokens) for position in index.get(token, ())}
        return any(_similar(tokens, other_sets[position]) for position in candidates)

    return [is_near(tokens) for tokens in text_sets]


def clusters(texts: Sequence[str]) -> list[list[int]]:
    """Return the texts, by number, in groups of near repeats: each nearly repeats the first of its group.

    Groups and their members are in the order of the texts.
    """
    sets = [_words(text) for text in texts]
    frequency = Counter(token for tokens in sets for token in tokens)
    leaders: defaultdict[str, list[int]] = defaultdict(list)
    found: dict[int, list[int]] = {}
    for number, tokens in enumerate(sets):
        kept = len(tokens) - -(-len(tokens) * 8 // 10) + 1
        rare = sorted(tokens, key=lambda token: (frequency[token], token))[:kept]
        candidates = sorted({one for token in rare for one in leaders.get(token, ())})
        leader = next((one for one in candidates if _similar(tokens, sets[one])), number)
        found.setdefault(leader, []).append(number)
        if leader == number:
            for token in rare:
                leaders[token].append(number)
    return [*found.values()]


@lru_cache(maxsize=4_096)
def _words(text: str) -> frozenset[str]:
    return frozenset(normalise(text).split())


def _similar(tokens: frozenset[str], others: frozenset[str]) -> bool:
    return len(tokens & others) >= JACCARD * len(tokens | others)
