"""The forward pass in NumPy says what ONNX Runtime and PyTorch say, and shows the attention that they use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.random_student import MAX_TOKENS, random_student
from tests.small_models import small_model
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.forward import Forward, attention
from undertone.model.network import load_student
from undertone.scorer import SHIPPED_STUDENT, OnnxScorer, onnx_session
from undertone.text import model_input

TEXTS = [
    "$ACME plunges 12% after it warns on full-year profit https://t.co/x",
    "record profit",
    "",
    "acme lawsuit, globex rally " * 30,
    "😀 涨停",
]


@pytest.fixture(scope="module", params=["gelu", "relu"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_student(tmp_path_factory.mktemp("student") / "one", hidden_act=request.param)


def test_numpy_equals_the_fp32_graph_in_every_head(folder: Path) -> None:
    network, session = Forward.load(folder), onnx_session(folder / "model.onnx", threads=1)
    names = [head.name for head in network.manifest.heads]
    for text in TEXTS:
        ids = network.tokenizer.encode(model_input(text)).ids
        span = (len(ids) // 3, len(ids) // 2 + 1)
        inside = [int(span[0] <= place < span[1]) for place in range(len(ids))]
        feed = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], "span_mask": [inside]}
        expected = session.run(names, {name: np.array(value, np.int64) for name, value in feed.items()})
        found = network.logits(network.run(ids), span)
        for name, value in zip(names, expected, strict=True):
            np.testing.assert_allclose(found[name], value[0], atol=1e-4, err_msg=name)


def test_attention_equals_that_of_pytorch(folder: Path) -> None:
    student = load_student(folder, artefact.verify(folder))
    student.encoder.set_attn_implementation("eager")
    network = Forward.load(folder)
    for text, seen in zip(TEXTS, attention(folder, TEXTS), strict=True):
        ids = torch.tensor([network.tokenizer.encode(model_input(text)).ids])
        with torch.inference_mode():
            expected = student.encoder(ids, attention_mask=torch.ones_like(ids), output_attentions=True).attentions
        np.testing.assert_allclose(seen, np.concatenate([layer.numpy() for layer in expected]), atol=1e-5)


def test_every_row_of_attention_sums_to_one_and_a_long_text_is_cut(folder: Path) -> None:
    found = attention(folder, TEXTS)
    for one in found:
        assert one.shape[:2] == (2, 4)
        assert (one >= 0).all()
        np.testing.assert_allclose(one.sum(-1), 1, atol=1e-5)
    assert max(one.shape[-1] for one in found) == MAX_TOKENS


def test_numpy_stays_near_the_int8_model_that_ships() -> None:
    network, scorer = Forward.load(SHIPPED_STUDENT), OnnxScorer.load(SHIPPED_STUDENT)
    served = scorer.score_heads(TEXTS)
    for row, text in enumerate(TEXTS):
        found = network.logits(network.run(network.tokenizer.encode(model_input(text)).ids))
        for name, probabilities in served.items():
            head = network.manifest.head(name)
            assert head is not None
            softened = np.exp(found[name] / head.temperature)
            assert np.abs(softened / softened.sum() - probabilities[row]).max() < 0.08, (text, name)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no student whose layers can be looked into"):
        Forward.load(small_model(tmp_path, "letters", seed=1))
