"""Labels on a real Kafka: imported, listed, corrected, released and exported by the commands that people use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from tests.servers import wait_until
from undertone import broker
from undertone.cli.application import app
from undertone.embedded import EmbeddedKafka
from undertone.labels import judge, log
from undertone.messages import Label, Sentiment, encode, to_ms
from undertone.sending import Sender
from undertone.settings import Settings
from undertone.topics import LABELS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A broker of this file's own: the topic has a fixed name, and every test wants it empty."""
    with EmbeddedKafka(tmp_path_factory.mktemp("labels") / "kafka") as kafka:
        yield Settings(bootstrap_servers=kafka.bootstrap, model="trivial")


@pytest.fixture
def house(server: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty `labels` topic, and commands that find it."""
    with broker.admin(server) as admin:
        if LABELS in admin.list_topics():
            admin.delete_topics([LABELS])
    wait_until(lambda: next(one for one in broker.topic_states(server) if one.name == LABELS).actual == 0)
    broker.create_topics(server)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")  # a table folds its cells where a terminal is narrow
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


def run(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["labels", *arguments])
    assert result.exit_code == code, result.output
    return result


def objects(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def tweets(path: Path, rows: list[str]) -> str:
    path.write_text("text,sentiment,topic\n" + "\n".join(rows) + "\n")
    return str(path)


def test_what_is_imported_is_listed_and_exported(house: Settings, tmp_path: Path) -> None:
    file = tweets(
        tmp_path / "in.csv",
        ["Acme falls,negative,Markets", "Acme soars,up,", "Acme rises,positive,", "Borg waits,neutral,"],
    )
    result = run("import", file, "--by", "ann", "--source", "desk", "--licence", "MIT", "--json", code=3)
    assert objects(result) == [{"schema_version": 1, "read": 4, "sent": 3, "known": 0, "refused": 1}]
    assert f"{file}:3: sentiment 'up' is not known" in result.stderr
    assert objects(run("import", file, "--by", "Ann", "--json", code=3))[0]["known"] == 3

    listed = objects(run("list", "--by", "ANN", "--json"))
    assert [(one["text"], one["sentiment"], one["source"]) for one in listed] == [
        ("Acme falls", "negative", "desk"),
        ("Acme rises", "positive", "desk"),
        ("Borg waits", "neutral", "desk"),
    ]
    gate = tmp_path / "gate.parquet"
    parquet.write_table(pyarrow.table({"text": ["Borg waits!"]}), gate)
    aside = tmp_path / "aside.jsonl"
    [report] = objects(run("export", "out.parquet", "--gate", str(gate), "--set-aside", str(aside), "--json"))
    assert (report["texts"], report["set_aside"]) == (2, {"gate": 1})
    assert report["gate"] > 10_000  # the shipped one's too
    rows = parquet.read_table("out.parquet").to_pylist()
    assert [(row["text"], row["sentiment"], row["topic"], row["licence"]) for row in rows] == [
        ("Acme falls", "negative", "Markets", "MIT"),
        ("Acme rises", "positive", None, "MIT"),
    ]
    [left] = [json.loads(line) for line in aside.read_text().splitlines()]
    assert (left["reason"], left["text"], left["by"]) == ("gate", "Borg waits", ["ann"])


def test_a_correction_counts_and_the_old_file_does_not_undo_it(house: Settings, tmp_path: Path) -> None:
    file = tweets(tmp_path / "in.csv", ["Acme falls,negative,", "Acme rises,positive,"])
    run("import", file, "--by", "ann")
    run(
        "add",
        "ACME falls!",
        "--sentiment",
        "neutral",
        "--by",
        "ann",
        "--position",
        "news-0:7",
        "--comment",
        "it is old",
    )
    run("retract", "Acme rises", "--by", "ann")
    assert objects(run("import", file, "--by", "ann", "--json"))[0]["sent"] == 0
    [row] = objects(run("export", "-"))
    assert (row["text"], row["sentiment"]) == ("ACME falls!", "neutral")
    newest = objects(run("list", "--json", "--limit", "2"))
    assert (newest[0]["position"], newest[1]["retracts"]) == ("news-0:7", True)


def test_conflicts_are_listed_with_who_said_what_until_a_reviewer_decides(house: Settings) -> None:
    run("add", "Acme falls", "--sentiment", "negative", "--by", "ann")
    run("add", "Acme falls", "--sentiment", "positive", "--by", "bob")
    [tie] = objects(run("list", "--conflicts", "--json"))
    assert (tie["reason"], tie["detail"]) == ("disputed", "negative: ann; positive: bob")
    assert "negative: ann; positive: bob" in run("list", "--conflicts").output
    assert objects(run("export", "-")) == []
    assert [row["sentiment"] for row in objects(run("export", "-", "--reviewer", "bob"))] == ["positive"]


def test_a_quarantined_person_is_listed_and_released_by_another(house: Settings) -> None:
    now = datetime.now(UTC)
    said = [("honest-1", Sentiment.NEGATIVE), ("honest-2", Sentiment.NEGATIVE), ("carl", Sentiment.POSITIVE)]
    words = [f"w{n}a w{n}b w{n}c w{n}d w{n}e" for n in range(25)]
    log.send(house, [judge(text, by=who, at=now, sentiment=mood) for text in words for who, mood in said])
    assert {tuple(one["by"]) for one in objects(run("list", "--quarantined", "--json"))} == {("carl",)}
    assert "agrees with the others on 0 of 25" in run("list", "--quarantined", "--limit", "1").output
    assert "cannot release their own" in run("release", "carl", "--by", "Carl", "--reason", "no", code=1).stderr
    run("release", "carl", "--by", "ann", "--reason", "Looked at all of them")
    assert objects(run("list", "--quarantined", "--json")) == []
    [report] = objects(run("export", "out.csv", "--json"))
    assert (report["texts"], report["set_aside"]) == (25, {})


def test_a_copy_of_the_topic_can_be_put_back(house: Settings, tmp_path: Path) -> None:
    run("add", "Acme falls", "--sentiment", "negative", "--by", "ann")
    run("add", "Acme falls", "--sentiment", "neutral", "--by", "ann")
    run("release", "bob", "--by", "ann", "--reason", "Looked at them")
    run("export", "copy.jsonl", "--raw")
    before = log.read(house)
    assert objects(run("import", "copy.jsonl", "--raw", "--json"))[0]["known"] == 3
    with broker.admin(house) as admin:
        admin.delete_topics([LABELS])
    wait_until(lambda: next(one for one in broker.topic_states(house) if one.name == LABELS).actual == 0)
    broker.create_topics(house)
    assert objects(run("import", "copy.jsonl", "--raw", "--json"))[0]["sent"] == 3
    after = log.read(house)
    assert [one.label for one in after.labels] == [one.label for one in before.labels]
    assert [one.release for one in after.releases] == [one.release for one in before.releases]


def test_what_is_not_a_label_is_named_and_does_its_neighbours_no_harm(house: Settings) -> None:
    with Sender(house) as sender:
        for value in (b"{", b'{"id":"1"}', None):
            sender.send(LABELS, b"key", value)
    run("add", "Acme falls", "--sentiment", "negative", "--by", "ann")
    result = run("list", "--json")
    assert len(objects(result)) == 1
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == ["not-json", "wrong-type", "tombstone"]
    assert objects(run("export", "out.jsonl", "--json"))[0]["unreadable"] == 3


def test_nothing_that_a_producer_writes_can_steer_a_terminal(house: Settings) -> None:
    hostile = "\x1b[2J\u202e[red]x"
    now = datetime.now(UTC)
    fields: dict[str, Any] = {"text": f"Acme falls {hostile}", "topic": hostile, "source": hostile, "entity": hostile}
    log.send(house, [Label(id=who, labelled_by=f"{who}{hostile}", labelled_at=now, **fields) for who in "ab"])
    log.send(house, [Label(id="c", labelled_by=f"c{hostile}", labelled_at=now, **fields | {"topic": "other"})])
    log.send(house, [Label(id="d", labelled_by=f"d{hostile}", labelled_at=now, **fields | {"topic": "other"})])
    shown = run("list").output + run("list", "--conflicts").output
    assert shown.count("[red]x") > 6
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_kafka_itself_dates_the_arrival_so_that_nobody_claims_another_day(house: Settings) -> None:
    begun = datetime.now(UTC)
    old = judge("Acme falls", by="ann", at=datetime(2020, 1, 1, tzinfo=UTC), sentiment=Sentiment.NEGATIVE)
    producer = broker.producer(house)
    producer.send(LABELS, value=encode(old), timestamp_ms=to_ms(old.labelled_at))
    producer.close()
    [arrival] = log.read(house).labels
    assert abs(arrival.arrived_at - begun) < timedelta(hours=1)
    assert arrival.label.labelled_at.year == 2020


KILLED = """
import itertools, os, signal
from undertone import sending
count, send = itertools.count(1), sending.Sender.send
def dying(self, *given):
    if next(count) == 150:
        self._producer.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    send(self, *given)
sending.Sender.send = dying
from undertone.cli import main
main()
"""


def test_an_importer_that_is_killed_leaves_no_half_label_and_goes_on_when_it_is_given_again(
    house: Settings, tmp_path: Path
) -> None:
    file = tweets(tmp_path / "in.csv", [f"Acme number {n} falls,negative,Markets" for n in range(400)])
    command = [sys.executable, "-c", KILLED, "labels", "import", file, "--by", "ann"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -9, killed.stderr
    left = log.read(house)
    assert (len(left.labels), left.unreadable) == (149, ())
    assert all(whole(one.label) for one in left.labels)
    report = objects(run("import", file, "--by", "ann", "--json"))[0]
    assert (report["sent"], report["known"]) == (251, 149)
    found = log.read(house).labels
    assert sorted(one.label.text for one in found) == sorted(f"Acme number {n} falls" for n in range(400))


def whole(label: Label) -> bool:
    return (label.sentiment, label.topic, label.labelled_by) == (Sentiment.NEGATIVE, "Markets", "ann")


def test_without_the_topic_the_commands_say_how_to_make_it(house: Settings) -> None:
    with broker.admin(house) as admin:
        admin.delete_topics([LABELS])
    wait_until(lambda: next(one for one in broker.topic_states(house) if one.name == LABELS).actual == 0)
    for arguments in (["list"], ["export", "-"], ["add", "Acme falls", "--sentiment", "negative", "--by", "ann"]):
        assert "undertone topics create" in run(*arguments, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "out.xlsx"], "valid are jsonl, csv, parquet"),
        (["export", "-", "--json"], "give a FILE"),
        (["export", "out.csv", "--gate", "nowhere.csv"], "not a file that can be read"),
        (["list", "--conflicts", "--quarantined"], "not both"),
        (["add", "Acme falls", "--by", "ann"], "nothing is said"),
        (["add", "Acme falls", "--by", "ann", "--topic", "Nonsense"], "valid are"),
        (["import", "in.csv", "--sentiments", "0:negative"], "valid is 0=negative"),
        (["freeze", "in.csv", "--to", "gate.txt"], "has to end in .xxh64"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(house: Settings, arguments: list[str], says: str) -> None:
    Path("in.csv").write_text("text\nAcme falls\n")
    error = run(*arguments, code=1).stderr
    assert says in error
    assert len(error.splitlines()) == 1


def test_frozen_gate_texts_stay_behind(house: Settings) -> None:
    Path("gate.csv").write_text("text\nAcme falls today\n")
    run("freeze", "gate.csv", "--to", "gate.xxh64")
    run("add", "today Acme falls", "--sentiment", "negative", "--by", "ann")
    run("add", "Acme rises", "--sentiment", "positive", "--by", "ann")
    assert [row["text"] for row in objects(run("export", "-", "--gate", "gate.xxh64"))] == ["Acme rises"]
