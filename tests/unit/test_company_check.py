"""What is said of a user's list of companies before it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from undertone.cli.application import app
from undertone.company_check import Doubt, check
from undertone.errors import InputError


def doubts(folder: Path, *rows: str) -> list[Doubt]:
    path = folder / "own.csv"
    path.write_text("\n".join(["symbol,name,aliases,region", *rows]) + "\n", encoding="utf-8")
    return check(path)


@pytest.mark.parametrize(
    ("row", "kind", "serious"),
    [
        ("NEW,Newco,target,US", "common-word", True),
        ("NEW,Newco,=Zebra,US", "common-word", False),
        ("NEW,Newco,=Boeing,US", "taken-over", True),
        ("NEW,Newco,$TSLA,US", "taken-over", True),
        ("NEW,Newco,price target,US", "taken-over", True),
        ("NEW,Newco,Morgan,US", "shadowed", False),
        ("NEW,Newco,,US", "unknown-symbol", False),
        ("new,Newco,,US", "unusable", True),
        ("NEW,,,US", "unusable", True),
        ("FIRST,Newco,,US", "duplicate", True),
        ("NEW,Firstco,,US", "duplicate", True),
    ],
)
def test_doubtful_row_is_told_with_its_line_and_kind(tmp_path: Path, row: str, kind: str, serious: bool) -> None:
    found = [one for one in doubts(tmp_path, "FIRST,Firstco,,US", row) if one.line == 3]
    assert (kind, serious) in {(one.kind, one.serious) for one in found}
    assert any(one.serious for one in found) == serious


def test_all_doubts_are_told_at_once_by_line(tmp_path: Path) -> None:
    found = doubts(tmp_path, "bad,Bad,,US", "AAPL,Cupertino,=Boeing|gap,US", "AAPL,Other Name,,US")
    assert [(one.line, one.kind) for one in found if one.serious] == [
        (2, "unusable"),
        (3, "common-word"),
        (3, "taken-over"),
        (3, "taken-over"),
        (4, "duplicate"),
    ]


def test_row_that_replaces_a_listed_company_is_no_conflict_with_it(tmp_path: Path) -> None:
    assert doubts(tmp_path, "TSLA,Tesla,Tesla Motors|$TSLA,US") == []


def test_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("ticker\nA\n")
    with pytest.raises(InputError, match="line 1"):
        check(path)


def test_command_ends_with_three_where_something_is_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("symbol,name,aliases,region\nNEW,Newco,gap|=Zebra,US\n")
    result = CliRunner().invoke(app, ["entities", "check", str(path), "--json"])
    assert result.exit_code == 3
    told = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert {(one["kind"], one["serious"]) for one in told} >= {("common-word", True), ("common-word", False)}
    path.write_text("symbol,name,aliases,region\nNEW,Newco Widgets,,US\n")
    assert CliRunner().invoke(app, ["entities", "check", str(path)]).exit_code == 0


def test_command_shows_what_links_and_why() -> None:
    result = CliRunner().invoke(app, ["entities", "find", "--json", "Apple pie for Tesla"])
    shown = json.loads(result.stdout)
    assert shown["entities"] == ["TSLA"]
    assert [(one["name"], one["counts"]) for one in shown["findings"]] == [("Apple pie", False), ("Tesla", True)]
