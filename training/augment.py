"""Small changes to a text that leave its labels alone: typing errors, other tickers, other companies, other numbers.

Upper and lower case are not varied: the tokenizers of the encoders used so far fold them.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from training.noise import Swaps
from undertone.entities import Linker

_CASHTAG = re.compile(r"\$[A-Za-z]{1,6}\b")
_NUMBER = re.compile(r"\d")
_LINK = re.compile(r"\s*\bhttp\S*\s*")


class Mentioned(NamedTuple):
    """A text, and the characters [start, end) that name the entity asked about; equal where none is."""

    text: str
    start: int
    end: int


class Augmenter:
    """Draws changed copies of texts from a seeded stream."""

    def __init__(self, rows: Sequence[Mentioned], seed: int) -> None:
        """Tickers and names to swap in are those of `rows`."""
        self._random = random.Random(seed)
        self._swaps = Swaps(Linker.load())
        self._cashtags = sorted({tag for row in rows for tag in _CASHTAG.findall(row.text)}) or ["$ACME"]
        self._names = sorted({row.text[row.start : row.end] for row in rows if row.end > row.start}) or ["Acme"]

    def __call__(self, row: Mentioned) -> Mentioned:
        """Return a changed copy; its span names the entity that stands where the old one stood."""
        if row.end <= row.start:
            return Mentioned(self._changed(row.text), 0, 0)
        name = row.text[row.start : row.end]
        if self._random.random() < 0.3:
            name = self._random.choice(self._names)
        before, after = self._around(row.text[: row.start]), self._around(row.text[row.end :])
        return Mentioned(before + name + after, len(before), len(before) + len(name))

    def _around(self, part: str) -> str:
        """Change what stands beside a name, keeping the blanks or signs that hold it to the name."""
        core = part.strip()
        if not core:
            return part
        at = part.index(core)
        return part[:at] + self._changed(core) + part[at + len(core) :]

    def _changed(self, text: str) -> str:
        draw = self._random
        if draw.random() < 0.3:
            text = self._swaps.entity(text, draw) or text
        if draw.random() < 0.3:
            text = _LINK.sub(" ", text).strip()
        if draw.random() < 0.3:
            text = _CASHTAG.sub(lambda _: draw.choice(self._cashtags), text)
        elif draw.random() < 0.15:
            text = _CASHTAG.sub("", text).lstrip(" -:")
        if draw.random() < 0.3:
            text = _NUMBER.sub(lambda _: str(draw.randrange(10)), text)
        words = text.split()
        if len(words) > 4 and draw.random() < 0.5:
            words = [word for word in words if draw.random() > 0.1] or words
        for _ in range(draw.choice((0, 1, 2, 3))):
            place = draw.randrange(len(words)) if words else None
            if place is not None:
                words[place] = self._mistype(words[place])
        return " ".join(words)

    def _mistype(self, word: str) -> str:
        if len(word) < 4:
            return word
        at = self._random.randrange(1, len(word) - 1)
        match self._random.randrange(4):
            case 0:
                return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            case 1:
                return word[:at] + word[at + 1 :]
            case 2:
                return word[:at] + self._random.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
            case _:
                return word[:at] + word[at] + word[at:]
