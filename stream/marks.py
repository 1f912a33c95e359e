"""What of a text counts beside its likeness to others: its amounts and names, whom it is about, which words are news.

Pure, and small: `stories` puts these into a claim. They are hashes, so that Redis keeps no text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from xxhash import xxh3_64_intdigest, xxh32_hexdigest, xxh32_intdigest

MOST_FIGURES = 8
MOST_NAMES = 16
MOST_ABOUT = 8
MOST_SUBJECTS = 2
"""Companies of one text under which its bands and its words are kept; of more, those whose hashes are least."""

MOST_WORDS = 24
WORD_DIGITS = 8

_FIGURE = re.compile(
    r"(?<![\w./])[$£€¥₹]\s?(\d[\d,]*(?:\.\d+)?)"
    r"|(?<![\w./])(\d[\d,]*(?:\.\d+)?)\s?(?:%|(?:percent|per cent|pct|pc|bps|basis points|[mb]illion|trillion|[mb]ln|bn"
    r"|mn|crore|lakh|points|cents|jobs|people|workers|employees|staff|stores|units|vehicles|cars|planes)\b|[万亿元点倍])"
    r"|(?<![\w./])(\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+)(?![\w/])",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![\w$#@/.&'’-])[A-Z]\w+(?!\w*(?:…|\.\.))")
"""A capitalised word of two letters or more that is neither a tag nor cut short."""

_NO_NAMES = frozenset(("rt", "mt", "via", "update", "breaking", "exclusive", "details"))
_UP = frozenset(
    b"advance advances advanced beat beats boost boosts boosted climb climbs climbed expand expands gain gains"
    b" gained grow grows grew higher increase increases increased jump jumps jumped lift lifts lifted raise"
    b" raises raised rallies rallied rally rebound rebounds rise rises rising rose soar soars soared strong"
    b" stronger surge surges surged top tops topped up upgrade upgrades upgraded win wins won".split()
)
_DOWN = frozenset(
    b"close closes cut cuts decline declines declined dip dips dipped down downgrade downgrades downgraded drop"
    b" drops dropped fall falls falling fell halve halves lose loses lost lower lowers lowered miss misses"
    b" missed plunge plunges plunged reduce reduces shrink shrinks sink sinks sank slash slashes slide slides"
    b" slid slip slips slipped slump slumps slumped soften softens tumble tumbles tumbled weak weaker".split()
)
_DIGIT = re.compile(r"\d")
_COMMON = frozenset(
    b"a about after all also an and are as at be been but by can could for from has have how if in into is it its just"
    b" may more new no not now of off on or our out over rt says see so than that the their they this to up via was we"
    b" what when who why will with would you your".split()
)


def figures(text: str) -> tuple[int, ...]:
    """Hashes of the amounts in a clean text, ascending: numbers with a currency, a unit, a decimal point or thousands.

    Other numbers are none: spam counts its posts to make each another.

    >>> len(figures("Acme falls 12% to $3.40")), figures("Win a phone with Acme! 735")
    (2, ())
    """
    if _DIGIT.search(text) is None:
        return ()
    found = {(match[1] or match[2] or match[3]).replace(",", "") for match in _FIGURE.finditer(text)}
    return tuple(sorted(xxh32_intdigest(figure.encode()) for figure in found)[:MOST_FIGURES])


def names(text: str, words: Iterable[bytes]) -> tuple[int, ...]:
    """Hashes of the capitalised words of a clean text whatever their case, ascending; tags are none.

    A word of rising and one of falling among its normalised ``words`` count as a name each, so that "beats estimates"
    and "misses estimates" are two stories while "beats" and "tops" may be one.

    >>> names("Japan bans Acme jets", ()) == names("India bans Acme jets", ())
    False
    """
    found = {name.lower() for name in _NAME.findall(text)} - _NO_NAMES
    if not text.isascii():
        found = {unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name for name in found}
    ways = [way for way, its_words in (("+", _UP), ("-", _DOWN)) if not its_words.isdisjoint(words)]
    hashes = sorted(xxh32_intdigest(name.encode()) for name in found)[: MOST_NAMES - len(ways)]
    return tuple(sorted(hashes + [xxh32_intdigest(way.encode()) for way in ways]))


def about(entities: Sequence[str]) -> tuple[int, ...]:
    """Hashes of the companies that a text names, ascending."""
    return tuple(sorted(xxh32_intdigest(one.encode()) for one in entities)[:MOST_ABOUT])


def subjects(entities: Sequence[str]) -> list[int]:
    """Under what a text's bands and words are kept, 64 bits each: its companies, MOST_SUBJECTS at most; 0 for none."""
    if not entities:
        return [0]
    return sorted(xxh3_64_intdigest(one.encode()) for one in entities)[:MOST_SUBJECTS]


def words(text: Sequence[bytes], under: Sequence[int]) -> str:
    """Hashes of a text's distinct words that carry news: one block of equal length for each subject.

    A longer text is judged by a sample of MOST_WORDS words, the same ones in every text that has them.
    """
    telling = set(text) - _COMMON
    if len(telling) > MOST_WORDS:
        telling = set(sorted(telling, key=xxh32_intdigest)[:MOST_WORDS])
    ordered = sorted(telling)
    return "".join([xxh32_hexdigest(word, subject & 0xFFFFFFFF) for subject in under for word in ordered])
