"""What the watch remembers of one stream: six hours of minutes and 28 days of hours, for every series it has met.

Pure memory, written and read by event time; a row that is written again is replaced. It judges nothing. It is
bounded: a series takes about 12 KB, and there are at most MOST_SERIES.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stream.baseline import HISTORY_H, Bools, Floats, Ints
from stream.detector import WINDOWS_MIN
from undertone.trends import Counts, Series

MINUTES = max(WINDOWS_MIN)
TOPIC, ENTITY, BOTH = range(3)
"""Kinds of series: a topic, an entity over all topics, an entity under a topic."""
KINDS = 3
MOST_SERIES = 16_384
"""Series that are remembered. What is new when all places are taken is not counted until :meth:`Rings.compact`."""
CROWDED = 0.875
"""Part of the places from which on some are made free, once a day."""

Cell = TypeVar("Cell", bound=np.generic)
_NEGATIVE, _ALL, _NEGATIVE_MESSAGES, _ALL_MESSAGES = range(4)


def kind_of(series: Series) -> int:
    """The kind of a series; an empty topic stands for all topics, an empty entity for none in particular."""
    if not series.entity:
        return TOPIC
    return BOTH if series.topic else ENTITY


class Rings:
    """Counts by series, in columns. The first KINDS columns stay empty: a series of each kind that is not known yet."""

    def __init__(self) -> None:
        self.names: list[Series] = [Series("", "")] * KINDS
        self.kinds: Ints = np.arange(KINDS)
        self._columns: dict[Series, int] = {}
        self._minutes: NDArray[np.int32] = np.zeros((4, MINUTES, 64), np.int32)
        self._sums: Ints = np.zeros((4, len(WINDOWS_MIN), 64), np.int64)  # of the windows that end with the newest
        self._newest: int | None = None
        self._hours: NDArray[np.int32] = np.zeros((2, HISTORY_H, 64), np.int32)
        self._masked: Bools = np.zeros((HISTORY_H, 64), bool)
        self._seen = np.zeros(HISTORY_H, bool)
        self._hour_of_row = np.full(HISTORY_H, -1, np.int64)
        self._silent: set[int] = set()
        self.refused = 0

    def __len__(self) -> int:
        return len(self.names)

    def column(self, series: Series) -> int:
        """The column of a series, made at its first sight."""
        known = self._columns.get(series)
        if known is not None:
            return known
        column = self._columns[series] = len(self.names)
        self.names.append(series)
        self.kinds = np.append(self.kinds, kind_of(series))
        if column >= self._masked.shape[1]:
            self._minutes, self._hours = _doubled(self._minutes), _doubled(self._hours)
            self._masked, self._sums = _doubled(self._masked), _doubled(self._sums)
        return column

    def write_minute(self, minute: int, counts: Mapping[Series, Counts]) -> None:
        """Replace one minute; the ring keeps the last MINUTES of them, so write every minute, also an empty one."""
        newest = self._advance(minute)
        row = minute % MINUTES
        first = sum(minute <= newest - length for length in WINDOWS_MIN)  # the windows from here on hold the minute
        self._sums[:, first:] -= self._minutes[:, row][:, None]
        self._minutes[:, row] = 0
        for one, cell in _with_entities(counts):
            values = (cell.stories[0], cell.total_stories, cell.messages[0], cell.total_messages)
            if self._has_place(one):
                column = self.column(one)
                self._minutes[:, row, column] += values
        if counts:
            self._sums[:, first:] += self._minutes[:, row][:, None]

    def _advance(self, minute: int) -> int:
        """Move the windows on to end with ``minute`` if it is new; returns the newest minute."""
        newest = minute if self._newest is None else self._newest
        for now in range(newest + 1, minute + 1):
            # What enters the widest window takes the row of what leaves it.
            for place, length in enumerate(WINDOWS_MIN[:-1]):
                self._sums[:, place] += self._minutes[:, now % MINUTES] - self._minutes[:, (now - length) % MINUTES]
        self._newest = max(newest, minute)
        return self._newest

    def write_hour(self, hour: int, counts: Mapping[Series, Counts]) -> None:
        """Replace one hour of history. Write every hour, also an empty one: a gap is not known, rather than quiet."""
        row = self._row(hour)
        self._hours[:, row] = 0
        for one, cell in _with_entities(counts):
            if self._has_place(one):
                column = self.column(one)
                self._hours[:, row, column] += (cell.stories[0], cell.total_stories)
        self._seen[row] = hour not in self._silent

    def mask(self, series: Series, hours: Iterable[int]) -> None:
        """Leave these hours of a series out of its baseline: it was not its usual self."""
        column = self.column(series)
        for hour in hours:
            self._masked[self._row(hour), column] = True

    def silence(self, hours: Iterable[int]) -> None:
        """Take these hours for unknown, whatever is written: the feed was silent, which is not the same as quiet."""
        for hour in hours:
            self._silent.add(hour)
            if self._hour_of_row[hour % HISTORY_H] == hour:
                self._seen[hour % HISTORY_H] = False

    def compact(self) -> None:
        """Where CROWDED places are taken, forget series without a story in history or windows, then the stalest.

        Columns change. Series for which nothing is remembered are as those never met.
        """
        width = len(self.names)
        if width < MOST_SERIES * CROWDED:
            return
        last = np.where(self._hours[_ALL, :, :width] > 0, self._hour_of_row[:, None], -1).max(axis=0)
        last[self._minutes[_ALL, :, :width].any(axis=0)] = np.iinfo(np.int64).max
        last[:KINDS] = np.iinfo(np.int64).max
        kept = np.flatnonzero(last >= 0)
        most = MOST_SERIES * 3 // 4
        if len(kept) > most:
            kept = np.sort(kept[np.argsort(-last[kept], kind="stable")[:most]])
        if len(kept) == width:
            return
        self.names = [self.names[column] for column in kept]
        self.kinds = self.kinds[kept]
        self._columns = {self.names[column]: column for column in range(KINDS, len(kept))}
        for array in (self._minutes, self._sums, self._hours, self._masked):
            array[..., : len(kept)] = array[..., kept]
            array[..., len(kept) :] = 0

    def windows(self) -> tuple[Ints, Ints, Ints]:
        """The series that have a story in the widest window that ends with the newest minute written.

        Returns their columns, and their negative and all stories in each window, (3, columns) each.
        """
        live = np.flatnonzero(self._sums[_ALL, -1, : len(self.names)])
        return live, self._sums[_NEGATIVE][:, live], self._sums[_ALL][:, live]

    def spoke(self, minute: int) -> bool:
        """Whether any series has a story in one of the last MINUTES minutes."""
        return bool(self._minutes[_ALL, minute % MINUTES].any())

    def messages(self, column: int, *, negative: bool) -> tuple[int, ...]:
        """Messages of one series in each window that ends with the newest minute written, copies included."""
        counted = self._sums[_NEGATIVE_MESSAGES if negative else _ALL_MESSAGES, :, column]
        return tuple(int(n) for n in counted)

    def history(self, hour: int, hours: int = HISTORY_H) -> tuple[Floats, Floats, Bools]:
        """Negative stories, all stories, and which cells are usable, of the ``hours`` before ``hour``.

        All are (hours, series) in chronological order.
        """
        wanted = np.arange(hour - hours, hour)
        rows = wanted % HISTORY_H
        width = len(self.names)
        negative, everything = self._hours[:, rows, :width].astype(np.float64)
        known = self._seen[rows] & (self._hour_of_row[rows] == wanted)
        negative, everything = negative * known[:, None], everything * known[:, None]
        usable = known[:, None] & ~self._masked[rows, :width]
        return negative, everything, usable

    def _has_place(self, series: Series) -> bool:
        if len(self.names) < MOST_SERIES or series in self._columns:
            return True
        self.refused += 1
        return False

    def _row(self, hour: int) -> int:
        """The row of an hour, emptied if it still holds the one four weeks before."""
        row = hour % HISTORY_H
        if self._hour_of_row[row] < hour:
            self._hours[:, row] = 0
            self._masked[row] = False
            self._seen[row] = False
            self._hour_of_row[row] = hour
            self._silent.discard(hour - HISTORY_H)
        return row


def _with_entities(counts: Mapping[Series, Counts]) -> Iterable[tuple[Series, Counts]]:
    """Every series that is counted, and for each entity also its part in the sum over topics."""
    for one, cell in counts.items():
        yield one, cell
        if one.entity:
            yield Series("", one.entity), cell


def _doubled(array: NDArray[Cell]) -> NDArray[Cell]:  # (..., series)
    grown = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype)
    grown[..., : array.shape[-1]] = array
    return grown
