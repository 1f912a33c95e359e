"""The student's forward pass in NumPy, from its safetensors: what the ONNX graph computes, with the attention in view.

For looking inside, one text at a time and in fp32; scores come from `undertone.scorer`. Needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from undertone.errors import ModelError
from undertone.model import artefact
from undertone.text import model_input

Floats = NDArray[np.float32]
_WORDS = "encoder.embeddings.word_embeddings.weight"
_ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Passed:
    """What one text left in the network."""

    attention: Floats  # (layers, heads, tokens, tokens): how much each row's token takes from each column's
    states: Floats  # (tokens, width): the last layer's token vectors


class Forward:
    """The student of one model folder, with its tokenizer. Immutable, so that threads may share it."""

    def __init__(self, manifest: artefact.Manifest, weights: dict[str, Floats], tokenizer: Tokenizer) -> None:
        self.manifest = manifest
        self.tokenizer = tokenizer
        self._weights = weights
        self._layers = int(manifest.architecture["num_hidden_layers"])
        self._heads = int(manifest.architecture["num_attention_heads"])
        self._epsilon = float(manifest.architecture["layer_norm_eps"])
        self._relu = manifest.architecture["hidden_act"] == "relu"

    @classmethod
    def load(cls, folder: Path) -> "Forward":
        """Load a model folder after `artefact.verify`.

        Raises ModelError, also where the model is no BERT student, which alone is known here.
        """
        manifest = artefact.verify(folder)
        try:
            weights = _unpacked(load_file(folder / "model.safetensors"))
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            made = cls(manifest, weights, tokenizer)
            tokenizer.no_padding()
            tokenizer.enable_truncation(manifest.max_tokens)
            made.run(tokenizer.encode("").ids or [0])
        except Exception as error:  # three libraries have their say here, tokenizers with bare Exceptions
            raise ModelError(
                f"Model {folder} passed its checksums but is no student whose layers can be looked into: "
                f"{type(error).__name__} {error}. Give a folder that `undertone train` wrote"
            ) from error
        return made

    def run(self, ids: Sequence[int]) -> Passed:
        """Return what the tokens `ids` of one text leave in the network."""
        # For matrices so small more threads only wait for each other: on a busy machine sixty times as long.
        with _threads().limit(limits=1, user_api="blas"):
            return self._run(np.asarray(ids, np.int64))

    def _run(self, at: NDArray[np.int64]) -> Passed:
        prefix = "encoder.embeddings"
        weights = self._weights
        hidden = weights[_WORDS][at] + weights[f"{prefix}.position_embeddings.weight"][: len(at)]
        hidden = self._norm(f"{prefix}.LayerNorm", hidden + weights[f"{prefix}.token_type_embeddings.weight"][0])
        seen = []
        for layer in range(self._layers):
            name = f"encoder.encoder.layer.{layer}"
            mixed, attention = self._attend(f"{name}.attention.self", hidden)
            seen.append(attention)
            mixed = self._linear(f"{name}.attention.output.dense", mixed)
            hidden = self._norm(f"{name}.attention.output.LayerNorm", mixed + hidden)
            inner = self._linear(f"{name}.intermediate.dense", hidden)
            inner = np.maximum(inner, 0) if self._relu else (inner * (1 + erf(inner / np.float32(np.sqrt(2)))) / 2)
            hidden = self._norm(f"{name}.output.LayerNorm", self._linear(f"{name}.output.dense", inner) + hidden)
        return Passed(np.stack(seen), hidden)

    def logits(self, passed: Passed, span: tuple[int, int] | None = None) -> dict[str, Floats]:
        """Return the logits of each head, (labels,), before any temperature.

        The head `entity` reads the tokens [first, last) of `span`, or all, beside the whole text.
        """
        pooled = passed.states.mean(0)
        first, last = span or (0, len(passed.states))
        both = np.concatenate([passed.states[first:last].mean(0), pooled])
        return {
            head.name: self._linear(head.name, both if head.name == _ENTITY else pooled) for head in self.manifest.heads
        }

    def _attend(self, name: str, hidden: Floats) -> tuple[Floats, Floats]:
        query, key, value = (
            self._linear(f"{name}.{part}", hidden).reshape(len(hidden), self._heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )  # each (heads, tokens, channels)
        scores = query @ key.swapaxes(1, 2) / np.float32(np.sqrt(query.shape[-1]))
        attention = np.exp(scores - scores.max(-1, keepdims=True))
        attention /= attention.sum(-1, keepdims=True)
        return (attention @ value).swapaxes(0, 1).reshape(len(hidden), -1), attention

    def _linear(self, name: str, value: Floats) -> Floats:
        made: Floats = value @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return made

    def _norm(self, name: str, value: Floats) -> Floats:
        centred = value - value.mean(-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(self._epsilon))
        made: Floats = centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return made


def attention(folder: Path, texts: Sequence[str]) -> list[Floats]:
    """Return each text's attention weights, (layers, heads, tokens, tokens), every row of which sums to 1.

    Texts are read as the scorer reads them: `model_input`, cut at `max_tokens`. Raises ModelError.
    """
    network = Forward.load(folder)
    encodings = network.tokenizer.encode_batch([model_input(text) for text in texts])
    return [network.run(encoding.ids).attention for encoding in encodings]


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _unpacked(stored: dict[str, NDArray[np.generic]]) -> dict[str, Floats]:
    """Return stored weights in fp32: the NumPy twin of `undertone.model.network.unpack`."""
    weights = {name: part.astype(np.float32) for name, part in stored.items()}
    codes, scale = weights.pop(f"{_WORDS}.codes"), weights.pop(f"{_WORDS}.scale")
    return weights | {_WORDS: codes * scale}
