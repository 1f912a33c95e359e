"""Who owns which story, kept in memory: the answers of `claim.lua` without Redis, for a rehearsal. Pure.

It forgets what lies more than a window of event time before the newest claim, so claims come roughly in order of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from undertone.store import Claim, Ownership

MOST_COMPARED = 6
"""Texts that one text is compared with at most, as in `claim.lua`."""

_Owner = tuple[str, int]  # position, event time in ms


@dataclass(slots=True)
class _Page:
    """What was claimed in one window of event time."""

    ids: dict[str, str] = field(default_factory=dict)  # id hash → position
    texts: dict[str, _Owner] = field(default_factory=dict)
    bands: dict[str, _Owner] = field(default_factory=dict)
    sketches: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by position


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
        owner = next((one for page in pages if (one := self._open(page.texts.get(claim.text_hash), claim))), None)
        if holder is None:
            own.ids[claim.id_hash] = claim.position
        if owner is None and not repeated:
            owner = self._near(claim, pages)
            if owner is None:
                owner = (claim.position, claim.at_ms)
                own.bands.update(dict.fromkeys(claim.bands, owner))
                if claim.sketch:
                    own.sketches[claim.position] = claim.sketch
            own.texts[claim.text_hash] = owner
        return Ownership(owner[0] if owner else claim.position, repeated)

    def _page(self, number: int) -> _Page:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Page()
            for old in [one for one in self._pages if one < max(self._pages) - 2]:
                del self._pages[old]
        return page

    def _near(self, claim: Claim, pages: Sequence[_Page]) -> _Owner | None:
        tried: set[str] = set()
        for page, candidate in self._candidates(claim, pages):
            if candidate[0] in tried:
                continue
            if len(tried) == MOST_COMPARED:
                return None
            tried.add(candidate[0])
            known = page.sketches.get(candidate[0])
            if known is not None and similar(claim.sketch, known, k=self._k, threshold=self._threshold):
                return candidate
        return None

    def _candidates(self, claim: Claim, pages: Sequence[_Page]) -> Iterator[tuple[_Page, _Owner]]:
        for page in pages:
            for band in claim.bands:
                candidate = self._open(page.bands.get(band), claim)
                if candidate is not None:
                    yield page, candidate

    def _open(self, owner: _Owner | None, claim: Claim) -> _Owner | None:
        return owner if owner is not None and abs(owner[1] - claim.at_ms) <= self._window_ms else None


def similar(a: tuple[int, ...], b: tuple[int, ...], *, k: int, threshold: float) -> bool:
    """Whether the Jaccard similarity of two texts, estimated from bottom-k sketches, reaches the threshold.

    The estimate is the shared part of the k smallest hashes of the union (Cohen & Kaplan 2007); sketches shorter than
    k are whole sets, and the figure is exact.
    """
    whole = len(a) < k and len(b) < k
    union = sorted({*a, *b})
    seen = union if whole else union[:k]
    shared = len({*a} & {*b} & {*seen})
    # `claim.lua` gives up beyond so many differences; where this and the quotient round apart, both must hold.
    spare = (min(len(a), len(b)) / threshold if whole else k) * (1 - threshold)
    return bool(seen) and len(seen) - shared <= spare and shared / len(seen) >= threshold
