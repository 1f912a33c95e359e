"""Where a log pauses, as a watch would have been told of it minute by minute. Pure.

A log does not say when its messages came. Each is taken to have come as it was published, so that a pause of event time
is one of the feed.
"""

from __future__ import annotations

import numpy as np

from stream.baseline import Ints
from stream.silent import Pause, pause

_MINUTE_MS = 60_000


class Pauses:
    """The pauses of a log that are long enough to matter."""

    def __init__(self, published_ms: Ints, least_min: int) -> None:
        """``published_ms`` is (n,), not decreasing; shorter pauses than ``least_min`` minutes are passed over."""
        before = np.flatnonzero(np.diff(published_ms) >= least_min * _MINUTE_MS)
        self._spans = {
            int(newest) // _MINUTE_MS: (int(newest), int(following))
            for newest, following in zip(published_ms[before], published_ms[before + 1], strict=True)
        }
        self._least = least_min

    def after(self, minute: int) -> list[Pause]:
        """What the wall clock says, each minute anew, of the pause after the messages of a minute, the longest last."""
        if minute not in self._spans:
            return []
        newest, following = self._spans[minute]
        lengths = range(self._least, (following - newest) // _MINUTE_MS + 1)
        told = (pause(newest, newest, newest + minutes * _MINUTE_MS) for minutes in lengths)
        return [one for one in told if one is not None]
