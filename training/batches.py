"""Batches of texts of like length: short texts are not padded to the longest of the set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    rows: NDArray[np.int64]  # positions in the set that was batched
    input_ids: Tensor  # (rows, tokens)
    attention_mask: Tensor  # (rows, tokens)


def load_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def batches(
    ids: Sequence[Sequence[int]], size: int, order: np.random.Generator | None = None, bucket: int = 40
) -> Iterator[Batch]:
    """Yield batches of `size` rows of like length.

    With `order` the rows are shuffled and sorted by length only within buckets of `bucket` batches, and
    the batches come in random order; without it they come by length.
    """
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
        if len(rows) == 0:
            continue
        width = int(lengths[rows].max())
        input_ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for place, row in enumerate(rows):
            input_ids[place, : lengths[row]] = torch.tensor(ids[row])
            mask[place, : lengths[row]] = 1
        yield Batch(rows, input_ids, mask)
