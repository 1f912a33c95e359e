"""An explanation as data: what was asked and answered, each word's weight, and the facts that its sentence tells."""

import msgspec


class Word(msgspec.Struct, frozen=True):
    """One word, the characters [start, end) of the explanation's text, and its weight.

    Above 0 the word speaks for the label, below 0 against it; attention rollout knows no against.
    """

    start: int
    end: int
    word: str
    weight: float


class Without(msgspec.Struct, frozen=True):
    """What the model says once some words, numbered from 0, are cut out of the text together."""

    words: tuple[int, ...]
    label: str
    probability: float


class Facts(msgspec.Struct, frozen=True):
    """What the sentence tells; words are numbered from 0.

    Attributes:
        leading: The one or two words that weigh most for the label, the heaviest first.
        against: The word that weighs most against it, if one does.
        without: The fewest leading words, three at most, whose cutting changes the label; where none do, the first.
    """

    leading: tuple[int, ...]
    against: int | None
    without: Without | None


class Explanation(msgspec.Struct, frozen=True):
    """Why one head of the model gave a text its label.

    Attributes:
        text: The text as the model got it: cleaned (`undertone.text.clean`).
        head: ``sentiment``, ``topic`` or ``entity``.
        entity: Whom the head ``entity`` was asked about, else None.
        label: The most probable label.
        probability: Its calibrated probability.
        method: One of `undertone.explain.METHODS`.
        words: The text's words in order, no more than the model can read. What names the entity asked about is not
            among them.
        rest: What fell on punctuation, the entity's own name and the special tokens; None where the method weighs
            nothing but words.
        facts: What the sentence tells.
        sentence: The facts in English.
        model: The model's version.
    """

    text: str
    head: str
    entity: str | None
    label: str
    probability: float
    method: str
    words: tuple[Word, ...]
    rest: float | None
    facts: Facts
    sentence: str
    model: str
