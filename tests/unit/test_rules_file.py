"""A rules file is read as it is meant, and all that is wrong with one is said, each with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from undertone import schemas
from undertone.errors import InputError
from undertone.messages import Severity
from undertone.rules import Apprise, Budget, Match, MuteTiming, Route, Rule, Rules, Thresholds, Webhook
from undertone.rules.file import parse
from undertone.rules.watcher import Watcher

WHOLE = """\
version: 1
rules:
  - name: surge
    kind: negative-surge
    streams: [news]
    topics: ["M&A*", Earnings]
    entities: ["*"]
    series: [topic, topic-entity]
    min_stories: 5
    warning: {p_count: 1e-3, p_share: .01}
    critical: {p_count: 3e-4, p_share: 5e-3, sources: 3}
  - {name: shift, kind: sentiment-shift, days: 5, warning: {p_share: 1e-4, change: 0.2}}
  - {name: quiet, kind: feed-silent, streams: [news], warning: {minutes: 30, p_count: 1e-6}}
receivers:
  - {name: desk, webhook: {url: "https://hooks.example.org/u", secret_env: DESK_SECRET}}
  - {name: ops, apprise: {url_env: OPS_URL}}
routes:
  - match: {severity: critical, topic: [Earnings, "M&A*"], stream: news}
    to: [desk, ops]
    budget: {per_day: 5}
    mute: [nights]
    critical_pierces: true
    repeat_on: [escalated, resolved]
    continue: true
  - {to: [webhook]}
mute_timings:
  - {name: nights, days: [sat, sun], from: 22:00, to: "06:00", zone: Europe/London}
source_tiers: {"reuters*": 1, blog: 3}
"""


def said(text: str) -> list[str]:
    """What is said of a text that cannot be used, a line each, without the name of the file."""
    with pytest.raises(InputError) as caught:
        parse(text, "r.yaml")
    return [line.removeprefix("r.yaml:") for line in str(caught.value).splitlines()]


def test_a_whole_file_is_read_as_it_is_meant() -> None:
    rules = parse(WHOLE)
    surge, shift, quiet = rules.rules
    assert (surge.warning.p_count, surge.warning.p_share) == (1e-3, 1e-2)
    assert surge.covers("news", "M&A | Investments", "ACME")
    assert surge.covers("news", "Earnings", "")
    assert not surge.covers("news", "", "")
    assert not surge.covers("news", "", "ACME")
    assert not surge.covers("comments", "Earnings", "")
    assert not surge.covers("news", "Markets", "ACME")
    assert (shift.days, shift.warning.change) == (5, 0.2)
    assert quiet.streams == ("news",)
    assert rules.receivers[0].webhook is not None
    assert rules.routes[0].continue_
    assert rules.routes[0].budget is not None
    assert rules.mute_timings[0].from_ == "22:00"
    assert [rules.tier(source, "news") for source in ("reuters.com", "blog", "ft")] == [1, 3, 2]
    assert rules.bars("surge", Severity.CRITICAL) == surge.critical


def test_what_ships_can_be_used_and_holds_where_a_file_has_no_rules() -> None:
    shipped = Rules.shipped()
    assert [one.name for one in shipped.rules][:2] == ["negative-surge", "volume-surge"]
    assert parse("version: 1\n").rules == shipped.rules


def test_every_mistake_is_told_with_its_line_and_what_is_valid() -> None:
    text = """\
version: 1
rules:
  - name: a
    kind: negative-surge
    topics: ["x[y"]
    warning: {p_count: 1e-3, minutes: 3}
    critical: {p_count: 1e-2}
  - name: a
    kind: volume
    wrong: 1
    warning: {p_count: much}
receivers: [{name: kafka, webhook: {url: "https://a.b"}}, {name: x}]
routes:
  - {to: [desk], mute: [z], match: {severity: kritical, rule: b}}
  - to: 3
