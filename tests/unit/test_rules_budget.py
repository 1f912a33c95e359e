"""``undertone rules budget``: replays of a log of several days, and what they say of each receiver's budget."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from stream.backtest import News, Ringing
from stream.calibration import Daily, Replay, calibrate
from tests.alerts import alert
from tests.unit.test_backtest import invented
from undertone.cli.application import app
from undertone.messages import Severity
from undertone.rules import Rules

RULES = """
version: 1
rules: [{name: negative-surge, kind: negative-surge, min_stories: 4, warning: {p_count: 1e-2, p_share: 5e-2}}]
receivers:
  - {name: ample, webhook: {url: "https://a.example"}}
  - {name: tight, webhook: {url: "https://b.example"}}
  - {name: open, webhook: {url: "https://c.example"}}
routes:
  - {to: [ample], budget: {per_day: 50}, continue: true}
  - {to: [tight], budget: {per_day: 1}, continue: true}
  - {to: [open]}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    parquet.write_table(invented(1, days=4), "scored.parquet")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--source", "scored.parquet"], catch_exceptions=False)


def budget(*words: str) -> dict[str, Any]:
    result = run("rules", "budget", "rules.yaml", "--json", *words)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_receivers_are_told_what_they_would_get_and_how_strict_rules_keep_their_budgets() -> None:
    answer = budget("--days", "2")
    receivers = answer["receivers"]
    assert (answer["from"], answer["days"]) == ("2014-02-18", 2)
    assert receivers["ample"]["needs"] == receivers["tight"]["needs"] == receivers["open"]["needs"]
    assert (receivers["ample"]["keeps_it"], receivers["ample"]["p_factor"]) == (True, 1.0)
    assert (receivers["open"]["keeps_it"], receivers["open"]["p_factor"]) == (None, None)
    assert receivers["tight"]["keeps_it"] is (receivers["tight"]["needs"]["p95"] <= 1)

    run("backtest", "--rules", "rules.yaml", "--from", "2014-02-18", "--to", "2014-02-20", "--out", "report")
    (told,) = json.loads(Path("report/alerts.json").read_text())["sets"]
    most = max(day.get("sent", 0) for day in told["budget"]["open"].values())
    assert receivers["open"]["needs"]["most"] == most > 0


def replayed(*sent: int) -> Replay:
    """Days on which so many alerts ring, each with a tail of a thousandth of the one before."""

    def replay(rules: Rules) -> list[Ringing]:
        (rule,) = rules.rules
        assert rule.warning.p_count is not None
        tails = [(day, 10.0 ** (-2 - n)) for day, most in enumerate(sent) for n in range(most)]
        return [ringing(day, p) for day, p in tails if p <= rule.warning.p_count]

    return replay


def ringing(day: int, p: float) -> Ringing:
    at = datetime(2014, 2, 18 + day, 12, tzinfo=UTC)
    found = Ringing(msgspec.structs.replace(alert(fired_at=at), id=f"{day} {p}", p_count=p), "incident")
    found.told.append(News(at, "fired", quiet=False, severity=Severity.WARNING))
    return found


def test_the_least_strict_rules_are_found_that_keep_a_budget() -> None:
    rules = Rules.load(Path("rules.yaml"))
    found = {one.receiver: one for one in calibrate(rules, replayed(3, 1, 0, 2), date(2014, 2, 18), 4)}
    assert found["tight"].needs == Daily(1.5, 3, 3)
    assert found["tight"].critical == Daily(0, 0, 0)
    assert (found["ample"].factor, found["tight"].factor, found["open"].factor) == (1.0, 0.03, None)


def test_the_table_says_what_would_keep_a_budget() -> None:
    shown = " ".join(run("rules", "budget", "rules.yaml", "--days", "2").stdout.split())
    for word in ("ample", "nothing: it is kept", "would do"):
        assert word in shown


def test_rules_without_receivers_and_logs_without_a_whole_day_are_refused() -> None:
    Path("rules.yaml").write_text("version: 1\n")
    assert "name no receivers" in run("rules", "budget", "rules.yaml").stderr
    Path("rules.yaml").write_text(RULES)
    parquet.write_table(invented(1, days=1).slice(0, 10), "scored.parquet")
    assert "no whole day" in run("rules", "budget", "rules.yaml").stderr
