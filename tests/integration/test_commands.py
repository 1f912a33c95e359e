"""The commands that read and write streams, run as a script would, on a real Kafka and a real Valkey."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from kafka import TopicPartition
from pyarrow import parquet
from typer.testing import CliRunner

from stream import deadletters
from stream.batch import DeadLetter, Record
from tests.alerts import alert
from undertone import broker
from undertone.alert_store import AlertStore, Publication
from undertone.cli.application import app
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.messages import Message, decode
from undertone.settings import Settings
from undertone.store import Run, Store

Since = Callable[[], list[Any]]
AT_S = 1_392_847_200  # 2014-02-19 22:00 UTC


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Servers of this file's own: the topics have fixed names, and other tests use the same ones."""
    folder = tmp_path_factory.mktemp("commands")
    with EmbeddedKafka(folder / "kafka") as kafka, EmbeddedValkey(folder / "valkey") as valkey:
        settings = Settings(bootstrap_servers=kafka.bootstrap, redis_url=valkey.url)
        broker.create_topics(settings)
        yield settings


@pytest.fixture(autouse=True)
def environment(servers: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", servers.bootstrap_servers)
    monkeypatch.setenv("UNDERTONE_REDIS_URL", servers.redis_url)


@pytest.fixture
def since(servers: Settings) -> Callable[[str], Since]:
    """Begin to look at a topic; what is returned gives the records that have come since, in order of their sending."""

    def begin(topic: str) -> Since:
        def ends() -> dict[TopicPartition, int]:
            consumer = broker.consumer(servers)
            places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            found: dict[TopicPartition, int] = consumer.end_offsets(places)
            consumer.close()
            return found

        before = ends()

        def records() -> list[Any]:
            after = ends()
            consumer = broker.consumer(servers)
            consumer.assign([*after])
            for place in after:
                consumer.seek(place, before[place])
            found: list[Any] = []
            while any(consumer.position(place) < end for place, end in after.items()):
                for some in consumer.poll(timeout_ms=200).values():
                    found += some
            consumer.close()
            return sorted(found, key=lambda record: (record.timestamp, record.offset))

        return records

    return begin


def run(*arguments: str, input: str | bytes | None = None, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments], input=input)
    assert result.exit_code == code, result.output
    return result


def published(records: list[Any]) -> list[Message]:
    return sorted((decode(record.value) for record in records), key=lambda message: message.published_at)


def tweets(path: Path) -> Path:
    lines = [{"id": str(n), "ts_ms": (AT_S + n) * 1000, "tickers": ["FB"], "text": f"tweet {n}"} for n in range(5)]
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return path


def headlines(path: Path) -> Path:
    path.write_text("2014-02-20,later\n2014-02-19,one\n2014-02-19,two\n")
    return path


def columns(path: Path) -> Path:
    table = pyarrow.table({"when": [AT_S, AT_S + 60], "said": ["first", "second"], "who": ["a", "b"]})
    parquet.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("make", "name", "flags", "texts"),
    [
        (tweets, "tweets.jsonl.gz", ["--source", "twitter"], [f"tweet {n}" for n in range(5)]),
        (headlines, "headlines.csv", ["--columns", "date,headline"], ["one", "two", "later"]),
        (
            columns,
            "columns.parquet",
            ["--time-column", "when", "--text-column", "said", "--source-column", "who"],
            ["first", "second"],
        ),
    ],
)
def test_replay_sends_each_format_with_the_times_and_keys_of_its_own(
    tmp_path: Path,
    since: Callable[[str], Since],
    make: Callable[[Path], Path],
    name: str,
    flags: list[str],
    texts: list[str],
) -> None:
    came = since("news")
    result = run("replay", str(make(tmp_path / name)), *flags, "--json")
    report = json.loads(result.stdout)
    assert (report["schema_version"], report["sent"], report["refused"]) == (1, len(texts), 0)
    records = came()
    found = published(records)
    assert [message.text for message in found] == texts
    assert all(message.published_at.year == 2014 for message in found)
    assert {record.key for record in records} == {message.id.encode() for message in found}


def test_replay_goes_on_after_malformed_rows_and_says_so_by_its_exit_code(
    tmp_path: Path, since: Callable[[str], Since]
) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'time,text\n2020-01-01,a\nnever,b\n"2020-01-02,open\n2020-01-03,\xff\n2020-01-04,e\n'
    )
    came = since("comments")
    result = run("replay", "a.csv", "--stream", "comments", code=3)
    assert [message.text for message in published(came())] == ["a", "e"]
    assert [line.split(": ")[0] for line in result.stderr.splitlines()[:3]] == ["a.csv:3", "a.csv:4", "a.csv:5"]
    assert "2 messages sent to comments" in result.stderr
    assert "3 rows refused" in result.stderr


