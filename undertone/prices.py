"""Prices from a file, to say how a price moved after an alert. It fetches nothing and knows no exchange's calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertone.errors import InputError
from undertone.feed_files import Layout, Problem, read

DAILY_AT = time(21, tzinfo=UTC)
"""A price that has only a date counts as of this time: New York's close in winter, an hour after it in summer."""
HORIZONS = (timedelta(hours=1), timedelta(days=1), timedelta(days=5))
LONGEST_GAP = timedelta(days=5)
"""No price is taken for one that should be there this much earlier: a long weekend fits."""

_COLUMNS = {
    "symbol": ("symbol", "ticker", "entity"),
    "time": ("time", "timestamp", "date", "datetime"),
    "price": ("price", "close", "adj close", "adj_close"),
}


class Move(NamedTuple):
    """What a price did: from the last one known at an alert to the first one a horizon later."""

    symbol: str
    begin: datetime
    end: datetime
    before: float
    after: float

    @property
    def change(self) -> float:
        """As a share of the price before: -0.03 is three per cent down."""
        return self.after / self.before - 1


class Prices:
    """Prices by symbol, in order of time."""

    def __init__(self, rows: Iterable[tuple[str, datetime, float]]) -> None:
        """``rows`` are symbol, moment with a time zone, price; of two at one moment the later row counts."""
        by_symbol: dict[str, dict[int, float]] = {}
        for symbol, at, price in rows:
            by_symbol.setdefault(symbol.upper(), {})[round(at.timestamp())] = price
        self._series: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        for symbol, prices in by_symbol.items():
            times = np.array(sorted(prices), np.int64)
            self._series[symbol] = times, np.array([prices[int(at)] for at in times])

    @classmethod
    def load(cls, path: Path) -> Prices:
        """Read a CSV, JSON lines or Parquet file with columns for time or date, symbol and price.

        Raises:
            InputError: the file cannot be read, lacks a column, or has a row that is no price; with its number.
        """
        return cls(_rows(path))

    def moves(self, symbol: str, at: datetime, horizons: Sequence[timedelta] = HORIZONS) -> list[Move]:
        """How the price moved after ``at``, by horizon; left out where the file does not say, or two say the same.

        A move is counted once: with daily prices an hour and a day later are often the same price.
        """
        series = self._series.get(symbol.upper())
        if series is None:
            return []
        times, prices = series
        start = round(at.timestamp())
        first = int(np.searchsorted(times, start, side="right")) - 1
        if first < 0 or start - times[first] > LONGEST_GAP.total_seconds():
            return []
        moves: dict[int, Move] = {}
        for horizon in horizons:
            wanted = start + horizon.total_seconds()
            last = int(np.searchsorted(times, wanted))
            if last < len(times) and times[last] - wanted <= LONGEST_GAP.total_seconds():
                begin, end = (datetime.fromtimestamp(int(times[place]), UTC) for place in (first, last))
                moves.setdefault(last, Move(symbol, begin, end, float(prices[first]), float(prices[last])))
        return list(moves.values())

    def between(self, symbol: str, begin: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The prices of a symbol in [begin, end), in order of time, to draw them."""
        times, prices = self._series.get(symbol.upper(), (np.array([], np.int64), np.array([])))
        first, last = (int(np.searchsorted(times, round(at.timestamp()))) for at in (begin, end))
        return [
            (datetime.fromtimestamp(int(at), UTC), float(price))
            for at, price in zip(times[first:last], prices[first:last], strict=True)
        ]


def _rows(path: Path) -> Iterator[tuple[str, datetime, float]]:
    columns: list[str] = []
    for row in read(path, Layout()):
        if isinstance(row, Problem):
            raise InputError(str(row))
        columns = columns or [_column(path, row.fields, *one) for one in _COLUMNS.items()]
        symbol, at, price = (row.fields.get(name) for name in columns)
        try:
            moment, value = _moment(at), float(str(price))
        except ValueError as error:
            where = f"{path}:{row.line}"
            raise InputError(f"{where}: {error}; valid is a symbol, an ISO 8601 time or date, a price") from error
        if not value > 0 or not np.isfinite(value):
            raise InputError(f"{path}:{row.line}: {price!r} is no price: valid is a number above 0")
        yield str(symbol).strip(), moment, value


def _column(path: Path, fields: Mapping[str, object], what: str, names: Sequence[str]) -> str:
    found = next((name for name in fields if name.strip().lower() in names), None)
    if found is None:
        raise InputError(f"{path} has no column of the {what}: it has {', '.join(fields)}; valid is {', '.join(names)}")
    return found


def _moment(at: object) -> datetime:
    if isinstance(at, datetime):
        found = at
    else:
        text = str(at).strip()
        if len(text) <= len("2014-02-19"):
            return datetime.combine(date.fromisoformat(text), DAILY_AT)
        found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
