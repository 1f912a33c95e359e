"""What is doubtful in a user's list of companies: rows that cannot be used, and names that mean more than one thing.

Names are compared with the list itself, with the list that ships and with ``common_words.txt``: words that headlines
write in lower case, and ordinary words that companies are fond of. It needs no texts and tells nothing of rarer words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from undertone.company_list import (
    CASHTAG,
    CUED,
    NOBODY,
    Company,
    Owners,
    company,
    key,
    opened,
    shipped,
    unmarked,
)
from undertone.errors import InputError

PHRASES_SHOWN = 3


class Doubt(NamedTuple):
    """One thing to look at. ``serious`` ones link texts wrongly or make the file unusable; the others are told only.

    ``kind`` is ``unusable``, ``duplicate``, ``common-word``, ``taken-over``, ``shadowed`` or ``unknown-symbol``.
    """

    line: int
    kind: str
    symbol: str
    alias: str
    detail: str
    serious: bool


def check(path: Path) -> list[Doubt]:
    """All doubts about a file, by line.

    Raises:
        InputError: if the file cannot be read, its header is another one, or it is no CSV.
    """
    doubts, own, owners = list[Doubt](), list[Company](), Owners()
    for line, row in opened(path):
        try:
            one = company(row, line)
        except InputError as error:
            doubts.append(Doubt(line, "unusable", row[0].strip(), "", str(error), True))
            continue
        doubts += [Doubt(line, "duplicate", one.symbol, "", wrong, True) for wrong in owners.admit(one)]
        own.append(one)
    words, listed = common_words(), shipped()
    symbols = {one.symbol for one in listed}
    replaced = {one.symbol for one in own} - {NOBODY}
    theirs = [one for one in listed if one.symbol not in replaced]
    owner_of = {key(alias): one for one in theirs for alias in _all(one)}
    for one in own:
        doubts += [
            *_common(one, words),
            *_taken(one, owner_of),
            *_shadowed(one, [*theirs, *own]),
            *_unknown(one, symbols),
        ]
    return sorted(doubts, key=lambda doubt: doubt.line)


def common_words() -> frozenset[str]:
    """Words that a name should not be without a mark, lower case."""
    return frozenset((files("undertone") / "common_words.txt").read_text("utf-8").split())


def _common(one: Company, words: frozenset[str]) -> Iterator[Doubt]:
    if one.symbol == NOBODY:
        return
    for alias in one.names:
        name = unmarked(alias)
        if alias.startswith(CASHTAG) or name.cued or name.written.lower() not in words:
            continue
        marked = f"{CUED}{name.written[0].upper()}{name.written[1:]}"
        if name.exact:
            detail = f"{alias!r} is a common word, and sentences begin with it: {marked!r} asks for a word of business"
        else:
            detail = f"{alias!r} is a common word and is found in lower case too: write {marked!r}"
        yield Doubt(one.line, "common-word", one.symbol, alias, detail, not name.exact)


def _taken(one: Company, owner_of: dict[str, Company]) -> Iterator[Doubt]:
    for alias in _all(one):
        other = owner_of.get(key(alias))
        if other is not None and other.symbol != one.symbol:
            whose = (
                "is a phrase that names nobody"
                if other.symbol == NOBODY
                else f"is {unmarked(other.name).written} ({other.symbol})"
            )
            detail = f"{alias!r} {whose} in the list that ships; here it becomes {one.symbol}"
            yield Doubt(one.line, "taken-over", one.symbol, alias, detail, True)


def _shadowed(one: Company, others: Sequence[Company]) -> Iterator[Doubt]:
    if one.symbol == NOBODY:
        return
    for alias in one.names:
        if alias.startswith(CASHTAG):
            continue
        within = re.compile(rf"(?<!\w){re.escape(unmarked(alias).written)}(?!\w)", re.IGNORECASE)
        longer = [
            f"{found!r} ({'nobody' if other.symbol == NOBODY else other.symbol})"
            for other in others
            if other.symbol != one.symbol
            for found in (unmarked(theirs).written for theirs in other.names if not theirs.startswith(CASHTAG))
            if found.lower() != unmarked(alias).written.lower() and within.search(found)
        ]
        if longer:
            more = f" and {len(longer) - PHRASES_SHOWN} more" if len(longer) > PHRASES_SHOWN else ""
            detail = f"{alias!r} does not count in {', '.join(longer[:PHRASES_SHOWN])}{more}: the longer name wins"
            yield Doubt(one.line, "shadowed", one.symbol, alias, detail, False)


def _unknown(one: Company, listed: set[str]) -> Iterator[Doubt]:
    if one.symbol != NOBODY and one.symbol not in listed:
        detail = f"{one.symbol} is not in the list that ships: new, or another symbol of a company that is listed?"
        yield Doubt(one.line, "unknown-symbol", one.symbol, "", detail, False)


def _all(one: Company) -> tuple[str, ...]:
    return one.names if one.symbol == NOBODY else (f"{CASHTAG}{one.symbol}", *one.names)
