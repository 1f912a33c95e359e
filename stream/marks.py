"""What of a text counts beside its likeness to others: its amounts and names, whom it is about, which words are news.

Pure, and small: `stories` puts these into a claim. They are hashes, so that Redis keeps no text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from xxhash import xxh3_64_intdigest, xxh32_hexdigest, xxh32_intdigest

MOST_FIGURES = 8
MOST_NAMES = 16
MOST_ABOUT = 8
MOST_SUBJECTS = 2
"""Companies of one text under which its bands are kept; of more, those whose hashes are least."""

MOST_WORDS = 16
WORD_DIGITS = 8

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_UNIT = re.compile(
    r"\s?(?:%|(?:percent|per cent|pct|pc|bps|basis points|[mb]illion|trillion|[mb]ln|bn|mn|crore|lakh|points|cents|jobs"
    r"|people|workers|employees|staff|stores|units|vehicles|cars|planes)\b|[万亿元点倍])",
    re.IGNORECASE,
)
_CURRENCIES = "$£€¥₹"
_NAME = re.compile(r"(?<![\w$#@/.&'’-])[A-Z]\w+")
"""A capitalised word of two letters or more that is no tag."""

_CUT_SHORT = re.compile(r"\w+(?:…|\.\.)")

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
    found = set()
    for match in _NUMBER.finditer(text):
        number, start = match[0], match.start()
        before = text[start - 1] if start else " "
        if before.isalnum() or before in "./_":
            continue
        if before in _CURRENCIES or "." in number or "," in number.rstrip(",") or _UNIT.match(text, match.end()):
            found.add(number.replace(",", ""))
    return tuple(sorted(xxh32_intdigest(figure.encode()) for figure in found)[:MOST_FIGURES]) if found else ()


def names(text: str, words: Iterable[bytes]) -> tuple[int, ...]:
    """Hashes of the capitalised words of a clean text whatever their case, ascending; tags are none.

    A word of rising and one of falling among its normalised ``words`` count as a name each, so that "beats estimates"
    and "misses estimates" are two stories while "beats" and "tops" may be one.

    >>> names("Japan bans Acme jets", ()) == names("India bans Acme jets", ())
    False
    """
    if "…" in text or ".." in text:
        text = _CUT_SHORT.sub("", text)
    found = {name.lower() for name in _NAME.findall(text)} - _NO_NAMES
    if not text.isascii():
        found = {unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name for name in found}
    ways = [way for way, its_words in (("+", _UP), ("-", _DOWN)) if not its_words.isdisjoint(words)]
    hashes = sorted(xxh32_intdigest(name.encode()) for name in found)[: MOST_NAMES - len(ways)]
    return tuple(sorted(hashes + [xxh32_intdigest(way.encode()) for way in ways]))


@lru_cache(maxsize=65_536)
def about(entities: tuple[str, ...]) -> tuple[int, ...]:
    """Hashes of the companies that a text names, ascending."""
    return tuple(sorted(xxh32_intdigest(one.encode()) for one in entities)[:MOST_ABOUT])


@lru_cache(maxsize=65_536)
def subjects(entities: tuple[str, ...]) -> tuple[int, ...]:
    """Under what a text's bands are kept, 64 bits each: its companies, MOST_SUBJECTS at most; 0 for none."""
    return tuple(sorted(xxh3_64_intdigest(one.encode()) for one in entities)[:MOST_SUBJECTS]) or (0,)


def words(text: Sequence[bytes], subject: int) -> str:
    """Hashes of a text's distinct words that carry news, as told of a subject: WORD_DIGITS hexadecimal digits each.

    A longer text is judged by a sample of MOST_WORDS words, the same ones in every text that has them.
    """
    telling = set(text) - _COMMON
    if len(telling) > MOST_WORDS:
        telling = set(sorted(telling, key=xxh32_intdigest)[:MOST_WORDS])
    seed = subject & 0xFFFFFFFF
    return "".join([xxh32_hexdigest(word, seed) for word in sorted(telling)])
