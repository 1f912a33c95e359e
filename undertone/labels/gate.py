"""The frozen gate set, as labels meet it: whether a text is one of its texts, or nearly repeats one.

Where the texts are at hand both are found. The package carries only hashes of the shipped model's gate texts, whose
licences do not let them travel; with those, a text is found that has the same words, or one word more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from undertone.errors import InputError
from undertone.near_duplicates import near
from undertone.text import clean, normalise

SHIPPED = Path(__file__).parent / "gate.xxh64"
SUFFIX = ".xxh64"


@dataclass(frozen=True)
class Gate:
    """Texts that must never train: themselves, or hashes of their words."""

    texts: tuple[str, ...] = ()
    hashes: frozenset[int] = frozenset()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Gate:
        return cls(texts=tuple(clean(text) for text in texts))

    @classmethod
    def shipped(cls) -> Gate:
        """The gate set of the shipped model, as hashes.

        Raises:
            InputError: if the package is damaged.
        """
        return cls.read(SHIPPED)

    @classmethod
    def read(cls, path: Path, column: str = "text") -> Gate:
        """The gate set in a CSV, JSON lines or Parquet file with that column, or in a file of hashes (``.xxh64``).

        Raises:
            InputError: if there is no such file, or one row has no text: a gate with a hole is no gate.
        """
        from undertone.feed_files import Layout, Problem, read

        if path.suffix == SUFFIX:
            try:
                return cls(hashes=frozenset(np.frombuffer(path.read_bytes(), "<u8").tolist()))
            except (OSError, ValueError) as error:
                raise InputError(f"{path} is not a file of gate hashes: {error}") from error
        texts: list[str] = []
        for row in read(path, Layout()):
            if isinstance(row, Problem):
                raise InputError(f"{row}. A gate set must be whole: mend that row")
            text = row.fields.get(column)
            if not isinstance(text, str):
                raise InputError(f"{path}:{row.line}: no text in column {column!r}; there are {', '.join(row.fields)}")
            texts.append(text)
        if not texts:
            raise InputError(f"{path} has no rows: a gate set without texts would let everything pass")
        return cls.of(texts)

    def __or__(self, other: Gate) -> Gate:
        return Gate(self.texts + other.texts, self.hashes | other.hashes)

    def __len__(self) -> int:
        return len(self.texts) + len(self.hashes)

    def repeats(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is, or nearly repeats, one of the gate."""
        found = near(texts, self.texts) if self.texts else [False] * len(texts)
        if self.hashes:
            found = [one or self._hashed(text) for one, text in zip(found, texts, strict=True)]
        return found

    def _hashed(self, text: str) -> bool:
        words = _words(text)
        # One word more leaves a Jaccard similarity of (n - 1) / n, which is .8 or more from five words on.
        fewer = (words - {word} for word in words) if len(words) >= 5 else ()
        return _hash(words) in self.hashes or any(_hash(some) in self.hashes for some in fewer)


def freeze(texts: Iterable[str], path: Path) -> int:
    """Write the hashes of these texts' words as a file that :meth:`Gate.read` takes; how many there are.

    A text without words has none. The file holds 8 bytes a text, sorted, little-endian: XXH64 of the words, sorted,
    each once, with spaces between.
    """
    hashes = {_hash(words) for text in texts if (words := _words(text))}
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(np.array(sorted(hashes), "<u8").tobytes())
    unfinished.replace(path)
    return len(hashes)


def _words(text: str) -> frozenset[str]:
    return frozenset(normalise(clean(text)).split())


def _hash(words: frozenset[str]) -> int:
    return xxhash.xxh64_intdigest(" ".join(sorted(words)).encode())
