"""What the watch remembers of one stream: six hours of minutes and 29 days of hours, for every series it has met.

Pure memory, written and read by event time; a row that is written again is replaced. It judges nothing. It is
bounded: a series takes about 12 KB, and there are at most MOST_SERIES.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from stream.baseline import DAY_H, HISTORY_H, WEEK_H, Bools, Floats, Ints
from stream.detector import WINDOWS_MIN
from undertone.trends import WHOLE, Counts, Series, total

MINUTES = max(WINDOWS_MIN)
KEPT_H = HISTORY_H + DAY_H + 2
"""Hours that are remembered: the history of a fit that was due a day ago too, for a watch that has just begun."""
TOPIC, ENTITY, BOTH, STREAM = range(4)
"""Kinds of series: a topic, an entity over all topics, an entity under a topic, the stream as a whole."""
KINDS = 4
UNMET = Series("\0", "\0")
"""What stands in the place of a name where a column is of all series of a kind that are not known yet."""
MOST_SERIES = 16_384
"""Series that are remembered. What is new when all places are taken is not counted until :meth:`Rings.compact`."""
CROWDED = 0.875
"""Part of the places from which on some are made free, once a day."""
_LONGEST_WAIT_H = 255

Cell = TypeVar("Cell", bound=np.generic)
_NEGATIVE, _ALL, _NEGATIVE_MESSAGES, _ALL_MESSAGES = range(4)


def kind_of(series: Series) -> int:
    """The kind of a series; an empty topic stands for all topics, an empty entity for none in particular."""
    if not series.entity:
        return TOPIC if series.topic else STREAM
    return BOTH if series.topic else ENTITY


class Told(NamedTuple):
    """Stories by hour and series; k rows, of which several may be of one hour and series and add up.

    ``hour`` is since 1970, ``series`` places in ``names``.
    """

    names: list[Series]
    hour: Ints
    series: Ints
    negative: Ints
    total: Ints


class Rings:
    """Counts by series, in columns.

    The first KINDS columns are of a series of each kind that is not known yet, and stay empty; but of the kind STREAM
    there is one series alone, which is known from the beginning, in the column of its kind.
    """

    def __init__(self) -> None:
        self.names: list[Series] = [UNMET] * STREAM + [WHOLE]
        self.kinds: Ints = np.arange(KINDS)
        self._columns: dict[Series, int] = {WHOLE: STREAM}
        self._minutes: NDArray[np.int32] = np.zeros((4, MINUTES, 64), np.int32)
        self._sums: Ints = np.zeros((4, len(WINDOWS_MIN), 64), np.int64)  # of the windows that end with the newest
        self._filled = [False] * MINUTES  # rows of minutes in which something was counted
        self._newest: int | None = None
        self._hours: NDArray[np.int32] = np.zeros((2, KEPT_H, 64), np.int32)
        self._masked: NDArray[np.uint8] = np.zeros((KEPT_H, 64), np.uint8)  # from so many hours later on, 0 for never
        self._seen = np.zeros(KEPT_H, bool)
        self._told = np.zeros(KEPT_H, bool)
        self._hour_of_row = np.full(KEPT_H, -1, np.int64)
        self._silent: dict[int, int] = {}  # hour → from which hour on it counts as unknown
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
        if self._filled[row]:
            self._sums[:, first:] -= self._minutes[:, row][:, None]
            self._minutes[:, row] = 0
        self._filled[row] = bool(counts)
        for one, cell in _with_sums(counts):
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
            enters = now % MINUTES
            for place, length in enumerate(WINDOWS_MIN[:-1]):
                leaves = (now - length) % MINUTES
                if self._filled[enters] or self._filled[leaves]:
                    self._sums[:, place] += self._minutes[:, enters] - self._minutes[:, leaves]
        self._newest = max(newest, minute)
        return self._newest

    def write_hour(self, hour: int, counts: Mapping[Series, Counts]) -> None:
        """Replace one hour of history. Write every hour, also an empty one: a gap is not known, rather than quiet."""
        row = self._row(hour)
        self._hours[:, row] = 0
        for one, cell in _with_sums(counts):
            if self._has_place(one):
                column = self.column(one)
                self._hours[:, row, column] += (cell.stories[0], cell.total_stories)
        self._seen[row], self._told[row] = True, self._hours[_ALL, row].any()

    def write_hours(self, begin: int, end: int, told: Told) -> None:
        """Replace the hours in [begin, end) of history, as :meth:`write_hour` does one by one."""
        for hour in range(begin, end):
            row = self._row(hour)
            self._hours[:, row] = 0
            self._seen[row], self._told[row] = True, False
        self._told[told.hour[told.total > 0] % KEPT_H] = True
        for names in (told.names, [_sum_of(one) for one in told.names]):
            places = [self.column(one) if self._has_place(one) else -1 for one in names]
            column = np.array(places, np.int64)[told.series]
            there = column >= 0
            cells = told.hour[there] % KEPT_H, column[there]
            np.add.at(self._hours[_NEGATIVE], cells, told.negative[there])
            np.add.at(self._hours[_ALL], cells, told.total[there])

    def mask(self, series: Series, hours: Iterable[int], at: int) -> list[int]:
        """Leave these hours of a series out of its baseline from the hour after ``at`` on: it was not its usual self.

        What becomes known in the course of an hour changes nothing that is expected in it, so that the order in which
        minutes and hours are looked at does not matter. Returns the hours that were not masked before.
        """
        column = self.column(series)
        new = []
        for hour in hours:
            row = self._row(hour)
            if not self._masked[row, column]:
                self._masked[row, column] = min(at + 1 - hour, _LONGEST_WAIT_H)
                new.append(hour)
        return new

    def silence(self, hours: Iterable[int], at: int) -> list[int]:
        """Take these hours for unknown from the hour after ``at`` on, whatever is written.

        The feed was silent then, which is not the same as quiet. Returns the hours that were not silenced before.
        """
        new = [hour for hour in hours if hour not in self._silent]
        self._silent |= dict.fromkeys(new, at + 1)
        return new

    def hushed(self, hour: int, hours: int) -> Bools:
        """Which of the ``hours`` before ``hour`` count as unknown in it because the feed was silent, chronological."""
        silent = [one for one, since in self._silent.items() if since <= hour]
        return np.isin(np.arange(hour - hours, hour), silent)

    def compact(self) -> Ints | None:
        """Where CROWDED places are taken, forget series without a story in history or windows, then the stalest.

        Series for which nothing is remembered are as those never met. Returns which columns are left, in their order,
        if any have gone.
        """
        width = len(self.names)
        if width < MOST_SERIES * CROWDED:
            return None
        last = np.where(self._hours[_ALL, :, :width] > 0, self._hour_of_row[:, None], -1).max(axis=0)
        last[self._minutes[_ALL, :, :width].any(axis=0)] = np.iinfo(np.int64).max
        last[:KINDS] = np.iinfo(np.int64).max
        kept = np.flatnonzero(last >= 0)
        most = MOST_SERIES * 3 // 4
        if len(kept) > most:
            kept = np.sort(kept[np.argsort(-last[kept], kind="stable")[:most]])
        if len(kept) == width:
            return None
        self.names = [self.names[column] for column in kept]
        self.kinds = self.kinds[kept]
        self._columns = {self.names[column]: column for column in range(STREAM, len(kept))}
        for array in (self._minutes, self._sums, self._hours, self._masked):
            array[..., : len(kept)] = array[..., kept]
            array[..., len(kept) :] = 0
        return kept

    def windows(self) -> tuple[Ints, Ints, Ints]:
        """The series that have a story in the widest window that ends with the newest minute written.

        Returns their columns, and their negative and all stories in each window, (3, columns) each.
        """
        live = np.flatnonzero(self._sums[_ALL, -1, : len(self.names)])
        return live, self._sums[_NEGATIVE][:, live], self._sums[_ALL][:, live]

    def spoke(self, minute: int) -> bool:
        """Whether there is a story in a minute, which is one of the last MINUTES."""
        return bool(self._minutes[_ALL, minute % MINUTES, STREAM])

    def messages(self, column: int, *, negative: bool) -> tuple[int, ...]:
        """Messages of one series in each window that ends with the newest minute written, copies included."""
        counted = self._sums[_NEGATIVE_MESSAGES if negative else _ALL_MESSAGES, :, column]
        return tuple(int(n) for n in counted)

    def first(self, hour: int) -> int | None:
        """The first hour with a story of the HISTORY_H before ``hour``, or None; what came before it is not known."""
        told = self._hour_of_row[self._told]
        told = told[(told >= hour - HISTORY_H) & (told < hour)]
        return int(told.min()) if len(told) else None

    def told(self, hour: int) -> Ints:
        """The columns that have a story in the HISTORY_H before ``hour``, and those of unknown series."""
        rows = self._hour_of_row[(self._hour_of_row >= hour - HISTORY_H) & (self._hour_of_row < hour)] % KEPT_H
        told = self._hours[_ALL][rows, : len(self.names)].any(axis=0)
        told[:KINDS] = True
        return np.flatnonzero(told)

    def history(self, hour: int, hours: int = HISTORY_H, columns: Ints | None = None) -> tuple[Floats, Floats, Bools]:
        """Negative stories, all stories, and which cells are usable, of the ``hours`` before ``hour``.

        All are (hours, series) in chronological order, of some columns or all. Of HISTORY_H only the whole weeks are
        given of which anything is known: the others weigh nothing in a fit. It is the same whenever it is asked for,
        up to a day later.
        """
        begin = self.first(hour)
        if hours == HISTORY_H:
            weeks = 1 if begin is None else -(-(hour - begin) // WEEK_H)
            hours = min(weeks * WEEK_H, HISTORY_H)
        wanted = np.arange(hour - hours, hour)
        rows = wanted % KEPT_H
        here = slice(len(self.names)) if columns is None else columns
        # The ring is read in two pieces where it turns, which is much quicker than row by row.
        top, end = int(rows[0]), int(rows[-1]) + 1
        pieces = [slice(top, end)] if top < end else [slice(top, KEPT_H), slice(end)]
        counts = np.concatenate([self._hours[:, piece, here] for piece in pieces], axis=1, dtype=np.float64)
        wait = np.concatenate([self._masked[piece, here] for piece in pieces])
        usable = (wait == 0) | (wait > np.minimum(hour - wanted, _LONGEST_WAIT_H).astype(np.uint8)[:, None])
        known = self._known(wanted, hour, begin)
        if not known.all():
            counts *= known[:, None]
            usable &= known[:, None]
        return counts[0], counts[1], usable

    def _known(self, wanted: Ints, hour: int, begin: int | None) -> Bools:
        """Of which hours anything was known when ``hour`` began."""
        if begin is None:
            return np.zeros(len(wanted), bool)
        rows = wanted % KEPT_H
        known: Bools = self._seen[rows] & (self._hour_of_row[rows] == wanted) & (wanted >= begin)
        return known & ~self.hushed(hour, len(wanted)) if self._silent else known

    def _has_place(self, series: Series) -> bool:
        if len(self.names) < MOST_SERIES or series in self._columns:
            return True
        self.refused += 1
        return False

    def _row(self, hour: int) -> int:
        """The row of an hour, emptied if it still holds the one four weeks before."""
        row = hour % KEPT_H
        if self._hour_of_row[row] < hour:
            self._silent.pop(int(self._hour_of_row[row]), None)
            self._hours[:, row] = 0
            self._masked[row] = 0
            self._seen[row] = self._told[row] = False
            self._hour_of_row[row] = hour
        return row


def _with_sums(counts: Mapping[Series, Counts]) -> Iterable[tuple[Series, Counts]]:
    """Every series that is counted, for each entity its part in the sum over topics, and the sum of the topics."""
    topics = []
    for one, cell in counts.items():
        yield one, cell
        if one.entity:
            yield _sum_of(one), cell
        else:
            topics.append(cell)
    if topics:
        yield WHOLE, total(topics)


def _sum_of(series: Series) -> Series:
    """What the counts of a topic add up to: of an entity under it, the entity; of the topic itself, the stream."""
    return Series("", series.entity)


def _doubled(array: NDArray[Cell]) -> NDArray[Cell]:  # (..., series)
    grown = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype)
    grown[..., : array.shape[-1]] = array
    return grown
