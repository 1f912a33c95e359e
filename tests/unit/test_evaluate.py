"""Step 7 on tiny data and an untrained model: every figure is there, in the JSON, on the page and in the card."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save, save_file

from tests.training_data import tiny_plan, write_base, write_data
from training.card import escape, write_card
from training.compress import provenance
from training.evaluate import evaluate, sets_of
from training.figures import Evaluation, evaluation_path, read_evaluation
from training.graph import write_graph
from training.plan import Plan, bert_config
from training.prepare import prepare
from training.report import confused, write_report
from training.rows import read_summary
from undertone.errors import InputError
from undertone.model import artefact
from undertone.model.network import build_student, build_teacher, pack
from undertone.scorer import OnnxScorer


def untrained(data: Path, base: Path, out: Path) -> Plan:
    """Return a plan with prepared rows, a teacher and a candidate, whose weights are random."""
    plan = tiny_plan(data, base, out)
    prepare(plan)
    torch.manual_seed(1)
    plan.teacher.mkdir(parents=True)
    save_file(build_teacher(plan.base, plan.task.head_sizes).state_dict(), plan.teacher / "teacher.safetensors")
    tokenizer = base / "tokenizer.json"
    architecture = bert_config(plan.student, len(json.loads(tokenizer.read_text())["model"]["vocab"]), plan.max_tokens)
    student = build_student(architecture, plan.task.head_sizes)
    for tensor in student.state_dict().values():
        if tensor.ndim == 2:
            tensor.mul_(6)  # untrained weights are so small that every text gets the same label
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    graph = write_graph(state, architecture, tuple(plan.task.head_sizes), None)
    manifest = artefact.Manifest(
        schema_version=artefact.SCHEMA_VERSION,
        version="untrained-1",
        task=plan.task.name,
        heads=tuple(artefact.Head(head, plan.task.labels(head)) for head in plan.task.heads),
        max_tokens=plan.max_tokens,
        architecture=architecture,
        provenance=provenance(plan, read_summary(plan)),
        metrics={},
        files={},
    )
    outcomes = [("fp32", 1.0, len(graph), 90.0), ("int8, static ranges", 0.987, len(graph) // 4, 210.0)]
    (plan.out / "compression.json").write_text(
        json.dumps(
            [
                {"name": name, "macro_f1": {"topic": 0.7654}, "agrees": agrees, "bytes": size, "texts_per_second": rate}
                for name, agrees, size, rate in outcomes
            ]
        )
    )
    weights = save(pack(student.state_dict()))
    artefact.write(
        plan.candidate, {"model.onnx": graph, "model.safetensors": weights, "tokenizer.json": tokenizer}, manifest
    )
    return plan


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """An evaluated plan."""
    folder = tmp_path_factory.mktemp("evaluate")
    plan = untrained(write_data(folder / "data"), write_base(folder / "base"), folder / "out")
    evaluate(plan)
    return plan


@pytest.fixture(scope="module")
def evaluation(plan: Plan) -> Evaluation:
    return read_evaluation(evaluation_path(plan))


class Page(HTMLParser):
    """Collects the words and the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_set_is_compared_on_its_clean_rows_for_the_questions_that_it_labels(evaluation: Evaluation) -> None:
    heads = {name: set(found) for name, found in evaluation.sets.items()}
    assert heads["tweets-sentiment-valid"] == {"sentiment"}
    assert heads["tweets-topic-valid"] == {"topic"}
    assert heads["sentfin-valid"] == {"sentiment", "entity"}
    assert heads["sentfin-valid, single entity"] == {"sentiment"}
    tweets = evaluation.sets["tweets-sentiment-valid"]["sentiment"]
    assert tweets.student.rows == 14  # 16 less the two that `_leaks` names
    assert tweets.all_rows is not None
    assert tweets.all_rows.rows == 16
    emotions = evaluation.sets["stockemotions-test"]["sentiment"]
    assert emotions.absent == ("neutral",)
    assert emotions.benchmark
    assert not tweets.benchmark


def test_student_and_teacher_are_held_against_each_other_with_intervals(evaluation: Evaluation) -> None:
    for heads in evaluation.sets.values():
        for one in heads.values():
            assert one.teacher is not None
            assert one.teacher.rows == one.student.rows
            assert one.difference is not None
            assert one.difference[0] <= one.difference[1]
            assert one.student.intervals.accuracy[0] <= one.student.accuracy <= one.student.intervals.accuracy[1]
            assert np.sum(one.student.confusion) == one.student.rows


def test_figures_are_those_of_the_model_as_it_is_served(plan: Plan, evaluation: Evaluation) -> None:
    rows = pd.read_parquet(plan.prepared / "evaluation.parquet")
    rows = rows[(rows["source"] == "tweets-topic-valid") & rows["clean"]]
    scores = OnnxScorer.load(plan.model).score(rows["text"].tolist())
    assert evaluation.sets["tweets-topic-valid"]["topic"].student.accuracy == pytest.approx(
        (scores.topic.argmax(1) == rows["topic"].to_numpy()).mean()
    )


def test_noise_negation_bias_speed_and_size_are_measured(plan: Plan, evaluation: Evaluation) -> None:
    kinds = {(one.kind, one.head) for one in evaluation.robustness.flips}
    assert {("typos", "topic"), ("cashtag", "sentiment"), ("link", "topic"), ("entity", "entity")} <= kinds
    case = [one.changed for one in evaluation.robustness.flips if one.kind == "case" and one.head != "entity"]
    assert all(share.hits == 0 for share in case)  # this tokenizer folds case
    assert evaluation.robustness.overall == pytest.approx(np.mean(list(evaluation.robustness.under_noise.values())))
    assert evaluation.robustness.negation is not None
    assert evaluation.bias is not None
    assert {(one.by, one.head) for one in evaluation.bias.names} == {
        (by, head) for by in ("region", "origin") for head in ("sentiment", "entity")
    }
    assert evaluation.pace[0].student > 0
    assert evaluation.pace[0].ratio is not None
    assert evaluation.files == {name: (plan.model / name).stat().st_size for name in evaluation.files}
    assert evaluation.steadiness.labels_changed == 0


