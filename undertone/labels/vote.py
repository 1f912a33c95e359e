"""One answer to each question about each text: a weighted vote of the words that are left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from undertone.labels.limits import Limits
from undertone.labels.quarantine import majority
from undertone.labels.set_aside import Reason, SetAside, set_aside
from undertone.labels.words import Question, Word


class Decision(NamedTuple):
    """The answer that won, and the words that say so."""

    key: str
    question: Question
    answer: str
    witnesses: tuple[Word, ...]

    def rests_on(self, field: str, limits: Limits) -> str | None:
        """The one person (`field` "person") or source ("source") that alone stands for it; None for several.

        What a reviewer has said too rests on the reviewer, whom the operator vouches for.
        """
        if any(word.person in limits.reviewers for word in self.witnesses):
            return None
        names = {word.person if field == "person" else word.label.source for word in self.witnesses}
        return names.pop() if len(names) == 1 else None


def vote(words: Iterable[Word], limits: Limits) -> tuple[list[Decision], list[SetAside]]:
    """The decisions by text and question, and the ties."""
    ballots: defaultdict[tuple[str, Question], list[Word]] = defaultdict(list)
    for word in words:
        ballots[word.key, word.question].append(word)
    decided: list[Decision] = []
    tied: list[SetAside] = []
    for (key, question), cast in sorted(ballots.items(), key=lambda one: one[0]):
        votes: Counter[str] = Counter()
        for word in cast:
            votes[word.answer] += limits.votes(word.person)
        answer = majority(votes)
        if answer is None:
            detail = "; ".join(
                f"{one}: {', '.join(sorted(word.label.labelled_by for word in cast if word.answer == one))}"
                for one in sorted(votes)
            )
            tied.append(set_aside(Reason.DISPUTED, [word.label for word in cast], detail, str(question)))
        else:
            witnesses = sorted((word for word in cast if word.answer == answer), key=_order)
            decided.append(Decision(key, question, answer, tuple(witnesses)))
    return decided, tied


def _order(word: Word) -> tuple[object, str]:
    return word.arrived_at, word.person
