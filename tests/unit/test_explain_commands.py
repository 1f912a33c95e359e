"""``undertone explain`` and ``undertone score --entities``, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.random_student import HEADS, random_student
from undertone.cli.application import app


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env`` and no running system of the checkout may change what is tested here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(random_student(tmp_path_factory.mktemp("student") / "one"))


@pytest.fixture(scope="module")
def texts_only(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(random_student(tmp_path_factory.mktemp("student") / "two", heads=HEADS[:2]))


def run(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


def objects(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_explain_shows_the_text_its_sentence_and_the_method() -> None:
    shown = run("explain", "Acme plunges today", "--model", "trivial").stdout.splitlines()
    assert shown[0] == "Acme plunges⁺ today"
    assert "Negative (0.90):" in shown[2]
    assert shown[-1].endswith("shapley, trivial-1")


def test_explain_prints_what_the_documentation_says(student: str) -> None:
    [found] = objects(run("explain", "acme  plunges\n(hooli)", "--model", student, "--method", "rollout", "--json"))
    assert found["schema_version"] == 1
    assert (found["text"], found["head"], found["entity"]) == ("acme plunges (hooli)", "sentiment", None)
    assert [word["word"] for word in found["words"]] == ["acme", "plunges", "hooli"]
    assert [found["text"][word["start"] : word["end"]] for word in found["words"]] == ["acme", "plunges", "hooli"]
    assert sum(word["weight"] for word in found["words"]) + found["rest"] == pytest.approx(1, abs=1e-4)
    assert found["facts"].keys() == {"leading", "against", "without"}
    assert found["method"] == "rollout"
    assert found["model"] == "random-1"
    assert found["sentence"]


def test_explain_towards_an_entity_and_of_a_topic(student: str) -> None:
    [towards] = objects(run("explain", "Tesla plunges", "--entity", "$TSLA", "--model", student, "--json"))
    assert (towards["head"], towards["entity"]) == ("entity", "Tesla")
    assert [word["word"] for word in towards["words"]] == ["plunges"]
    [topic] = objects(run("explain", "acme plunges", "--head", "topic", "--model", student, "--json"))
    assert topic["head"] == "topic"


def test_explain_draws_the_picture_and_says_where(tmp_path: Path) -> None:
    result = run("explain", "Acme plunges", "--model", "trivial", "--picture", "a.svg", "--json")
    assert len(objects(result)) == 1
    assert result.stderr == "Picture: a.svg\n"
    assert "plunges" in (tmp_path / "a.svg").read_text()


def test_markup_of_a_text_is_shown_and_not_obeyed() -> None:
    assert "[red]x[/red] plunges" in run("explain", "[red]x[/red] plunges", "--model", "trivial").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", " ", "--model", "trivial"], "empty"),
        (["explain", "x", "--model", "trivial", "--method", "guess"], "valid are shapley"),
        (["explain", "x", "--model", "trivial", "--head", "entity"], "--entity NAME"),
        (["explain", "x", "--model", "trivial", "--head", "topic", "--entity", "x"], "leave one"),
        (["explain", "x", "--model", "trivial", "--entity", "Acme"], "does not name 'Acme'"),
        (["explain", "x", "--model", "trivial", "--method", "rollout"], "no layers"),
        (["explain", "x", "--model", "trivial", "--picture", "x.gif"], "valid are .svg"),
        (["score", "x", "--model", "trivial", "--entity-column", "who"], "--entity-column names a column"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(arguments: list[str], words: str) -> None:
    result = run(*arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("undertone: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_score_adds_the_sentiment_towards_each_company() -> None:
    text = "Tesla plunges , AT&amp;T and $TSLA"
    found, none = objects(run("score", "--entities", "--model", "trivial", text, "Nothing new"))
    assert found["entities"] == ["T", "TSLA"]
    assert found["entity_sentiments"].keys() == {"T", "TSLA"}
    assert found["entity_sentiments"]["TSLA"] == {
        "label": "negative",
        "probabilities": {"negative": 0.9, "neutral": 0.05, "positive": 0.05},
    }
    assert none["entity_sentiments"] == {}


def test_score_without_the_flag_is_as_it_was() -> None:
    [found] = objects(run("score", "--model", "trivial", "Tesla plunges"))
    assert "entity_sentiments" not in found


def test_score_asks_about_each_company_where_the_text_names_it(student: str) -> None:
    from undertone.scorer import Mention, OnnxScorer

    text = "Tesla plunges while Ford surges"
    [found] = objects(run("score", "--entities", "--model", student, text))
    scorer = OnnxScorer.load(Path(student))
    expected = scorer.score_entities([Mention(text, 0, 5), Mention(text, 20, 24)])
    for symbol, row in zip(("TSLA", "F"), expected, strict=True):
        assert list(found["entity_sentiments"][symbol]["probabilities"].values()) == pytest.approx(row, abs=1e-5)
    assert abs(expected[0] - expected[1]).max() > 1e-3


def test_a_column_names_the_entity_of_each_row_and_a_row_that_does_not_name_it_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "text,who\nNorthgate falls,Northgate\nFord falls,Acme\nTesla rises,TSLA\nOil rises,\n"
    )
    result = run("score", "--model", "trivial", "a.csv", "--entity-column", "who", code=3)
    first, second = objects(result)
    assert (first["text"], list(first["entity_sentiments"])) == ("Northgate falls", ["Northgate"])
    assert (second["text"], list(second["entity_sentiments"])) == ("Tesla rises", ["TSLA"])
    assert second["entity_sentiments"]["TSLA"]["label"] == "positive"
    assert result.stderr.splitlines() == [
        "a.csv:3: the text does not name 'Acme'",
        "a.csv:5: the entity is empty",
    ]


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,who\nFord falls,Ford\n")
    result = run("score", "--model", "trivial", "a.csv", "--entity-column", "whom", code=1)
    assert "give --entity-column, one of text, who" in result.stderr
    (tmp_path / "a.jsonl").write_text('{"text": "Ford falls"}\n{"text": "Ford rises", "who": "Ford"}\n')
    lines = run("score", "--model", "trivial", "a.jsonl", "--entity-column", "who", code=3)
    assert [one["text"] for one in objects(lines)] == ["Ford rises"]
    assert lines.stderr == "a.jsonl:1: no field 'who': give --entity-column\n"


def test_one_name_goes_for_all_arguments_and_lines() -> None:
    result = run("score", "--model", "trivial", "--entity", "Acme", "Acme falls", "ACME rises", "Ford rises", code=3)
    assert [one["entity_sentiments"]["Acme"]["label"] for one in objects(result)] == ["negative", "positive"]
    assert result.stderr == "argument:3: the text does not name 'Acme'\n"


def test_a_model_that_cannot_tell_says_so_before_anything_is_printed(texts_only: str) -> None:
    for command in (["score", "--entities", "Tesla falls"], ["explain", "Tesla falls", "--entity", "Tesla"]):
        result = run(*command, "--model", texts_only, code=1)
        assert result.stdout == ""
        assert "has no head for the sentiment towards an entity" in result.stderr
