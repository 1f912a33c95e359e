"""The memory of the watch over a log that is all there: the same answers as :mod:`stream.rings`, without its writing.

Windows and hours are counted for all series at once, and only of the series that are asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from stream.baseline import Bools, Ints
from stream.detector import WINDOWS_MIN
from stream.rings import KEPT_H, KINDS, MINUTES, STREAM, Rings, kind_of
from stream.scored_log import ScoredLog, mentions
from undertone.messages import SENTIMENTS, Sentiment

MINUTE_MS = 60_000
HOUR_MIN = 60
NEGATIVE = SENTIMENTS.index(Sentiment.NEGATIVE)


class Recording(Rings):
    """Rings that are moved over a log, where others are written. All series have their columns from the beginning."""

    def __init__(self, log: ScoredLog) -> None:
        super().__init__()
        self._log = log
        self._mentions = mentions(log)
        self._minute = log.published_ms // MINUTE_MS
        self.names += self._mentions.names
        self.kinds = np.array([*range(KINDS), *map(kind_of, self._mentions.names)], np.int64)
        self._columns |= {one: KINDS + place for place, one in enumerate(self._mentions.names)}
        width = len(self.names)
        self._hours = np.zeros((2, KEPT_H, width), np.int32)
        self._masked = np.zeros((KEPT_H, width), np.uint8)
        # The messages of each series from STREAM on, one series after the other; of the stream they are all.
        self._told_in: Ints = np.concatenate([np.arange(len(log)), self._mentions.message])
        starts = np.searchsorted(self._mentions.series, np.arange(len(self._mentions.names) + 1))
        self._starts: Ints = np.concatenate([[0], len(log) + starts])
        self._published: Ints = log.published_ms[self._told_in]
        self._by_hour()
        self._by_minute()
        self.minute = 0
        self._counted: Ints = np.zeros(0, np.int64)
        self._counts: Ints = np.zeros((2, 0, MINUTES + HOUR_MIN + 1), np.int32)
        self.choose(self._counted)

    def _by_hour(self) -> None:
        """Counts of every hour and series in which there is a story."""
        opens = self._log.opens[self._told_in]
        message, column = self._told_in[opens], self._column_of_each()[opens]
        width = len(self.names)
        code = (self._minute[message] // HOUR_MIN * width + column) * 2 + (self._log.sentiment[message] == NEGATIVE)
        cells, total = np.unique(code, return_counts=True)
        cells, bad = np.divmod(cells, 2)
        first = np.flatnonzero(np.diff(cells, prepend=-1))
        self._cell_hour, self._cell_column = np.divmod(cells[first], width)
        self._cell_total = np.add.reduceat(total, first).astype(np.int32)
        self._cell_negative = np.add.reduceat(total * bad, first).astype(np.int32)

    def _by_minute(self) -> None:
        """The stories of every series in the order of time."""
        opens = self._log.opens[self._told_in]
        both = self._told_in[opens] * len(self.names) + self._column_of_each()[opens]
        both.sort()
        message, self._story_column = np.divmod(both, len(self.names))
        self._story_minute = self._minute[message]
        self._story_negative: Bools = self._log.sentiment[message] == NEGATIVE

    def _column_of_each(self) -> Ints:
        """The column of each message in ``_told_in``."""
        return np.concatenate([np.full(len(self._log), STREAM), self._mentions.series + KINDS])

    def compact(self) -> Ints | None:
        """Forget nothing: a log is of a size that was chosen. The watch has at most MOST_SERIES series."""
        return None

    def spoke(self, minute: int) -> bool:
        """As that of the other rings."""
        told = np.searchsorted(self._story_minute, (minute, minute + 1))
        return bool(told[0] < told[1])

    def remember(self, hour: int) -> None:
        """Put one hour of the log into history."""
        row = self._row(hour)
        cells = slice(*np.searchsorted(self._cell_hour, (hour, hour + 1)))
        columns = self._cell_column[cells]
        self._hours[:, row] = 0
        self._hours[0, row, columns] = self._cell_negative[cells]
        self._hours[1, row, columns] = self._cell_total[cells]
        self._seen[row], self._told[row] = True, bool(len(columns))

    def count(self, hour: int, least: tuple[int, int], also: Ints) -> tuple[Ints, Ints, Ints]:
        """Count the windows that end in an hour, and say how many stories each series has in any of them at most.

        Args:
            hour: Hours since 1970.
            least: Negative stories and stories at all; series that have fewer of both are left out.
            also: Columns that are not left out.

        Returns:
            Their columns, and their most negative and most stories in each window, (3, columns) each.
        """
        told = slice(*np.searchsorted(self._story_minute, (hour * HOUR_MIN - MINUTES + 1, (hour + 1) * HOUR_MIN)))
        width = len(self.names)
        negative = np.bincount(self._story_column[told][self._story_negative[told]], minlength=width)
        total = np.bincount(self._story_column[told], minlength=width)
        wanted = (negative >= least[0]) | (total >= least[1])
        wanted[also] = True
        columns = self._counted = np.flatnonzero(wanted)
        ran = self._counts = self._running(hour, columns)
        tops = [(ran[..., MINUTES + 1 :] - ran[..., MINUTES + 1 - size : -size]).max(axis=2) for size in WINDOWS_MIN]
        most = np.stack(tops, axis=1)  # (2, 3, columns)
        return columns, most[0], most[1]

    def choose(self, columns: Ints) -> None:
        """Of the counted columns go on with these alone."""
        self._chosen = columns
        self._sums_so_far = self._counts[:, np.searchsorted(self._counted, columns)]

    def reaching(self, bars: Sequence[tuple[bool, Ints]]) -> Bools:
        """At which minutes of the hour some chosen series has as many stories as a bar says, (60,).

        ``bars`` say whether negative stories are meant, and how many in each window, (3, columns).
        """
        ran = self._sums_so_far
        reached = np.zeros(HOUR_MIN, bool)
        for negative, bar in bars:
            one = ran[0 if negative else 1]
            for size, few in zip(WINDOWS_MIN, bar, strict=True):
                windows = one[:, MINUTES + 1 :] - one[:, MINUTES + 1 - size : -size]  # (columns, 60)
                reached |= (windows >= few[:, None]).any(axis=0)
        return reached

    def every_minute(self) -> tuple[Ints, Ints, Ints]:
        """The chosen columns, and their negative and all stories in the windows that end with each minute of the hour.

        The counts are (3, minutes * columns) each, minute by minute.
        """
        ran = self._sums_so_far
        sums = [ran[..., MINUTES + 1 :] - ran[..., MINUTES + 1 - size : -size] for size in WINDOWS_MIN]
        counts = np.stack(sums, axis=1).transpose(0, 1, 3, 2).reshape(2, len(WINDOWS_MIN), -1)
        return self._chosen, counts[0], counts[1]

    def at(self, minute: int) -> None:
        """Let the windows end with a minute of the chosen hour."""
        self.minute = minute

    def messages(self, column: int, *, negative: bool) -> tuple[int, ...]:
        """As that of the other rings, at the minute given to :meth:`at`."""
        end = (self.minute + 1) * MINUTE_MS
        counted = (self.rows(column, end - size * MINUTE_MS, end) for size in WINDOWS_MIN)
        return tuple(int((self._log.sentiment[rows] == NEGATIVE).sum()) if negative else len(rows) for rows in counted)

    def rows(self, column: int, begin_ms: int, end_ms: int) -> Ints:
        """The messages of a series that were published in [begin, end), copies included."""
        first, last = self._starts[column - STREAM : column - STREAM + 2]
        low, high = first + np.searchsorted(self._published[first:last], (begin_ms, end_ms))
        return self._told_in[low:high]

    def kept_rows(self, column: int, begin_ms: int, end_ms: int, *, negative: bool = False) -> Ints:
        """Of these those that are kept as evidence, or only those that are negative."""
        message, published, starts = self._kept_negative if negative else self._kept
        first, last = starts[column - STREAM : column - STREAM + 2]
        low, high = first + np.searchsorted(published[first:last], (begin_ms, end_ms))
        return message[low:high]

    @cached_property
    def _kept(self) -> tuple[Ints, Ints, Ints]:
        """The messages that are kept as evidence by series, when they were published, and where each series begins."""
        return self._of_each(self._log.kept)

    @cached_property
    def _kept_negative(self) -> tuple[Ints, Ints, Ints]:
        """Of these those that are negative."""
        return self._of_each(self._log.kept & (self._log.sentiment == NEGATIVE))

    def _of_each(self, wanted: Bools) -> tuple[Ints, Ints, Ints]:
        """Some messages by series, when they were published, and where each series begins."""
        there = wanted[self._told_in]
        ends = np.concatenate([[0], np.cumsum(there)])
        return self._told_in[there], self._published[there], ends[self._starts]

    def _running(self, hour: int, columns: Ints) -> Ints:
        """Running sums of negative and all stories by minute, (2, columns, minutes + 1).

        The first MINUTES minutes are those before the hour.
        """
        first = hour * HOUR_MIN - MINUTES
        told = slice(*np.searchsorted(self._story_minute, (first, first + MINUTES + HOUR_MIN)))
        place = np.full(len(self.names), -1, np.int64)
        place[columns] = np.arange(len(columns))
        column = place[self._story_column[told]]
        wanted = column >= 0
        shape = (len(columns), MINUTES + HOUR_MIN + 1)
        cell = column[wanted] * shape[1] + self._story_minute[told][wanted] - first + 1
        size = shape[0] * shape[1]
        bad = cell[self._story_negative[told][wanted]]
        counts = np.stack([np.bincount(one, minlength=size).reshape(shape) for one in (bad, cell)])
        result: Ints = counts.cumsum(axis=2, dtype=np.int32)
        return result
