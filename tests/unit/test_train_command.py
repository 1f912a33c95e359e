"""`undertone train`: the whole cycle by one command, what is done already, who is refused, and what scripts read."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rich
import yaml
from typer.testing import CliRunner, Result

from tests.training_data import invented, write_base
from training.ablation import TRIALS
from training.lock import sole_trainer
from training.schedule import Schedule, State, decide
from undertone.cli import app
from undertone.cli.train import train
from undertone.cli.train_options import options
from undertone.model.artefact import SHIPPED
from undertone.registry import Registry

TASK = """
name = "moods"
language = "en"

[heads.sentiment]
labels = ["negative", "neutral", "positive"]

[student]
from_layers = [0, 2]
width = 16
heads = 2
inner = 24
vocabulary = 110

[[sources]]
name = "moods"
file = "train.csv"
licence = "CC0-1.0"
use = "train"
[sources.labels.sentiment]
column = "mood"

[[sources]]
name = "moods-valid"
file = "valid.csv"
licence = "CC0-1.0"
use = "evaluate"
[sources.labels.sentiment]
column = "mood"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task of our own, its data and a base."""
    root, rng = tmp_path_factory.mktemp("house"), random.Random(3)
    (root / "data").mkdir()
    for name, rows in (("train", 60), ("valid", 30)):
        with (root / "data" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "mood"])
            moods = ("negative", "neutral", "positive")
            writer.writerows([invented(rng, row % 3), moods[row % 3]] for row in range(rows))
    (root / "moods.toml").write_text(TASK)
    write_base(root / "base")
    return root


@pytest.fixture(autouse=True)
def _console() -> Iterator[None]:
    """The command turns rich to standard error for the whole process."""
    yield
    rich.reconfigure()


def call(house: Path, *arguments: str, out: Path | None = None) -> Result:
    given = ["--task", str(house / "moods.toml"), "--data", str(house / "data"), "--base", str(house / "base")]
    sizes = ["--threads", "1", "--max-tokens", "32", "--teacher-epochs", "1", "--student-epochs", "1"]
    where = ["--out", str(out or house / "run")]
    return CliRunner().invoke(app, ["train", *arguments, *given, *sizes, *where])


def shape(result: Result) -> dict[str, Any]:
    [line] = result.stdout.strip().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture(scope="module")
def first(house: Path) -> Result:
    """The whole cycle, with a registry: the gate holds a model of a few hundred weights to its floors."""
    return call(house, "--registry", str(house / "models"), "--json")


def test_one_command_takes_every_step_and_the_gate_refuses_with_reasons(first: Result, house: Path) -> None:
    assert first.exit_code == 3, first.output
    found = shape(first)
    assert [step["step"] for step in found["steps"]] == ["prepare", "teach", "distil", "compress", "evaluate"]
    assert not any(step["skipped"] for step in found["steps"])
    assert not found["verdict"]["passed"]
    assert any(check["words"] for check in found["verdict"]["checks"] if not check["passed"])
    assert Registry.open(str(house / "models")).state().champion == "shipped"


def test_a_second_call_finds_everything_done(first: Result, house: Path) -> None:
    found = shape(call(house, "--json"))
    assert all(step["skipped"] for step in found["steps"])
    assert found["version"] == shape(first)["version"]


def test_a_verb_takes_one_step_and_does_it_again_when_told(first: Result, house: Path) -> None:
    assert shape(call(house, "compress", "--json"))["steps"][0]["skipped"]
    assert not shape(call(house, "compress", "--again", "--json"))["steps"][0]["skipped"]


def test_the_gate_takes_rules_of_ones_own_and_leaves_the_alerts_out_when_told(
    first: Result, house: Path, tmp_path: Path
) -> None:
    lenient = tmp_path / "lenient.toml"
    lenient.write_text("[floors]\nece = 1.0\n")
    verdict = shape(call(house, "gate", "--rules", str(lenient), "--without-alerts", "--json"))["verdict"]
    assert "alerts" in " ".join(verdict["left_out"])
    assert 1.0 in [check["limit"] for check in verdict["checks"]]
    assert call(house, "gate", "--rules", str(tmp_path / "none.toml")).exit_code == 1


def test_a_refused_model_is_promoted_only_with_a_reason_that_stays(first: Result, house: Path) -> None:
    registry = str(house / "models")
    refused = call(house, "promote", "--registry", registry)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert call(house, "promote", "--registry", registry, "--force", "a first model", "--json").exit_code == 0
    opened = Registry.open(registry)
    assert opened.state().champion == shape(first)["version"]
    assert "a first model" in opened.history()[-1].reason


def test_a_further_teacher_and_a_start_come_from_other_runs(first: Result, house: Path, tmp_path: Path) -> None:
    for name in ("prepared", "teacher"):
        shutil.copytree(house / "run" / name, tmp_path / name)
    others = [f"{house / 'run' / 'model'}:sentiment=0.3", "--also-teacher", str(house / "run" / "teacher")]
    starts = ["--start", str(house / "run" / "student")]
    result = call(house, "distil", "--also-teacher", *others, *starts, "--json", out=tmp_path)
    assert result.exit_code == 0, result.output
    assert {file.name for file in (tmp_path / "views").iterdir()} == {
        f"{name}-{number}.safetensors" for name in ("teacher", "teacher-1", "teacher-2") for number in (0, 1)
    }


def test_an_ablation_is_a_table_or_an_object(first: Result, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.ablation.ablate.__defaults__", (TRIALS[:2],))
    found = shape(call(house, "ablate", "--rows", "20", "--json"))
    assert [trial["name"] for trial in found["trials"]] == [trial.name for trial in TRIALS[:2]]
    assert found["trials"][0]["held out"]["sentiment"] >= 0
    assert TRIALS[0].name in call(house, "ablate", "--rows", "20").stdout


def test_any_number_of_the_plan_can_be_set(tmp_path: Path) -> None:
    plan = options(out=tmp_path, numbers=["teacher_rate=8e-5", "variants=2"])
    assert (plan.teacher_rate, plan.variants) == (8e-5, 2)


def test_the_second_of_two_trainers_is_told_who_is_at_it(house: Path, tmp_path: Path) -> None:
    with sole_trainer(tmp_path, "process 7 on desk"):
        result = call(house, "prepare", out=tmp_path)
    assert result.exit_code == 75
    assert "process 7 on desk" in result.stderr


def test_every_verb_shows_an_example(house: Path) -> None:
    names = [
        str(command.name or command.callback.__name__) for command in train.registered_commands if command.callback
    ]
    cycle = {"prepare", "pretrain", "tune", "teach", "distil", "compress", "evaluate", "gate", "promote", "continual"}
    cycle |= {"ablate"}
    assert set(names) == cycle
    for name in names:
        result = CliRunner().invoke(app, ["train", name, "--help"])
        assert result.exit_code == 0
        assert f"Example: undertone train {name}" in re.sub(r"\s+", " ", result.stdout)
    assert "Example: undertone train --out" in re.sub(r"\s+", " ", CliRunner().invoke(app, ["train", "--help"]).stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "3", "teach"], "put it behind"),
        (["--min-labels", "5"], "give both"),
        (["--every", "soon"], "12h or 7d"),
        (["--every", "1d", "--min-labels", "5"], "--labels topic"),
        (["--task", "weather"], "banking77"),
        (["--tier", "giant"], "no tier 'giant'"),
        (["prepare", "--data", "nowhere"], "--data"),
        (["teach", "--tuned"], "undertone train tune"),
        (["gate"], "undertone train evaluate"),
        (["ablate"], "undertone train prepare"),
        (["teach", "--set", "teacher_rat=1"], "it has average, changed_anew"),
        (["teach", "--set", "teacher_epochs=many"], "not a whole number"),
        (["teach", "--teacher-start", "nowhere"], "no teacher.safetensors"),
        (["distil", "--start", "nowhere"], "no student.safetensors"),
        (["distil", "--also-teacher", "nowhere:topic=0.5"], "neither a model nor"),
        (["distil", "--also-teacher", f"{SHIPPED}:mood=0.5"], "heads are topic, sentiment, entity"),
        (["distil", "--also-teacher", f"{SHIPPED}:topic=2"], "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(arguments: list[str], words: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", *arguments, *(["--out", str(tmp_path / "run")] if "--seed" not in arguments else [])]
    )
    assert result.exit_code == 1, result.output
    assert words in result.stderr


def test_each_turn_of_a_schedule_gets_the_options_that_the_schedule_got(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Turn:
        def wait(self) -> int:
            return 0

        def send_signal(self, number: int, /) -> None:
            raise AssertionError(number)

    def spawn(command: list[str], **_: Any) -> Turn:
        started.append(command)
        return Turn()

    monkeypatch.setattr("undertone.embedded.leash.spawn", spawn)
    monkeypatch.setattr("training.schedule.Schedule.run", lambda schedule, _: schedule.look())
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "labels.csv").write_text("text,sentiment\nacme falls,negative\nacme rises,positive\n")
    labels = ["--labels", str(tmp_path / "labels.csv")]
    result = call(house, "--every", "7d", "--min-labels", "3", *labels, out=tmp_path / "runs")
    assert result.exit_code == 0, result.output
    assert "2 of 3 fresh labels" in result.stderr
    assert started == []
    assert call(house, "--every", "7d", "--min-labels", "2", *labels, out=tmp_path / "runs").exit_code == 0
    [command] = started
    words = command[command.index("train") :]
    assert words[words.index("--labels") + 1] == str(tmp_path / "labels.csv")
    assert words[words.index("--student-epochs") + 1] == "1"
    assert "--every" not in words
    assert "--min-labels" not in words
    assert Path(words[words.index("--out") + 1]).parent == tmp_path / "runs"


@pytest.mark.parametrize("where", ["docker-compose.yml", "deploy/train-cronjob.yaml"])
def test_the_deployed_commands_are_ones_that_the_command_line_takes(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    file = yaml.safe_load((root / where).read_text())
    if where.startswith("deploy"):
        [container] = file["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        arguments = container["args"]
        assert "--once" in arguments
    else:
        arguments = file["services"]["train"]["command"]
    # As Compose fills in defaults; and a folder that may be written here.
    filled = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", one).replace("/runs", str(tmp_path)) for one in arguments]
    said: list[str] = []

    def one_look(schedule: Schedule, *_: object) -> bool:
        decision = decide(datetime.now(UTC), State(), schedule._every, 499, schedule._min_labels)
        said.append(decision.why)
        return decision.run

    monkeypatch.setattr(Schedule, "run", one_look)
    monkeypatch.setattr(Schedule, "look", one_look)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    result = CliRunner().invoke(app, filled)
    assert result.exit_code == 0, result.output
    assert said == ["499 of 500 fresh labels"]
