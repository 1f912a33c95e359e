"""Taking figures along: CSV and Parquet, made when they are asked for.

A spreadsheet runs a CSV cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break as a formula, and feed
text may begin so: such text gets an apostrophe in front (OWASP, "CSV Injection"). Parquet has types, so that text
stays text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from dashboard.visit import Visit
from dashboard.words.shell import Shell
from undertone.messages import from_ms

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BOM: Final = "\ufeff"
"""So that spreadsheets read UTF-8."""

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of as many cells."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def moment(ms: int) -> str:
    """A moment as RFC 3339 in UTC, which means the same everywhere.

    >>> moment(1392843900000)
    '2014-02-19T21:05:00Z'
    """
    return f"{from_ms(ms):%Y-%m-%dT%H:%M:%SZ}"


def safe(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers.

    >>> safe("=HYPERLINK(1)"), safe(" @x"), safe(-3), safe("a=b")
    ("'=HYPERLINK(1)", "' @x", -3, 'a=b')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA) else cell


def as_csv(table: Table) -> bytes:
    """UTF-8 with a byte order mark, comma separated, every text safe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([safe(one) for one in table.headings])
    writer.writerows([safe(one) for one in row] for row in table.rows)
    return (BOM + out.getvalue()).encode()


def as_parquet(table: Table) -> bytes:
    """One column for each heading, zstd compressed."""
    columns = list(zip(*table.rows, strict=True)) or [() for _ in table.headings]
    out = io.BytesIO()
    pq.write_table(pa.table([pa.array(one) for one in columns], names=list(table.headings)), out, compression="zstd")
    return out.getvalue()


def buttons(visit: Visit, name: str, make: Callable[[], Table]) -> None:
    """The offer to download; ``make`` is called only if it is taken."""
    say = Shell(visit.locale.language)
    with st.popover(say.export, key=f"export-{name}", icon=":material/download:"):
        for kind, label, write, mime in (
            ("csv", say.csv, as_csv, "text/csv"),
            ("parquet", say.parquet, as_parquet, "application/vnd.apache.parquet"),
        ):
            st.download_button(
                label,
                partial(_write, write, make),
                file_name=f"undertone-{name}.{kind}",
                mime=mime,
                on_click="ignore",
                key=f"export-{name}-{kind}",
            )


def _write(write: Callable[[Table], bytes], make: Callable[[], Table]) -> bytes:
    return write(make())
