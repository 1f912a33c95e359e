"""Stories: the fingerprint of a text, by which `claim.lua` finds that it was told before. Pure; who owns is Redis' say.

Three keys go into a claim. The 128-bit hash of the normalised text finds exact copies. A bottom-k sketch of 32-bit
hashes gives the Jaccard similarity of two texts (Cohen & Kaplan 2007). MinHash bands (Broder 1997; Leskovec, Rajaraman
& Ullman, Mining of Massive Datasets, 3.4) find the texts worth comparing. What is hashed are a text's words and its
pairs of neighbouring words: words alone take "copper falls on global cues" for a copy of "copper rises on global cues".

With BANDS bands of ROWS rows, a pair of similarity s shares a band with probability 1 - (1 - s^ROWS)^BANDS:

    s      .3    .4    .5    .6    .7    .8    .9
    found  .22   .45   .70   .89   .977  .998  1.000

The sketch then decides, so that what a band finds below THRESHOLD does no harm. At so low a threshold a text may have
grown by half, as by a comment, or say one thing otherwise; what then tells news from copies are the texts' amounts,
names and companies (`marks`): where each has one that the other lacks, they are two stories however alike. Texts that
tell one event in other words are two stories too, and long ones that differ in an ordinary word alone are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest, xxh32_intdigest

from stream import marks
from undertone.store import Claim
from undertone.text import normalise

SKETCH_SIZE = 64
THRESHOLD = 0.5
BANDS = 9
ROWS = 3
LEAST_WORDS = 4
"""Texts with fewer distinct words are compared exactly only: one word more or less makes them another text."""

_WIDTH = BANDS * ROWS
_DIGITS = 16
_ROW_DIGITS = BANDS * _DIGITS
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_EDGE = 0x9E3779B9
"""Stands for the word before the first and after the last one."""

# Fixed for ever: another seed would make the claims in Redis strangers to new ones.
_random = np.random.Generator(np.random.PCG64(20140219))
_FACTORS = _random.integers(0, 2**32, _WIDTH, dtype=np.uint32) | np.uint32(1)  # odd: a permutation of 32-bit numbers
_OFFSETS = _random.integers(0, 2**32, _WIDTH, dtype=np.uint32)
_MIX = _random.integers(0, 2**64, ROWS, dtype=np.uint64) | np.uint64(1)
_BAND = _random.integers(0, 2**64, BANDS, dtype=np.uint64)  # tells equal values of two bands apart
_PAIR = _random.integers(0, 2**64, 2, dtype=np.uint64) | np.uint64(1)
_HALF = np.uint64(32)


class Told(NamedTuple):
    """One text to be fingerprinted, with the position, event time and id of its message, and whom it is about."""

    position: str
    at_ms: int
    message_id: str
    text: str
    entities: tuple[str, ...] = ()


def fingerprint(position: str, at_ms: int, message_id: str, text: str, entities: tuple[str, ...] = ()) -> Claim:
    """The claim of one clean text; see `fingerprints`.

    >>> a = fingerprint("news-0:1", 0, "a", "Acme falls 12% as probe widens https://t.co/x")
    >>> b = fingerprint("news-0:2", 0, "b", "ACME falls 12%, as probe widens!")
    >>> a.text_hash == b.text_hash and a.sketch == b.sketch and a.bands == b.bands
    True
    """
    return fingerprints([Told(position, at_ms, message_id, text, entities)])[0]


def fingerprints(told: Sequence[Told]) -> list[Claim]:
    """One claim for each text, in order. A text gets the same claim in any company."""
    # A text of nothing but links and mentions normalises to nothing, which would make all of those one story.
    same = [(normalise(one.text) or one.text.lower()).encode() for one in told]
    words = [_words(text) for text in same]
    under = [marks.subjects(one.entities) for one in told]
    sketches, bands = _compared(words, under)
    return [
        Claim(
            one.position,
            one.at_ms,
            xxh3_128_hexdigest(one.message_id.encode()),
            xxh3_128_hexdigest(text),
            sketch,
            keys,
            marks.figures(one.text),
            marks.names(one.text, said),
            marks.about(one.entities),
            marks.words(said, subjects[0]),
        )
        for one, text, said, subjects, sketch, keys in zip(told, same, words, under, sketches, bands, strict=True)
    ]


def _words(text: bytes) -> list[bytes]:
    """The words of a normalised text; a script without spaces gives one for each character."""
    if not text.isascii():
        text = _UNSPACED.sub(r" \g<0> ", text.decode()).encode()
        return text.split()
    return text.split(b" ")


def _compared(
    texts: Sequence[list[bytes]], under: Sequence[tuple[int, ...]]
) -> tuple[list[tuple[int, ...]], list[tuple[str, ...]]]:
    """Sketch and band keys of each text's words; none for one that is too short.

    Whom a text is about goes into its bands, once for each of its subjects, so that one template filled in for many
    companies does not hide each one's story from its copies.
    """
    sketches: list[tuple[int, ...]] = [()] * len(texts)
    bands: list[tuple[str, ...]] = [()] * len(texts)
    places, lengths, hashes = [], [], []
    for place, words in enumerate(texts):
        if len(words) >= LEAST_WORDS and len(set(words)) >= LEAST_WORDS:
            places.append(place)
            lengths.append(len(words))
            hashes += [_EDGE, *map(xxh32_intdigest, words)]
    if not places:
        return sketches, bands
    features, starts = _features(np.array([*hashes, _EDGE], np.uint64), np.array(lengths, np.int64))
    flat = features.tolist()
    begins = starts.tolist()
    for place, start, end in zip(places, begins, [*begins[1:], len(flat)], strict=True):
        sketches[place] = tuple(flat[start : min(end, start + SKETCH_SIZE)])
    permuted = features[:, None] * _FACTORS + _OFFSETS  # (features, bands * rows), wraps on purpose
    least = np.minimum.reduceat(permuted, starts, axis=0).reshape(-1, BANDS, ROWS)
    mixed = (least * _MIX).sum(axis=2, dtype=np.uint64) ^ _BAND  # (texts, bands)
    rows = np.repeat(np.arange(len(places)), [len(under[place]) for place in places])
    subjects = np.array([subject for place in places for subject in under[place]], np.uint64)
    digits = (mixed[rows] ^ subjects[:, None]).astype(">u8").tobytes().hex()  # (texts' subjects, bands)
    begin = 0
    for place in places:
        end = begin + _ROW_DIGITS * len(under[place])
        bands[place] = tuple([digits[at : at + _DIGITS] for at in range(begin, end, _DIGITS)])
        begin = end
    return sketches, bands


def _features(hashes: NDArray[np.uint64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The distinct hashes of words and pairs, ascending within each text, and where each text starts.

    ``hashes`` has an edge before each text's ``lengths`` words and one at the end, so that each is a pair's first.
    """
    texts = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths + 1) << _HALF
    pairs = (hashes[:-1] * _PAIR[0] + hashes[1:] * _PAIR[1]) >> _HALF
    is_word = np.ones(len(texts), np.bool_)
    is_word[np.cumsum(lengths + 1) - lengths - 1] = False  # the edges
    both = np.concatenate(((texts | hashes[:-1])[is_word], texts | pairs))
    both.sort()
    both = both[np.concatenate(([True], both[1:] != both[:-1]))]
    starts = np.searchsorted(both, np.arange(len(lengths), dtype=np.uint64) << _HALF)
    return both.astype(np.uint32), starts.astype(np.int64)
