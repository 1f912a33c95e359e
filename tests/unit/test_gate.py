"""The gate on real model folders, and promotion by its verdict."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.small_models import small_model
from training.gate import GATE, among_own_labels, gate, print_verdict, read_verdict, speed_of
from training.plan import Plan
from training.promote import promote
from training.rules import Event, Floors, Limits, Period, Replay, Rules, load_rules
from training.task import HeadLabels, Task
from training.verdict import Contest, Verdict
from undertone.errors import InputError, ModelError
from undertone.messages import Message
from undertone.registry import Registry
from undertone.scorer import SENTIMENTS, TOPICS, OnnxScorer, Scorer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits(resamples=200)
RULES = Rules(limits=LIMITS)


class Ring(NamedTuple):
    fired_at: datetime
    entity: str


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: small_model(folder, name, seed=seed) for name, seed in (("good", 1), ("twin", 1), ("bad", 2))}


@pytest.fixture
def plan(tmp_path: Path, folders: dict[str, Path]) -> Plan:
    """A plan whose frozen rows are labelled as the model `good` answers them, but for one in ten."""
    task = Task("finance", {"topic": HeadLabels(TOPICS), "sentiment": HeadLabels(SENTIMENTS)}, ())
    made = Plan(task, tmp_path / "data", tmp_path / "out", date(2026, 1, 1))
    random = np.random.default_rng(3)
    texts = [f"Acme {random.integers(10**9)} falls on {random.integers(10**9)}" for _ in range(400)]
    found = OnnxScorer.load(folders["good"]).score_heads(texts)
    columns: dict[str, object] = {"text": texts, "source": "frozen", "start": 0, "end": 0, "clean": True}
    for head, scores in found.items():
        columns[head] = np.where(random.random(len(texts)) < 0.1, 0, scores.argmax(1))
    made.prepared.mkdir(parents=True)
    pd.DataFrame(columns).to_parquet(made.prepared / "evaluation.parquet")
    return made


def clock() -> Iterator[float]:
    """Seconds that pass at each look, the same for whoever is measured."""
    now = 0.0
    while True:
        yield now
        now += 1.0


def judged(plan: Plan, champion: Path | None, challenger: Path, rules: Rules = RULES) -> Verdict:
    return gate(plan, champion, challenger, None, rules=rules, clock=clock().__next__)


def test_an_equal_model_passes_and_a_worse_one_is_refused_with_its_sets(plan: Plan, folders: dict[str, Path]) -> None:
    equal = judged(plan, folders["good"], folders["twin"])
    assert equal.passed, equal.refusals
    worse = judged(plan, folders["good"], folders["bad"])
    assert not worse.passed
    assert any("frozen · topic" in words for words in worse.refusals)
    assert any("frozen · sentiment" in words for words in worse.refusals)
    assert read_verdict(plan.out / GATE) == worse


def test_rows_that_nearly_repeat_a_training_row_do_not_count(plan: Plan, folders: dict[str, Path]) -> None:
    path = plan.prepared / "evaluation.parquet"
    rows = pd.read_parquet(path)
    rows["clean"] = rows.index >= 10
    rows.loc[~rows["clean"], "source"] = "leaked"
    rows.to_parquet(path)
    assert not any("leaked" in check.name for check in judged(plan, folders["good"], folders["twin"]).checks)


@given(
    truth=st.lists(st.sampled_from([0, 2]), min_size=2, max_size=30).filter(lambda found: len(set(found)) == 2),
    neutral=st.floats(0, 0.9),
    seed=st.integers(0, 9),
)
def test_a_set_is_judged_among_its_own_labels_however_often_a_model_says_another(
    truth: list[int], neutral: float, seed: int
) -> None:
    between = np.random.default_rng(seed).uniform(0.01, 0.99, len(truth))
    shy = np.stack([(1 - neutral) * between, np.full(len(truth), neutral), (1 - neutral) * (1 - between)], 1)
    bold = np.stack([between, np.zeros(len(truth)), 1 - between], 1)
    found = among_own_labels(Contest("set", "sentiment", SENTIMENTS, np.array(truth), shy, bold))
    assert found.labels == ("negative", "positive")
    assert [found.labels[place] for place in found.truth] == [SENTIMENTS[place] for place in truth]
    assert found.champion is not None
    np.testing.assert_allclose(found.challenger, found.champion)
    np.testing.assert_allclose(found.challenger, bold[:, [0, 2]])


def test_labels_in_another_order_are_the_same_labels(tmp_path: Path, plan: Plan, folders: dict[str, Path]) -> None:
    turned = small_model(tmp_path, "turned", seed=1, sentiments=SENTIMENTS[::-1])
    found = judged(plan, folders["good"], turned)
    assert not any("lacks the head" in words for words in found.refusals)
    assert any("sentiment" in words for words in found.refusals)  # it means the opposite by the same answer


def test_a_challenger_without_the_labels_of_the_task_is_refused(
    tmp_path: Path, plan: Plan, folders: dict[str, Path]
) -> None:
    fewer = small_model(tmp_path, "fewer", seed=1, topics=TOPICS[:5])
    found = judged(plan, folders["good"], fewer)
    assert any("lacks the head or its labels: topic" in words for words in found.refusals)


def test_a_first_model_is_judged_without_a_champion(plan: Plan, folders: dict[str, Path]) -> None:
    rules = Rules(limits=LIMITS, floors=Floors(ece=1.0, flips=1.0))
    found = judged(plan, None, folders["good"], rules)
    assert found.passed, found.refusals
    assert found.champion == ""
    assert not judged(plan, None, folders["bad"], rules).passed


def test_speed_is_the_ratio_of_rounds_in_which_the_models_take_turns(folders: dict[str, Path]) -> None:
    new, old = (OnnxScorer.load(folders[name]) for name in ("good", "bad"))
    times = iter([at + step for at in range(0, 700, 100) for step in (0, 2, 10, 11)])  # 2 s, then 1 s
    assert speed_of(new, old, ["a"], times.__next__) == 0.5


@pytest.fixture
def replayed(plan: Plan) -> Rules:
    """Rules with a replay of two messages and an event that must ring."""
    plan.data.mkdir()
    lines = [{"id": str(n), "text": "Acme falls", "ts_ms": 1_767_268_800_000 + n} for n in range(2)]
    (plan.data / "replay.jsonl").write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    event = Event(begin, end, name="fall", entity="ACME", must="ring")
    return Rules(
        limits=LIMITS, replay=Replay("replay.jsonl", "desk", (Period(begin, end, counted_from=begin),), (event,))
    )


def test_a_lost_alert_refuses_a_model_that_is_as_good_on_the_sets(
    plan: Plan, folders: dict[str, Path], replayed: Rules
) -> None:
    seen: list[tuple[str, int]] = []

    def rehearse(messages: Sequence[Message], scorer: Scorer) -> list[Ring]:
        seen.append((scorer.version, len(messages)))
        return [Ring(NOON, "ACME")] if scorer.version == "good" else []

    found = gate(plan, folders["good"], folders["twin"], rehearse, rules=replayed, clock=clock().__next__)
    assert sorted(seen) == [("good", 2), ("twin", 2)]
    assert [check.name for check in found.checks if not check.passed] == ["true alerts"]
    assert "lost: fall" in found.refusals[0]


def test_a_replay_that_is_not_there_is_an_error_and_one_left_out_is_told(
    plan: Plan, folders: dict[str, Path], replayed: Rules
) -> None:
    (plan.data / "replay.jsonl").unlink()
    with pytest.raises(InputError, match=r"replay\.jsonl.*--data"):
        gate(plan, folders["good"], folders["twin"], lambda *_: [], rules=replayed, clock=clock().__next__)
    assert judged(plan, folders["good"], folders["twin"], replayed).left_out


def test_the_printed_verdict_says_what_was_refused(plan: Plan, folders: dict[str, Path]) -> None:
    out = io.StringIO()
    found = judged(plan, folders["good"], folders["bad"])
    print_verdict(found, Console(file=out, width=160))
    assert "REFUSED" in out.getvalue()
    assert f"bad is refused against good (verdict {found.id})" in out.getvalue()


def test_the_rules_that_ship_are_sound_and_name_the_known_events() -> None:
    rules = load_rules("finance")
    assert rules.replay is not None
    assert {event.entity for event in rules.replay.events if event.must == "ring"} == {"META", "AAPL", "ORCL", "BABA"}
    assert load_rules("another task") == Rules()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nspeeed = 1.0", "speeed"),
        ("[limits]\nalpha = 2.0", "alpha"),
        ('[replay]\nfile = "a"\nsource = "b"\nperiods = []\nevents = [{ name = "e", entity = "E", must = "ring", '
         "from = 2014-01-01T00:00:00Z, to = 2014-01-02T00:00:00Z }]", "in no period"),
    ],
)  # fmt: skip
def test_rules_that_do_not_fit_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load_rules("finance", path)


@pytest.fixture
def registry(tmp_path: Path, folders: dict[str, Path]) -> str:
    """A registry in which `good` serves."""
    url = str(tmp_path / "registry")
    opened = Registry.open(url)
    opened.add(folders["good"])
    opened.promote("good", by="a test", reason="the first", at=NOON)
    return url


def test_a_model_that_passed_becomes_champion_with_its_verdict_in_the_history(
    plan: Plan, folders: dict[str, Path], registry: str
) -> None:
    found = judged(plan, folders["good"], folders["twin"])
    assert promote(registry, folders["twin"], found, by="trainer", at=NOON).champion == "twin"
    last = Registry.open(registry).history()[-1]
    assert (last.version, last.verdict, last.by) == ("twin", found.id, "trainer")
    assert "passed the gate against good" in last.reason


def test_a_refused_model_is_promoted_only_by_force_and_the_history_says_so(
    plan: Plan, folders: dict[str, Path], registry: str
) -> None:
    found = judged(plan, folders["good"], folders["bad"])
    with pytest.raises(ModelError, match=r"not promoted: .*frozen.*--force"):
        promote(registry, folders["bad"], found, by="trainer", at=NOON)
    assert Registry.open(registry).state().champion == "good"
    assert Registry.open(registry).versions() == ["good"]
    promote(registry, folders["bad"], found, by="trainer", at=NOON, force="the old one is broken")
    last = Registry.open(registry).history()[-1]
    assert last.version == "bad"
    assert last.reason.startswith("forced: the old one is broken (the gate: ")


def test_a_verdict_on_another_model_or_champion_promotes_nothing(
    plan: Plan, folders: dict[str, Path], registry: str
) -> None:
    with pytest.raises(ModelError, match="is of twin or of other bytes"):
        promote(registry, folders["bad"], judged(plan, folders["good"], folders["twin"]), by="trainer", at=NOON)
    stale = judged(plan, folders["bad"], folders["twin"])
    with pytest.raises(ModelError, match="judged against bad, and good serves now"):
        promote(registry, folders["twin"], stale, by="trainer", at=NOON)
    first = judged(plan, None, folders["twin"], Rules(limits=LIMITS, floors=Floors(ece=1.0, flips=1.0)))
    with pytest.raises(ModelError, match="judged against no champion"):
        promote(registry, folders["twin"], first, by="trainer", at=NOON)
