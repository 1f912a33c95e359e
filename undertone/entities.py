"""Entities: which companies a text names, by cashtag and by a list of names that a user extends. No model, no network.

What the list may say of a name is in :mod:`undertone.company_list`; what stands around it decides for the ambiguous
ones, see :mod:`undertone.entity_context`. Names are found on word boundaries, Chinese and Japanese ones anywhere; of
names that overlap the leftmost counts, and of those the longest.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from undertone import company_list
from undertone.company_list import CASHTAG, NOBODY, Company, lower, straight, unmarked
from undertone.entity_context import speaks_of_another, stands_for_company
from undertone.text import clean

__all__ = ["MAX_ENTITIES", "Company", "Finding", "Linker"]

MAX_ENTITIES = 16
"""Entities of one message at most; given ones come first, then cashtags, then names, as they appear."""

_NAME_CHARACTERS = 64
_LISTED = re.compile(r"[A-Z]{1,5}(?:[.-][A-Z]{1,2})?")
_TAGS = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5}(?:[.-][A-Za-z]{1,2})?)(?!\w)")
_HTML = re.compile(r"&(?:#\w+|\w+);?")
_LINKS = re.compile(r"(?:https?://|www\.)\S*|\b[\w.-]+\.[a-z]{2,}/\S*", re.IGNORECASE)
_SEPARATORS = frozenset(" ,.:;'\"()#-!?/")
_UNSPACED = "\u2e80"
"""The scripts from here on, Chinese first of all, write no spaces between words."""

_OTHER_CASE = "written otherwise: the list wants it exactly as it stands there"
_NO_CUE = "an ordinary word or part of another name here: no word of business stands near"
_OPINION = "only the source of an opinion of another company"
_PHRASE = "a phrase that names nobody"


class Finding(NamedTuple):
    """One candidate in a text: characters [start, end), and why it counts or does not."""

    symbol: str
    start: int
    end: int
    why: str
    counts: bool


@dataclass(slots=True)
class _Name:
    """What one lower-case name stands for, and how it must be written if that matters."""

    symbol: str
    writings: set[str]
    exact: bool
    cued: bool
    opinion: bool
    guarded: bool = False
    """Whether what stands around it may refuse it."""

    def refusal(self, text: str, start: int, end: int) -> str:
        """Why the name that stands at [start, end) does not count; empty if it does."""
        if self.symbol == NOBODY:
            return _PHRASE
        if self.cued and not stands_for_company(text, start, end):
            return _NO_CUE
        return _OPINION if self.opinion and speaks_of_another(text, start, end) else ""


class Linker:
    """Finds the companies that a text names. Immutable, so that threads may share it."""

    def __init__(self, companies: Iterable[Company]) -> None:
        """Where two companies claim the same alias, the later one has it."""
        self.companies = tuple(companies)
        self._tags: dict[str, str] = {}
        names: dict[str, _Name] = {}
        for company in self.companies:
            symbol = company.symbol
            if symbol != NOBODY:
                self._tags[symbol] = symbol
            for alias in company.names:
                if alias.startswith(CASHTAG):
                    self._tags[alias[1:].upper()] = symbol
                    continue
                written, exact, cued, opinion = unmarked(alias)
                known = names.get(lower(written))
                if known is None or known.symbol != symbol:
                    known = names[lower(written)] = _Name(symbol, set(), exact, cued, opinion)
                known.writings.add(written)
                known.exact &= exact
                known.cued &= cued
                known.opinion &= opinion
        self._aliases = {low: name.symbol for low, name in names.items() if name.symbol != NOBODY}
        self._found = list(names.values())
        for name in self._found:
            name.guarded = name.cued or name.opinion or name.symbol == NOBODY
        self._names = AhoCorasick(list(names), implementation=Implementation.DFA)

    @classmethod
    def load(cls, extra: Path | None = None) -> Linker:
        """The shipped list, extended by the rows of ``extra``: a symbol that is listed is replaced.

        Raises:
            InputError: if the file or a row cannot be used; names the line and the reason.
        """
        companies = company_list.shipped()
        if extra is not None:
            own = company_list.read(extra)
            replaced = {company.symbol for company in own} - {NOBODY}
            companies = [company for company in companies if company.symbol not in replaced] + own
        return cls(companies)

    def link(self, text: str, given: Sequence[str] = ()) -> tuple[str, ...]:
        """The symbols of the companies that a clean text names and of the ``given`` ones, sorted, MAX_ENTITIES at most.

        A cashtag that is not listed is kept when it is written in capitals; a given name that is not listed is kept
        as it is.

        >>> Linker.load().link("Facebook buys WhatsApp, $GOOG slips; apple pie for $QQQX", given=["tesla"])
        ('GOOGL', 'META', 'QQQX', 'TSLA')
        """
        found: dict[str, None] = {}
        for one in given:
            symbol = self.symbol(one)
            if symbol:
                found[symbol] = None
        if "&" in text:
            text = html.unescape(text)  # tweets come with AT&amp;T
        if "/" in text:  # word by word: the pattern is slow to find that a word is none
            text = " ".join([_LINKS.sub(" ", word) if "/" in word else word for word in text.split(" ")])
        if "$" in text:
            for tag in _TAGS.findall(text):
                listed = self._tagged(tag)
                if listed:
                    found[listed] = None
        for _, _, name, why in self._judged(straight(text)):
            if not why:
                found[name.symbol] = None
        if not found:
            return ()
        return tuple(sorted([*found][:MAX_ENTITIES]))

    def mentions(self, text: str) -> list[tuple[str, int, int]]:
        """Where a clean text names companies: (symbol, start, end), characters [start, end), in the text's order.

        The symbols are those that `link` finds in the text. Slower than `link`, which only tells that they are there.

        >>> Linker.load().mentions("Facebook buys WhatsApp, $GOOG slips")
        [('META', 0, 8), ('META', 14, 22), ('GOOGL', 24, 29)]
        """
        shown, places = _resolved(text)
        shown = _LINKS.sub(lambda link: " " * len(link[0]), shown)
        found = list(self._named(shown))
        for tag in _TAGS.finditer(shown):
            listed = self._tagged(tag[1])
            if listed:
                found.append((listed, *tag.span()))
        found.sort(key=lambda mention: mention[1])
        return [(symbol, places[start], places[end]) for symbol, start, end in found]

    def find(self, text: str, name: str) -> tuple[int, int] | None:
        """The characters [start, end) at which a clean text first names an entity; None where it does not.

        An entity is given by name as the text has it, listed or not, or by the symbol or another name of a listed
        company that the text names.

        >>> Linker.load().find("Northgate drops as Tesla recalls", "northgate")
        (0, 9)
        >>> Linker.load().find("Northgate drops as Tesla recalls", "$TSLA")
        (19, 24)
        """
        name = clean(name).strip()
        if not name:
            return None
        before, after = (
            "" if edge >= _UNSPACED else bound for edge, bound in ((name[0], r"(?<!\w)"), (name[-1], r"(?!\w)"))
        )
        literal = re.search(before + re.escape(name) + after, text, re.IGNORECASE)
        if literal is not None:
            return literal.span()
        symbol = self.symbol(name)
        for mentioned, start, end in self.mentions(text):
            if mentioned == symbol:
                return start, end
        part = re.search(re.escape(name), text, re.IGNORECASE)  # 腾讯 in a language without spaces
        return None if part is None else part.span()

    def symbol(self, name: str) -> str:
        """The symbol of a company given by symbol, cashtag or name; else the name, made safe as a key's part."""
        name = clean(name)[:_NAME_CHARACTERS].strip()
        tag = name.removeprefix(CASHTAG)
        return self._tags.get(tag.upper()) or self._aliases.get(lower(straight(name))) or tag

    def _tagged(self, tag: str) -> str | None:
        upper = tag.upper()
        base = re.split(r"[.-]", upper, maxsplit=1)[0]
        listed = self._tags.get(upper) or self._tags.get(base)
        return listed or (tag if _LISTED.fullmatch(tag) else None)

    def findings(self, text: str) -> list[Finding]:
        """Every candidate in a clean text, in its order, with the reason why it counts or does not.

        >>> [(one.symbol, one.counts) for one in Linker.load().findings("Apple pie at Tesla; mind the Gap")]
        [('-', False), ('TSLA', True), ('-', False)]
        """
        text = _LINKS.sub(lambda link: " " * len(link[0]), straight(text))
        found = [
            Finding(name.symbol, start, end, why or "on the list", not why)
            for start, end, name, why in self._judged(text)
        ]
        for tag in _TAGS.finditer(text):
            symbol = self._tagged(tag[1])
            why = "cashtag" if symbol else "a cashtag that is not listed counts only in capitals"
            found.append(Finding(symbol or tag[0], *tag.span(), why, symbol is not None))
        return sorted(found, key=lambda one: one.start)

    def _named(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The symbols and places of the names in a text, leftmost first and of those that overlap the longest."""
        for start, end, name, why in self._judged(straight(text)):
            if not why:
                yield name.symbol, start, end

    def _judged(self, text: str) -> list[tuple[int, int, _Name, str]]:
        """The listed names and phrases that stand in a text as words of their own, and why each does not count.

        A name that is refused for what stands around it hides the shorter ones in it, as one that counts does; one
        that is written otherwise than the list wants does not.
        """
        low = text.lower()
        size = len(text)
        if len(low) != size:
            low = lower(text)
        matches = self._names.find_matches_as_indexes(low, overlapping=True)
        if not matches:
            return []
        if len(matches) > 1:
            matches.sort(key=_leftmost_longest)
        taken, judged = 0, []
        for index, start, end in matches:
            if start < taken:
                continue
            if start and text[start - 1] not in _SEPARATORS and _joined(text, start - 1, start):
                continue
            if end < size and text[end] not in _SEPARATORS and _joined(text, end, end - 1):
                continue
            name = self._found[index]
            if name.exact and text[start:end] not in name.writings:
                why = _OTHER_CASE
            else:
                taken = end
                why = name.refusal(text, start, end) if name.guarded else ""
            judged.append((start, end, name, why))
        return judged


def _leftmost_longest(match: tuple[int, int, int]) -> tuple[int, int]:
    return match[1], -match[2]


def _joined(text: str, place: int, edge: int) -> bool:
    """Whether the character at a place makes the name whose edge it touches part of a longer word, tag or mention."""
    near = text[place]
    return near in "_$@" or (near.isalnum() and near < _UNSPACED and text[edge] < _UNSPACED)


def _resolved(text: str) -> tuple[str, Sequence[int]]:
    """The text with its HTML entities resolved, and for each character of it, and its end, the place in the text."""
    if "&" not in text:
        return text, range(len(text) + 1)
    shown, places, at = "", list[int](), 0
    for match in [*_HTML.finditer(text), None]:
        start, end = (len(text), len(text)) if match is None else match.span()
        shown += text[at:start]
        places += range(at, start)
        if match is not None:
            resolved = html.unescape(match[0])
            shown += resolved
            # One that stays as it was, or loses only its start, keeps its places; else all characters are its whole.
            places += [start] * len(resolved) if len(resolved) != end - start else range(start, end)
        at = end
    return shown, [*places, len(text)]
