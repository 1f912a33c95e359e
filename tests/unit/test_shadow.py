"""A challenger in shadow: who is in the sample, what is compared, what is left out, and that it harms nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from redis import Redis

from stream.batch import Cursor
from stream.scoring import Lineup, Portion, Scoring, portions
from stream.shadow import TEXTS_AT_ONCE, Answer, Sample, Samples, Shadow, sample, sampled
from stream.tenure import Tenure
from undertone.entities import Linker
from undertone.scorer import Scores, TrivialScorer
from undertone.shadow_store import SKIPPED_METRIC, TOPIC_METRIC, Disagreement, Pair, ShadowStore, total
from undertone.store import PartitionState

LINKER = Linker.load()
AT_MS = 1_714_557_600_000


class Contrary(TrivialScorer):
    """Says negative where the trivial model says positive, and the other way round."""

    version = "contrary-1"

    def score(self, texts: Sequence[str]) -> Scores:
        scores = super().score(texts)
        return Scores(scores.topic, scores.sentiment[:, ::-1])


class Broken(TrivialScorer):
    version = "broken-1"
    calls = 0

    def score(self, texts: Sequence[str]) -> Scores:
        self.calls += 1
        raise RuntimeError("out of memory")


def fetched(offset: int, published: str = "2024-05-01T10:00:00Z") -> SimpleNamespace:
    body = {"id": f"m{offset}", "published_at": published, "source": "wire", "text": f"shares rise n{offset}"}
    value = json.dumps(body).encode()
    return SimpleNamespace(
        offset=offset,
        timestamp=AT_MS,
        key=None,
        value=value,
        headers=(),
        serialized_key_size=-1,
        serialized_value_size=len(value),
    )


def take(records: Sequence[SimpleNamespace], lineup: Lineup) -> list[Portion]:
    tenure = Tenure("news", 0, records[0].offset)
    tenure.cursor = Cursor(PartitionState("news", 0), "epoch", lateness_ms=0, future_ms=300_000)
    made = portions(list(tenure.cut(records, 1000, 1 << 20)))
    Scoring(lineup, LINKER, 1000).run(made)
    return made


def idle() -> bool:
    return False


@pytest.fixture
def shadow() -> Shadow:
    return Shadow(ShadowStore(Redis()), CollectorRegistry())


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**9))
def test_a_larger_share_holds_every_message_of_a_smaller_one(one: float, other: float, offset: int) -> None:
    position = f"news-3:{offset}"
    assert sampled(position, min(one, other)) <= sampled(position, max(one, other))
    assert sampled(position, 1.0)
    assert not sampled(position, 0.0)


def test_a_sample_has_about_the_share_that_was_asked_for() -> None:
    taken = sum(sampled(f"news-{n % 4}:{n}", 0.05) for n in range(20_000))
    assert 850 < taken < 1150


def test_without_a_challenger_nothing_is_sampled() -> None:
    lineup = Lineup(TrivialScorer(), None, 1.0)
    assert sample(take([fetched(0)], lineup), lineup, 300_000) == []


def test_a_future_dated_message_is_in_no_sample() -> None:
    lineup = Lineup(TrivialScorer(), Contrary(), 1.0)
    records = [fetched(0), fetched(1, "2999-01-01T00:00:00Z")]
    (samples,) = sample(take(records, lineup), lineup, 300_000)
    assert [row.position for row in samples.rows] == ["news-0:0"]


def test_the_answers_of_both_are_compared_message_by_message(shadow: Shadow) -> None:
    lineup = Lineup(TrivialScorer(), Contrary(), 1.0)
    taken = sample(take([fetched(n) for n in range(40)], lineup), lineup, 300_000)
    assert lineup.challenger is not None
    shadow.compare(taken, lineup.challenger, idle)
    run = taken[0].run()
    assert run is not None
    assert (run.first, run.last, run.epoch) == (0, 39, "epoch")
    assert run.cells == {AT_MS // 1000: {"trivial-1\tcontrary-1\t+>-": 40}}
    assert taken[0].differences() == (0, 40)
    example = json.loads(run.examples[AT_MS // 1000]["news-0:7"])
    assert example["id"] == "m7"
    assert (example["champion_sentiment"], example["challenger_sentiment"]) == ("positive", "negative")
    assert "text" not in example
    assert "rise" not in json.dumps(example)


def test_the_challenger_steps_aside_as_soon_as_a_take_waits(shadow: Shadow) -> None:
    lineup = Lineup(TrivialScorer(), Contrary(), 1.0)
    taken = sample(take([fetched(n) for n in range(50)], lineup), lineup, 300_000)
    looks = iter([False, True, True])
    shadow.compare(taken, Contrary(), lambda: next(looks))
    assert len(taken[0].answers) == TEXTS_AT_ONCE
    run = taken[0].run()
    assert run is not None
    (cells,) = run.cells.values()
    assert cells == {"trivial-1\tcontrary-1\t+>-": 16, f"trivial-1\tcontrary-1\t{SKIPPED_METRIC}": 34}


def test_a_challenger_that_fails_is_named_once_and_not_asked_again(
    shadow: Shadow, caplog: pytest.LogCaptureFixture
) -> None:
    lineup = Lineup(TrivialScorer(), challenger := Broken(), 1.0)
    for first in (0, 30):
        taken = sample(take([fetched(first + n) for n in range(30)], lineup), lineup, 300_000)
        shadow.compare(taken, challenger, idle)
        assert taken[0].answers == []
    assert challenger.calls == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "broken-1" in caplog.text


def test_what_is_known_already_is_cut_off() -> None:
    rows = [Sample(n, f"news-0:{n}", f"m{n}", AT_MS, "text", Answer("Oil", 0)) for n in range(4)]
    answers = [Answer("Oil", 0), Answer("Macro", 0), Answer("Macro", 2)]
    samples = Samples("news", 0, "epoch", Pair("a", "b"), rows, answers)
    whole, rest, nothing = samples.run(), samples.run(1), samples.run(3)
    assert whole is not None
    assert rest is not None
    assert nothing is None
    (cells,) = whole.cells.values()
    assert cells == {"a\tb\t->-": 2, f"a\tb\t{TOPIC_METRIC}": 2, "a\tb\t->+": 1, f"a\tb\t{SKIPPED_METRIC}": 1}
    (cells,) = rest.cells.values()
    assert cells == {f"a\tb\t{TOPIC_METRIC}": 1, "a\tb\t->+": 1, f"a\tb\t{SKIPPED_METRIC}": 1}
    assert (rest.first, rest.last, list(rest.examples[AT_MS // 1000])) == (2, 3, ["news-0:2"])


def test_disagreements_add_up() -> None:
    one = Disagreement(((5, 1, 0), (0, 3, 0), (2, 0, 4)), topic_differs=2, skipped=1)
    both = total([one, one])
    assert (both.compared, both.sentiment_differs, both.topic_differs, both.skipped) == (30, 6, 4, 2)
    assert both.as_json()["sentiment_differs_share"] == 0.2
    assert total([]).as_json()["topic_differs_share"] is None
