"""Entities: which companies a text names, by cashtag and by a list of names that a user extends. No model, no network.

The list is a CSV with the columns ``symbol,name,aliases,region``; aliases are separated by ``|``.

* A name or alias is found on word boundaries whatever its case; one that begins with ``=`` exactly as written, for
  names that are also words (``=Apple``).
* An alias that begins with ``$`` is another cashtag of the same company: ``$FB`` is META, before 2022 as after.
* A row with the symbol ``-`` lists phrases that name nobody (``apple pie``, ``price target``): they hide what
  they contain. The longest match wins.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ahocorasick_rs import AhoCorasick

from undertone.errors import InputError
from undertone.text import clean

MAX_ENTITIES = 16
"""Entities of one message at most; given ones come first, then cashtags, then names, as they appear."""

COLUMNS = ("symbol", "name", "aliases", "region")
NOBODY = "-"

_EXACT, _CASHTAG = "=", "$"
_NAME_CHARACTERS = 64
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=&-]{0,15}")
_LISTED = re.compile(r"[A-Z]{1,5}(?:[.-][A-Z]{1,2})?")
_TAGS = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5}(?:[.-][A-Za-z]{1,2})?)(?!\w)")
_HTML = re.compile(r"&(?:#\w+|\w+);?")
_LINKS = re.compile(r"(?:https?://|www\.)\S*|\b[\w.-]+\.[a-z]{2,}/\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Company:
    """One row of the list; ``aliases`` as written, marks included."""

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    region: str = ""


@dataclass(slots=True)
class _Name:
    """What one lower-case name stands for, and how it must be written if that matters."""

    symbol: str
    writings: set[str]
    exact: bool


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
            for alias in filter(None, (company.name, *company.aliases)):
                if alias.startswith(_CASHTAG):
                    self._tags[alias[1:].upper()] = symbol
                    continue
                exact = alias.startswith(_EXACT)
                written = _straight(alias.removeprefix(_EXACT))
                known = names.get(_lower(written))
                if known is None or known.symbol != symbol:
                    known = names[_lower(written)] = _Name(symbol, set(), exact)
                known.writings.add(written)
                known.exact &= exact
        self._aliases = {lower: name.symbol for lower, name in names.items() if name.symbol != NOBODY}
        self._found = list(names.values())
        self._names = AhoCorasick(list(names))

    @classmethod
    def load(cls, extra: Path | None = None) -> Linker:
        """The shipped list, extended by the rows of ``extra``: a symbol that is listed is replaced.

        Raises:
            InputError: if the file or a row cannot be used; names the line and the reason.
        """
        shipped = files("undertone") / "entities.csv"
        companies = list(_read(shipped.read_text("utf-8").splitlines(), "entities.csv"))
        if extra is not None:
            own = list(_open(extra))
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
        for name in given:
            symbol = self.symbol(name)
            if symbol:
                found[symbol] = None
        if "&" in text:
            text = html.unescape(text)  # tweets come with AT&amp;T
        if "/" in text:
            text = _LINKS.sub(" ", text)
        if "$" in text:
            for tag in _TAGS.findall(text):
                listed = self._tagged(tag)
                if listed:
                    found[listed] = None
        for symbol, _, _ in self._named(text):
            found[symbol] = None
        if not found:
            return ()
        return tuple(sorted([*found][:MAX_ENTITIES]))

    def mentions(self, text: str) -> list[tuple[str, int, int]]:
        """Where a clean text names companies: (symbol, start, end), characters [start, end), in the text's order.

        The symbols are those that `link` finds in the text. Slower than `link`, which only tells that they are there.

        >>> Linker.load().mentions("Facebook buys WhatsApp, $GOOG slips")
        [('META', 0, 8), ('GOOGL', 24, 29)]
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
        literal = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
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
        tag = name.removeprefix(_CASHTAG)
        return self._tags.get(tag.upper()) or self._aliases.get(_lower(_straight(name))) or tag

    def _tagged(self, tag: str) -> str | None:
        upper = tag.upper()
        base = re.split(r"[.-]", upper, maxsplit=1)[0]
        listed = self._tags.get(upper) or self._tags.get(base)
        return listed or (tag if _LISTED.fullmatch(tag) else None)

    def _named(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The symbols and places of the names in a text, leftmost first and of those that overlap the longest."""
        text = _straight(text)
        matches = self._names.find_matches_as_indexes(_lower(text), overlapping=True)
        taken = 0
        for start, minus_end, index in sorted([(start, -end, index) for index, start, end in matches]):
            name, end = self._found[index], -minus_end
            if start < taken or _joined(text, start - 1) or _joined(text, end):
                continue
            if name.exact and text[start:end] not in name.writings:
                continue
            taken = end
            if name.symbol != NOBODY:
                yield name.symbol, start, end


def _joined(text: str, place: int) -> bool:
    """Whether the character at a place would make a name part of a longer word, a cashtag or a mention."""
    return 0 <= place < len(text) and (text[place].isalnum() or text[place] in "_$@")


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


def _straight(text: str) -> str:
    return text.replace("’", "'")


def _lower(text: str) -> str:
    """Lower case with each character in its place: a few, such as İ, would become two."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(low if len(low := c.lower()) == 1 else c for c in text)


def _open(path: Path) -> Iterator[Company]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from _read(lines, str(path))
    except OSError as error:
        raise InputError(f"entities file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"entities file {path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error


def _read(lines: Iterable[str], name: str) -> Iterator[Company]:
    """The companies of a CSV file.

    Raises:
        InputError: at the first row that cannot be used.
    """
    rows = csv.reader(lines, strict=True)
    owners: dict[str, str] = {}
    try:
        header = tuple(column.strip() for column in next(rows, []))
        if header != COLUMNS:
            raise InputError(f"{name} line 1: columns are {','.join(header)!r}; valid is {','.join(COLUMNS)!r}")
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _company(row, owners, f"{name} line {rows.line_num}")
    except csv.Error as error:
        raise InputError(f"{name} line {rows.line_num}: {error}") from error


def _company(row: Sequence[str], owners: dict[str, str], where: str) -> Company:
    if len(row) != len(COLUMNS):
        raise InputError(f"{where}: {len(row)} columns; valid is {len(COLUMNS)}: {', '.join(COLUMNS)}")
    symbol, name, joined, region = (cell.strip() for cell in row)
    if symbol != NOBODY and not _SYMBOL.fullmatch(symbol):
        raise InputError(
            f"{where}: symbol is {symbol!r}; valid are capitals, digits and . - ^ = &, at most 16, such as BRK.B"
        )
    aliases = tuple(filter(None, map(str.strip, joined.split("|"))))
    if not name and symbol != NOBODY:
        raise InputError(f"{where}: the name of {symbol} is missing")
    for alias in filter(None, (name, *aliases)):
        bare = alias.removeprefix(_EXACT).removeprefix(_CASHTAG).strip()
        if (len(bare) < 2 and not alias.startswith(_CASHTAG)) or not any(map(str.isalnum, bare)):
            raise InputError(f"{where}: alias {alias!r} of {symbol} is too short; valid are two characters or more")
    if symbol != NOBODY and symbol in owners.values():
        raise InputError(f"{where}: symbol {symbol} is listed twice; give it one row")
    own = () if symbol == NOBODY else (f"{_CASHTAG}{symbol}",)
    for alias in filter(None, (*own, name, *aliases)):
        owner = owners.setdefault(_lower(alias.removeprefix(_EXACT)), symbol)
        if owner != symbol:
            raise InputError(f"{where}: {alias!r} of {symbol} belongs to {owner} already; remove one")
    return Company(symbol, name, aliases, region)