mute_timings:
  - {name: n, days: [sunday], from: 25:00}
  - {name: m, zone: Mars/X}
  - {name: o, from: "09:00", to: "09:00"}
source_tiers: {reuters: 9}
"""
    found = said(text)
    lines = [int(line.partition(":")[0]) for line in found]
    assert lines == [*range(5, 12), 12, 12, *[14] * 4, 15, 17, 17, 18, 19, 20]
    whole = "\n".join(found)
    for part in (
        "5: the glob 'x[y'",
        "6: 'minutes' is no threshold of negative-surge: valid are p_count, p_share, sources",
        "7: critical p_count 0.01 is looser than warning's 0.001: valid is at most 0.001",
        "8: the name 'a' is taken",
        "9: rules[1].kind is 'volume': valid are negative-surge, volume-surge, sentiment-shift, feed-silent",
        "10: 'wrong' is not known here: valid are name, kind,",
        "11: rules[1].warning.p_count is 'much': valid is float",
        "12: 'kafka' is the topic 'alerts'",
        "12: receiver 'x' has no address: give one of webhook, apprise",
        "14: there is no receiver 'desk': there are kafka, x, webhook",
        "14: there is no mute timing 'z': there are n, m, o",
        "14: no severity matches 'kritical'",
        "14: no rule matches 'b', so that the route never would: there are a",
        "15: routes[1].to must be a list, was: 3",
        "17: mute_timings[0].days[0] is 'sunday': valid are mon,",
        "17: mute_timings[0].from is '25:00'",
        "18: there is no time zone 'Mars/X'",
        "19: it ends when it begins",
        "20: source_tiers.reuters is 9",
    ):
        assert part in whole


@pytest.mark.parametrize(
    ("critical", "wrong"),
    [
        ("{p_count: 1e-3, p_share: 2e-2}", "p_share"),
        ("{p_count: 1e-3, sources: 1}", "sources"),
        ("{p_count: 2e-3}", "p_count"),
    ],
)
def test_a_critical_bar_that_a_warning_does_not_reach_is_refused(critical: str, wrong: str) -> None:
    head = "version: 1\nrules:\n- {name: a, kind: negative-surge, warning: {p_count: 1e-3, p_share: 1e-2, sources: 2},"
    (line,) = said(f"{head}\n   critical: {critical}}}\n")
    assert line.startswith(f"4: critical {wrong} ")


TENFOLD = "{1}: &{1} [" + ", ".join(["*{0}"] * 10) + "]\n"
BOMB = "a: &a [x]\n" + "".join(TENFOLD.format(a, b) for a, b in zip("abcdefg", "bcdefgh", strict=True))
"""Some hundred bytes that stand for ten million values."""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("version: 1\nrules: [", "this is not YAML"),
        ("version: 1\nversion: 1", "2: 'version' is given twice: the first is on line 1"),
        ("", "'version' is missing"),
        ("- 1", "must be a mapping"),
        ("version: 2", "valid are 1"),
        ("rules: []", "'version' is missing"),
        ("version: 1\nrules: []", "2: 'rules' is empty"),
        ("version: 1\nx: &a [*a]", "more than"),
        (BOMB, "more than"),
        ("[" * 5000, "more than"),
        ("version: 1\n? [a]\n: b", "2: a key must be a text"),
        ("version: 1\nrules: \x07", "this is not YAML"),
    ],
)
def test_a_text_that_is_no_such_file_is_refused(text: str, part: str) -> None:
    assert part in "\n".join(said(text))


def test_scalars_are_what_yaml_1_2_says() -> None:
    timing = parse("version: 1\nmute_timings: [{name: on, from: 22:00, to: 06:30}]").mute_timings[0]
    assert (timing.name, timing.from_, timing.to) == ("on", "22:00", "06:30")
    with pytest.raises(InputError, match="name is True"):
        parse("version: 1\nmute_timings: [{name: true}]")
    assert parse("version: 1\nmute_timings: [{name: 'true'}]").mute_timings[0].name == "true"


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Rules.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1\n# \xe9\n")
    with pytest.raises(InputError, match=r"latin\.yaml:2: this is not UTF-8"):
        Rules.load(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 20 | 1))
    with pytest.raises(InputError, match="1048576 is the most"):
        Rules.load(tmp_path / "large.yaml")


SCHEMA = schemas.schema("rules")


def fits(shape: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(shape)


def test_the_schema_takes_what_ships_and_the_whole_file() -> None:
    for text in (WHOLE, Path(schemas.__file__).parent.parent.joinpath("rules/default.yaml").read_text()):
        assert fits(msgspec.json.decode(msgspec.json.encode(parse(text))))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"extra": 1},
        {"rules": {}},
        {"rules": [{"name": "a", "kind": "negative-surge"}]},
        {"rules": [{"name": "A B", "kind": "negative-surge", "warning": {"p_count": 0.1}}]},
        {"rules": [{"name": "a", "kind": "negative-surge", "warning": {"p_count": 1}}]},
        {"rules": [{"name": "a", "kind": "negative-surge", "min_stories": 0, "warning": {"p_count": 0.1}}]},
        {"receivers": [{"name": "a", "webhook": {"url": "ftp://x"}}]},
        {"receivers": [{"name": "a", "webhook": {"url_env": "a-b"}}]},
        {"routes": [{"to": "desk"}]},
        {"routes": [{"to": [], "budget": {"per_day": -1}}]},
        {"routes": [{"to": [], "repeat_on": ["often"]}]},
        {"routes": [{"to": [], "match": {"severity": 1}}]},
        {"mute_timings": [{"name": "n", "from": "9:00"}]},
        {"source_tiers": {"a": 4}},
    ],
)
def test_schema_and_reader_refuse_the_same(change: dict[str, Any]) -> None:
    shape = {"version": 1} | change
    assert not fits(shape)
    with pytest.raises(InputError):
        parse(yaml.safe_dump(shape))


def replaced(path: Path, text: str) -> None:
    """Write it beside, then swap, as editors and Kubernetes do."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_a_changed_file_is_read_again_and_a_bad_one_leaves_the_old_rules(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\nrules: [{name: a, kind: volume-surge, warning: {p_count: 1e-4}}]")
    watcher = Watcher(path)
    assert watcher.changed() is None
    replaced(path, "version: 1\nrules: [{name: a, kind: volume-surge, warning: {p_count: 1e-5}}]")
    changed = watcher.changed()
    assert changed is not None
    assert changed.rules[0].warning.p_count == 1e-5
    watcher.accept(changed)
    assert watcher.changed() is None

    replaced(path, "version: 1\nrules: [{name: a, kind: loud}]")
    assert watcher.changed() is None
    assert watcher.rules is changed
    assert "rules.yaml:2: rules[0].kind is 'loud'" in caplog.text
    caplog.clear()
    assert watcher.changed() is None
    assert not caplog.text

    path.unlink()
    assert watcher.changed() is None
    assert "cannot be read" in caplog.text
    replaced(path, "version: 1\nrules: [{name: b, kind: volume-surge, warning: {p_count: 1e-5}}]")
    assert watcher.changed() is not None


def test_without_a_file_the_shipped_rules_hold() -> None:
    watcher = Watcher(None)
    assert watcher.rules == Rules.shipped()
    assert watcher.changed() is None


def test_the_example_in_the_documentation_can_be_used_and_its_table_names_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    example = text.partition("```yaml\n")[2].partition("```")[0]
    rules = parse(example)
    assert rules.rules
    assert rules.routes
    table = text.partition("### Every key")[2].partition("###")[0]
    for part in (Rule, Thresholds, Webhook, Apprise, Match, Budget, Route, MuteTiming):
        for field in msgspec.structs.fields(part):
            assert re.search(rf"`[^`]*\b{field.encode_name}\b[^`]*`", table), field.encode_name
