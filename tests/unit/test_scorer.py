"""Every scorer keeps one contract; the served graph says what PyTorch says, padded or not."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest
import torch
from tokenizers import Tokenizer

from training.batches import batches
from training.export import activation_ranges, onnx_logits
from training.graph import write_graph
from training.network import TwoHeads, build_student, load_student
from undertone import registry
from undertone.errors import ModelError
from undertone.scorer import SHIPPED_STUDENT, OnnxScorer, Scorer, Scores, TrivialScorer, load_scorer
from undertone.text import model_input

TEXTS = [
    "$ACME plunges 12% after it warns on full-year profit, lenders are worried https://t.co/x",
    "Globex beats estimates and raises its dividend",
    "Fed holds rates",
    "",
    "Initech appoints a new chief financial officer; the predecessor leaves in March",
    "Oil",
    "Umbrella's merger with Hooli is challenged by the regulator in court, shares fall " * 12,
    "Stark Industries upgraded to buy at Wayne Securities, target raised to $210 from $180",
    "Treasury yields little changed before the auction 😀 涨停",
]


@pytest.fixture(scope="module", params=["default", "trivial"])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    return load_scorer(request.param)


def rows(scores: Scores) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.concatenate([scores.topic, scores.sentiment], axis=1)


def test_every_text_gets_probabilities_for_every_label(scorer: Scorer) -> None:
    scores = scorer.score(TEXTS)
    assert scores.topic.shape == (len(TEXTS), len(scorer.topics)) == (len(TEXTS), 20)
    assert scores.sentiment.shape == (len(TEXTS), 3)
    assert scores.topic.dtype == scores.sentiment.dtype == np.float32
    for part in (scores.topic, scores.sentiment):
        assert (part >= 0).all()
        np.testing.assert_allclose(part.sum(1), 1.0, atol=1e-5)
    assert scorer.sentiments == ("negative", "neutral", "positive")
    assert scorer.version


def test_no_texts_give_no_rows(scorer: Scorer) -> None:
    scores = scorer.score([])
    assert scores.topic.shape == (0, 20)
    assert scores.sentiment.shape == (0, 3)


def test_results_come_in_the_order_of_the_texts(scorer: Scorer) -> None:
    alone = np.concatenate([rows(scorer.score([text])) for text in TEXTS])
    many = TEXTS * 9  # more than one batch, every length in each
    np.testing.assert_allclose(rows(scorer.score(many)), np.tile(alone, (9, 1)), atol=2e-3)
    np.testing.assert_allclose(rows(scorer.score(many[::-1])), np.tile(alone, (9, 1))[::-1], atol=2e-3)


def test_the_same_texts_give_the_same_scores(scorer: Scorer) -> None:
    np.testing.assert_array_equal(rows(scorer.score(TEXTS)), rows(scorer.score(TEXTS)))


def test_a_text_scores_the_same_whatever_is_beside_it(scorer: Scorer) -> None:
    """Activation ranges are fixed, so neighbours move a score only where float noise crosses a rounding edge."""
    text = TEXTS[0]
    alone = rows(scorer.score([text]))[0]
    for neighbour in TEXTS[1:]:
        beside = rows(scorer.score([neighbour, text]))[1]
        np.testing.assert_allclose(beside, alone, atol=2e-3)


def test_a_long_text_is_cut_and_a_hostile_one_survives(scorer: Scorer) -> None:
    scores = scorer.score(["falls " * 5_000, "\x00\u202e", "\ufffd" * 300, "a" * 10_000])
    assert np.isfinite(rows(scores)).all()


def test_what_lies_beyond_the_last_token_does_not_matter() -> None:
    scorer = load_scorer("default")
    head = "profit falls again " * 100
    np.testing.assert_allclose(
        rows(scorer.score([head + "lawsuit"])), rows(scorer.score([head + "dividend"])), atol=1e-6
    )


def test_trivial_sentiment_follows_its_words() -> None:
    scores = TrivialScorer().score(["ACME plunges", "ACME beats", "ACME", "ACME beats but plunges"])
    assert scores.sentiment.argmax(1).tolist() == [0, 2, 1, 0]


def test_trivial_topics_spread_over_the_labels() -> None:
    topics = TrivialScorer().score([f"text {number}" for number in range(2_000)]).topic.argmax(1)
    assert np.bincount(topics, minlength=20).min() > 50


def test_the_shipped_student_knows_good_news_from_bad() -> None:
    scores = load_scorer().score(
        ["$ACME shares plunge after profit warning", "$ACME shares surge on record profit", "ACME to report on Monday"]
    )
    assert scores.sentiment.argmax(1).tolist() == [0, 2, 1]


def test_an_unknown_model_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder at"):
        load_scorer(tmp_path / "nowhere")


def test_a_tampered_model_is_refused_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(SHIPPED_STUDENT, folder)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.onnx was changed"):
        load_scorer(folder)


def test_a_folder_with_right_sums_that_does_not_load_is_a_model_error(tmp_path: Path) -> None:
    shipped = registry.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    registry.write(tmp_path / "broken", files | {"tokenizer.json": b"{}"}, shipped)
    with pytest.raises(ModelError, match="does not load"):
        load_scorer(tmp_path / "broken")


def test_temperatures_of_the_manifest_soften_the_scores(tmp_path: Path) -> None:
    shipped = registry.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    doubled = msgspec.structs.replace(
        shipped,
        temperatures=registry.Temperatures(shipped.temperatures.topic * 2, shipped.temperatures.sentiment * 3),
    )
    registry.write(tmp_path / "soft", files, doubled)
    before, after = load_scorer().score(TEXTS), load_scorer(tmp_path / "soft").score(TEXTS)
    for part, factor in (("topic", 2), ("sentiment", 3)):
        powers = getattr(before, part) ** (1 / factor)
        np.testing.assert_allclose(getattr(after, part), powers / powers.sum(1, keepdims=True), atol=1e-4)


def padded_batch(tokenizer: Tokenizer, max_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    ids = [encoding.ids for encoding in tokenizer.encode_batch([model_input(text) for text in TEXTS])]
    [batch] = list(batches(ids, len(ids)))
    back = np.argsort(batch.rows)
    return batch.input_ids[back], batch.attention_mask[back]


@torch.inference_mode()
def probabilities(student: TwoHeads, ids: torch.Tensor, mask: torch.Tensor, temperatures: Any) -> Any:
    topic, sentiment = student(ids, mask)
    return np.concatenate(
        [(topic / temperatures.topic).softmax(-1).numpy(), (sentiment / temperatures.sentiment).softmax(-1).numpy()],
        axis=1,
    )


def test_int8_serving_agrees_with_pytorch_on_a_padded_batch() -> None:
    """The shipped int8 graph against fp32 PyTorch built from the shipped weights, lengths 2 to 128 in one batch."""
    manifest = registry.verify(SHIPPED_STUDENT)
    student = load_student(SHIPPED_STUDENT / "model.safetensors", manifest.architecture, 20, 3)
    ids, mask = padded_batch(Tokenizer.from_file(str(SHIPPED_STUDENT / "tokenizer.json")), manifest.max_tokens)
    assert (int(mask.sum(1).min()), int(mask.sum(1).max())) == (2, manifest.max_tokens)
    expected = probabilities(student, ids, mask, manifest.temperatures)
    served = rows(OnnxScorer.load(SHIPPED_STUDENT, batch_size=len(TEXTS)).score(TEXTS))
    assert np.abs(served - expected).max() < INT8_TOLERANCE


INT8_TOLERANCE = 0.05  # of a probability; the worst here is .017


@pytest.fixture(scope="module", params=["gelu", "relu"])
def random_student(request: pytest.FixtureRequest) -> tuple[TwoHeads, dict[str, Any]]:
    torch.manual_seed(5)
    architecture = {
        "vocab_size": 50,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "hidden_act": request.param,
        "max_position_embeddings": 40,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
    }
    student = build_student(architecture, 20, 3).eval()
    with torch.no_grad():  # fresh weights are too small and biases zero: errors would hide
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return student, architecture


def random_ids(count: int = 24) -> list[list[int]]:
    rng = np.random.default_rng(9)
    return [rng.integers(0, 50, size=rng.integers(1, 40)).tolist() for _ in range(count)]


def torch_logits(student: TwoHeads, ids: list[list[int]], size: int) -> dict[str, Any]:
    logits = {"topic": np.empty((len(ids), 20), np.float32), "sentiment": np.empty((len(ids), 3), np.float32)}
    with torch.inference_mode():
        for batch in batches(ids, size):
            for task, value in zip(logits, student(batch.input_ids, batch.attention_mask), strict=True):
                logits[task][batch.rows] = value.numpy()
    return logits


def test_the_fp32_graph_equals_pytorch_on_a_padded_batch(
    random_student: tuple[TwoHeads, dict[str, Any]],
) -> None:
    student, architecture = random_student
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    graph = write_graph(state, architecture, None)
    ids = random_ids()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    [batch] = list(batches(ids, len(ids)))
    topic, sentiment = session.run(
        ["topic", "sentiment"],
        {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy()},
    )
    # PyTorch sees each text alone: equality then also proves that padding is masked.
    alone = torch_logits(student, ids, 1)
    np.testing.assert_allclose(topic, alone["topic"][batch.rows], atol=1e-4)
    np.testing.assert_allclose(sentiment, alone["sentiment"][batch.rows], atol=1e-4)


def test_the_int8_graph_stays_near_pytorch_and_never_saturates(
    random_student: tuple[TwoHeads, dict[str, Any]],
) -> None:
    student, architecture = random_student
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    ids = random_ids(64)
    served = onnx_logits(write_graph(state, architecture, activation_ranges(student, ids)), ids)
    expected = torch_logits(student, ids, 16)
    for task, value in served.items():
        error = np.abs(value - expected[task]).mean() / expected[task].std()
        assert error < 0.05, task
