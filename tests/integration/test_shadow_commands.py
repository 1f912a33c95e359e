"""What the command line tells of models in the windows and of a challenger in shadow, from a real Valkey."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from undertone.cli.application import app
from undertone.keys import MODEL_FIELD
from undertone.messages import Sentiment, encode
from undertone.shadow_store import Example, Pair, ShadowRun, ShadowStore, field_of
from undertone.store import Run, Store

HOUR_S = 1_392_847_200
PAIR = Pair("student-1", "student-2")


@pytest.fixture
def url(redis_url: str) -> str:
    store = Store.open(redis_url)
    shadow = ShadowStore(store.redis)
    for partition in range(2):
        store.register("news", partition)
        windows = {(300, HOUR_S): {f"{MODEL_FIELD}student-1": 3}, (300, HOUR_S + 300): {f"{MODEL_FIELD}student-2": 4}}
        windows[300, HOUR_S][f"{MODEL_FIELD}student-2"] = partition
        state: dict[str, int | str] = {"watermark_ms": (HOUR_S + 400) * 1000, "updated_ms": 1}
        store.apply(Run("news", partition, 0, 9, -1, "e", state=state, windows=windows))
        position = f"news-{partition}:7"
        example = Example(
            position, "[red]m7", HOUR_S * 1000, *PAIR, "Macro", "Earnings", Sentiment.NEGATIVE, Sentiment.POSITIVE
        )
        counts = {field_of(PAIR, metric): n for metric, n in {"->-": 6, "->+": 3, "t": 2, "skipped": 1}.items()}
        run = ShadowRun("news", partition, 0, 9, "e", {HOUR_S: counts}, {HOUR_S: {position: encode(example).decode()}})
        shadow.apply(run)
    store.redis.close()
    return redis_url


def run(url: str, *arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--redis-url", url])
    assert result.exit_code == code, result.output
    return result


def test_the_models_of_each_window_are_told(url: str) -> None:
    lines = [json.loads(line) for line in run(url, "trends", "--models", "--json").stdout.splitlines()]
    assert [(line["start"], line["models"]) for line in lines] == [
        ("2014-02-19T22:00:00Z", {"student-1": 6, "student-2": 1}),
        ("2014-02-19T22:05:00Z", {"student-2": 8}),
    ]
    assert "student-2" in run(url, "trends", "--models").stdout


def test_models_of_a_topic_are_not_counted_and_that_is_said(url: str) -> None:
    refused = run(url, "trends", "--models", "--entity", "AAPL", code=1)
    assert "leave --topic and --entity out" in refused.stderr


def test_disagreement_is_summed_over_partitions_and_hours(url: str) -> None:
    (line,) = run(url, "models", "shadow", "--json").stdout.splitlines()
    shape = json.loads(line)
    assert (shape["stream"], shape["champion"], shape["challenger"]) == ("news", *PAIR)
    assert (shape["compared"], shape["skipped"], shape["sentiment_differs"], shape["topic_differs"]) == (18, 2, 6, 4)
    assert shape["sentiment_differs_share"] == 0.333333
    assert shape["sentiment_confusion"]["negative"] == {"negative": 12, "neutral": 0, "positive": 6}
    assert [one["position"] for one in shape["examples"]] == ["news-0:7", "news-1:7"]


def test_disagreement_is_shown_to_people(url: str) -> None:
    shown = run(url, "models", "shadow", "--examples", "1").stdout
    for said in ("challenger student-2 against champion student-1", "18 compared, 2 skipped", "6 (33.3%)", "[red]m7"):
        assert said in shown
    assert "news-1:7" not in shown


def test_a_time_without_a_challenger_is_said(url: str) -> None:
    arguments = ("--from", "2014-02-18T00:00:00Z", "--to", "2014-02-18T09:00:00Z")
    assert "No challenger ran in shadow there" in run(url, "models", "shadow", *arguments).stdout
    assert run(url, "models", "shadow", "--json", *arguments).stdout == ""
    assert "is not before" in run(url, "models", "shadow", "--from", "2030-01-01T00:00:00Z", code=1).stderr