def test_the_final_model_carries_its_figures_and_the_candidate_s_bytes(plan: Plan, evaluation: Evaluation) -> None:
    final, candidate = artefact.verify(plan.model), artefact.verify(plan.candidate)
    assert final.files == candidate.files
    brief = final.metrics["evaluation"]["tweets-topic-valid"]["topic"]
    assert brief["macro_f1"] == round(evaluation.sets["tweets-topic-valid"]["topic"].student.macro_f1, 4)


def test_page_and_card_hold_each_set_with_its_figures(plan: Plan, evaluation: Evaluation) -> None:
    page = " ".join("".join(Page((plan.report / "report.html").read_text()).words).split())
    card = (plan.report / "model-card.md").read_text()
    for heads in evaluation.sets.values():
        for one in heads.values():
            for text in (page, card):
                assert one.title in text
                assert f"{one.student.macro_f1:.3f}" in text
                assert f"{one.student.ece:.3f}" in text
    for flips in evaluation.robustness.flips:
        assert f"{100 * flips.changed.share:.1f} %" in page
        assert f"{100 * flips.changed.share:.1f} %" in card
    for text in (page, card):
        assert "int8, static ranges" in text
        assert "98.7 %" in text
    for source in artefact.verify(plan.model).provenance.sources:
        assert source.sha256[:16] in card
    for label in plan.task.labels("topic"):
        assert label in page
    assert "Fed \\| Central Banks" in card


def test_the_page_stands_alone_and_runs_nothing(plan: Plan) -> None:
    text = (plan.report / "report.html").read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)
    assert "prefers-color-scheme: dark" in text
    assert page.tags.count("svg") >= len(read_evaluation(evaluation_path(plan)).sets)


def test_hostile_labels_and_names_stay_text(plan: Plan, evaluation: Evaluation) -> None:
    hostile = "<script>alert(1)</script>|\"onmouseover='x' [a](javascript:b) `c`"
    one = evaluation.sets["tweets-sentiment-valid"]["sentiment"]
    changed = msgspec.structs.replace(one, title=hostile, labels=(hostile, *one.labels[1:]))
    spoilt = msgspec.structs.replace(evaluation, sets={hostile: {"sentiment": changed}}, version="m-1")
    manifest = artefact.verify(plan.model)
    page = write_report(manifest, spoilt)
    assert set(Page(page).tags) == set(Page(write_report(manifest, evaluation)).tags)
    assert hostile in " ".join(Page(page).words)
    card = write_card(plan.task, manifest, spoilt, read_summary(plan))
    assert "<script>" not in card
    by_class = card.split("### ")[1].split("## Trained on")[0]
    widths = {line.count("|") - line.count("\\|") for line in by_class.splitlines() if line[:1] == "|"}
    assert len(widths) == 1
    assert escape("R&D, M&A | a&lt;b") == "R&D, M&A \\| a&amp;lt;b"


def test_without_a_teacher_its_columns_stay_empty_and_the_other_figures_are_the_same_again(
    plan: Plan, evaluation: Evaluation, tmp_path: Path
) -> None:
    for name in ("prepared", "candidate"):
        shutil.copytree(plan.out / name, tmp_path / name)
    alone = replace(plan, out=tmp_path)
    evaluate(alone)
    found = read_evaluation(evaluation_path(alone))
    assert all(one.teacher is None for heads in found.sets.values() for one in heads.values())
    assert found.pace[0].teacher is None
    assert "–" in (alone.report / "report.html").read_text()
    assert artefact.verify(alone.model).version == found.version
    assert found.robustness == evaluation.robustness
    assert found.bias == evaluation.bias
    for name, heads in found.sets.items():
        for head, one in heads.items():
            assert one.student == evaluation.sets[name][head].student


def test_a_text_with_two_entities_is_no_single_entity_set() -> None:
    rows = pd.DataFrame(
        [
            ("s", "a b", 0, 1),
            ("s", "a b", 2, 3),
            ("s", "c", 0, 1),
            ("s", "c", 0, 1),
            ("s", "d", 0, 0),
            ("t", "e", 0, 0),
        ],
        columns=["source", "text", "start", "end"],
    )
    found = {name: inside.tolist() for name, _, inside in sets_of(rows)}
    assert found["s, single entity"] == [False, False, True, True, False, False]
    assert list(found) == ["s", "s, single entity", "t"]


def test_confused_labels_come_by_number(evaluation: Evaluation) -> None:
    one = evaluation.sets["tweets-topic-valid"]["topic"]
    pairs = confused(one)
    assert sum(pair.rows for pair in confused(one, most=999)) == round((1 - one.student.accuracy) * one.student.rows)
    assert [pair.rows for pair in pairs] == sorted((pair.rows for pair in pairs), reverse=True)


def test_a_further_tier_has_files_of_its_own(plan: Plan) -> None:
    assert evaluation_path(plan) == plan.out / "evaluation.json"
    assert evaluation_path(replace(plan, tier="fast")) == plan.out / "evaluation-fast.json"


def test_a_broken_report_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"version": 3}')
    with pytest.raises(InputError, match="undertone train evaluate"):
        read_evaluation(tmp_path / "evaluation.json")
