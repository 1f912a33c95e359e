"""Every scorer keeps one contract; the served graph says what PyTorch says, padded or not."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from tests.engines import engine_scorer
from training.batches import Encoded, batches, encode_texts, load_tokenizer
from training.compress import activation_ranges
from training.compression import logits_of_graph
from training.graph import write_graph
from training.metrics import softmax
from training.teach import logits_of
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.network import Network, build_student, load_student
from undertone.scorer import (
    SHIPPED_STUDENT,
    Mention,
    OnnxScorer,
    Scorer,
    Scores,
    TrivialScorer,
    encode_mentions,
    load_scorer,
    onnx_session,
)

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


@pytest.fixture(scope="module", params=["default", "trivial", "engine"])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    if request.param == "engine":
        return engine_scorer(SHIPPED_STUDENT)[0]
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
    shipped = artefact.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    artefact.write(tmp_path / "broken", files | {"tokenizer.json": b"{}"}, shipped)
    with pytest.raises(ModelError, match="does not load"):
        load_scorer(tmp_path / "broken")


def test_temperatures_of_the_manifest_soften_the_scores(tmp_path: Path) -> None:
    shipped = artefact.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    factors = {"topic": 2, "sentiment": 3}
    heads = tuple(
        msgspec.structs.replace(head, temperature=head.temperature * factors.get(head.name, 1))
        for head in shipped.heads
    )
    doubled = msgspec.structs.replace(shipped, heads=heads)
    artefact.write(tmp_path / "soft", files, doubled)
    before, after = load_scorer().score(TEXTS), load_scorer(tmp_path / "soft").score(TEXTS)
    for part, factor in factors.items():
        powers = getattr(before, part) ** (1 / factor)
        np.testing.assert_allclose(getattr(after, part), powers / powers.sum(1, keepdims=True), atol=1e-4)


@pytest.mark.parametrize("folder", [artefact.SHIPPED, artefact.FAST], ids=lambda folder: folder.name)
def test_int8_serving_agrees_with_pytorch_on_a_padded_batch(folder: Path) -> None:
    """The shipped int8 graph against fp32 PyTorch built from the shipped weights, lengths 2 to 128 in one batch."""
    manifest = artefact.verify(folder)
    student = load_student(folder, manifest)
    encoded = encode_texts(load_tokenizer(folder / "tokenizer.json", manifest.max_tokens), TEXTS)
    assert (min(map(len, encoded.ids)), max(map(len, encoded.ids))) == (2, manifest.max_tokens)
    logits = logits_of(student, encoded, len(TEXTS))
    scores = OnnxScorer.load(folder, batch_size=len(TEXTS)).score_heads(TEXTS)
    for name, served in scores.items():
        head = manifest.head(name)
        assert head is not None
        assert np.abs(served - softmax(logits[name], head.temperature)).max() < INT8_TOLERANCE


INT8_TOLERANCE = 0.08  # of a probability; the worst of the shipped weights here is .057


HEADS = {"topic": 20, "sentiment": 3, "entity": 3}


@pytest.fixture(scope="module", params=["gelu", "relu"])
def random_student(request: pytest.FixtureRequest) -> tuple[Network, dict[str, Any]]:
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
    student = build_student(architecture, HEADS).eval()
    with torch.no_grad():  # fresh weights are too small and biases zero: errors would hide
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return student, architecture


def random_texts(count: int = 24) -> Encoded:
    rng = np.random.default_rng(9)
    ids = [rng.integers(0, 50, size=rng.integers(1, 40)).tolist() for _ in range(count)]
    starts = [int(rng.integers(0, len(row))) for row in ids]
    return Encoded(ids, [(start, start + 1 + (len(row) - start) // 3) for start, row in zip(starts, ids, strict=True)])


def test_the_fp32_graph_equals_pytorch_on_a_padded_batch(random_student: tuple[Network, dict[str, Any]]) -> None:
    student, architecture = random_student
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    session = onnx_session(write_graph(state, architecture, tuple(HEADS), None), threads=1)
    encoded = random_texts()
    [batch] = list(batches(encoded, len(encoded)))
    feed = {name: getattr(batch, name).numpy() for name in ("input_ids", "attention_mask", "span_mask")}
    # PyTorch sees each text alone: equality then also proves that padding is masked.
    alone = logits_of(student, encoded, 1)
    for head, value in zip(HEADS, session.run(list(HEADS), feed), strict=True):
        np.testing.assert_allclose(value, alone[head][batch.rows], atol=1e-4)


def test_the_int8_graph_stays_near_pytorch_and_never_saturates(
    random_student: tuple[Network, dict[str, Any]],
) -> None:
    student, architecture = random_student
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    encoded = random_texts(64)
    graph = write_graph(state, architecture, tuple(HEADS), activation_ranges(student, encoded))
    expected = logits_of(student, encoded, 16)
    for head, value in logits_of_graph(graph, encoded).items():
        error = np.abs(value - expected[head]).mean() / expected[head].std()
        assert error < 0.05, head


def test_the_span_moves_the_entity_head_alone(random_student: tuple[Network, dict[str, Any]]) -> None:
    student, _ = random_student
    encoded = random_texts(1)
    whole = logits_of(student, Encoded(encoded.ids, [(0, len(encoded.ids[0]))]))
    part = logits_of(student, Encoded(encoded.ids, [(0, 1)]))
    np.testing.assert_array_equal(whole["topic"], part["topic"])
    assert np.abs(whole["entity"] - part["entity"]).max() > 1e-3


def test_a_mention_is_found_again_behind_links_and_html_entities() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED_STUDENT / "tokenizer.json"))
    text = "https://t.co/abc P&amp;G rises while Acme Steel falls https://t.co/def"
    start = text.index("Acme Steel")
    [ids], [(first, last)] = encode_mentions(tokenizer, [Mention(text, start, start + len("Acme Steel"))])
    assert tokenizer.decode(ids[first:last]).lower() == "acme steel"


def test_a_model_without_the_entity_head_says_so(tmp_path: Path) -> None:
    shipped = artefact.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    heads = tuple(head for head in shipped.heads if head.name != "entity")
    artefact.write(tmp_path / "texts-only", files, msgspec.structs.replace(shipped, heads=heads))
    with pytest.raises(ModelError, match="no head for the sentiment towards an entity"):
        load_scorer(tmp_path / "texts-only").score_entities([Mention("Acme falls", 0, 4)])


def test_a_model_of_one_head_serves_a_stream(tmp_path: Path) -> None:
    shipped = artefact.verify(SHIPPED_STUDENT)
    files: dict[str, bytes | Path] = {name: SHIPPED_STUDENT / name for name in shipped.files}
    for name in ("topic", "sentiment"):
        heads = tuple(head for head in shipped.heads if head.name == name)
        artefact.write(tmp_path / name, files, msgspec.structs.replace(shipped, heads=heads))
    topics, sentiments = load_scorer(tmp_path / "topic"), load_scorer(tmp_path / "sentiment")
    np.testing.assert_array_equal(topics.score(TEXTS).sentiment[:, 1], 1.0)  # nothing known: neutral
    assert sentiments.topics == ("all",)
    np.testing.assert_array_equal(sentiments.score(TEXTS).topic, np.ones((len(TEXTS), 1)))
