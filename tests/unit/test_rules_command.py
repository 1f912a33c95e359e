"""``undertone rules``: what is wrong with a file, what holds, and for what file an editor can check."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from undertone.cli.application import app

GOOD = """\
version: 1
receivers: [{name: desk, webhook: {url: "https://a.example"}}]
routes: [{to: [desk], budget: {per_day: 5}, mute: [nights]}]
mute_timings: [{name: nights, from: "22:00", to: "06:00"}]
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env`` of the checkout may change what is tested here."""
    monkeypatch.chdir(tmp_path)


def rules(*words: str) -> Result:
    return CliRunner().invoke(app, ["rules", *words])


def test_a_good_file_is_said_to_be_good(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    assert "It can be used: " in rules("check", "r.yaml").stdout
    assert json.loads(rules("check", "r.yaml", "--json").stdout)["receivers"] == 1
    shown = rules("show", "r.yaml").stdout
    for word in ("negative-surge", "desk", "nights", "5"):
        assert word in shown
    assert json.loads(rules("show", "r.yaml", "--json").stdout)["routes"][0]["to"] == ["desk"]


def test_all_that_is_wrong_with_a_bad_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("version: 1\nrules: [{name: a, kind: loud}]\nroutes: [{to: [desk]}]\n")
    result = rules("check", "r.yaml")
    assert result.exit_code == 1
    assert [result.stderr.count(f"r.yaml:{line}:") for line in (2, 3)] == [2, 1]


def test_without_a_file_the_setting_and_then_what_ships_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "negative-surge" in rules("show").stdout
    (tmp_path / "mine.yaml").write_text("version: 1\nrules: [{name: mine, kind: volume-surge, warning: {p_count: .1}}]")
    monkeypatch.setenv("UNDERTONE_RULES", "mine.yaml")
    assert "mine" in rules("show").stdout


def test_the_schema_is_one_that_takes_a_good_file(tmp_path: Path) -> None:
    import yaml

    schema = json.loads(rules("schema").stdout)
    jsonschema.validate(yaml.safe_load(GOOD), schema)


def test_a_day_that_is_none_is_refused() -> None:
    result = rules("sent", "--day", "soon")
    assert result.exit_code == 1
    assert "give one as 2026-11-25" in result.stderr
