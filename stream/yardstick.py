"""What is usual of one stream as time goes on: its memory, and baselines that are fitted anew as they age. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from stream import refits, usual
from stream.baseline import HISTORY_H, RECENT_H, Bools, Floats, Ints
from stream.rings import TOPIC, Rings, Told
from stream.takeover import Takeover
from undertone.trends import Counts, Series


class Yardstick(ABC):
    """Memory and baselines of one stream.

    What is usual in an hour follows from the hours before it alone: it is the same for whoever asks, from whenever on.
    """

    def __init__(self) -> None:
        self.rings = Rings()
        self._days: frozenset[int] = frozenset()
        self._takeovers: tuple[Takeover, ...] = ()
        self._fitted: usual.Fitted | None = None
        self._fitting: tuple[usual.Fitting, Ints] | None = None
        self._hourly: usual.Baselines | None = None

    def succeed(self, takeovers: Sequence[Takeover]) -> None:
        """Say where new models began to count, all of the last 29 days in order of time, before the hour to come."""
        if self._takeovers != tuple(takeovers):
            self._takeovers = tuple(takeovers)
            self._hourly = None

    def hour(self, hour: int, counts: Mapping[Series, Counts]) -> None:
        """Put one whole hour into history."""
        self.rings.write_hour(hour, counts)
        self._hourly = None

    def hours(self, begin: int, end: int, told: Told) -> None:
        """Put the hours in [begin, end) into history at once."""
        self.rings.write_hours(begin, end, told)
        self._hourly = None

    def minute(self, minute: int, counts: Mapping[Series, Counts]) -> None:
        """Put one minute into the windows; again, where late messages have changed it."""
        self.rings.write_minute(minute, counts)

    @abstractmethod
    def _forget(self) -> None:
        """Let go of what was derived from the columns, which may have changed."""

    def _compare(self, days: frozenset[int]) -> None:
        """Have stretches of these days fitted from now on."""
        self._days = days
        if self._fitted is not None and days - self._fitted.stretches.keys():
            self._fitted = self._fitting = self._hourly = None

    def _baselines(self, hour: int) -> usual.Baselines:
        found = self._hourly
        if found is None or found.hour != hour:
            found = self._levelled(self._slow(hour), hour)
        if found.columns < len(self.rings):
            found = found.widened(self.rings.kinds)
        self._hourly = found
        return found

    def _slow(self, hour: int) -> usual.Fitted:
        """The slow part of the baselines of an hour; begins on a fit that is due in its course."""
        at = refits.due(hour, self.rings.first(hour), self._takeovers)
        fitted = self._fitted
        if fitted is None or fitted.hour != at:
            if self._fitting is None or self._fitting[0].hour != at:
                self._begin(at)
            fitted = self._take()
        if fitted.hour != hour and refits.in_course(hour, self._takeovers):
            self._begin(hour)
            assert self._fitted is not None, "it has been taken"
            fitted = self._fitted
        width = fitted.columns
        if width < len(self.rings):  # those met since are as unknown ones, but each has a level of its own
            fitted = usual.among(fitted, np.concatenate([np.arange(width), self.rings.kinds[width:]]))
            self._fitted = fitted
        return fitted

    def _begin(self, at: int) -> None:
        """Begin on the fit that was due at an hour.

        It is of the series that history tells of. The others are as those that were never met, whoever remembers them.
        """
        kept = self.rings.compact()
        if kept is not None:
            self._forget()
            if self._fitted is not None:
                self._fitted = usual.among(self._fitted, kept[kept < self._fitted.columns])
        columns = self.rings.told(at)
        where = self.rings.kinds.copy()  # the first KINDS columns are those of unknown series
        where[columns] = np.arange(len(columns))
        takeovers = [one for one in self._takeovers if at - HISTORY_H < one.hour < at]
        history = self.rings.history(at, columns=columns)
        hushed = self.rings.hushed(at, len(history[0]))
        self._fitting = usual.Fitting(at, history, self.rings.kinds[columns], takeovers, self._days, hushed), where

    def _take(self) -> usual.Fitted:
        """What was begun on, finished."""
        assert self._fitting is not None, "it has been begun"
        fitting, where = self._fitting
        self._forget()
        self._fitted = usual.among(fitting.finish(), where)
        self._fitting = None
        return self._fitted

    def _levelled(self, fitted: usual.Fitted, hour: int) -> usual.Baselines:
        lift = self._lift(fitted, hour)
        return usual.levelled(fitted, hour, self.rings.history, fitted.takeovers, lift=lift)

    def _lift(self, fitted: usual.Fitted, hour: int) -> float:
        stream, known = self._stream_before(hour)
        return usual.lift(fitted.feed, hour - fitted.hour, stream, known)

    def _stream_before(self, hour: int) -> tuple[Floats, Bools]:
        """Stories of the whole stream in the last RECENT_H hours, and which of these are known."""
        _, total, usable = self.rings.history(hour, RECENT_H)
        return total @ (self.rings.kinds == TOPIC).astype(np.float64), np.asarray(usable.any(axis=1))
