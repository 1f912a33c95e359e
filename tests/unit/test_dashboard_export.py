"""Exported figures: a spreadsheet runs none of their text, and nothing is lost on the way."""

from __future__ import annotations

import csv
import io

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.export import BOM, FORMULA, Table, as_csv, as_parquet

HOSTILE = ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://x","y")', "\n=1"]


def rows(table: Table) -> list[list[str]]:
    return [*csv.reader(io.StringIO(as_csv(table).decode().removeprefix(BOM), newline=""))]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_a_spreadsheet_would_run_is_marked_as_text(text: str) -> None:
    assert rows(Table([text], [[text]])) == [[f"'{text}"], [f"'{text}"]]


@given(st.text())
def test_no_text_cell_begins_like_a_formula(text: str) -> None:
    ((_,), (cell,)) = rows(Table(["text"], [[text]])) if text else (("",), ("",))
    assert not cell.lstrip(" ").startswith(FORMULA)


def test_numbers_stay_numbers_and_columns_keep_their_place() -> None:
    table = Table(["series", "net"], [["FB, “x”", -0.25], ["=FB", 3]])
    assert rows(table) == [["series", "net"], ["FB, “x”", "-0.25"], ["'=FB", "3"]]
    assert pq.read_table(io.BytesIO(as_parquet(table))).to_pydict() == {
        "series": ["FB, “x”", "=FB"],
        "net": [-0.25, 3.0],
    }
