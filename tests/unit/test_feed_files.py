"""Files as rows: each format, each kind of damage, and that the rest of the file goes on."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from undertone.errors import InputError
from undertone.feed_files import RECORD_LINES, Layout, Problem, Row, read


def rows_of(path: Path, layout: Layout | None = None) -> tuple[list[Row], list[Problem]]:
    found = list(read(path, layout or Layout()))
    return [one for one in found if isinstance(one, Row)], [one for one in found if isinstance(one, Problem)]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_csv_with_a_header_gives_fields_by_name_and_the_line_each_record_begins_at(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b'date,text\n2020-01-01,"two\nlines, one field"\n2020-01-02,next\n')
    rows, problems = rows_of(path)
    assert rows == [
        Row(2, {"date": "2020-01-01", "text": "two\nlines, one field"}),
        Row(4, {"date": "2020-01-02", "text": "next"}),
    ]
    assert problems == []


def test_csv_without_a_header_takes_its_names_from_the_layout(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"2020-01-01,first\n")
    rows, _ = rows_of(path, Layout(columns=("date", "headline")))
    assert rows == [Row(1, {"date": "2020-01-01", "headline": "first"})]


def test_byte_order_mark_is_no_part_of_the_first_column_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "\ufeffdate,text\n2020-01-01,x\n".encode())
    rows, _ = rows_of(path)
    assert [*rows[0].fields] == ["date", "text"]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    good = "".join(f"2020-01-01,row {n}\n" for n in range(RECORD_LINES * 2))
    path = written(tmp_path / "a.csv", b'date,text\n2020-01-01,"open\n' + good.encode())
    rows, problems = rows_of(path)
    assert [row.fields["text"] for row in rows] == [f"row {n}" for n in range(RECORD_LINES * 2)]
    assert [(one.line, "stays open" in one.reason) for one in problems] == [(2, True)]


def test_an_open_quote_at_the_end_of_the_file_does_not_swallow_the_lines_after_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b'date,text\n1,"open\n2,fine\n3,"text" and more\n4,last\n')
    rows, problems = rows_of(path)
    assert [row.fields["date"] for row in rows] == ["2", "4"]
    assert [one.line for one in problems] == [2, 4]


def test_a_record_with_too_many_fields_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"date,text\n1,a,b\n2,fine\n")
    rows, problems = rows_of(path)
    assert [row.fields["text"] for row in rows] == ["fine"]
    assert str(problems[0]) == f"{path}:2: 3 fields, 2 columns (date, text)"


def test_bytes_that_are_not_in_the_encoding_cost_their_line_only(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"date,text\n1,caf\xe9\n2,fine\n")
    rows, problems = rows_of(path)
    assert [row.fields["text"] for row in rows] == ["fine"]
    assert problems == [Problem(str(path), 2, "byte 6 of the line is not utf-8: give --encoding")]
    rows, problems = rows_of(path, Layout(encoding="latin-1"))
    assert [row.fields["text"] for row in rows] == ["café", "fine"]


def test_an_encoding_in_which_a_line_feed_is_two_bytes_is_read_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "date,text\n1,Ċaf\n".encode("utf-16"))
    rows, problems = rows_of(path, Layout(encoding="utf-16"))
    assert rows == [Row(2, {"date": "1", "text": "Ċaf"})]
    assert problems == []


def test_json_lines_give_a_problem_for_each_line_that_is_no_object(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"a":1}\n\nnot json\n[1]\n{"a":"\xff"}\n{"a":2}')
    rows, problems = rows_of(path)
    assert rows == [Row(1, {"a": 1}), Row(6, {"a": 2})]
    assert [one.line for one in problems] == [3, 4, 5]


def test_gzip_is_seen_by_its_first_bytes_and_one_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(50_000)))
    rows, problems = rows_of(written(tmp_path / "a.jsonl.gz", whole))
    assert len(rows) == 50_000
    assert problems == []
    rows, problems = rows_of(written(tmp_path / "b.jsonl.gz", whole[: len(whole) // 2]))
    assert 0 < len(rows) < 50_000
    assert "cannot be read on from here" in problems[-1].reason


def test_parquet_rows_keep_their_types(tmp_path: Path) -> None:
    moment = datetime(2020, 1, 1, 12, tzinfo=UTC)
    table = pyarrow.table({"time": [moment], "text": ["x"], "tickers": [["A", "B"]]})
    parquet.write_table(table, tmp_path / "a.parquet")
    rows, problems = rows_of(tmp_path / "a.parquet")
    assert rows == [Row(1, {"time": moment, "text": "x", "tickers": ["A", "B"]})]
    assert problems == []


def test_all_bytes_of_a_file_are_told_as_progress(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"date,text\n" + b"1,x\n" * 5_000)
    told: list[int] = []
    assert len(list(read(path, Layout(), told.append))) == 5_000
    assert sum(told) == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "layout", "words"),
    [
        ("a.xyz", b"", {}, "--format"),
        ("a.parquet", b"no parquet", {}, "not a Parquet file"),
        ("a.csv", b"", {"format": "xml"}, "valid are csv"),
        ("a.csv", b"", {"encoding": "utf-99"}, "not known"),
        ("a.csv", b"", {"delimiter": "||"}, "one character"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_says_what_to_give(
    tmp_path: Path, name: str, content: bytes, layout: dict[str, str], words: str
) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(InputError, match=words):
        list(read(path, Layout(**layout)))  # type: ignore[arg-type]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        list(read(tmp_path / "nothing.csv", Layout()))
