"""The list of companies: what a row of its CSV means, and which rows cannot be used. No linking; see `entities`.

The columns are ``symbol,name,aliases,region``; aliases are separated by ``|``. Marks before a name say how it counts:

* none: found whatever its case.
* ``=``: exactly as written, for names that are also words (``=Apple``).
* ``~``: exactly as written, and only where a word of business stands near, for ``~Target`` or ``~Gap``.
* ``%``: the company also publishes opinions of others (``%Goldman Sachs``), which are no news of its own.
* ``$``: not a name but another cashtag of the same company: ``$FB`` is META, before 2022 as after.

A row with the symbol ``-`` lists phrases that name nobody (``apple pie``, ``price target``).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from undertone.errors import InputError

COLUMNS = ("symbol", "name", "aliases", "region")
NOBODY = "-"
CASHTAG = "$"
EXACT, CUED, OPINION = "=", "~", "%"
MARKS = EXACT + CUED + OPINION

_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=&-]{0,15}")


@dataclass(frozen=True, slots=True)
class Company:
    """One row of the list; ``aliases`` as written, marks included. ``line`` is its place in the file, 0 if in none."""

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    region: str = ""
    line: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases as written."""
        return tuple(filter(None, (self.name, *self.aliases)))


class Marked(NamedTuple):
    """A name without its marks, which are told apart."""

    written: str
    exact: bool
    cued: bool
    opinion: bool


def unmarked(alias: str) -> Marked:
    """A name or alias, not a cashtag, parted from the marks before it.

    >>> unmarked("=%Citi")
    Marked(written='Citi', exact=True, cued=False, opinion=True)
    """
    written = alias.lstrip(MARKS)
    marks = alias[: len(alias) - len(written)]
    cued = CUED in marks
    return Marked(straight(written.strip()), cued or EXACT in marks, cued, OPINION in marks)


def straight(text: str) -> str:
    return text.replace("’", "'")


def lower(text: str) -> str:
    """Lower case with each character in its place: a few, such as İ, would become two."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one if len(one := c.lower()) == 1 else c for c in text)


def key(alias: str) -> str:
    """What two aliases share that cannot belong to two companies: the cashtag, or the name whatever its case."""
    return alias.upper() if alias.startswith(CASHTAG) else lower(unmarked(alias).written)


def shipped() -> list[Company]:
    """The list that ships."""
    text = (files("undertone") / "entities.csv").read_text("utf-8")
    return list(_strict(rows(text.splitlines(), "entities.csv"), "entities.csv"))


def read(path: Path) -> list[Company]:
    """The companies of a user's file.

    Raises:
        InputError: if the file or a row cannot be used; names the line and the reason.
    """
    return list(_strict(opened(path), str(path)))


def opened(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file with their lines; see `rows`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from rows(lines, str(path))
    except OSError as error:
        raise InputError(f"entities file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"entities file {path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error


def rows(lines: Iterable[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV below its header that are not empty, each with its line.

    Raises:
        InputError: if the header is another one, or the file is no CSV.
    """
    found = csv.reader(lines, strict=True)
    try:
        header = tuple(column.strip() for column in next(found, []))
        if header != COLUMNS:
            raise InputError(f"{name} line 1: columns are {','.join(header)!r}; valid is {','.join(COLUMNS)!r}")
        for row in found:
            if any(cell.strip() for cell in row):
                yield found.line_num, row
    except csv.Error as error:
        raise InputError(f"{name} line {found.line_num}: {error}") from error


def company(row: Sequence[str], line: int) -> Company:
    """One row.

    Raises:
        InputError: if it cannot be used; says why, and not where.
    """
    if len(row) != len(COLUMNS):
        raise InputError(f"{len(row)} columns; valid is {len(COLUMNS)}: {', '.join(COLUMNS)}")
    symbol, name, joined, region = (cell.strip() for cell in row)
    if symbol != NOBODY and not _SYMBOL.fullmatch(symbol):
        raise InputError(f"symbol is {symbol!r}; valid are capitals, digits and . - ^ = &, at most 16, such as BRK.B")
    aliases = tuple(filter(None, map(str.strip, joined.split("|"))))
    if not name and symbol != NOBODY:
        raise InputError(f"the name of {symbol} is missing")
    found = Company(symbol, name, aliases, region, line)
    for alias in found.names:
        bare = alias.lstrip(MARKS + CASHTAG).strip()
        if (len(bare) < 2 and not alias.startswith(CASHTAG)) or not any(map(str.isalnum, bare)):
            raise InputError(f"alias {alias!r} of {symbol} is too short; valid are two characters or more")
    return found


class Owners:
    """Who has which symbol, cashtag and name within one list: each has one owner."""

    def __init__(self) -> None:
        self.by_key: dict[str, Company] = {}
        self._symbols: set[str] = set()

    def admit(self, one: Company) -> list[str]:
        """Enter a company; returns what of it belongs to another, in sentences."""
        wrong = []
        if one.symbol != NOBODY:
            if one.symbol in self._symbols:
                return [f"symbol {one.symbol} is listed twice; give it one row"]
            self._symbols.add(one.symbol)
        own = () if one.symbol == NOBODY else (f"{CASHTAG}{one.symbol}",)
        for alias in (*own, *one.names):
            owner = self.by_key.setdefault(key(alias), one)
            if owner.symbol != one.symbol:
                wrong.append(f"{alias!r} of {one.symbol} belongs to {owner.symbol} already; remove one")
        return wrong


def _strict(found: Iterable[tuple[int, list[str]]], name: str) -> Iterator[Company]:
    owners = Owners()
    for line, row in found:
        try:
            one = company(row, line)
            for wrong in owners.admit(one):
                raise InputError(wrong)
        except InputError as error:
            raise InputError(f"{name} line {line}: {error}") from error
        yield one
