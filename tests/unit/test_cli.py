"""The command line as such: help with examples, one-line errors, exit codes. What commands do is tested on servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from undertone.cli.application import app

PYTHON_M = [sys.executable, "-m", "undertone.cli"]


def all_commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        inside = all_commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]
        found += inside
    return found


COMMANDS = all_commands(typer.main.get_command(app))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env`` and no running system of the checkout may change what is tested here."""
    monkeypatch.chdir(tmp_path)


def test_the_commands_that_the_design_names_are_there() -> None:
    names = {path[0] for path in COMMANDS}
    assert names >= {
        "demo",
        "up",
        "worker",
        "watch",
        "dashboard",
        "produce",
        "replay",
        "backtest",
        "score",
        "trends",
        "alerts",
        "topics",
        "dead-letters",
        "labels",
        "models",
        "schemas",
        "doctor",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"Example: undertone {' '.join(path)}" in result.output


def test_help_and_completion_load_nothing_heavy() -> None:
    probe = "import sys, undertone.cli; print(*sorted({'pydantic', 'kafka', 'redis', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def test_completion_knows_the_commands() -> None:
    # What the scripts of --install-completion do when somebody presses the tab key.
    asked = {"_UNDERTONE_COMPLETE": "complete_bash", "COMP_WORDS": "undertone dead", "COMP_CWORD": "1"}
    probe = "import sys; sys.argv[0] = 'undertone'; from undertone.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=60, env=asked
    )
    assert done.stdout.split() == ["dead-letters"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "nothing.csv", "--dry-run"], "nothing.csv is not a file"),
        (["replay", "x.csv", "--speed", "fast"], "'max'"),
        (["replay", "x.csv", "--stream", "rumours"], "valid are news, comments"),
        (["score", "x", "--model", "no-such-folder"], "no-such-folder"),
        (["trends", "--window", "7m"], "valid are 1m, 5m, 1h, 1d"),
        (["topics", "list", "--bootstrap-servers", "127.0.0.1:1"], "UNDERTONE_BOOTSTRAP_SERVERS"),
        (["trends", "--redis-url", "redis://127.0.0.1:1/0"], "UNDERTONE_REDIS_URL"),
        (["trends", "--redis-url", "http://x"], "redis://HOST:PORT/DB"),
        (["up", "--threads", "0"], "UNDERTONE_THREADS"),
        (["models", "verify", "no-such-folder"], "no model folder"),
        (["dead-letters", "redrive"], "--all"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("undertone: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_a_wrong_flag_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["replay", "--no-such-flag"]).exit_code == 2


def test_score_prints_one_json_object_a_line_for_each_text() -> None:
    result = CliRunner().invoke(app, ["score", "--model", "trivial", "Tesla recalls cars", "Nothing new"])
    assert result.exit_code == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["schema_version"] == 1
    assert (first["text"], first["sentiment"], first["entities"]) == ("Tesla recalls cars", "negative", ["TSLA"])
    assert first["model"] == "trivial-1"
    assert first["sentiment_probabilities"].keys() == {"negative", "neutral", "positive"}
    assert sum(first["topic_probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert first["topic"] in first["topic_probabilities"]
    assert second["sentiment"] == "neutral"


def test_score_reads_a_column_of_a_file_and_names_the_rows_it_cannot_use(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,headline\n1,Ford falls\n2,\n3,Ford rises\n")
    result = CliRunner().invoke(app, ["score", "--model", "trivial", "a.csv", "--column", "headline"])
    assert result.exit_code == 3
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["Ford falls", "Ford rises"]
    assert result.stderr.splitlines() == ["a.csv:3: the text is empty"]
    wrong = CliRunner().invoke(app, ["score", "--model", "trivial", "a.csv"])
    assert wrong.exit_code == 1
    assert "one of id, headline" in wrong.stderr


def test_score_reads_lines_from_standard_input() -> None:
    result = CliRunner().invoke(app, ["score", "--model", "trivial", "-"], input="Ford falls\nFord rises\n")
    assert [json.loads(line)["sentiment"] for line in result.stdout.splitlines()] == ["negative", "positive"]


def test_a_reader_that_has_seen_enough_ends_the_command_without_noise() -> None:
    texts = [f"text {number}" for number in range(3_000)]
    with subprocess.Popen(
        [*PYTHON_M, "score", "--model", "trivial", *texts], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == b""
        assert command.wait(60) == 1


def test_a_dry_run_of_replay_needs_no_kafka_and_says_what_it_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,text\n2020-01-01,a\nbad,b\n2020-01-02,c\n")
    result = CliRunner().invoke(app, ["replay", "a.csv", "--dry-run", "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "schema_version": 1,
        "stream": "news",
        "sent": 0,
        "read": 2,
        "refused": 1,
        "first": "2020-01-01T00:00:00Z",
        "last": "2020-01-02T00:00:00Z",
    }
    assert result.stderr.startswith("a.csv:3: 'bad' is not a time")
