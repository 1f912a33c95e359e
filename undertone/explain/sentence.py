"""The facts of an explanation, tried out on the model, and the one sentence that tells them and nothing else."""

from collections.abc import Sequence

import numpy as np

from undertone.explain.explanation import Facts, Without, Word
from undertone.explain.question import Question
from undertone.explain.words import Span, cut
from undertone.scorer import Mention

WORTH = 0.005
"""A smaller weight is not told: it would read 0.00."""
MOST_CUT = 3
_SHOWN_CHARACTERS = 40


def facts_of(question: Question, mention: Mention, words: Sequence[Word], label: int) -> Facts:
    """Return the facts about a text's words, whatever method weighed them.

    What would be without them is always asked of the scorer itself.
    """
    order = sorted(range(len(words)), key=lambda number: -words[number].weight)
    leading = [number for number in order[:MOST_CUT] if words[number].weight > WORTH]
    against = order[-1] if words and words[order[-1]].weight < -WORTH else None
    return Facts(tuple(leading[:2]), against, _without(question, mention, words, leading, label))


def sentence_of(
    words: Sequence[Word], facts: Facts, label: str, probability: float, method: str, towards: str | None = None
) -> str:
    """Return the facts in English, two digits after the point."""
    what = f"{label[:1].upper()}{label[1:]}" + (f" towards {towards}" if towards else "")
    return f"{what} ({probability:.2f}): {'; '.join(_clauses(words, facts, label, method))}."


def _clauses(words: Sequence[Word], facts: Facts, label: str, method: str) -> list[str]:
    if not words:
        return ["the text has no words to weigh"]
    clauses = []
    if facts.leading:
        first, *then = facts.leading
        heaviest = facts.against is None or words[first].weight >= -words[facts.against].weight
        weighs = "weighs most" if heaviest else "weighs most for it"
        if method == "rollout":
            weighs = "gets the most attention"
        told = f"{name(words, first)} {weighs} ({_number(words[first].weight)})"
        clauses.append(told + "".join(f", then {name(words, n)} ({_number(words[n].weight)})" for n in then))
    else:
        clauses.append("no single word speaks for it")
    if facts.against is not None:
        clauses.append(f"{name(words, facts.against)} weighs against it ({_number(words[facts.against].weight)})")
    if facts.without is not None:
        cut_out = [name(words, number) for number in facts.without.words]
        listed = " and ".join(filter(None, [", ".join(cut_out[:-1]), cut_out[-1]]))
        still = "still " if facts.without.label == label else ""
        clauses.append(f"without {listed} it would {still}be {facts.without.label} ({facts.without.probability:.2f})")
    return clauses


def name(words: Sequence[Word], number: int) -> str:
    """Return a word in quotes, with its number (from 1) where the text has it more than once."""
    word = words[number].word
    shown = word if len(word) <= _SHOWN_CHARACTERS else f"{word[: _SHOWN_CHARACTERS - 1]}…"
    again = sum(other.word == word for other in words) > 1
    return f'"{shown}"' + (f" (word {number + 1})" if again else "")


def _without(
    question: Question, mention: Mention, words: Sequence[Word], leading: Sequence[int], label: int
) -> Without | None:
    if not leading:
        return None
    cuts = [tuple(leading[:many]) for many in range(1, len(leading) + 1)]
    asked = [cut(mention, [Span(words[n].start, words[n].end) for n in chosen]) for chosen in cuts]
    answers = question.answers(asked)
    changed = [place for place, answer in enumerate(answers) if int(np.argmax(answer)) != label]
    place = changed[0] if changed else 0
    found = int(np.argmax(answers[place]))
    return Without(cuts[place], question.labels[found], float(answers[place, found]))


def _number(weight: float) -> str:
    return f"{weight:.2f}".replace("-", "−")
