"""The words of a clean text, the text without some of them, and the model's tokens of each word. No model here."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.scorer import Mention
from undertone.text import model_input

NO_WORD = -1
_CHUNK = re.compile(r"[^\s—…]+")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ceaf\U0002f800-\U0002fa1f"
_PARTS = re.compile(f"[{_HAN}]|[^{_HAN}]+")
_OUTER = ".,;:!?\"'()[]{}<>|“”‘’«»‹›、。，；：！？（）《》【】「」·-–_*~`"
_OUTER_LEFT = _OUTER.replace("-", "")  # the sign of -5%


class Span(NamedTuple):
    """One word: the characters [start, end) of the text."""

    start: int
    end: int


def words_of(text: str) -> list[Span]:
    """Return the words of a clean text: what stands between spaces, without the punctuation around it.

    Signs, currencies and emoji are kept (`-5%`, `$TSLA`, `🚀`). Each Chinese character is a word of its own. A link, or
    a chunk with an HTML entity, is one word as it stands.

    >>> text = "“$TSLA plunges, -5% (again) https://t.co/x1."
    >>> [text[word.start : word.end] for word in words_of(text)]
    ['$TSLA', 'plunges', '-5%', 'again', 'https://t.co/x1.']
    """
    found = []
    for chunk in _CHUNK.finditer(text):
        if "&" in chunk[0] or "://" in chunk[0] or "www." in chunk[0].lower():
            found.append(Span(*chunk.span()))
            continue
        for part in _PARTS.finditer(chunk[0]):
            start = chunk.start() + part.start() + len(part[0]) - len(part[0].lstrip(_OUTER_LEFT))
            word = part[0].lstrip(_OUTER_LEFT).rstrip(_OUTER)
            if word:
                found.append(Span(start, start + len(word)))
    return found


def cut(mention: Mention, words: Iterable[Span]) -> Mention:
    """Return the text without some of its words, and where its mention is then; the mention itself must stay.

    The space before a word goes with it, or the one after it at the text's start.

    >>> cut(Mention("Acme plunges, lenders wait", 14, 21), [Span(5, 12)])
    Mention(text='Acme, lenders wait', start=6, end=13)
    """
    text = mention.text
    gaps = []
    for start, end in sorted(words):
        gaps.append((start - (start > 0 and text[start - 1] == " "), end))
    edges = [0, *(edge for gap in gaps for edge in gap), len(text)]
    left = "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    kept = left.removeprefix(" ")
    gone = len(left) - len(kept) + sum(end - start for start, end in gaps if end <= mention.start)
    return Mention(kept, max(mention.start - gone, 0), max(mention.end - gone, 0))


def token_words(text: str, shown: str, words: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
    """Return for each token of `shown`, which is `text` as the model reads it, the number of its word or NO_WORD.

    Args:
        text: The clean text.
        shown: What the tokenizer got, see `undertone.text.model_input`.
        words: Words of `text`.
        offsets: The characters [start, end) of `shown` that each token stands for; special tokens are empty.
    """
    owners = np.full(len(shown), NO_WORD, np.intp)
    cursor = 0
    for number, word in enumerate(words):
        form = model_input(text[word.start : word.end])
        at = shown.find(form, cursor)
        if form and at >= 0:
            cursor = at + len(form)
            owners[at:cursor] = number
    return np.array([owners[start] if end > start else NO_WORD for start, end in offsets], np.intp)