def test_replay_takes_a_span_of_event_time_at_a_pace(tmp_path: Path, since: Callable[[str], Since]) -> None:
    came = since("news")
    path = tweets(tmp_path / "t.jsonl.gz")
    span = ["--from", "2014-02-19T22:00:01Z", "--to", "2014-02-19T22:00:04Z"]
    run("replay", str(path), *span, "--speed", "1000", "--limit", "2")
    assert [message.text for message in published(came())] == ["tweet 1", "tweet 2"]


def test_produce_sends_texts_as_messages(since: Callable[[str], Since]) -> None:
    came = since("comments")
    run("produce", "--stream", "comments", "first", "second", "--source", "me", "--entities", "FB,GM")
    found = [decode(record.value) for record in came()]
    assert {message.text for message in found} == {"first", "second"}
    assert {(message.source, message.entities) for message in found} == {("me", ("FB", "GM"))}
    assert len({message.id for message in found}) == 2


def test_produce_sends_json_lines_as_they_are_and_names_those_it_refuses(since: Callable[[str], Since]) -> None:
    good = b'{"id":"p1","published_at":"2020-01-01T00:00:00Z","source":"s","text":"t","mood":"kept"}'
    lines = [good, b"not json", b'{"id":"p2"}', b"", b'{"id":"p3","published_at":"2020-01-01","source":"s","text":"t"}']
    came = since("news")
    result = run("produce", "--json", input=b"\n".join(lines), code=3)
    assert json.loads(result.stdout) == {"schema_version": 1, "stream": "news", "sent": 1, "refused": 3}
    assert [(record.key, record.value) for record in came()] == [(b"p1", good)]
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        ["stdin:2", "not-json"],
        ["stdin:3", "missing-field"],
        ["stdin:5", "bad-date"],
    ]


def test_dead_letters_are_listed_once_shown_whole_and_sent_again_byte_for_byte(
    servers: Settings, since: Callable[[str], Since]
) -> None:
    original = Record(
        7, AT_S * 1000, b"\x00key", b"\xff\x00 not json", (("trace", b"\x01"), ("undertone-reason", b"own"))
    )
    tombstone = Record(8, AT_S * 1000, b"key", None, ())
    with broker.producer(servers) as producer:
        for record, detail in ((original, "byte 0 is not UTF-8"), (original, "again"), (tombstone, "no value")):
            dead = DeadLetter(record, "decode", "not-utf8", detail)
            letter = deadletters.letter("news", 3, dead, "2014-02-19T22:00:00Z")
            producer.send("dead-letters", key=letter.key, value=letter.value, headers=letter.headers)
        producer.flush()

    listed = [json.loads(line) for line in run("dead-letters", "list", "--json").stdout.splitlines()]
    assert [one["position"] for one in listed] == ["news-3:7", "news-3:8"]
    assert listed[0]["detail"] == "byte 0 is not UTF-8"
    assert (listed[0]["stage"], listed[0]["reason"], listed[0]["bytes"]) == ("decode", "not-utf8", 11)

    shown = json.loads(run("dead-letters", "show", "news-3:7", "--json").stdout)
    assert shown["value_base64"] == "/wAgbm90IGpzb24="
    assert shown["headers_base64"] == [["trace", "AQ=="], ["undertone-reason", "b3du"]]
    plain = run("dead-letters", "show", "news-3:7").stdout
    assert "\\xff\\x00 not json" in plain
    assert "\x00" not in plain

    came = since("news")
    assert json.loads(run("dead-letters", "redrive", "--all", "--dry-run", "--json").stdout)["sent"] == 0
    assert came() == []
    assert json.loads(run("dead-letters", "redrive", "--all", "--json").stdout)["sent"] == 2
    again = came()
    assert [(one.key, one.value, tuple(one.headers)) for one in again] == [
        (original.key, original.value, original.headers),
        (b"key", None, ()),
    ]
    assert "no dead letter of news-9:9" in run("dead-letters", "show", "news-9:9", code=1).stderr


def test_a_dead_letter_whose_value_was_too_large_is_left_and_named(
    servers: Settings, since: Callable[[str], Since]
) -> None:
    dead = DeadLetter(Record(9, AT_S * 1000, b"key", b"x" * 1000, ()), "decode", "too-large", "1000 bytes")
    letter = deadletters.letter("news", 3, dead, "2014-02-19T22:00:00Z").without_value()
    with broker.producer(servers) as producer:
        producer.send("dead-letters", key=letter.key, value=letter.value, headers=letter.headers)
    came = since("news")
    result = run("dead-letters", "redrive", "news-3:9", "--json", code=3)
    assert json.loads(result.stdout)["left"] == ["news-3:9"]
    assert "news-3:9: not sent: its 1,000 bytes" in result.stderr
    assert came() == []


