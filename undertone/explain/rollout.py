"""Attention rollout: how much of each token reaches the vectors that the heads read (Abnar & Zuidema 2020, eq. 1)."""

import numpy as np
from numpy.typing import NDArray

from undertone.model.forward import Floats


def rollout(attention: Floats) -> NDArray[np.float64]:
    """Return the share of each token in each token of the last layer, (tokens, tokens); rows sum to 1.

    `attention` is (layers, heads, tokens, tokens). Heads are averaged, and half of each layer's input goes past the
    attention by the residual connection.
    """
    tokens = attention.shape[-1]
    shares = np.eye(tokens)
    for layer in attention.astype(np.float64).mean(1):
        shares = (layer + np.eye(tokens)) / 2 @ shares
    return shares


def token_shares(attention: Floats, span: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """Return the share of each token in what a head reads, (tokens,), which sums to 1.

    A head of a text reads the mean over all tokens; with `span`, the tokens [first, last) of an entity, that head reads
    their mean beside it, and both count alike.
    """
    shares = rollout(attention)
    whole: NDArray[np.float64] = shares.mean(0)
    return whole if span is None else (whole + shares[span[0] : span[1]].mean(0)) / 2
