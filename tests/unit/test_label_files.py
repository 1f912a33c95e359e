"""Labels on their way in and out: made, read from rows, written to files, and the gate set as a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from undertone.errors import InputError, Rejected
from undertone.feed_files import Layout, Problem
from undertone.labels import Gate, decode, judge, release
from undertone.labels.files import COLUMNS, Columns, labels_in, records_in, table, write_file, write_records, write_rows
from undertone.labels.gate import freeze
from undertone.labels.judge import sentiment_of
from undertone.labels.review import Row
from undertone.messages import Label, Release, Sentiment, encode

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NEGATIVE, NEUTRAL, POSITIVE = Sentiment


def read(path: Path, layout: Layout | None = None, **columns: Any) -> tuple[list[Label], list[Problem]]:
    problems: list[Problem] = []
    found = list(labels_in(path, layout or Layout(), Columns(**{"at": AT, "by": "desk", **columns}), problems.append))
    return found, problems


def test_the_same_word_of_the_same_person_has_the_same_id_and_any_other_has_not() -> None:
    first = judge("Acme falls!", by="Ann", at=AT, sentiment=NEGATIVE, once=True)
    again = judge("ACME falls", by="ann ", at=AT + timedelta(days=1), sentiment=NEGATIVE, once=True, source="page")
    assert first.id == again.id
    others = [
        judge("Acme falls!", by="Ann", at=AT, sentiment=NEGATIVE),
        judge("Acme falls!", by="Ann", at=AT, sentiment=POSITIVE, once=True),
        judge("Acme falls!", by="Bob", at=AT, sentiment=NEGATIVE, once=True),
        judge("Acme fell", by="Ann", at=AT, sentiment=NEGATIVE, once=True),
        judge("Acme falls!", by="Ann", at=AT, sentiment=NEGATIVE, topic="Markets", once=True),
        judge("Acme falls!", by="Ann", at=AT, sentiment=NEGATIVE, retracts=True, once=True),
    ]
    assert len({first.id, *(one.id for one in others)}) == 7


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"text": " 🚀 "}, "no words"),
        ({"text": "long " * 5_000}, "valid are up to 16,384"),
        ({"by": " "}, "needs the name"),
        ({"sentiment": None}, "nothing is said"),
        ({"entity": "Acme"}, "give both or neither"),
        ({"entity_sentiment": NEGATIVE}, "give both or neither"),
        ({"by": "x" * 600}, "cannot be recorded"),
        ({"text": "Acme \ud800 falls"}, "cannot be recorded"),
    ],
)
def test_a_label_that_nobody_could_use_is_not_made(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        judge(**{"text": "Acme falls", "by": "ann", "at": AT, "sentiment": NEGATIVE, **wrong})


def test_nobody_releases_their_own_labels_or_without_a_reason() -> None:
    with pytest.raises(InputError, match="somebody else"):
        release("Ann", by="ann", at=AT, reason="I am sure")
    with pytest.raises(InputError, match="a reason"):
        release("Ann", by="bob", at=AT, reason=" ")


def test_labels_and_releases_are_told_apart_on_the_topic() -> None:
    label = judge("Acme falls", by="ann", at=AT, sentiment=NEGATIVE)
    letter = release("ann", by="bob", at=AT, reason="Looked at them")
    assert decode(encode(label)) == label
    assert decode(encode(letter)) == letter


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"\xff", "not-utf8"),
        (b"{", "not-json"),
        (b"[]", "wrong-type"),
        (b'{"id":"1","text":"t","labelled_by":"","labelled_at":"2026-03-02T09:00:00Z"}', "wrong-type"),
        (b'{"id":"1","text":"t","labelled_by":"a","labelled_at":"2026-03-02T09:00:00"}', "wrong-type"),
        (b'{"releases":null}', "wrong-type"),
    ],
)
def test_a_record_that_is_neither_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(value)
    assert caught.value.reason == reason


def test_a_label_of_the_first_schema_is_still_read() -> None:
    old = {"schema_version": 1, "id": "1", "text": "t", "sentiment": "negative", "labelled_by": "a"}
    found = decode(json.dumps({**old, "labelled_at": "2026-01-01T00:00:00Z"}).encode())
    assert isinstance(found, Label)
    assert (found.sentiment, found.entity, found.was, found.retracts) == (NEGATIVE, None, None, False)


def test_broken_rows_are_named_with_their_lines_and_their_neighbours_are_imported(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(
        "text,sentiment,topic,labelled_by\n"
        "Acme falls,Negative,,ann\n"
        "Acme rises,up,,ann\n"
        ",positive,,ann\n"
        "Acme opens,,Nonsense,ann\n"
        "Acme waits,,,ann\n"
        "Acme wins,positive,Markets,\n"
    )
    found, problems = read(file, topics=("Markets",))
    assert [(one.text, one.sentiment, one.labelled_by) for one in found] == [
        ("Acme falls", NEGATIVE, "ann"),
        ("Acme wins", POSITIVE, "desk"),
    ]
    assert [one.line for one in problems] == [3, 4, 5, 6]
    assert "'up' is not known: valid are negative, neutral, positive" in problems[0].reason
    assert "'Nonsense' is not known: valid are Markets" in problems[2].reason


def test_columns_are_named_words_are_mapped_and_times_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    parquet.write_table(
        pyarrow.table({"said": ["Acme falls", "Acme rises"], "mood": [0, 7], "day": ["2026-01-05"] * 2}), file
    )
    columns = {"text": "said", "sentiment": "mood", "time": "day"}
    found, problems = read(file, columns=columns, sentiments={"0": NEGATIVE}, licence="MIT", source="desk")
    assert [(one.sentiment, one.labelled_at, one.licence, one.source) for one in found] == [
        (NEGATIVE, datetime(2026, 1, 5, tzinfo=UTC), "MIT", "desk")
    ]
    assert "'7' is not among those named: 0" in problems[0].reason


def test_a_file_without_a_text_column_is_refused_and_says_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("mood,who\nnegative,ann\n")
    with pytest.raises(InputError, match=r"it has mood, who\. Give --text-column"):
        read(file)
    with pytest.raises(InputError, match="no column 'nothing'"):
        read(file, columns={"text": "nothing"})


def test_rows_without_a_name_are_refused_where_nobody_is_given(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"text": "Acme falls", "sentiment": "negative"}\n')
    found, problems = read(file, by="")
    assert found == []
    assert "give --by" in problems[0].reason


def test_a_word_that_is_no_sentiment_is_refused_with_the_valid_ones() -> None:
    assert sentiment_of(" ") is None
    with pytest.raises(InputError, match="valid are negative, neutral, positive"):
        sentiment_of("bearish")


ROWS = (
    Row(
        "Acme falls, Borg rises",
        NEUTRAL,
        "Markets",
        (("Acme", NEGATIVE), ("Borg", POSITIVE)),
        ("ann", "bob"),
        ("page",),
        ("MIT",),
        AT,
    ),
    Row("Acme waits", NEUTRAL, None, (), ("ann",), ("",), ("",), AT),
)


def test_a_text_counts_once_however_many_entities_it_names() -> None:
    rows = list(table(ROWS))
    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    assert [(row["sentiment"], row["topic"], row["entity"], row["entity_sentiment"]) for row in rows] == [
        ("neutral", "Markets", "Acme", "negative"),
        (None, None, "Borg", "positive"),
        ("neutral", None, None, None),
    ]
    assert (rows[0]["labelled_by"], rows[2]["licence"]) == ("ann; bob", "")


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_every_format_gives_the_same_rows_and_can_be_imported_again(tmp_path: Path, format: str) -> None:
    file = tmp_path / f"labels.{format}"
    write_file(table(ROWS), file, format)
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    found, problems = read(file)
    assert problems == []
    assert [(one.text, one.sentiment, one.topic, one.entity, one.entity_sentiment) for one in found] == [
        ("Acme falls, Borg rises", NEUTRAL, "Markets", "Acme", NEGATIVE),
        ("Acme falls, Borg rises", None, None, "Borg", POSITIVE),
        ("Acme waits", NEUTRAL, None, None, None),
    ]


def test_a_text_with_quotes_and_line_feeds_survives_csv_and_json_lines() -> None:
    awkward = [dict.fromkeys(COLUMNS, "") | {"text": 'He said "sell",\nthen left'}]
    written = io.StringIO()
    write_rows(awkward, written, "csv")
    assert next(csv.DictReader(io.StringIO(written.getvalue())))["text"] == 'He said "sell",\nthen left'
    written = io.StringIO()
    write_rows(awkward, written, "jsonl")
    assert json.loads(written.getvalue()) == {"text": 'He said "sell",\nthen left'}


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_file(table(ROWS), tmp_path / "nowhere" / "x.csv", "csv")


def test_records_written_as_they_are_are_read_as_they_were(tmp_path: Path) -> None:
    records: list[Label | Release] = [
        judge("Acme falls", by="ann", at=AT, sentiment=NEGATIVE, comment="plainly"),
        release("ann", by="bob", at=AT, reason="Looked at them"),
    ]
    file = tmp_path / "all.jsonl"
    with file.open("w", encoding="utf-8") as out:
        write_records(records, out)
        out.write("{}\n")
    problems: list[Problem] = []
    assert list(records_in(file, problems.append)) == records
    assert [one.line for one in problems] == [3]


GATE = ["Acme cuts its forecast for the year", "Borg wins", "https://t.co/only"]


def test_gate_hashes_find_the_same_words_and_one_word_more_but_no_more(tmp_path: Path) -> None:
    file = tmp_path / "gate.xxh64"
    assert freeze(GATE, file) == 2  # an address alone has no words
    gate = Gate.read(file)
    assert gate.repeats(
        [
            "ACME cuts its forecast, for the year! https://t.co/x",
            "for the year Acme cuts its forecast",
            "Acme sharply cuts its forecast for the year",
            "Acme sharply cuts its weak forecast for the year",
            "Borg wins",
            "Borg wins nothing",  # two of three words: .67
        ]
    ) == [True, True, True, False, True, False]


def test_a_gate_file_has_to_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    file.write_text('{"text": "Acme falls"}\n{"title": "Acme rises"}\n')
    with pytest.raises(InputError, match=r"gate\.jsonl:2: no text in column 'text'"):
        Gate.read(file)
    file.write_text("")
    with pytest.raises(InputError, match="has no rows"):
        Gate.read(file)
    hashes = tmp_path / "gate.xxh64"
    hashes.write_bytes(b"123")
    with pytest.raises(InputError, match="not a file of gate hashes"):
        Gate.read(hashes)


def test_two_gates_together_find_what_either_finds(tmp_path: Path) -> None:
    freeze(["Borg wins"], tmp_path / "gate.xxh64")
    both = Gate.read(tmp_path / "gate.xxh64") | Gate.of(["Acme falls"])
    assert both.repeats(["Borg wins", "Acme falls", "Acme wins"]) == [True, True, False]


def test_the_shipped_gate_is_there() -> None:
    assert len(Gate.shipped()) > 10_000