def test_trends_merge_partitions_and_sum_topics(servers: Settings) -> None:
    store = Store.open(servers.redis_url)
    store.write_labels(["Earnings", "Macro"], "m1", AT_S * 1000)
    for partition, topic in ((0, "Earnings"), (1, "Macro")):
        store.register("news", partition)
        cells = {f"{topic}\t\tm-": 2, f"{topic}\t\ts-": 1, f"{topic}\t\tv": -1_000_000, f"{topic}\tMETA\tm-": 1}
        windows = {(300, AT_S): cells, (300, AT_S + 600): {f"{topic}\t\tm+": 1, f"{topic}\t\ts+": 1}}
        state: dict[str, int | str] = {"watermark_ms": (AT_S + 700) * 1000, "updated_ms": 1}
        store.apply(Run("news", partition, 0, 4, -1, "e", state=state, windows=windows))

    lines = [json.loads(line) for line in run("trends", "--json").stdout.splitlines()]
    assert [line["start"] for line in lines] == ["2014-02-19T22:00:00Z", "2014-02-19T22:10:00Z"]
    assert lines[0] == {
        "schema_version": 1,
        "stream": "news",
        "topic": None,
        "entity": None,
        "window": "5m",
        "start": "2014-02-19T22:00:00Z",
        "end": "2014-02-19T22:05:00Z",
        "messages": {"negative": 4, "neutral": 0, "positive": 0},
        "stories": {"negative": 2, "neutral": 0, "positive": 0},
        "net_sentiment": -0.5,
        "negative_share": 1.0,
    }
    one = run("trends", "--topic", "Macro", "--entity", "meta", "--to", "2014-02-19T22:05Z", "--json")
    assert json.loads(one.stdout)["messages"]["negative"] == 1
    table = run("trends", "--from", "2014-02-19", "--to", "2014-02-20").stdout
    assert "2014-02-19 22:00" in table
    assert "valid are Earnings, Macro" in run("trends", "--topic", "Sports", code=1).stderr
    assert "35 days" in run("trends", "--from", "2010-01-01", "--to", "2014-01-01", code=1).stderr


def test_alerts_of_an_empty_system_are_none(servers: Settings) -> None:
    assert run("alerts", "list", "--json").stdout == ""
    assert "no alert 'x'" in run("alerts", "show", "x", code=1).stderr


def test_an_alert_is_told_in_a_paragraph_with_what_supports_it(servers: Settings, tmp_path: Path) -> None:
    store = AlertStore(Store.open(servers.redis_url).redis)
    token = store.take_lease("test")
    assert token is not None
    ours, before = alert(), alert(id="before", fired_at=alert().fired_at - timedelta(days=3))
    for one in (before, ours):
        assert store.publish(token, "news", 1, [Publication(one, None, "")], {}) is None
    store.drop_lease(token)
    (tmp_path / "prices.csv").write_text("date,symbol,price\n2026-02-27,ACME,50\n2026-03-03,ACME,45\n")
    prices = ("--prices", str(tmp_path / "prices.csv"))
    told = json.loads(run("alerts", "show", ours.id, *prices, "--json").stdout)["narrative"]
    assert all(one.keys() & {"messages", "alerts", "windows", "prices"} for one in told)
    assert any(one.get("alerts") == ["before", ours.id] for one in told)
    assert "ACME fell by 10.0%" in told[-1]["text"]
    assert "下跌10.0%" in "".join(run("alerts", "show", ours.id, *prices, "--language", "zh").stdout.split())


def test_topics_are_made_once(servers: Settings) -> None:
    assert json.loads(run("topics", "create", "--json").stdout) == {"schema_version": 1, "created": []}
    listed = [json.loads(line) for line in run("topics", "list", "--json").stdout.splitlines()]
    assert {one["topic"]: one["partitions"] for one in listed} == {
        "news": 4,
        "comments": 4,
        "scored": 4,
        "alerts": 1,
        "dead-letters": 1,
        "labels": 1,
    }


def test_doctor_is_content_with_good_servers_and_names_what_is_not(
    servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statuses(code: int) -> dict[str, Any]:
        result = run("doctor", "--json", "--model", "trivial", code=code)
        return {one["check"]: one for one in map(json.loads, result.stdout.splitlines())}

    good = statuses(0)
    assert {name for name, one in good.items() if one["status"] == "red"} == set()
    assert {"java", "kafka jars", "valkey", "kafka", "topics", "redis", "clock", "disk"} <= good.keys()

    store = Store.open(servers.redis_url)
    store.redis.config_set("maxmemory-policy", "allkeys-lru")
    store.redis.config_set("appendonly", "no")
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "8")
    try:
        bad = statuses(1)
    finally:
        store.redis.config_set("maxmemory-policy", "noeviction")
        store.redis.config_set("appendonly", "yes")
    assert {name for name, one in bad.items() if one["status"] == "red"} == {"redis memory", "redis appendonly"}
    assert "CONFIG SET appendonly yes" in bad["redis appendonly"]["advice"]
    assert "news has 4 partitions, not 8" in bad["topics"]["found"]

    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("UNDERTONE_REDIS_URL", "redis://127.0.0.1:1/0")
    dead = statuses(1)
    assert {name for name, one in dead.items() if one["status"] == "red"} == {"kafka", "redis"}
    assert all(one["advice"] for one in dead.values() if one["status"] != "green")
