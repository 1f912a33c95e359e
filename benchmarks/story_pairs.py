"""Pairs of texts of which is known whether the second tells the first one's story again: the project's own sentences.

Sentences are made from parts, so that a pair's kind decides its label. Pure, and the same for the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

COMPANIES = ("Tesla", "Boeing", "Pfizer", "Walmart", "Intel", "Nike", "Starbucks", "Siemens", "Toyota", "Netflix")
TAGS = ("TSLA", "BA", "PFE", "WMT", "INTC", "NKE", "SBUX", "SIEGY", "TM", "NFLX")
PLACES = ("Ohio", "Bavaria", "Kansai", "Texas", "Ontario", "Gujarat", "Wales", "Jalisco")
PEOPLE = ("analysts", "union leaders", "two directors", "people close to the talks", "suppliers", "regulators")
DEEDS = (
    "{0} cuts its forecast for the year to ${1} billion as orders from {2} dry up",
    "{0} will close its plant in {2} and let {1}00 people go before the summer",
    "{0} wins a contract worth ${1} million to rebuild the network of {2}",
    "{0} faces a fine of ${1} million over safety reports that it kept from {2}",
    "{0} names a new head of finance after the loss of ${1} million in {2}",
    "Shares of {0} fall {1}% as a strike spreads from {2} to other sites",
    "{0} raises its dividend by {1}% and buys back stock after a strong quarter in {2}",
    "{0} recalls {1}00,000 units sold in {2} because a part may overheat",
    "{0} delays the launch of its new line in {2}, which costs it ${1} million",
    "{0} sells its business in {2} to a rival for ${1} billion in cash",
)
ENDS = (
    "say {0}",
    "according to {0}",
    "as {0} had warned for weeks",
    "a step that {0} call overdue",
    "but {0} doubt that it will be the last",
)
OTHER_WORDS = {
    "cuts its forecast for the year to": "now expects to make less than before, only",
    "will close its plant in": "shuts down the factory at",
    "wins a contract worth": "is hired to do work for",
    "faces a fine of": "may have to pay a penalty of",
    "names a new head of finance after": "replaces its chief accountant following",
    "fall": "slide",
    "raises its dividend by": "pays shareholders more, up",
    "recalls": "asks owners to return",
    "delays the launch of": "postpones",
    "sells its business in": "parts with the unit at",
}
OPPOSITES = (
    ("cuts", "lifts"), ("close", "expand"), ("wins", "loses"), ("faces", "escapes"), ("new", "former"),
    ("fall", "rise"), ("raises", "halves"), ("strong", "weak"), ("delays", "hastens"), ("sells", "keeps"),
    ("recalls", "defends"),
)  # fmt: skip
COMMENTS = ("This was only a matter of time.", "Wow, I did not see that coming", "Who is surprised?", "Big if true:")


class Pair(NamedTuple):
    """Two texts, their kind, and whether the second is no news after the first."""

    kind: str
    first: str
    second: str
    same: bool


class _Story:
    """One event in parts, so that each can be exchanged."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.company = chance.randrange(len(COMPANIES))
        self.place, self.figure = chance.choice(PLACES), chance.randint(2, 90)
        self.deed, self.end = chance.choice(DEEDS), chance.choice(ENDS).format(chance.choice(PEOPLE))

    def text(self, *, company: int | None = None, place: str = "", figure: int = 0, tagged: bool = True) -> str:
        company = self.company if company is None else company
        deed = self.deed.format(COMPANIES[company], figure or self.figure, place or self.place)
        return f"{deed}, {self.end}" + (f" ${TAGS[company]}" if tagged else "") + f" https://t.co/{self.link()}"

    def link(self) -> str:
        return "".join(self.chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=8))

    def another(self, many: int, taken: int) -> int:
        return (taken + 1 + self.chance.randrange(many - 1)) % many


def _bare(text: str) -> str:
    return text.rpartition(" https://")[0]


def _truncated(story: _Story) -> str:
    text = _bare(story.text())
    return text[: story.chance.randint(len(text) * 6 // 10, len(text) - 8)] + "…"


def _reordered(story: _Story) -> str:
    deed, _, end = _bare(story.text(tagged=False)).rpartition(", ")
    return f"{end[0].upper()}{end[1:]}: {deed} ${TAGS[story.company]}"


def _opposite(story: _Story) -> str:
    words = _bare(story.text()).split(" ")
    for old, new in OPPOSITES:
        if old in words:
            words[words.index(old)] = new
            return " ".join(words)
    return " ".join([words[0], "never", *words[1:]])


def _retold(story: _Story) -> str:
    text = story.text()
    for old, new in OTHER_WORDS.items():
        if old in text:
            text = text.replace(old, new)
            break
    return f"{text.partition(', ')[0]}, it is reported"


def _elsewhere(story: _Story) -> str:
    return story.text(place=PLACES[story.another(len(PLACES), PLACES.index(story.place))])


def _other_news(story: _Story) -> str:
    other = _Story(story.chance)
    while other.deed == story.deed:
        other = _Story(story.chance)
    return other.text(company=story.company)


KINDS: dict[str, tuple[float, bool, Callable[[_Story], str]]] = {
    "exact copy": (0.12, True, lambda one: _bare(one.text())),
    "other link": (0.12, True, lambda one: one.text()),
    "retweet": (0.14, True, lambda one: f"RT @desk{one.link()}: {one.text()}"),
    "tail": (0.06, True, lambda one: f"{_bare(one.text())} - Daily Wire #stocks"),
    "head": (0.05, True, lambda one: f"UPDATE: {one.text()}"),
    "comment": (0.05, True, lambda one: f"{one.chance.choice(COMMENTS)} RT @desk: {one.text()}"),
    "cut short": (0.08, True, _truncated),
    "without the cashtag": (0.04, True, lambda one: one.text(tagged=False)),
    "clauses reordered": (0.03, True, _reordered),
    "retold in other words": (0.06, True, _retold),
    "figure updated": (0.06, False, lambda one: one.text(figure=one.figure + one.chance.randint(3, 40))),
    "other company": (0.06, False, lambda one: one.text(company=one.another(len(COMPANIES), one.company))),
    "other place": (0.04, False, _elsewhere),
    "opposite word": (0.03, False, _opposite),
    "other news of the company": (0.06, False, _other_news),
}
"""Share among all pairs, about as in the replayed tweets; whether the second is the same story; how it is made."""


def pairs(many: int, seed: int = 1) -> Iterator[Pair]:
    """So many pairs of all kinds, in the proportions of KINDS."""
    chance = random.Random(seed)
    kinds = chance.choices([*KINDS], [share for share, _, _ in KINDS.values()], k=many)
    for kind in kinds:
        _, same, make = KINDS[kind]
        story = _Story(chance)
        yield Pair(kind, story.text(), make(story), same)
