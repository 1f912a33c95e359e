"""The whole training cycle on a few dozen invented rows, and the parts of it that hold promises."""

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from tests.training_data import tiny_plan, tiny_task, write_base, write_data
from training.augment import Augmenter, Mentioned
from training.batches import Encoded, batches, encode, encode_texts, load_tokenizer
from training.compress import compress, fit_temperature
from training.compression import without_heads
from training.distil import (
    PROSE_SETS,
    between,
    distil,
    epoch_texts,
    load_other,
    load_teacher,
    load_view,
    pieces_of,
    teacher_targets,
)
from training.metrics import classification_of, softmax
from training.plan import OtherTeacher, Plan
from training.prepare import merge_same_texts, prepare, refuse_what_may_not_train
from training.prose import NEGATIVE, NEUTRAL, POSITIVE, Prose
from training.rows import PROSE, load_rows
from training.sources import UNKNOWN, Row, find_entity
from training.task import TASKS, load_task
from training.teach import teach
from training.vocabulary import trim_tokenizer
from training.whole import whole
from undertone.errors import InputError
from undertone.model import artefact
from undertone.model.network import base_folder, load_student, pack, task_loss, unpack
from undertone.near_duplicates import near
from undertone.scorer import Mention, OnnxScorer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def finished(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of a run at toy size that has come to a candidate; the student is narrower than its teacher."""
    plan = tiny_plan(data, base, tmp_path_factory.mktemp("run"))
    for step in (prepare, teach, distil, compress):
        step(plan)
    return plan


def test_a_run_ends_with_a_model_that_scores(finished: Plan) -> None:
    scorer = OnnxScorer.load(finished.candidate)
    scores = scorer.score(["$ACME plunges", ""])
    assert scores.topic.shape == (2, 20)
    np.testing.assert_allclose(scores.sentiment.sum(1), 1.0, atol=1e-5)
    towards = scorer.score_entities(
        [Mention("Acme falls, Globex gains", 0, 4), Mention("Acme falls, Globex gains", 12, 18)]
    )
    assert towards.shape == (2, 3)
    assert np.abs(towards[0] - towards[1]).max() > 0
    assert scorer.version.startswith("finance-2026.01.01-")


def test_the_manifest_says_what_was_trained_on_and_never_the_benchmark(finished: Plan) -> None:
    provenance = artefact.verify(finished.candidate).provenance
    assert {source.name for source in provenance.sources} == {"tweets-sentiment", "tweets-topic", "sentfin"}
    assert {source.licence for source in provenance.sources} == {"MIT"}
    assert all(source.rows > 0 for source in provenance.sources)
    assert provenance.shippable


def test_stored_weights_rebuild_the_student_that_was_trained(finished: Plan) -> None:
    rebuilt = load_student(finished.candidate, artefact.verify(finished.candidate)).state_dict()
    trained = load_file(finished.student_folder / "student.safetensors")
    assert rebuilt.keys() == trained.keys()
    for name, tensor in trained.items():
        torch.testing.assert_close(rebuilt[name], tensor, atol=2e-3, rtol=5e-3)


def test_every_step_of_compression_says_what_it_costs_and_wins(finished: Plan) -> None:
    outcomes = json.loads((finished.out / "compression.json").read_text())
    names = [outcome["name"] for outcome in outcomes]
    assert names[:3] == ["fp32", "int8, dynamic ranges", "int8, static ranges"]
    assert {"1 of 2 attention heads", "1 of 2 layers"} <= set(names)
    assert sum(name.endswith("word pieces") for name in names) == 3
    by_name = {outcome["name"]: outcome for outcome in outcomes}
    assert by_name["fp32"]["agrees"] == 1.0
    assert by_name["int8, static ranges"]["bytes"] < by_name["fp32"]["bytes"]
    assert by_name["1 of 2 layers"]["bytes"] < by_name["int8, static ranges"]["bytes"]
    for outcome in outcomes:
        assert set(outcome["macro_f1"]) == {"topic", "sentiment", "entity"}
        assert outcome["texts_per_second"] > 0


def test_cutting_no_head_changes_nothing(finished: Plan) -> None:
    architecture = json.loads((finished.student_folder / "architecture.json").read_text())
    state = {name: t.numpy() for name, t in load_file(finished.student_folder / "student.safetensors").items()}
    whole = without_heads(state, architecture, architecture["num_attention_heads"])
    assert all(np.array_equal(whole[name], state[name]) for name in state)


def test_the_same_seed_gives_the_same_model(finished: Plan, tmp_path: Path) -> None:
    again = replace(finished, out=tmp_path)
    for step in (prepare, teach, distil, compress):
        step(again)
    first, second = artefact.verify(finished.candidate), artefact.verify(again.candidate)
    assert first.files == second.files
    assert first.version == second.version


def test_packing_word_vectors_twice_changes_nothing_more() -> None:
    state = {"encoder.embeddings.word_embeddings.weight": torch.randn(40, 8), "topic.bias": torch.randn(3)}
    once = unpack(pack(state))
    twice = unpack(pack(once))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_prepared_sets_share_no_near_duplicates(data: Path, base: Path, tmp_path: Path) -> None:
    with (data / "twitter_fin_sentiment" / "sent_valid.csv").open() as file:
        leaked = list(csv.DictReader(file))[5]["text"]
    copy = write_data(tmp_path / "data")
    with (copy / "twitter_fin_sentiment" / "sent_train.csv").open("a", newline="") as file:
        csv.writer(file).writerow([leaked.upper() + "!", 0])
    prepare(tiny_plan(copy, base, tmp_path / "run"))
    summary = json.loads((tmp_path / "run" / "prepared" / "prepared.json").read_text())
    assert summary["dropped"]["near_evaluation"] == 1
    assert summary["read"]["tweets-sentiment"] == 49


def test_rows_that_the_leak_list_names_are_not_clean(finished: Plan) -> None:
    rows = pd.read_parquet(finished.prepared / "evaluation.parquet")
    assert (~rows["clean"]).sum() == 2
    assert set(rows.loc[~rows["clean"], "source"]) == {"tweets-sentiment-valid"}


@pytest.mark.parametrize(
    ("source", "licence"), [("sentfin", "CC-BY-NC-SA-3.0"), ("phrasebank-50", "MIT"), ("tweets-topic-valid", "MIT")]
)
def test_rows_that_may_not_train_are_refused(source: str, licence: str) -> None:
    with pytest.raises(InputError, match=source):
        refuse_what_may_not_train(load_task("finance"), [Row("text", source, licence)])


def test_one_text_with_two_labels_becomes_one_row_with_both() -> None:
    rows = [
        Row("Acme falls https://t.co/1", "tweets-topic", "MIT", topic=4),
        Row("acme FALLS!", "tweets-sentiment", "MIT", sentiment=0),
        Row("Globex", "sentfin", "MIT", sentiment=0),
        Row("globex", "sentfin", "MIT", sentiment=2),
    ]
    merged = merge_same_texts(rows)
    assert [(row.topic, row.sentiment) for row in merged] == [(4, 0)]  # the tie says nothing, so it goes


def test_each_entity_of_a_text_is_a_row_and_the_text_is_judged_once() -> None:
    text = "Acme falls, Globex gains"
    rows = [
        Row(text, "sentfin", "MIT", entity=0, start=0, end=4, sentiment=1),
        Row(text, "sentfin", "MIT", entity=2, start=12, end=18),
        Row(text.upper(), "tweets-topic", "MIT", topic=7),
    ]
    merged = merge_same_texts(rows)
    assert [(row.topic, row.sentiment, row.entity) for row in merged] == [(7, 1, 0), (UNKNOWN, UNKNOWN, 2)]


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("Pineapple rots, Apple rises", "apple", "Apple"),
        ("M&M's recall", "M&M", "M&M"),
        ("nothing here", "Acme", None),
        ("Acme", "", None),
    ],
)
def test_an_entity_is_found_as_whole_words(text: str, name: str, found: str | None) -> None:
    span = find_entity(text, name)
    assert (None if span is None else text[slice(*span)]) == found


@pytest.mark.parametrize("name", sorted(file.stem for file in TASKS.glob("*.toml")))
def test_every_task_that_ships_is_sound(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert task.head_sizes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('licence = "MIT"', "under 'CC-BY-NC-4.0'"),
        ('reader = "entity-table"', "reader"),
        ('labels = ["negative", "neutral", "positive"]', "two or more labels"),
    ],
)
def test_a_task_that_does_not_fit_together_is_refused(tmp_path: Path, change: str, reason: str) -> None:
    spoiled = {
        'licence = "MIT"': 'licence = "CC-BY-NC-4.0"',
        'reader = "entity-table"': 'reader = "pickle"',
        'labels = ["negative", "neutral", "positive"]': 'labels = ["negative"]',
    }
    file = tmp_path / "spoiled.toml"
    file.write_text((TASKS / "finance.toml").read_text().replace(change, spoiled[change]))
    with pytest.raises(InputError, match=reason):
        load_task(file)


def test_an_unknown_task_names_those_there_are() -> None:
    with pytest.raises(InputError, match="banking77, finance, finfe"):
        load_task("nonsense")


def test_the_grammar_names_its_company_and_keeps_to_its_direction() -> None:
    prose = Prose(5)
    for sentence in (prose() for _ in range(2000)):
        name = sentence.text[sentence.start : sentence.end]
        assert name[0].isupper()
        assert "{" not in sentence.text
        lower = sentence.text.lower()
        if "operating profit rose" in lower or "loss narrowed" in lower:
            assert sentence.sentiment == POSITIVE
        if "net debt increased" in lower or "issues a profit warning" in lower:
            assert sentence.sentiment == NEGATIVE
        if "was not disclosed" in lower:
            assert sentence.sentiment == NEUTRAL


def test_a_changed_copy_still_names_an_entity_where_its_span_says() -> None:
    rows = [
        Mentioned("$ACME plunges as Globex Corp warns on 2025 profit", 17, 28),
        Mentioned("Initech rises", 0, 7),
        Mentioned("no entity at all", 0, 0),
    ]
    names = {row.text[row.start : row.end] for row in rows}
    augment = Augmenter(rows, 3)
    for _ in range(200):
        for row in rows:
            changed = augment(row)
            assert changed.text[changed.start : changed.end] in names
            assert (changed.end > changed.start) == (row.end > row.start)


def test_near_duplicate_search_agrees_with_comparing_all_pairs() -> None:
    rng = random.Random(5)
    texts = [" ".join(rng.choices("abcdefghijklmno", k=rng.randrange(1, 12))) for _ in range(400)]

    def similarity(left: str, right: str) -> float:
        one, other = set(left.split()), set(right.split())
        return len(one & other) / len(one | other)

    expected = [any(similarity(text, other) >= 0.8 for other in texts[200:]) for text in texts[:200]]
    assert near(texts[:200], texts[200:]) == expected
    assert 0 < sum(expected) < 200


def test_batches_cover_every_row_once_and_mask_the_padding() -> None:
    ids = [[5] * (1 + row * 7 % 13) for row in range(50)]
    encoded = Encoded(ids, [(0, len(row)) for row in ids])
    for order in (None, np.random.default_rng(0)):
        seen: list[int] = []
        for batch in batches(encoded, 8, order):
            seen += batch.rows.tolist()
            assert torch.equal(batch.attention_mask.sum(1), torch.tensor([len(ids[row]) for row in batch.rows]))
            assert torch.equal(batch.input_ids, batch.attention_mask * 5)
            assert torch.equal(batch.span_mask, batch.attention_mask)
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
    used = encode_texts(teacher, ["acme plunges"]).ids[0]
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


def test_a_task_keeps_a_student_of_its_own() -> None:
    assert tiny_task("banking77").student.width == 16
    assert load_task("banking77").student.width == 384
    with pytest.raises(AttributeError):
        load_task("banking77").prose = 1  # type: ignore[misc]


def test_an_earlier_model_may_teach_one_head_and_a_student_may_go_on_from_another(
    finished: Plan, tmp_path: Path
) -> None:
    start = finished.student_folder / "student.safetensors"
    again = replace(
        finished,
        out=tmp_path,
        teachers=(OtherTeacher(finished.candidate, {"topic": 1.0}),),
        start=start,
        student_epochs=1,
    )
    prepare(again)
    teach(again)
    alone, mixed = (teacher_targets(plan, load_teacher(plan)) for plan in (replace(again, teachers=()), again))
    assert torch.equal(alone.soft["sentiment"], mixed.soft["sentiment"])
    assert not torch.equal(alone.soft["topic"], mixed.soft["topic"])
    distil(again)
    moved = load_file(again.student_folder / "student.safetensors")
    assert any(not torch.equal(moved[name], tensor) for name, tensor in load_file(start).items())


def test_a_student_that_goes_on_from_another_keeps_its_word_pieces(finished: Plan, tmp_path: Path) -> None:
    start = tmp_path / "start" / "student.safetensors"
    shutil.copytree(finished.student_folder, start.parent)
    tokenizer = start.with_name("tokenizer.json")
    targets = teacher_targets(finished, load_teacher(finished))
    kept = pieces_of(finished, targets.texts[0], tmp_path)
    assert pieces_of(replace(finished, start=start), targets.texts[0][:1], tmp_path) == kept
    assert (tmp_path / "tokenizer.json").read_bytes() == tokenizer.read_bytes()
    tokenizer.write_text(tokenizer.read_text().replace('"acme"', '"emca"'))
    with pytest.raises(InputError, match="has no piece 'emca'"):
        pieces_of(replace(finished, start=start), targets.texts[0], tmp_path)


def test_weights_between_two_students_begin_and_end_with_them(finished: Plan) -> None:
    state = load_file(finished.student_folder / "student.safetensors")
    other = {name: tensor + 1 for name, tensor in state.items()}
    assert all(torch.equal(between(other, state, 0.0)[name], other[name]) for name in state)
    assert all(torch.equal(between(other, state, 1.0)[name], state[name]) for name in state)
    assert all(torch.allclose(between(other, state, 0.25)[name], state[name] + 0.75) for name in state)


def test_an_epoch_draws_its_prose_from_all_that_the_teacher_viewed(finished: Plan) -> None:
    targets = teacher_targets(finished, load_teacher(finished))
    prose = [text for text, source in zip(targets.texts[0], targets.sources, strict=True) if source == PROSE]
    assert len(prose) == PROSE_SETS * finished.task.prose
    assert len(set(prose)) > 2 * finished.task.prose


def test_the_teachers_answers_are_refused_for_texts_that_it_has_not_seen(finished: Plan) -> None:
    seen = load_rows(finished, "train").mentions
    encoded = encode(load_tokenizer(base_folder(finished.base) / "tokenizer.json", finished.max_tokens), seen)
    teacher = load_teacher(finished)
    load_view(finished, teacher, [encoded], "some")
    load_view(finished, teacher, [encoded], "some")
    with pytest.raises(InputError, match="other texts"):
        load_view(finished, teacher, [Encoded(encoded.ids[::-1], encoded.spans[::-1])], "some")


def test_texts_changed_anew_are_held_to_the_answers_to_the_unchanged_text(finished: Plan) -> None:
    targets = teacher_targets(finished, load_teacher(finished))
    tokenizer = load_tokenizer(finished.student_folder / "tokenizer.json", finished.max_tokens)
    encoded = [encode(tokenizer, texts) for texts in targets.texts]
    rows = np.arange(len(targets.sources))
    plan = replace(finished, changed_anew=1.0)
    drawn, mixed = epoch_texts(plan, targets, encoded, tokenizer, rows, 0)
    assert not drawn.any()
    assert sum(ids != old for ids, old in zip(mixed.ids, encoded[0].ids, strict=True)) > len(rows) / 4
    _, later = epoch_texts(plan, targets, encoded, tokenizer, rows, 1)
    assert later.ids != mixed.ids
    drawn, mixed = epoch_texts(replace(plan, changed_anew=0.0), targets, encoded, tokenizer, rows, 0)
    assert mixed.ids == [encoded[variant].ids[row] for row, variant in zip(rows, drawn, strict=True)]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    def cut_off() -> None:
        with whole(path) as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert not path.exists()
    with whole(path) as unfinished:
        unfinished.write_text("whole")
    assert path.read_text() == "whole"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_model_of_another_task_cannot_teach(finished: Plan, tmp_path: Path) -> None:
    manifest = artefact.verify(finished.candidate)
    heads = tuple(msgspec.structs.replace(head, labels=head.labels[::-1]) for head in manifest.heads)
    files: dict[str, bytes | Path] = {name: finished.candidate / name for name in manifest.files}
    artefact.write(tmp_path / "other", files, msgspec.structs.replace(manifest, heads=heads))
    with pytest.raises(InputError, match="topic has other labels"):
        load_other(finished, tmp_path / "other")
