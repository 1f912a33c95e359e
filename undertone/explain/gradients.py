"""Integrated gradients of a label's probability by the word vectors (Sundararajan et al. 2017, eq. 1).

Needs torch and transformers, which the extra `train` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undertone.errors import ModelError
from undertone.model.artefact import Manifest

if TYPE_CHECKING:
    from undertone.model.network import Network

STEPS = 24  # Gauss-Legendre nodes on the way from the baseline to the text


class Gradients:
    """The PyTorch student of one verified model folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Load the weights. Raises ModelError where torch is not installed."""
        try:
            from undertone.model.network import load_student
        except ImportError as error:
            raise ModelError(
                f"Gradients need {error.name}, which is not installed. Install it with: "
                "pip install 'undertone[train]'; or use --method shapley, occlusion or rollout, which do not"
            ) from error
        self._student: Network = load_student(folder, manifest).requires_grad_(False)
        self._manifest = manifest

    def integrated(
        self,
        ids: Sequence[int],
        baseline: Sequence[int],
        span: tuple[int, int] | None,
        head: str,
        label: int,
        steps: int = STEPS,
    ) -> tuple[NDArray[np.float64], float]:
        """Return the integrated gradient of each token, (tokens,), and what they should sum to.

        The way goes straight from the word vectors of the tokens `baseline`, as many as `ids`, to those of `ids`. The
        sum is the label's probability for `ids` less that for `baseline`, up to the error of `steps` nodes.
        """
        import torch

        nodes, weights = np.polynomial.legendre.leggauss(steps)
        at = torch.tensor((nodes + 1) / 2, dtype=torch.float32)[:, None, None]
        share = torch.tensor(weights / 2, dtype=torch.float32)[:, None, None]
        start, end = self._vectors(baseline), self._vectors(ids)
        _, gradient = self._slope(start + at * (end - start), span, head, label)
        ends, _ = self._slope(torch.stack([start, end]), span, head, label)
        parts = ((gradient * share).sum(0) * (end - start)).sum(-1)
        return np.asarray(parts.double().numpy()), float(ends[1] - ends[0])

    def _vectors(self, ids: Sequence[int]) -> Any:
        import torch

        return self._student.encoder.embeddings.word_embeddings(torch.tensor(list(ids)))

    def _slope(self, words: Any, span: tuple[int, int] | None, head: str, label: int) -> tuple[Any, Any]:
        """Return the label's probability, (batch,), and its gradient by the word vectors (batch, tokens, width)."""
        import torch

        described = self._manifest.head(head)
        assert described is not None  # a `Question` has asked
        with torch.enable_grad(), _one_thread():
            words = words.detach().requires_grad_(True)
            mask = torch.ones(words.shape[:2], dtype=torch.long)
            states = self._student.encoder(inputs_embeds=words, attention_mask=mask).last_hidden_state
            first, last = span or (0, words.shape[1])
            logits = self._student.heads(states.mean(1), states[:, first:last].mean(1))[head]
            probability = (logits / described.temperature).softmax(-1)[:, label]
            (gradient,) = torch.autograd.grad(probability.sum(), words)
        return probability.detach(), gradient


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread, as the scorer is: for so small a network more only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
