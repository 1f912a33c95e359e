"""Who owns which story, kept in memory: the answers of `claim.lua` without Redis, for a rehearsal. Pure.

It forgets what lies more than a window of event time before the newest claim, so claims come roughly in order of time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stream.marks import WORD_DIGITS
from undertone.store import Claim, Ownership

MOST_COMPARED = 6
"""Texts that one text is compared with at most, as in `claim.lua`."""

_Owner = tuple[str, int]  # position, event time in ms
_Compared = tuple[tuple[int, ...], tuple[frozenset[int], ...]]  # sketch; figures, names, companies


@dataclass(slots=True)
class _Page:
    """What was claimed in one window of event time."""

    ids: dict[str, str] = field(default_factory=dict)  # id hash → position
    texts: dict[str, tuple[_Owner, int]] = field(default_factory=dict)  # owner, hundredths of similarity
    bands: dict[str, _Owner] = field(default_factory=dict)
    compared: dict[str, _Compared] = field(default_factory=dict)  # by position
    words: dict[str, str] = field(default_factory=dict)  # word hash → id hash of the first that told it


class Storybook:
    """The stories of one stream. Making the same claim again gives the same answer."""

    def __init__(self, *, window_ms: int, threshold: float, sketch_size: int) -> None:
        """The arguments are those of :meth:`undertone.store.Store.claim`."""
        self._window_ms = window_ms
        self._threshold = threshold
        self._k = sketch_size
        self._pages: dict[int, _Page] = {}

    def claim(self, claims: Sequence[Claim]) -> list[Ownership]:
        """Who owns the story of each claim, in order."""
        return [self._claim(one) for one in claims]

    def _claim(self, claim: Claim) -> Ownership:
        number = claim.at_ms // self._window_ms
        own = self._page(number)
        pages = [own, *(self._pages[n] for n in (number - 1, number + 1) if n in self._pages)]
        holder = next((page.ids[claim.id_hash] for page in pages if claim.id_hash in page.ids), None)
        repeated = holder is not None and holder != claim.position
        found = next(
            (one for page in pages if (one := page.texts.get(claim.text_hash)) and self._open(one[0], claim)), None
        )
        if holder is None:
            own.ids[claim.id_hash] = claim.position
        if repeated:
            return Ownership(found[0][0] if found else claim.position, True)
        if found is None:
            found = own.texts[claim.text_hash] = self._near(claim, pages) or self._opened(claim, own)
        owner, hundredths = found
        novelty = self._fresh(claim, own, number) if owner[0] == claim.position else 100 - hundredths
        return Ownership(owner[0], False, novelty)

    def _opened(self, claim: Claim, own: _Page) -> tuple[_Owner, int]:
        owner = (claim.position, claim.at_ms)
        own.bands.update(dict.fromkeys(claim.bands, owner))
        if claim.sketch:
            own.compared[claim.position] = (claim.sketch, _marks(claim))
        return owner, 100

    def _fresh(self, claim: Claim, own: _Page, number: int) -> int:
        """Novelty of a text that opens a story; its words that nobody told in this window become its own."""
        floor = 100 * (1 - self._threshold)
        words = [claim.words[at : at + WORD_DIGITS] for at in range(0, len(claim.words), WORD_DIGITS)]
        if not words:
            return _rounded(floor)
        earlier = self._pages[number - 1].words if number - 1 in self._pages else {}
        told = sum(own.words.setdefault(word, claim.id_hash) != claim.id_hash or word in earlier for word in words)
        return _rounded(floor + (100 - floor) * (1 - told / len(words)))

    def _page(self, number: int) -> _Page:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Page()
            for old in [one for one in self._pages if one < max(self._pages) - 3]:
                del self._pages[old]
        return page

    def _near(self, claim: Claim, pages: Sequence[_Page]) -> tuple[_Owner, int] | None:
        tried: set[str] = set()
        marks = _marks(claim)
        for page, candidate in self._candidates(claim, pages):
            if candidate[0] in tried:
                continue
            if len(tried) == MOST_COMPARED:
                return None
            tried.add(candidate[0])
            known = page.compared.get(candidate[0])
            if known is None or any(map(_apart, marks, known[1])):
                continue
            likeness = similarity(claim.sketch, known[0], k=self._k, threshold=self._threshold)
            if likeness is not None:
                return candidate, _rounded(100 * likeness)
        return None

    def _candidates(self, claim: Claim, pages: Sequence[_Page]) -> Iterator[tuple[_Page, _Owner]]:
        for page in pages:
            for band in claim.bands:
                candidate = self._open(page.bands.get(band), claim)
                if candidate is not None:
                    yield page, candidate

    def _open(self, owner: _Owner | None, claim: Claim) -> _Owner | None:
        return owner if owner is not None and abs(owner[1] - claim.at_ms) <= self._window_ms else None


def _marks(claim: Claim) -> tuple[frozenset[int], ...]:
    return frozenset(claim.figures), frozenset(claim.names), frozenset(claim.about)


def _apart(a: frozenset[int], b: frozenset[int]) -> bool:
    """Whether each has something that the other lacks."""
    return not (a <= b or b <= a)


def _rounded(number: float) -> int:
    return math.floor(number + 0.5)


def similarity(a: tuple[int, ...], b: tuple[int, ...], *, k: int, threshold: float) -> float | None:
    """The Jaccard similarity of two texts, estimated from bottom-k sketches; None below the threshold.

    The estimate is the shared part of the k smallest hashes of the union (Cohen & Kaplan 2007); sketches shorter than
    k are whole sets, and the figure is exact.
    """
    whole = len(a) < k and len(b) < k
    union = sorted({*a, *b})
    seen = union if whole else union[:k]
    shared = len({*a} & {*b} & {*seen})
    # `claim.lua` gives up beyond so many differences; where this and the quotient round apart, both must hold.
    spare = (min(len(a), len(b)) / threshold if whole else k) * (1 - threshold)
    if not seen or len(seen) - shared > spare or shared / len(seen) < threshold:
        return None
    return shared / len(seen)
