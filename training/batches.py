"""Batches of texts of like length: short texts are not padded to the longest of the set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from training.augment import Mentioned
from undertone.scorer import Mention, encode_mentions


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokenised texts: ids, and the tokens [first, last) of the entity asked about (all, where none is)."""

    ids: list[list[int]]
    spans: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> "Encoded":
        return Encoded(self.ids[rows], self.spans[rows])


@dataclass(frozen=True, slots=True)
class Batch:
    rows: NDArray[np.int64]  # positions in the set that was batched
    input_ids: Tensor  # (rows, tokens)
    attention_mask: Tensor  # (rows, tokens)
    span_mask: Tensor  # (rows, tokens)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch with its tensors on a device."""
        return Batch(self.rows, self.input_ids.to(device), self.attention_mask.to(device), self.span_mask.to(device))


def load_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def encode(tokenizer: Tokenizer, rows: Sequence[Mentioned]) -> Encoded:
    """Return the rows as the model reads them; see `undertone.text.model_input`."""
    return Encoded(*encode_mentions(tokenizer, [Mention(*row) for row in rows]))


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str]) -> Encoded:
    return encode(tokenizer, [Mentioned(text, 0, 0) for text in texts])


def batches(encoded: Encoded, size: int, order: np.random.Generator | None = None, bucket: int = 40) -> Iterator[Batch]:
    """Yield batches of `size` rows of like length.

    With `order` the rows are shuffled and sorted by length only within buckets of `bucket` batches, and
    the batches come in random order; without it they come by length.
    """
    ids = encoded.ids
    lengths = np.array([len(row) for row in ids])
    if order is None:
        groups = np.array_split(np.argsort(lengths, kind="stable"), range(size, len(ids), size))
    else:
        shuffled = order.permutation(len(ids))
        groups = []
        for start in range(0, len(ids), size * bucket):
            part = shuffled[start : start + size * bucket]
            part = part[np.argsort(lengths[part], kind="stable")]
            groups += [part[at : at + size] for at in range(0, len(part), size)]
        groups = [groups[place] for place in order.permutation(len(groups))]
    for rows in groups:
        if len(rows):
            yield _padded(encoded, rows, int(lengths[rows].max()))


def _padded(encoded: Encoded, rows: NDArray[np.int64], width: int) -> Batch:
    input_ids, mask, span_mask = (torch.zeros((len(rows), width), dtype=torch.long) for _ in range(3))
    for place, row in enumerate(rows):
        ids, (first, last) = encoded.ids[row], encoded.spans[row]
        input_ids[place, : len(ids)] = torch.tensor(ids)
        mask[place, : len(ids)] = 1
        span_mask[place, first:last] = 1
    return Batch(rows, input_ids, mask, span_mask)
