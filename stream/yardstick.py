"""What is usual of one stream as time goes on: its memory, and baselines that are fitted anew as they age. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stream import usual
from stream.baseline import RECENT_H, Bools, Floats
from stream.rings import CROWDED, MOST_SERIES, TOPIC, Rings
from stream.takeover import Takeover
from undertone.trends import Counts, Series

MANY_SERIES = 4_096
"""From so many on a fit is spread over the minutes of an hour, so that no look takes long."""


class Yardstick:
    """Memory and baselines of one stream."""

    def __init__(self) -> None:
        self.rings = Rings()
        self._days: frozenset[int] = frozenset()
        self._takeovers: tuple[Takeover, ...] = ()
        self._fitted: usual.Fitted | None = None
        self._fitting: usual.Fitting | None = None
        self._hourly: usual.Baselines | None = None

    def succeed(self, takeovers: Sequence[Takeover]) -> None:
        """Say where new models began to count, all of the last 28 days in order of time."""
        if self._takeovers != tuple(takeovers):
            self._takeovers = tuple(takeovers)
            self._fitted = self._fitting = None

    def hour(self, hour: int, counts: Mapping[Series, Counts]) -> None:
        """Put one whole hour into history."""
        self.rings.write_hour(hour, counts)
        self._hourly = None

    def minute(self, minute: int, counts: Mapping[Series, Counts]) -> None:
        """Put one minute into the windows; again, where late messages have changed it."""
        self.rings.write_minute(minute, counts)

    def _forget(self) -> None:
        """Let go of what was derived from the columns, which may have changed."""
        raise NotImplementedError

    def _compare(self, days: frozenset[int]) -> None:
        """Have stretches of these days fitted from now on."""
        self._days = days
        if self._fitted is not None and days - self._fitted.stretches.keys():
            self._fitted = self._fitting = None

    def _baselines(self, hour: int) -> usual.Baselines:
        fitted = self._slow(hour)
        found = self._hourly
        if found is None or found.hour != hour:
            found = self._levelled(fitted, hour)
        if found.columns < len(self.rings):
            found = found.widened(self.rings.kinds)
        self._hourly = found
        return found

    def _slow(self, hour: int) -> usual.Fitted:
        """The slow part of the baselines; of many series it is fitted in the course of an hour, for the next."""
        fitted, fitting = self._fitted, self._fitting
        if fitted is not None and fitting is not None and fitting.hour < hour <= fitting.finish().until:
            fitted = self._take(fitting.finish())
        if fitted is not None and fitted.hour <= hour < fitted.until:
            return fitted
        if fitted is not None and hour == fitted.until and MANY_SERIES <= len(self.rings) < MOST_SERIES * CROWDED:
            if self._fitting is None:
                self._fitting = self._begin(hour)
            return fitted
        self.rings.compact()
        return self._take(self._begin(hour).finish())

    def _begin(self, hour: int) -> usual.Fitting:
        return usual.Fitting(hour, self.rings.history(hour), self.rings.kinds, self._takeovers, self._days)

    def _take(self, fitted: usual.Fitted) -> usual.Fitted:
        self._forget()
        self._fitted, self._fitting, self._hourly = fitted, None, None
        return fitted

    def _levelled(self, fitted: usual.Fitted, hour: int) -> usual.Baselines:
        lift = self._lift(fitted, hour)
        return usual.levelled(fitted, hour, self.rings.history, self._takeovers, lift=lift)

    def _lift(self, fitted: usual.Fitted, hour: int) -> float:
        stream, known = self._stream_before(hour)
        return usual.lift(fitted.feed, hour - fitted.hour, stream, known)

    def _stream_before(self, hour: int) -> tuple[Floats, Bools]:
        """Stories of the whole stream in the last RECENT_H hours, and which of these are known."""
        _, total, usable = self.rings.history(hour, RECENT_H)
        return total @ (self.rings.kinds == TOPIC).astype(np.float64), np.asarray(usable.any(axis=1))
