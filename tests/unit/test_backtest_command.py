"""`undertone backtest` on files: scored ones of each format, texts that are scored once, one set of rules and two."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from typer.testing import CliRunner

from tests.feeds import START_MS, quiet_days, surge
from tests.unit.test_backtest import invented
from undertone.cli.application import app

DAY_MS = 86_400_000
LOOSE = """
version: 1
rules:
  - {name: negative-surge, kind: negative-surge, min_stories: 4, warning: {p_count: 1e-2, p_share: 5e-2}}
receivers: [{name: desk, webhook: {url: "https://desk.example/hook"}}]
routes: [{match: {severity: warning}, to: [desk], budget: {per_day: 1}}]
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return invented(1, days=3)


def run(*arguments: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["backtest", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    elif path.suffix == ".csv":
        joined = pa.array([";".join(one) for one in table["entities"].to_pylist()])
        place = table.column_names.index("entities")
        csv.write_csv(table.set_column(place, "entities", joined), path)
    else:
        path.write_bytes(gzip.compress(b"\n".join(msgspec.json.encode(row) for row in table.to_pylist())))


def test_every_format_gives_the_same_alerts_with_their_evidence(table: pa.Table) -> None:
    found = []
    for name in ("scored.parquet", "scored.csv", "scored.jsonl.gz"):
        write(table, Path(name))
        found.append(run("--source", name))
    assert found[0]
    assert found[0] == found[1] == found[2]
    for one in found[0]:
        assert one.keys() >= {"fired_at", "severity", "entity", "topic", "stories", "messages", "p_count", "p_share"}
        assert one["evidence"]
        assert {story["position"] for story in one["evidence"]} <= set(table["position"].to_pylist())


def test_alerts_before_the_period_are_not_told_but_what_came_before_is_learnt(table: pa.Table) -> None:
    write(table, Path("scored.parquet"))
    whole = run("--source", "scored.parquet")
    begin = sorted(one["fired_at"] for one in whole)[1]
    late = run("--source", "scored.parquet", "--from", begin)
    assert [one["id"] for one in late] == [one["id"] for one in whole if one["fired_at"] > begin]


def test_two_sets_of_rules_are_laid_side_by_side(table: pa.Table) -> None:
    write(table, Path("scored.parquet"))
    Path("loose.yaml").write_text(LOOSE)
    Path("strict.yaml").write_text(LOOSE.replace("min_stories: 4", "min_stories: 4, entities: [BUST]"))
    both = ("--rules", "strict.yaml", "--rules", "loose.yaml")
    lines = run("--source", "scored.parquet", *both, "--out", "report")
    told = json.loads(Path("report/alerts.json").read_text())
    strict, loose = told["sets"]
    assert len(strict["alerts"]) < len(loose["alerts"])
    assert len(lines) == len(strict["alerts"]) + len(loose["alerts"])
    assert told["side_by_side"]["only_second"] > 0
    assert told["side_by_side"]["both"] + told["side_by_side"]["only_second"] == len(loose["alerts"])
    most = max(day.get("sent", 0) for day in loose["budget"]["desk"].values())
    assert most == 1
    page = Path("report/report.html").read_text()
    assert page.count("<article>") == len(lines)
    assert "<svg" in page
    assert "<script" not in page


def test_hostile_text_stays_text_on_the_page(table: pa.Table) -> None:
    texts = pa.array(["<script>alert(1)</script>"] * len(table))
    write(table.set_column(table.column_names.index("text"), "text", texts), Path("scored.parquet"))
    assert run("--source", "scored.parquet", "--out", "report")
    page = Path("report/report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_texts_are_scored_once_and_the_scores_kept_beside_the_file() -> None:
    messages = [*quiet_days(1.2), *surge(START_MS + DAY_MS + 600_000, "BUST")]
    Path("texts.jsonl").write_bytes(b"\n".join(one.encode() for one in messages))
    first = run("--source", "texts.jsonl", "--model", "trivial")
    (kept,) = Path().glob("texts.jsonl.*.scored.parquet")
    assert "BUST" in {one["entity"] for one in first}
    stamp = kept.stat().st_mtime_ns
    assert run("--source", "texts.jsonl", "--model", "trivial") == first
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "none.parquet"), "none.parquet is not a file"),
        (("--source", "broken.jsonl"), "broken.jsonl:2: this is no scored message"),
        (("--source", "x.parquet", "--from", "2014-03-01", "--to", "2014-02-01"), "is not before"),
        (("--source", "x.parquet", "--rules", "a", "--rules", "b", "--rules", "c"), "two files can be compared"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_the_reason(arguments: tuple[str, ...], said: str) -> None:
    good = {"published_at": "2014-02-17T10:00:00Z", "topic": "Macro", "sentiment": "neutral"}
    Path("broken.jsonl").write_text(json.dumps(good) + "\n" + json.dumps({**good, "sentiment": "bad"}))
    done = CliRunner().invoke(app, ["backtest", *arguments])
    assert done.exit_code == 1
    assert said in done.stderr
