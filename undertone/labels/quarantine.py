"""Whose words are kept apart until somebody has looked at them: people who contradict the others, and floods.

Neither can tell malice from misunderstanding, and the first needs texts that others have judged too. What a majority
of invented people agrees on passes; reviewers are the remedy, since where one has spoken only reviewers' words are
compared with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from undertone.labels.limits import Limits
from undertone.labels.set_aside import Reason, SetAside, set_aside
from undertone.labels.words import Question, Word
from undertone.near_duplicates import JACCARD

Item = tuple[str, Question]
Released = Mapping[str, datetime]
"""Person (normalised) → arrival of the last release; words that came no later are not looked at again."""


class Disagreement(NamedTuple):
    """How often a person's words agreed with the others', and how unlikely so little agreement is."""

    agreed: int
    overlaps: int
    expected: float
    p: float


def quarantine(words: Sequence[Word], limits: Limits, released: Released) -> tuple[list[Word], list[SetAside]]:
    """The words that may vote, in their order, and those in quarantine."""
    suspects = disagreeing(words, limits, released)
    floods = flooding([word for word in words if _examined(word, limits, released)], limits)
    kept: list[Word] = []
    aside: list[SetAside] = []
    for word in words:
        reason = _reason(word, suspects, floods) if _examined(word, limits, released) else None
        if reason is None:
            kept.append(word)
        else:
            aside.append(set_aside(reason[0], [word.label], reason[1], str(word.question)))
    return kept, sorted(aside)


def _reason(word: Word, suspects: Mapping[str, Disagreement], floods: Mapping[str, str]) -> tuple[Reason, str] | None:
    found = suspects.get(word.person)
    if found is not None:
        detail = (
            f"agrees with the others on {found.agreed} of {found.overlaps} texts, "
            f"{found.expected:.0%} is usual (p = {found.p:.1e})"
        )
        return Reason.DISAGREES, detail
    return (Reason.FLOOD, floods[word.key]) if word.key in floods else None


def _examined(word: Word, limits: Limits, released: Released) -> bool:
    until = released.get(word.person)
    return word.person not in limits.reviewers and (until is None or word.arrived_at > until)


def disagreeing(words: Iterable[Word], limits: Limits, released: Released) -> dict[str, Disagreement]:
    """The people whose words contradict the others' more than chance explains, by name.

    A word is compared with the reviewers' majority on the same question, or, where no reviewer has spoken, with that of
    the other people; where there is none it is not compared. Both kinds of comparison are tested, each with a one-sided
    binomial test, P(X ≤ agreed | overlaps, expected). Expected is the rate at which everybody else agrees,
    (agreed + 1) / (overlaps + 2), at most `agreement_ceiling`, and with reviewers at least `agreement_floor`, since all
    the others may be in league. Who is the most unlikely goes first, and what is left is compared anew, since one who
    contradicts everybody makes everybody look worse.
    """
    tally = _Tally(words, limits, released)
    found: dict[str, Disagreement] = {}
    while True:
        suspects = [*_suspects(tally.peers, limits, 0.0), *_suspects(tally.gold, limits, limits.agreement_floor)]
        if not suspects:
            return found
        _, who, found[who] = min(suspects)
        tally.remove(who)


def _suspects(score: _Score, limits: Limits, floor: float) -> Iterator[tuple[float, str, Disagreement]]:
    from scipy.special import bdtr

    agreed_all, overlaps_all = score.agreed.total(), score.overlaps.total()
    for who, overlaps in score.overlaps.items():
        if overlaps < limits.overlaps:
            continue
        agreed = score.agreed[who]
        others = (agreed_all - agreed + 1) / (overlaps_all - overlaps + 2)
        expected = min(max(others, floor), limits.agreement_ceiling)
        p = float(bdtr(agreed, overlaps, expected))
        if p <= limits.p_disagrees:
            yield p, who, Disagreement(agreed, overlaps, expected, p)


class _Score(NamedTuple):
    """Who was compared how often, and agreed how often."""

    agreed: Counter[str]
    overlaps: Counter[str]


class _Tally:
    """Everybody's agreement with their peers and with reviewers; kept up to date when a person is taken out."""

    def __init__(self, words: Iterable[Word], limits: Limits, released: Released) -> None:
        self.peers = _Score(Counter(), Counter())
        self.gold = _Score(Counter(), Counter())
        self._limits = limits
        self._released = released
        self._items: defaultdict[Item, dict[str, Word]] = defaultdict(dict)
        self._of_person: defaultdict[str, list[Item]] = defaultdict(list)
        for word in words:
            item = (word.key, word.question)
            self._items[item][word.person] = word
            if _examined(word, limits, released):
                self._of_person[word.person].append(item)
        for item in self._items:
            self._count(item, 1)

    def remove(self, who: str) -> None:
        """Take out all words of a person that were examined."""
        for item in self._of_person.pop(who):
            self._count(item, -1)
            del self._items[item][who]
            self._count(item, 1)

    def _count(self, item: Item, sign: int) -> None:
        words = self._items[item]
        gold = Counter(word.answer for who, word in words.items() if who in self._limits.reviewers)
        answers = gold or Counter(word.answer for word in words.values())
        score = self.gold if gold else self.peers
        for who, word in words.items():
            if not _examined(word, self._limits, self._released):
                continue
            top = majority(answers if gold else answers - Counter([word.answer]))
            if top is not None:
                score.overlaps[who] += sign
                score.agreed[who] += sign * (top == word.answer)


def majority(votes: Mapping[str, int]) -> str | None:
    """The answer with more votes than any other; None for a tie or no votes."""
    ranked = Counter(votes).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def flooding(words: Iterable[Word], limits: Limits) -> dict[str, str]:
    """Normalised text → why, for the texts of groups of more than `flood_texts` that nearly repeat one of them.

    Texts are taken in alphabetical order; each joins the first earlier one whose token Jaccard similarity to it is at
    least :data:`undertone.near_duplicates.JACCARD`, or begins a group of its own (leader clustering, Hartigan 1975).
    """
    keys = sorted({word.key for word in words})
    tokens = {key: frozenset(key.split()) for key in keys}
    frequency = Counter(token for found in tokens.values() for token in found)
    index: defaultdict[str, list[str]] = defaultdict(list)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        mine = tokens[key]
        # Prefix filtering, as in near_duplicates: two sets that are near share one of these.
        rarest = sorted(mine, key=lambda token: (frequency[token], token))[: len(mine) - -(-len(mine) * 8 // 10) + 1]
        leaders = sorted({leader for token in rarest for leader in index[token]})
        near = (one for one in leaders if len(mine & tokens[one]) >= JACCARD * len(mine | tokens[one]))
        leader = next(near, None)
        if leader is None:
            leader = key
            for token in rarest:
                index[token].append(key)
        groups[leader].append(key)
    return {
        key: f"{len(members):,} texts nearly repeat {leader[:60]!r}"
        for leader, members in groups.items()
        if len(members) > limits.flood_texts
        for key in members
    }
