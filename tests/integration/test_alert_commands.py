"""`undertone alerts` through the whole life of an alert, as a script would use it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from tests.alerts import alert, evidence
from undertone import broker, schemas
from undertone.alert_store import AlertStore, Publication
from undertone.cli.application import app
from undertone.client import connect
from undertone.labels import log
from undertone.settings import Settings

FIRST = alert(id="first", incident="first", evidence=(evidence(1, "Acme sinks"), evidence(2, "Acme falls")))
SECOND = alert(
    id="second",
    incident="first",
    entity=None,
    fired_at=FIRST.fired_at + timedelta(minutes=1),
    evidence=(evidence(2, "Acme falls"),),
)


@pytest.fixture(autouse=True)
def alerts(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two alerts of one incident."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with connect(redis_url) as client:
        store = AlertStore(client)
        token = store.take_lease("desk")
        assert token is not None
        assert store.publish(token, "news", 0, [Publication(one, None, "fired") for one in (FIRST, SECOND)], {}) is None
        store.drop_lease(token)


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["alerts", *arguments])
    assert result.exit_code == code, result.output
    return result


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


def test_an_alert_is_acknowledged_given_to_somebody_discussed_escalated_and_ended() -> None:
    (one,) = objects("ack", "first", "--by", "maria", "--reason", "Looking")
    assert (one["state"], one["acknowledged_by"]) == ("acknowledged", "maria")
    assert objects("unack", "first", "--by", "maria")[0]["state"] == "firing"
    assert objects("assign", "first", "--to", "bob", "--by", "maria")[0]["assigned_to"] == "bob"
    assert objects("assign", "first", "--by", "maria")[0]["assigned_to"] is None
    (one,) = objects("comment", "first", "The company denies it", "--by", "bob")
    assert [(said["by"], said["text"]) for said in one["comments"]] == [("bob", "The company denies it")]
    assert objects("escalate", "first", "--reason", "We hold it", "--by", "bob")[0]["severity"] == "critical"
    (one,) = objects("resolve", "first", "--reason", "Sold", "--by", "bob")
    assert one["state"] == "resolved"
    jsonschema.validate(one, schemas.schema("alert"))
    assert "is resolved" in run("ack", "first", code=1).stderr

    assert [(record["action"], record["by"], record["why"]) for record in objects("audit", "first")][:-1] == [
        ("resolved", "bob", "Sold"),
        ("escalated", "bob", "We hold it"),
        ("commented", "bob", "The company denies it"),
        ("assigned", "maria", ""),
        ("assigned", "maria", ""),
        ("unacknowledged", "maria", ""),
        ("acknowledged", "maria", "Looking"),
    ]
    assert "maria" in run("audit").stdout
    assert "bob: The company denies it" in run("show", "first").stdout


def test_alerts_of_one_event_are_listed_as_one_incident() -> None:
    run("ack", "first", "--by", "maria")
    (one,) = objects("incidents", "--open")
    assert (one["incident"], one["alerts"], one["state"]) == ("first", ["first", "second"], "firing")
    for name in ("first", "second"):
        run("resolve", name, "--by", "maria")
    assert objects("incidents", "--open") == []
    assert "ACME" in run("incidents").stdout


def test_a_silence_is_added_listed_and_ended() -> None:
    (made,) = objects("silence", "add", "--entity", "AC*", "--entity", "BUST", "--for", "2h", "--by", "maria")
    assert made["match"] == {"entity": ["AC*", "BUST"]}
    assert objects("silence", "list") == [made]
    assert "entity=AC*,BUST" in run("silence", "list").stdout
    (over,) = objects("silence", "end", made["id"], "--by", "bob", "--reason", "Done")
    assert over["ended_by"] == "bob"
    assert objects("silence", "list") == []
    assert [one["id"] for one in objects("silence", "list", "--all")] == [made["id"]]
    assert [one["action"] for one in objects("audit")[:2]] == ["silence-ended", "silenced"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "--for", "2h"], "give --all, or any of --rule"),
        (["add", "--all", "--entity", "ACME", "--for", "2h"], "give --all, or any of --rule"),
        (["add", "--entity", "ACME"], "give either --to or --for"),
        (["add", "--entity", "ACME", "--for", "soon"], "such as 90m, 2h or 3d"),
        (["add", "--entity", "ACME", "--to", "2014-02-19T00:00:00Z"], "must end after it begins"),
        (["add", "--entity", "ACME", "--for", "999d"], "valid are up to 366"),
        (["end", "nothing"], "no silence 'nothing'"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_in_a_line(arguments: list[str], words: str) -> None:
    result = run("silence", *arguments, code=1)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_false_alarm_is_ended_though_kafka_is_away_and_its_labels_go_out_later(
    bootstrap: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run("wrong", "first", "--by", "maria", "--sentiment", "neutral", "--json")
    assert json.loads(told.stdout)["wrong_by"] == ["maria"]
    assert "The labels wait" in told.stderr
    settings = Settings(bootstrap_servers=bootstrap, redis_url=redis_url)
    broker.create_topics(settings)
    before = len(log.read(settings).labels)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", bootstrap)

    again = run("wrong", "second", "--by", "bob", "--message", "news-0:2", "--sentiment", "positive")
    assert "3 labels sent" in again.stderr
    assert "No new label" in run("wrong", "second", "--by", "bob", "--sentiment", "neutral").stderr
    assert "No label: say what" in run("wrong", "second", "--by", "ann").stderr
    labels = [one.label for one in log.read(settings).labels][before:]
    assert sorted((one.labelled_by, one.position or "", one.sentiment or "") for one in labels) == [
        ("bob", "news-0:2", "positive"),
        ("maria", "news-0:1", "neutral"),
        ("maria", "news-0:2", "neutral"),
    ]
    refused = run("wrong", "first", "--message", "news-9:9", "--sentiment", "neutral", code=1)
    assert "valid are news-0:1, news-0:2" in refused.stderr
