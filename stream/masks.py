"""Which hours of which series are not to be learnt from, and when that was found, for a watch that starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from stream.rings import Rings
from undertone.trends import Series

FEED = Series("", "")
"""The series of the stream as a whole: hours in which it was silent."""

_decoder = msgspec.json.Decoder(list[tuple[str, str, list[int]]])


class Masks:
    """What was found in one hour of event time, which is as long as it is kept here; the memory keeps it for longer."""

    def __init__(self) -> None:
        self.hour = -1
        self._found: dict[Series, list[int]] = {}

    def set(self, rings: Rings, series: Series, hours: Iterable[int], at: int) -> None:
        """Leave hours of a series, or of FEED, out of what is usual from the hour after ``at`` on."""
        if at != self.hour:
            self.hour, self._found = at, {}
        new = rings.silence(hours, at) if series == FEED else rings.mask(series, hours, at)
        if new:
            self._found.setdefault(series, []).extend(new)

    def restore(self, rings: Rings, at: int, kept: bytes) -> None:
        """Set what was found in an hour, as :meth:`kept` gave it."""
        for topic, entity, hours in _decoder.decode(kept):
            self.set(rings, Series(topic, entity), hours, at)

    def kept(self) -> bytes | None:
        """What was found in ``hour`` as JSON, None if nothing was."""
        found = sorted((*series, sorted(hours)) for series, hours in self._found.items())
        return msgspec.json.encode(found) if found else None
