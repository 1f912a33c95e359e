"""What stands around a name: whether an ambiguous word is the company, and whether a bank only speaks of another one.

Pure string work, made for English news and posts. It looks at a few words on either side and knows no grammar.
"""

from __future__ import annotations

import re

_AROUND = 32
"""Characters on either side in which a cue counts: some four words."""

_BEFORE = 90
_NAME = 20
"""Characters of the longest word that may stand before a name as a part of it."""

_TITLE_SHARE = 0.7

_NOUNS = (
    "share shares stock stocks ceo ceos cfo coo chairman chairwoman chief founder co-founder boss executive executives"
    " board earnings results profit profits revenue revenues sales same-store eps guidance outlook dividend dividends"
    " buyback buybacks ipo q1 q2 q3 q4 quarter quarterly analyst analysts investor investors shareholder shareholders"
    " stake merger acquisition acquisitions takeover lawsuit retailer retailers automaker automakers carmaker carmakers"
    " airline airlines chipmaker chipmakers insurer insurers lender lenders drugmaker drugmakers grocer grocers miner"
    " miners rival rivals company companies maker inc corp plc ltd nyse nasdaq brand brands stores customers employees"
    " workers dealer dealers plant plants pilots flights layoffs truck trucks suv suvs engine engines vehicle vehicles"
    " unit ad ads app users"
)
_VERBS = (
    "say see cut raise plan launch buy sell acquire name hire report post beat miss top warn face agree win lose expect"
    " forecast sue settle pay open close halt suspend expand invest unveil offer join drop fall rise jump slip gain"
    " surge tumble plunge soar slump swing shut add hit slash withdraw introduce recall boost double end stop replace"
    " appoint announce restate file test build spend move reopen"
)
_PAST = "said saw bought sold won lost paid fell rose dropped slipped halted sued built spent slashed planned cut hit"
_CUES = frozenset(
    [*_NOUNS.split(), *_PAST.split()]
    + [verb.removesuffix("e" if end == "ed" else "") + end for verb in _VERBS.split() for end in ("", "s", "es", "ed")]
)
_WORDS = re.compile(r"[^\W_][\w-]*")
_POSSESSIVE = re.compile(r"['’]s\b")
_WORD = re.compile(r"[A-Za-z]{4,}")
_NAME_BEFORE = re.compile(r"(?:^|(?<=[\s\"'“‘(]))([A-Z][a-z]+|[A-Z]\.)\s$")
_NAME_AFTER = re.compile(r"\s(?:[A-Z][a-z]+)\b")
_OPENERS = frozenset(
    "a after and as at because before behind but by can could did do does for former from had has have how if in is"
    " like may no now of on or over should than that the these this was what when where which while who why will with"
    " would exclusive update breaking video watch".split()
)

_FREE = _OPENERS | _CUES

_SPEAKS = re.compile(
    r"(?:['’]s)?\s+(?:analysts?|strategists?|economists?|upgrades?|downgrades?|reiterates?|reaffirms|maintains|initiates"
    r"|starts|recommends?|retains|rates|note|top picks?|conviction"
    r"|(?:raises|cuts|lowers|ups|hikes|boosts|trims|sets)\s+(?:\S+\s+){0,4}?(?:target|pt|rating|estimates?))\b",
    re.IGNORECASE,
)
_RATING = re.compile(
    r"\b(?:price target|target price|pt|(?:up|down)grade[sd]?|rating|rated|reiterated|reaffirmed|initiated|initiates"
    r"|overweight|underweight|outperform|underperform|buy|sell|hold|neutral|estimates)\b",
    re.IGNORECASE,
)
_SAID_BY = re.compile(r"(?:\b(?:by|at|from)|[:–—-])\s*(?:analysts at\s+)?$", re.IGNORECASE)
_ATTRIBUTED = re.compile(r":\s*$")
_ENDED = re.compile(r"[\s.\"'”’]*$")


def stands_for_company(text: str, start: int, end: int) -> bool:
    """Whether a word at [start, end) that is also an ordinary word or a person's name is meant as the company.

    It is where a word of business stands within some four words on either side, unless it looks like a part of a
    longer name ("Harrison Ford", "Square Enix"). Where most words are capitalised, only the former can be told.

    >>> stands_for_company("Gap closes stores", 0, 3), stands_for_company("Mind the Gap", 9, 12)
    (True, False)
    """
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    if not _POSSESSIVE.match(after) and _CUES.isdisjoint(_WORDS.findall(f"{before}|{after}".lower())):
        return False
    named, follows = _NAME_BEFORE.search(before[-_NAME:]), _NAME_AFTER.match(after)
    part = (named is not None and named[1].lower() not in _FREE) or (
        follows is not None and follows[0].strip().lower() not in _CUES
    )
    return not part or _in_title_case(text)


def speaks_of_another(text: str, start: int, end: int) -> bool:
    """Whether the bank named at [start, end) only gives its opinion of another company: as the source, not the subject.

    >>> speaks_of_another("Danaher price target raised to $87 at Deutsche Bank", 38, 51)
    True
    >>> speaks_of_another("Deutsche Bank cuts 18,000 jobs", 0, 13)
    False
    """
    after = text[end : end + _BEFORE]
    if _SPEAKS.match(after):
        return True
    before = text[max(0, start - _BEFORE) : start]
    if _ATTRIBUTED.search(before[-2:]) and _ENDED.match(after):
        return True
    return _SAID_BY.search(before[-_NAME:]) is not None and _RATING.search(before) is not None


def _in_title_case(text: str) -> bool:
    words = _WORD.findall(text)
    return len([word for word in words if word[0].isupper()]) >= _TITLE_SHARE * len(words)
