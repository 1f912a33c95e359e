"""Stories: the fingerprint of a text, by which `claim.lua` finds that it was told before. Pure; who owns is Redis' say.

Three keys go into a claim. The 128-bit hash of the normalised text finds exact copies. A bottom-k sketch of the
hashes of its words gives the Jaccard similarity of two texts (Cohen & Kaplan 2007). MinHash bands (Broder 1997;
Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4) find the texts worth comparing.

With BANDS bands of ROWS rows, a pair of similarity s shares a band with probability 1 - (1 - s^ROWS)^BANDS:

    s      .3    .4    .5    .6    .7    .8    .9
    found  .22   .45   .70   .89   .977  .998  1.000

The sketch then decides, so that what a band finds below THRESHOLD does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest, xxh32_intdigest

from undertone.store import Claim
from undertone.text import normalise

SKETCH_SIZE = 64
THRESHOLD = 0.7
BANDS = 9
ROWS = 3
LEAST_WORDS = 4
"""Texts with fewer distinct words are compared exactly only: one word more or less makes them another text."""

_UINT = np.uint64
# Fixed for ever: another seed would make the claims in Redis strangers to new ones.
_random = np.random.Generator(np.random.PCG64(20140219))
_FACTORS = _random.integers(1, 2**64, BANDS * ROWS, dtype=_UINT) | _UINT(1)  # odd: multiply-shift hashing
_OFFSETS = _random.integers(0, 2**64, BANDS * ROWS, dtype=_UINT)
_MIX = _random.integers(1, 2**64, ROWS, dtype=_UINT) | _UINT(1)
_HIGH = _UINT(32)


class Told(NamedTuple):
    """One text to be fingerprinted, with the position, event time and id of its message."""

    position: str
    at_ms: int
    message_id: str
    text: str


def fingerprint(position: str, at_ms: int, message_id: str, text: str) -> Claim:
    """The claim of one clean text; see `fingerprints`.

    >>> a = fingerprint("news-0:1", 0, "a", "Acme falls 12% as probe widens https://t.co/x")
    >>> b = fingerprint("news-0:2", 0, "b", "ACME falls 12%, as probe widens!")
    >>> a.text_hash == b.text_hash and a.sketch == b.sketch and a.bands == b.bands
    True
    """
    return fingerprints([Told(position, at_ms, message_id, text)])[0]


def fingerprints(told: Sequence[Told]) -> list[Claim]:
    """One claim for each text, in order. A text gets the same claim in any company."""
    exact: list[str] = []
    sets: list[list[int]] = []
    for _, _, _, text in told:
        # A text of nothing but links and mentions normalises to nothing, which would make all of those one story.
        same = (normalise(text) or text.lower()).encode()
        exact.append(xxh3_128_hexdigest(same))
        sets.append(_features(same))
    bands = _bands(sets)
    ids = [xxh3_128_hexdigest(one.message_id.encode()) for one in told]
    return [
        Claim(one.position, one.at_ms, id_hash, text_hash, tuple(words[:SKETCH_SIZE]), keys)
        for one, id_hash, text_hash, words, keys in zip(told, ids, exact, sets, bands, strict=True)
    ]


def _features(same: bytes) -> list[int]:
    """32-bit hashes of the distinct words of a normalised text, ascending; none for a text too short."""
    words = set(same.split(b" "))
    if len(words) < LEAST_WORDS:
        return []
    return sorted({xxh32_intdigest(word) for word in words})


def _bands(sets: Sequence[Sequence[int]]) -> list[tuple[str, ...]]:
    """The band keys of each set; none for an empty set."""
    full = [one for one in sets if one]
    if not full:
        return [() for _ in sets]
    lengths = np.fromiter(map(len, full), np.intp, len(full))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    words = np.fromiter((word for one in full for word in one), _UINT, int(lengths.sum()))
    hashes = (words[:, None] * _FACTORS + _OFFSETS) >> _HIGH  # (words, bands * rows), wraps on purpose
    least = np.minimum.reduceat(hashes, starts, axis=0).reshape(len(full), BANDS, ROWS)
    mixed: NDArray[np.uint64] = (least * _MIX).sum(axis=2, dtype=_UINT)
    keys = iter([tuple([f"{band}:{value:x}" for band, value in enumerate(row)]) for row in mixed.tolist()])
    return [next(keys) if one else () for one in sets]
