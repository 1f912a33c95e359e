"""The whole training cycle on a few dozen invented rows, and the parts of it that hold promises."""

import csv
import json
import random
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from training.batches import batches, encode, load_tokenizer
from training.export import fit_temperature
from training.metrics import classification_of, softmax
from training.network import load_student, pack, task_loss, unpack
from training.plan import Plan
from training.prepare import (
    Row,
    merge_same_texts,
    prepare,
    refuse_what_may_not_train,
    without_near_duplicates,
)
from training.run import main
from training.vocabulary import trim_tokenizer
from undertone import registry
from undertone.scorer import SENTIMENTS, TOPICS, OnnxScorer

WORDS = {
    0: "plunges fraud lawsuit loss weak downgrade slump recall".split(),
    1: "meeting report monday schedule notes update says holds".split(),
    2: "surges record profit strong upgrade rally beats growth".split(),
}
COMPANIES = "acme globex initech umbrella hooli vandelay wonka stark wayne tyrell".split()


def invented(rng: random.Random, sentiment: int) -> str:
    words = rng.choices(WORDS[sentiment], k=4) + rng.choices(COMPANIES, k=2) + [str(rng.randrange(10**6))]
    rng.shuffle(words)
    return f"$ACME {' '.join(words)} https://t.co/{rng.randrange(10**6)}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the layout of the real one and texts of our own."""
    folder, rng = tmp_path_factory.mktemp("data"), random.Random(7)
    for name in ("twitter_fin_sentiment", "twitter_fin_topic", "sentfin", "financial_phrasebank", "_leaks"):
        (folder / name).mkdir()
    for name, rows in (("sent_train", 48), ("sent_valid", 16)):
        with (folder / "twitter_fin_sentiment" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            # The source's order is bearish, bullish, neutral.
            writer.writerows([invented(rng, (0, 2, 1)[row % 3]), row % 3] for row in range(rows))
    (folder / "twitter_fin_topic" / "classes.txt").write_text("\n".join(TOPICS))
    for name, rows in (("train", 48), ("validation", 20)):
        frame = pd.DataFrame(
            {"text": [invented(rng, row % 3) for row in range(rows)], "label": [row % 20 for row in range(rows)]}
        )
        frame.to_parquet(folder / "twitter_fin_topic" / f"{name}.parquet")
    with (folder / "sentfin" / "SEntFiN.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["S No.", "Title", "Decisions", "Words"])
        for row in range(40):
            writer.writerow([row, invented(rng, row % 3), f"{{'Acme': '{SENTIMENTS[row % 3]}'}}", 8])
        writer.writerow([40, "mixed", "{'Acme': 'negative', 'Globex': 'positive'}", 1])
    (folder / "financial_phrasebank" / "Sentences_50Agree.txt").write_text(
        "\n".join(f"{invented(rng, row % 3)}@{SENTIMENTS[row % 3]}" for row in range(12)), encoding="latin-1"
    )
    leaks = {"twitter_fin_sentiment/sent_valid.csv": [0, 1]}
    (folder / "_leaks" / "eval_rows_seen_in_train.json").write_text(json.dumps(leaks))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny untrained encoder in Hugging Face format."""
    folder = tmp_path_factory.mktemp("base")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789$:/.-@,'%"
    words = [word for group in WORDS.values() for word in group] + COMPANIES
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "http", *letters, *(f"##{c}" for c in letters), *words]
    description = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": place,
                "content": piece,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for place, piece in enumerate(pieces[:5])
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": None,
        "truncation": None,
        "padding": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: place for place, piece in enumerate(pieces)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(description))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a whole run at toy size; the student is narrower than its teacher."""
    out = tmp_path_factory.mktemp("run")
    arguments = (
        f"--data {data} --base {base} --out {out} --threads 1 --max-tokens 32 --teacher-epochs 2 --student-epochs 2 "
        "--from-layers 0,2 --width 16 --heads 2 --inner 24 --vocabulary 110 --variants 1"
    )
    assert main(arguments.split()) == 0
    return out


def test_a_run_ends_with_a_model_that_scores(finished: Path) -> None:
    scorer = OnnxScorer.load(finished / "model")
    scores = scorer.score(["$ACME plunges", ""])
    assert scores.topic.shape == (2, 20)
    np.testing.assert_allclose(scores.sentiment.sum(1), 1.0, atol=1e-5)
    assert scorer.version.startswith("student-")


def test_a_run_reports_every_set_and_writes_the_card(finished: Path) -> None:
    report = json.loads((finished / "evaluation.json").read_text())
    rows = {name: figure["student"]["rows"] for name, figure in report["sets"].items()}
    assert rows["tweets sentiment, clean"] == 14  # 16 less the two that `_leaks` names
    assert rows["PhraseBank 50 %, unseen"] == 12
    card = (finished / "model-card.md").read_text()
    assert "Fed \\| Central Banks" in card
    assert registry.verify(finished / "model").version in card


def test_the_manifest_says_what_was_trained_on_and_never_the_benchmark(finished: Path) -> None:
    provenance = registry.verify(finished / "model").provenance
    assert {source.name for source in provenance.sources} == {"tweets-sentiment", "tweets-topic", "sentfin"}
    assert {source.licence for source in provenance.sources} == {"MIT"}
    assert all(source.rows > 0 for source in provenance.sources)


def test_a_second_run_trains_nothing_again(
    finished: Path, data: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(plan: Plan) -> None:
        raise AssertionError(f"a finished step ran again in {plan.out}")

    for step in ("prepare", "teach", "distil", "export", "evaluate"):
        monkeypatch.setattr(f"training.run.{step}", fail)
    assert main(["--data", str(data), "--base", str(base), "--out", str(finished)]) == 0


def test_a_run_without_data_says_how_to_name_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    assert "UNDERTONE_DATA" in capsys.readouterr().out


def test_stored_weights_rebuild_the_student_that_was_trained(finished: Path) -> None:
    manifest = registry.verify(finished / "model")
    rebuilt = load_student(finished / "model" / "model.safetensors", manifest.architecture, 20, 3).state_dict()
    trained = load_file(finished / "student" / "student.safetensors")
    assert rebuilt.keys() == trained.keys()
    for name, tensor in trained.items():
        torch.testing.assert_close(rebuilt[name], tensor, atol=2e-3, rtol=5e-3)


def test_packing_word_vectors_twice_changes_nothing_more() -> None:
    state = {"encoder.embeddings.word_embeddings.weight": torch.randn(40, 8), "topic.bias": torch.randn(3)}
    once = unpack(pack(state))
    twice = unpack(pack(once))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_prepared_sets_share_no_near_duplicates(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    with (copy / "twitter_fin_sentiment" / "sent_valid.csv").open() as file:
        leaked = list(csv.DictReader(file))[5]["text"]
    with (copy / "twitter_fin_sentiment" / "sent_train.csv").open("a", newline="") as file:
        csv.writer(file).writerow([leaked.upper() + "!", 0])
    prepare(Plan(copy, tmp_path, tmp_path / "card.md", date(2026, 1, 1)))
    summary = json.loads((tmp_path / "prepared" / "prepared.json").read_text())
    assert summary["dropped"]["near_evaluation"] == 1
    assert summary["read"]["tweets-sentiment"] == 49


@pytest.mark.parametrize(
    ("source", "licence"), [("sentfin", "CC-BY-NC-SA-3.0"), ("phrasebank-50", "MIT"), ("tweets-topic-valid", "MIT")]
)
def test_rows_that_may_not_train_are_refused(source: str, licence: str) -> None:
    with pytest.raises(ValueError, match=source):
        refuse_what_may_not_train([Row("text", source, licence)])


def test_one_text_with_two_labels_becomes_one_row_with_both() -> None:
    rows = [
        Row("Acme falls https://t.co/1", "tweets-topic", "MIT", topic=4),
        Row("acme FALLS!", "tweets-sentiment", "MIT", sentiment=0),
        Row("Globex", "sentfin", "MIT", sentiment=0),
        Row("globex", "sentfin", "MIT", sentiment=2),
    ]
    merged = merge_same_texts(rows)
    assert [(row.topic, row.sentiment) for row in merged] == [(4, 0)]  # the tie says nothing, so it goes


def test_near_duplicate_search_agrees_with_comparing_all_pairs() -> None:
    rng = random.Random(5)
    texts = [" ".join(rng.choices("abcdefghijklmno", k=rng.randrange(1, 12))) for _ in range(400)]
    rows = [Row(text, "sentfin", "MIT", sentiment=1) for text in texts[:200]]

    def similarity(left: str, right: str) -> float:
        one, other = set(left.split()), set(right.split())
        return len(one & other) / len(one | other)

    expected = [row.text for row in rows if all(similarity(row.text, other) < 0.8 for other in texts[200:])]
    assert [row.text for row in without_near_duplicates(rows, texts[200:])] == expected
    assert 0 < len(expected) < 200


def test_batches_cover_every_row_once_and_mask_the_padding() -> None:
    ids = [[5] * (1 + row * 7 % 13) for row in range(50)]
    for order in (None, np.random.default_rng(0)):
        seen: list[int] = []
        for batch in batches(ids, 8, order):
            seen += batch.rows.tolist()
            assert torch.equal(batch.attention_mask.sum(1), torch.tensor([len(ids[row]) for row in batch.rows]))
            assert torch.equal(batch.input_ids, batch.attention_mask * 5)
        assert sorted(seen) == list(range(50))


def test_a_row_without_a_label_does_not_move_that_head() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    task_loss(logits, torch.tensor([2, -1, 0])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.equal(logits.grad[1], torch.zeros(4))
    assert bool((logits.grad[0] != 0).all())
    assert task_loss(logits, torch.tensor([-1, -1, -1])).item() == 0.0


def test_a_trimmed_vocabulary_spells_out_what_it_lost(base: Path) -> None:
    whole = (base / "tokenizer.json").read_text()
    teacher = load_tokenizer(base / "tokenizer.json", 32)
    used = encode(teacher, ["acme plunges"])[0]
    size = 5 + 2 * 45 + 2
    trimmed, kept = trim_tokenizer(whole, used, size)
    student = Tokenizer.from_str(trimmed)
    assert student.encode("Acme plunges").tokens == ["[CLS]", "acme", "plunges", "[SEP]"]
    assert student.encode("fraud").tokens == ["[CLS]", "f", "##r", "##a", "##u", "##d", "[SEP]"]
    assert student.get_vocab_size() == len(kept) == size
    whole_vocabulary = teacher.get_vocab()
    assert all(kept[place] == whole_vocabulary[piece] for piece, place in student.get_vocab().items())


def test_the_fitted_temperature_undoes_a_known_overconfidence() -> None:
    rng = np.random.default_rng(11)
    logits = rng.normal(size=(4000, 3)) * 2
    truth = np.array([rng.choice(3, p=row) for row in softmax(logits)])
    assert fit_temperature(truth, (logits * 3).astype(np.float32)) == pytest.approx(3.0, rel=0.1)


def test_figures_match_a_case_worked_by_hand() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0], [0.4, 0.6, 0.0]])
    report = classification_of(truth, probabilities)
    assert report.accuracy == 0.75
    assert report.precision == [1.0, pytest.approx(2 / 3), 0.0]
    assert report.recall == [0.5, 1.0, 0.0]
    assert report.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)  # the absent class does not count
    assert report.ece == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)


def test_settings_of_a_plan_cannot_be_changed_in_place(tmp_path: Path) -> None:
    plan = Plan(tmp_path, tmp_path, tmp_path, date(2026, 1, 1))
    assert replace(plan, seed=1).seed == 1
    with pytest.raises(AttributeError):
        plan.seed = 1  # type: ignore[misc]
