"""Small changes to a text that leave its topic and sentiment alone: typing errors, other tickers, no link.

Upper and lower case are not varied: the tokenizer folds them.
"""

import random
import re

_CASHTAG = re.compile(r"\$[A-Za-z]{1,6}\b")
_NUMBER = re.compile(r"\d")
_LINK = re.compile(r"\s*\bhttp\b\s*")


class Augmenter:
    """Draws a changed copy of a model input (see `undertone.text.model_input`) from a seeded stream."""

    def __init__(self, texts: list[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._cashtags = sorted({tag for text in texts for tag in _CASHTAG.findall(text)}) or ["$ACME"]

    def __call__(self, text: str) -> str:
        draw = self._random
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
        if draw.random() < 0.3:
            place = draw.randrange(len(words)) if words else None
            if place is not None:
                words[place] = self._mistype(words[place])
        return " ".join(words)

    def _mistype(self, word: str) -> str:
        if len(word) < 4:
            return word
        at = self._random.randrange(1, len(word) - 1)
        match self._random.randrange(3):
            case 0:
                return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            case 1:
                return word[:at] + word[at + 1 :]
            case _:
                return word[:at] + word[at] + word[at:]
