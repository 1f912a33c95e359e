"""Masked language modelling: which pieces of a text are hidden, and what the model is asked (Devlin et al. 2019, 3.1).

Of every text 15 % of the pieces are asked for; of these 80 % are hidden, 10 % become a random piece, and 10 % stay.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from undertone.errors import InputError

SHARE = 0.15
HIDDEN, RANDOM = 0.8, 0.1
IGNORED = -100  # the label of what is not asked, as PyTorch's cross-entropy has it
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True, slots=True)
class Pieces:
    """What masking has to know of a vocabulary."""

    mask: int
    special: NDArray[np.bool_]  # (pieces,): never hidden, and never put in
    continues: NDArray[np.bool_]  # (pieces,): goes on with the word before it

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Pieces":
        """Raises InputError where the tokenizer has no mask."""
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        mask = next((vocabulary[name] for name in _MASKS if name in vocabulary), None)
        if mask is None:
            raise InputError(
                f"The base's tokenizer has no token {' or '.join(_MASKS)}, which masked language modelling needs; "
                "give another --base, or leave pretraining out"
            )
        size = max(vocabulary.values()) + 1
        special, continues = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        special[list(tokenizer.get_added_tokens_decoder())] = True
        continues[[place for piece, place in vocabulary.items() if piece.startswith("##")]] = True
        return cls(mask, special, continues)


def hide(
    ids: Tensor, attention_mask: Tensor, pieces: Pieces, draw: np.random.Generator, *, whole_words: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (ids with some hidden, labels), both (rows, tokens); labels are IGNORED where nothing is asked.

    With `whole_words` all pieces of a word are asked for, or none.
    """
    given = ids.numpy()
    may = (attention_mask.numpy() == 1) & ~pieces.special[given]
    drawn = draw.random(given.shape)
    if whole_words:
        # A piece that goes on shares the draw of the piece that its word begins with.
        begins = ~(pieces.continues[given] & may)
        first = np.maximum.accumulate(np.where(begins, np.arange(given.shape[1]), 0), axis=1)
        drawn = np.take_along_axis(drawn, first, axis=1)
    asked = may & (drawn < SHARE)
    labels = np.where(asked, given, IGNORED)
    how = draw.random(given.shape)
    ordinary = np.flatnonzero(~pieces.special)
    others = ordinary[draw.integers(len(ordinary), size=given.shape)]
    shown = np.where(how < HIDDEN, pieces.mask, np.where(how < HIDDEN + RANDOM, others, given))
    return torch.from_numpy(np.where(asked, shown, given)), torch.from_numpy(labels)
