"""A step that is killed at any moment and begun again ends with the same bytes; so does the same seed run twice."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.killed import run_step, start_step
from tests.training_data import tiny_plan, write_base, write_data
from training.plan import Plan
from training.run import STEPS, run, steps_of
from training.task import LabelColumn, Source
from undertone.errors import InputError


def digest(path: Path) -> str:
    """A hash of a file, or of all files of a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data, the base and a finished run whose steps were never killed."""
    root = tmp_path_factory.mktemp("training")
    write_data(root / "data")
    write_base(root / "base")
    config = json.loads((root / "base" / "config.json").read_text())
    # Several processes draw dropout of their own; without it they compute what one does.
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (root / "base" / "config.json").write_text(json.dumps(config))
    return root


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    made = tiny_plan(folder / "data", folder / "base", folder / "whole", pretrain_epochs=2, device="cpu")
    for name in ("prepare", "pretrain", "teach", "distil", "compress"):
        assert run_step(made, name)
    return made


OUTPUTS = {
    "prepare": "prepared",
    "pretrain": "pretrained/encoder",
    "teach": "teacher/teacher.safetensors",
    "distil": "student",
    "compress": "candidate",
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_step_killed_before_any_file_is_whole_goes_on_to_the_same_bytes(
    name: str, plan: Plan, tmp_path: Path
) -> None:
    order = list(OUTPUTS)
    killed = replace(plan, out=tmp_path)
    for earlier in order[: order.index(name)]:
        part = OUTPUTS[earlier].split("/")[0]
        shutil.copytree(plan.out / part, tmp_path / part)
    assert not run_step(killed, name, before=0)
    # Each round goes on where the one before was killed, and comes one file further.
    rounds = 1
    while not run_step(killed, name, before=1):
        rounds += 1
        assert rounds < 40
    assert digest(tmp_path / OUTPUTS[name]) == digest(plan.out / OUTPUTS[name])
    assert not (tmp_path / OUTPUTS[name].split("/")[0] / "checkpoint.pt").exists()


def test_the_same_seed_gives_the_same_weights_and_graph_in_another_process(plan: Plan, tmp_path: Path) -> None:
    again = replace(plan, out=tmp_path)
    for name in OUTPUTS:
        run_step(again, name)
    assert digest(again.student_folder / "student.safetensors") == digest(plan.student_folder / "student.safetensors")
    assert digest(again.candidate / "model.onnx") == digest(plan.candidate / "model.onnx")


def test_another_seed_gives_other_weights(plan: Plan, tmp_path: Path) -> None:
    other = replace(plan, out=tmp_path, seed=plan.seed + 1)
    shutil.copytree(plan.prepared, other.prepared)
    run_step(other, "teach")
    assert digest(other.teacher / "teacher.safetensors") != digest(plan.teacher / "teacher.safetensors")


def test_two_processes_compute_what_one_does(plan: Plan, tmp_path: Path) -> None:
    two = replace(plan, out=tmp_path)
    shutil.copytree(plan.prepared, two.prepared)
    shutil.copytree(plan.pretrained, two.pretrained)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    children = [start_step(two, "teach", RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(2)]
    for child in children:
        child.join()
        assert child.exitcode == 0
    one, both = (load_file(of.teacher / "teacher.safetensors") for of in (plan, two))
    start = load_file(plan.pretrained / "encoder" / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    moved = (one[f"encoder.{name}"] - start[name]).norm()
    assert moved > 0
    for key, tensor in one.items():
        torch.testing.assert_close(both[key], tensor, atol=2e-4, rtol=0.01)


def test_bf16_on_a_cpu_leaves_fp32_weights_near_those_of_fp32(plan: Plan, tmp_path: Path) -> None:
    mixed = replace(plan, out=tmp_path, precision="bf16")
    shutil.copytree(plan.prepared, mixed.prepared)
    shutil.copytree(plan.pretrained, mixed.pretrained)
    run_step(mixed, "teach")
    one, other = (load_file(of.teacher / "teacher.safetensors") for of in (plan, mixed))
    assert {tensor.dtype for tensor in other.values()} == {torch.float32}
    assert any(not torch.equal(one[name], other[name]) for name in one)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, atol=5e-3, rtol=0.05)


def test_a_step_says_which_one_comes_first(plan: Plan, tmp_path: Path) -> None:
    shutil.copytree(plan.prepared, tmp_path / "prepared")
    with pytest.raises(InputError, match="train teach"):
        list(run(replace(plan, out=tmp_path), [STEPS["distil"]]))


def test_a_folder_of_another_task_is_refused(plan: Plan, tmp_path: Path) -> None:
    shutil.copytree(plan.prepared, tmp_path / "prepared")
    summary = json.loads((tmp_path / "prepared" / "prepared.json").read_text())
    (tmp_path / "prepared" / "prepared.json").write_text(json.dumps(summary | {"task": "banking77"}))
    with pytest.raises(InputError, match="banking77"):
        list(run(replace(plan, out=tmp_path), [STEPS["teach"]]))


def test_only_steps_that_share_their_work_run_on_several_processes(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="distil"):
        list(run(plan, steps_of(plan)))


def test_going_on_from_a_champion_gains_on_fresh_labels_and_says_what_it_forgot(plan: Plan, tmp_path: Path) -> None:
    labels = tmp_path / "fresh.csv"
    lines = [f"acme umbrella zenith{number} wobbles,positive" for number in range(60)]
    labels.write_text("\n".join(["text,sentiment", *lines]))
    fresh = Source("labels", str(labels), "MIT", "train", labels={"sentiment": LabelColumn("sentiment")})
    shutil.copytree(plan.candidate, tmp_path / "parent")
    next_turn = replace(
        plan,
        out=tmp_path / "next",
        fresh=(fresh,),
        parent=tmp_path / "parent",
        continual_epochs=8,
        continual_rate=5e-3,
        student_batch=16,
    )
    for name in ("prepare", "continual"):
        assert run_step(next_turn, name)
    report = json.loads((next_turn.student_folder / "continual.json").read_text())
    assert report["fresh after"]["sentiment"] == 1.0
    assert report["gain"]["sentiment"] > 0.5
    assert set(report["forgotten"]) == {"topic", "sentiment", "entity"}
    assert run_step(next_turn, "compress")
    manifest = json.loads((next_turn.candidate / "manifest.json").read_text())
    assert manifest["provenance"]["parent"] == report["parent"]
    assert "labels" in {source["name"] for source in manifest["provenance"]["sources"]}
    assert all(not source["file"].startswith("/") for source in manifest["provenance"]["sources"])

    killed = replace(next_turn, out=tmp_path / "killed")
    shutil.copytree(next_turn.prepared, killed.prepared)
    assert not run_step(killed, "continual", before=3)
    assert run_step(killed, "continual")
    assert digest(killed.student_folder) == digest(next_turn.student_folder)


def test_a_search_that_was_killed_finds_the_same_best(plan: Plan, tmp_path: Path) -> None:
    found = []
    for name, kills in (("whole", ()), ("killed", (1, 4))):
        search = replace(plan, out=tmp_path / name, tune_trials=3, tune_share=0.5, teacher_epochs=2)
        shutil.copytree(plan.prepared, search.prepared)
        for before in kills:
            assert not run_step(search, "tune", before=before)
        assert run_step(search, "tune")
        found.append((search.tuned / "best.toml").read_text())
    assert found[0] == found[1]
    assert "3 trials" in found[0] or "cut off" in found[0]
