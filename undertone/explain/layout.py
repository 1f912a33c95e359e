"""How an explanation's words are marked and laid out on a grid of letters, for a terminal and for pictures alike."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from undertone.explain.explanation import Explanation
from undertone.explain.sentence import WORTH

COLUMNS = 72
MOST_CHARACTERS = 4_000
FOR, AGAINST = "#1f6fb2", "#c2571a"  # told apart by the colour-blind, and dark enough on white
# Raised and behind the word: before it they would read as the sign of a number.
MARKS = {FOR: "⁺", AGAINST: "⁻"}
# What XML 1.0 cannot hold, and what would turn the reading direction of its neighbours.
_UNFIT = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")


class Piece(NamedTuple):
    """A word, or what stands between two, at a place of a grid of letters; `colour` is empty where it weighs little."""

    text: str
    line: int
    column: int
    width: int
    colour: str
    strength: float  # 0 to 1, of the heaviest word
    weight: float


def colour_of(weight: float, heaviest: float) -> str:
    """Return FOR, AGAINST, or nothing for a weight under a tenth of the heaviest or too small to tell."""
    if abs(weight) <= max(WORTH, heaviest / 10):
        return ""
    return FOR if weight > 0 else AGAINST


def pieces(explanation: Explanation) -> Iterator[Piece]:
    """The text in words and what is between them, all on one line; a mark goes behind each word that weighs."""
    heaviest = max((abs(word.weight) for word in explanation.words), default=0.0)
    text, at = explanation.text[:MOST_CHARACTERS], 0
    for word in explanation.words:
        if word.start >= len(text):
            break
        if between := fit(text[at : word.start]):
            yield Piece(between, 0, 0, _cells(between), "", 0.0, 0.0)
        colour = colour_of(word.weight, heaviest)
        mark = MARKS.get(colour, "") if explanation.method != "rollout" else ""
        shown = fit(text[word.start : word.end]) + mark
        yield Piece(shown, 0, 0, _cells(shown), colour, abs(word.weight) / heaviest if colour else 0.0, word.weight)
        at = word.end
    if rest := fit(text[at:]):
        yield Piece(rest, 0, 0, _cells(rest), "", 0.0, 0.0)


def laid_out(explanation: Explanation) -> Iterator[Piece]:
    """The pieces in lines of COLUMNS cells; what is longer than a line goes on in the next."""
    line = column = 0
    for piece in pieces(explanation):
        whole = piece.colour and piece.width <= COLUMNS
        for part in [piece.text] if whole else re.findall(r"\s+|\S+", piece.text):
            for text in _slices(part):
                width = _cells(text)
                if column + width > COLUMNS:
                    line, column = line + 1, 0
                if column == 0 and not text.strip():
                    continue
                yield piece._replace(text=text, line=line, column=column, width=width)
                column += width


def _slices(text: str) -> Iterator[str]:
    part, width = "", 0
    for character in text:
        wide = _cells(character)
        if width + wide > COLUMNS:
            yield part
            part, width = "", 0
        part, width = part + character, width + wide
    if part:
        yield part


def wrapped(text: str) -> list[str]:
    lines = [""]
    for word in fit(text).split(" "):
        for part in _slices(word):
            if lines[-1] and _cells(lines[-1]) + 1 + _cells(part) > COLUMNS:
                lines.append("")
            lines[-1] = f"{lines[-1]} {part}".lstrip()
    return lines


def _cells(text: str) -> int:
    """How many cells of a grid of letters a text takes: two for a Chinese character, none for a mark above one."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def legend(explanation: Explanation) -> str:
    marks = "" if explanation.method == "rollout" else f"⁺ speaks for {explanation.label}, ⁻ against it; "
    return fit(f"{marks}{explanation.method}, {explanation.model}")


def fit(text: str) -> str:
    """Return a text without the characters that a picture cannot hold; a replacement character stands for each."""
    return _UNFIT.sub("\ufffd", text)
