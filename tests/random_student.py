"""A student of random weights in a real model folder: all three heads, made in a second, right in nothing it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from tests.training_data import COMPANIES, WORDS
from training.graph import write_graph
from undertone.model import artefact
from undertone.model.artefact import Head, Manifest, Provenance
from undertone.model.network import build_student, pack, unpack
from undertone.scorer import SENTIMENTS, TOPICS

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = [word for group in WORDS.values() for word in group] + COMPANIES
MAX_TOKENS = 40
HEADS = (Head("topic", TOPICS, 1.3), Head("sentiment", SENTIMENTS, 1.2), Head("entity", SENTIMENTS, 0.9))


def random_student(folder: Path, *, hidden_act: str = "gelu", heads: tuple[Head, ...] = HEADS) -> Path:
    """Write the folder, which must not exist yet, with an fp32 graph of the weights as they are stored."""
    tokenizer = word_pieces()
    architecture: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "hidden_act": hidden_act,
        "max_position_embeddings": MAX_TOKENS,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
    }
    torch.manual_seed(5)
    student = build_student(architecture, {head.name: len(head.labels) for head in heads})
    with torch.no_grad():  # fresh weights are too small and biases zero: errors would hide
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    packed = pack(student.state_dict())
    state = {name: tensor.numpy() for name, tensor in unpack(packed).items()}
    files: dict[str, bytes | Path] = {
        "model.onnx": write_graph(state, architecture, [head.name for head in heads], None),
        "model.safetensors": save(packed),
        "tokenizer.json": tokenizer.to_str().encode(),
    }
    manifest = Manifest(
        schema_version=artefact.SCHEMA_VERSION,
        version="random-1",
        task="finance",
        heads=heads,
        max_tokens=MAX_TOKENS,
        architecture=architecture,
        provenance=Provenance("none", "Apache-2.0", (), "test", 5, shippable=True),
        metrics={},
        files={},
    )
    artefact.write(folder, files, manifest)
    return folder


def word_pieces() -> Tokenizer:
    """Return a BERT tokenizer of the invented words, and of single letters for all others."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789$:/.,-%&"
    pieces = dict.fromkeys([*SPECIAL, "http", *letters, *(f"##{letter}" for letter in letters), *VOCABULARY])
    tokenizer = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer
