"""Thresholds of a rules file are changed in place, checked, and written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dashboard import rule_table, rules_text
from dashboard.locale import Locale
from dashboard.rule_preview import Preview, Rang, command
from dashboard.rules_text import Place
from undertone.errors import InputError
from undertone.messages import from_ms
from undertone.rules import Rules

TEXT = """# Ours, reviewed every quarter.
version: 1
rules:
  - name: surge   # the keen one
    kind: negative-surge
    min_stories: 5
    warning: {p_count: 1e-3, p_share: 1e-2}
    critical:
      p_count: 1e-4   # half of it rang in March
      sources: 3
receivers:
  - name: desk
    webhook: {url_env: DESK_URL}
"""
P_COUNT = Place("surge", "warning", "p_count")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "rules.yaml"
    found.write_text(TEXT)
    return found


def test_only_the_numbers_change_and_comments_and_layout_stay(path: Path) -> None:
    made = rules_text.draft(
        path, {P_COUNT: 5e-4, Place("surge", "", "min_stories"): 6, Place("surge", "critical", "sources"): 4}
    )
    assert made.text == TEXT.replace("1e-3,", "0.0005,").replace("min_stories: 5", "min_stories: 6").replace(
        "sources: 3", "sources: 4"
    )
    assert made.changes[P_COUNT] == (1e-3, 5e-4)


def test_the_table_says_of_which_series_a_rule_is(path: Path) -> None:
    assert "News, Comments · all series" in str(rule_table.table(Rules.load(path), {}, Locale()))
    path.write_text(TEXT.replace("min_stories", "series: [topic, stream]\n    min_stories"))
    assert "News, Comments · topics, the stream as a whole" in str(rule_table.table(Rules.load(path), {}, Locale()))


def test_a_draft_that_contradicts_the_rules_is_refused_with_its_line(path: Path) -> None:
    with pytest.raises(InputError, match=r"rules\.yaml:9: .*looser"):
        rules_text.draft(path, {Place("surge", "critical", "p_count"): 0.5})
    with pytest.raises(InputError, match=r"rules\.yaml:7"):
        rules_text.draft(path, {P_COUNT: 2.0})


def test_nothing_changed_and_a_number_that_is_not_there_are_said(path: Path) -> None:
    with pytest.raises(InputError, match="nothing was changed"):
        rules_text.draft(path, {P_COUNT: 0.001})
    with pytest.raises(InputError, match=r"surge\.warning\.minutes"):
        rules_text.draft(path, {Place("surge", "warning", "minutes"): 5})


def test_values_that_rules_share_are_not_changed_behind_the_back(path: Path) -> None:
    shared = """version: 1
rules:
  - {name: a, kind: volume-surge, warning: &bars {p_count: 1e-4}}
  - {name: b, kind: volume-surge, warning: *bars}
"""
    path.write_text(shared)
    with pytest.raises(InputError, match="by aliases"):
        rules_text.draft(path, {Place("a", "warning", "p_count"): 1e-5})


def test_a_file_without_rules_gets_those_that_ship_when_one_is_changed(path: Path) -> None:
    path.write_text("version: 1\nsource_tiers: {'reuters*': 1}\n")
    made = rules_text.draft(path, {Place("negative-surge", "warning", "p_count"): 5e-4})
    rules_text.save(path, made)
    found = Rules.load(path)
    changed = found.rule("negative-surge")
    assert changed is not None
    assert changed.warning.p_count == 5e-4
    assert [one.name for one in found.rules] == [one.name for one in Rules.shipped().rules]
    assert found.source_tiers == {"reuters*": 1}


def test_it_is_saved_whole_with_its_mode_and_nothing_is_left_beside_it(path: Path) -> None:
    path.chmod(0o640)
    rules_text.save(path, rules_text.draft(path, {P_COUNT: 5e-4}))
    found = Rules.load(path).rule("surge")
    assert found is not None
    assert found.warning.p_count == 5e-4
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["rules.yaml"]


def test_a_file_that_somebody_changed_meanwhile_is_not_overwritten(path: Path) -> None:
    made = rules_text.draft(path, {P_COUNT: 5e-4})
    path.write_text(TEXT + "# theirs\n")
    with pytest.raises(InputError, match="changed by somebody else"):
        rules_text.save(path, made)
    assert path.read_text() == TEXT + "# theirs\n"


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    rules_text.save(link, rules_text.draft(link, {P_COUNT: 5e-4}))
    assert link.is_symlink()
    assert "0.0005" in path.read_text()


def test_a_preview_tells_what_rings_on_one_side_only() -> None:
    def rang(rules: str, minute: int, entity: str) -> Rang:
        return Rang(rules, "surge", "warning", from_ms(minute * 60_000), "news", 5, entity=entity)

    shown = Preview((rang("now", 0, "FB"), rang("now", 5, "GM")), (rang("then", 40, "FB"), rang("then", 90, "GM")))
    assert [one.entity for one in shown.only_now] == ["GM"]
    assert [one.entity for one in shown.only_then] == ["GM"]


def test_the_replay_asks_for_whole_days_up_to_now_in_utc() -> None:
    arguments = command(1_392_843_900_000, 3)
    assert arguments[arguments.index("--from") + 1] == "2014-02-16T21:06:00Z"
    assert arguments[arguments.index("--to") + 1] == "2014-02-19T21:06:00Z"
