"""``undertone models``: what it shows, what it changes, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.model_folders import manifest, write
from undertone.cli.application import app
from undertone.model import artefact
from undertone.model.artefact import Provenance, TrainedOn

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env`` of the checkout may change what is tested here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command of ``undertone models`` on a registry of the test's own."""

    def run(*arguments: str) -> Result:
        environment = {"UNDERTONE_REGISTRY": str(tmp_path / "registry"), "COLUMNS": "200"}
        return CliRunner().invoke(app, ["models", *arguments], env=environment)

    return run


@pytest.fixture
def added(tmp_path: Path, run: Run) -> None:
    """The versions a, and b whose figures are better and whose licence is not."""
    write(tmp_path / "a", manifest("a", metrics={"tweets": {"rows": 10, "macro_f1": 0.5}}))
    source = TrainedOn("phrasebank", "x.csv", "CC-BY-NC-SA-3.0", "1" * 64, 4846)
    research = Provenance("base", "MIT", (source,), "code", 1, shippable=False, parent="a")
    write(tmp_path / "b", manifest("b", provenance=research, metrics={"tweets": {"rows": 10, "macro_f1": 0.75}}))
    for name in "ab":
        assert run("add", name).exit_code == 0


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(one["schema_version"] == 1 for one in found)
    return found


@pytest.mark.usefixtures("added")
def test_a_model_goes_from_folder_to_champion_to_the_past(run: Run) -> None:
    assert "a is in the registry" in run("add", "a").stdout
    assert run("promote", "a", "--reason", "gate passed", "--by", "maria").stdout == "Revision 1: a serves.\n"
    told = run("challenge", "b", "--reason", "watch it", "--allow-research", "--share", "0.1").stdout
    assert told == "Revision 2: a serves; b in shadow on 10% of the texts.\n"
    [state] = objects(run("promote", "b", "--reason", "it won", "--allow-research", "--verdict", "g-1", "--json"))
    assert (state["champion"], state["challenger"], state["previous"]) == ("b", "", ["a", "shipped"])
    assert [(one["version"], one["role"]) for one in objects(run("list", "--json"))] == [
        ("shipped", "former"),
        ("a", "former"),
        ("b", "champion"),
    ]
    [state] = objects(run("rollback", "--reason", "alerts went quiet", "--json"))
    assert state["champion"] == "a"
    newest = objects(run("history", "--json", "--limit", "2"))
    assert [(one["action"], one["version"], one["before"]) for one in newest] == [
        ("rollback", "a", "b"),
        ("promote", "b", "a"),
    ]
    assert (newest[1]["reason"], newest[1]["verdict"], newest[1]["in_force"]) == ("it won", "g-1", True)


@pytest.mark.usefixtures("added")
def test_a_challenger_is_retired(run: Run) -> None:
    run("challenge", "a", "--reason", "watch it")
    assert run("retire", "--reason", "no better").stdout == "Revision 2: shipped serves.\n"
    again = run("retire", "--reason", "no better")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "no challenger" in again.stderr


@pytest.mark.usefixtures("added")
def test_the_tables_say_who_serves_and_what_may_be_done_with_it(run: Run) -> None:
    run("promote", "a", "--reason", "gate passed", "--by", "maria")
    rows = [line.split() for line in run("list").stdout.splitlines()]
    assert ["a", "champion", "finance", "sentiment", "0.0", "any", "use"] in rows
    assert ["b", "finance", "sentiment", "0.0", "research", "only"] in rows
    shown = run("show", "b").stdout
    assert "b: task finance, 16 tokens at most, research only." in shown
    assert "went on from a." in shown
    assert "CC-BY-NC-SA-3.0" in shown
    assert "rows 10, macro_f1 0.75" in shown
    told = run("history").stdout
    assert "promote a" in told
    assert "maria" in told
    assert "gate passed" in told


@pytest.mark.usefixtures("added")
def test_two_models_are_compared_figure_by_figure(run: Run) -> None:
    [found] = objects(run("diff", "a", "b", "--json"))
    assert (found["old"], found["new"]) == ("a", "b")
    assert found["figures"]["tweets · macro_f1"] == {"old": 0.5, "new": 0.75}
    table = run("diff", "a", "b").stdout
    assert "+0.25" in table
    assert "+0\n" not in table


@pytest.mark.usefixtures("added")
def test_what_a_stranger_wrote_cannot_steer_the_terminal(run: Run) -> None:
    run("promote", "a", "--reason", "\x1b[2Jgone [red]x[/red]", "--by", "ma\x07ria")
    told = run("history").stdout
    assert "\x1b[2J" not in told
    assert "\x07" not in told
    assert "gone [red]x[/red]" in told


def test_without_a_registry_the_model_that_ships_is_shown_and_verified() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["models", "verify"]).stdout.endswith("all as the manifest says.\n")
    [one] = objects(runner.invoke(app, ["models", "list", "--json"]))
    assert (one["version"], one["role"], one["use"]) == ("shipped", "champion", "any use")
    [shown] = objects(runner.invoke(app, ["models", "show", "--json"]))
    assert shown["manifest"]["version"] == artefact.read_manifest(artefact.SHIPPED).version


@pytest.mark.usefixtures("added")
def test_verify_takes_a_version_a_folder_or_what_serves(run: Run) -> None:
    run("promote", "a", "--reason", "gate passed")
    assert [objects(run("verify", *which, "--json"))[0]["version"] for which in ([], ["b"], ["./b"])] == ["a", "b", "b"]


@pytest.mark.usefixtures("added")
def test_a_damaged_version_is_named_and_the_others_are_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "registry" / "versions" / "a" / "manifest.json").write_text("{")
    listed = run("list", "--json")
    assert listed.exit_code == 3
    assert [json.loads(line)["version"] for line in listed.stdout.splitlines()] == ["shipped", "b"]
    assert listed.stderr.startswith("a: Model ")
    verified = run("verify", "a")
    assert verified.exit_code == 1
    assert "manifest.json cannot be read" in verified.stderr


@pytest.mark.usefixtures("added")
def test_a_damaged_pointer_is_repaired(run: Run, tmp_path: Path) -> None:
    run("promote", "a", "--reason", "gate passed")
    (tmp_path / "registry" / "state.json").write_text("{")
    broken = run("list")
    assert broken.exit_code == 1
    assert "undertone models repair" in broken.stderr
    assert run("repair").stdout == "Revision 1: a serves.\n"


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", "b", "--reason", "x"], "--allow-research"),
        (["promote", "nobody", "--reason", "x"], "there are: a, b"),
        (["promote", "a", "--reason", "x", "--expected", "7"], "not at revision 7"),
        (["challenge", "a", "--reason", "x", "--share", "2"], "share above 0"),
        (["rollback", "--reason", "x"], "promote a version instead"),
        (["repair"], "no history"),
        (["add", "nowhere"], "no model folder at nowhere"),
        (["verify", "trivial"], "nothing to verify"),
        (["show", "nowhere"], "no model folder at nowhere"),
        (["list", "--registry", "nosuch://x"], "s3://bucket/models"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("undertone: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.mark.parametrize(
    "arguments", [["promote", "a", "--reason", "x"], ["add", "a"], ["rollback", "--reason", "x"], ["history"]]
)
def test_what_needs_a_registry_says_how_to_name_one(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["models", *arguments])
    assert result.exit_code == 1
    assert "UNDERTONE_REGISTRY" in result.stderr
