"""The network as it serves on a GPU: additive mask in, calibrated probabilities of all heads out."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, cat, nn, split

from undertone.model.artefact import Manifest
from undertone.model.network import Network, load_student, mean_of

BLOCKED = -10_000.0
"""What is added to the attention logits of padding: within fp16, and nothing after the softmax."""


class Served(nn.Module):
    """Probabilities of all heads side by side, (batch, labels of all heads), fp32, in the manifest's order.

    The mask is made here, once, as DeepSpeed's kernels need it: floats of the model's own type, (batch, 1, 1, tokens).
    They read its bytes as they come; a mask of booleans or integers would be read as nonsense, without an error.
    """

    def __init__(self, network: Network, temperatures: tuple[float, ...]) -> None:
        """`temperatures` go with the network's heads, in their order."""
        super().__init__()
        self.network = network.eval()
        self.temperatures = temperatures

    @classmethod
    def load(cls, path: Path, manifest: Manifest) -> Served:
        """Build the student of a verified model folder, fp32 on CPU."""
        return cls(load_student(path, manifest), tuple(head.temperature for head in manifest.heads))

    @property
    def vocabulary(self) -> int:
        """Number of word pieces."""
        return int(self.network.encoder.config.vocab_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, span_mask: Tensor) -> Tensor:
        """All (batch, tokens); `span_mask` is 1 on the tokens of the entity asked about, or equal to the mask."""
        kind = self.network.encoder.embeddings.word_embeddings.weight.dtype
        additive = (1.0 - attention_mask[:, None, None, :].to(kind)) * BLOCKED  # (batch, 1, 1, tokens)
        states = self.network.encoder(input_ids=input_ids, attention_mask=additive).last_hidden_state
        logits = self.network.heads(mean_of(states, attention_mask), mean_of(states, span_mask))
        calibrated = (
            (values.float() / temperature).softmax(-1)
            for values, temperature in zip(logits.values(), self.temperatures, strict=True)
        )
        return cat(tuple(calibrated), -1)

    def split(self, probabilities: Tensor) -> tuple[Tensor, ...]:
        """Return the columns of each head."""
        return split(probabilities, [getattr(self.network, name).out_features for name in self.network.head_names], -1)
