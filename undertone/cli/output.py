"""What commands print: tables and progress for people, JSON for programs. Data goes to standard output only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

SCHEMA_VERSION = 1


def print_json(shape: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, with the schema version in front."""
    import msgspec

    print(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **shape}).decode())


def console() -> Console:
    """Standard output, for people."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def notes() -> Console:
    """Standard error, for people: progress, hints, what was refused."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A table on standard output; `columns` are pairs of a name and ``left`` or ``right``. Cells are plain text."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name, side in columns:
        drawn.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    console().print(drawn)


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress bars on standard error, gone when done; silent where that is not a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notes(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bars:
        yield bars


def local_time(ms: int) -> str:
    """A moment for people, in UTC to the minute, as the windows are."""
    from undertone.messages import from_ms

    return from_ms(ms).strftime("%Y-%m-%d %H:%M")
