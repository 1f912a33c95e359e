"""Which hours of which series are not to be learnt from, and when that was found, for a watch that starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from stream.rings import Rings
from undertone.trends import Series


class _Kept(msgspec.Struct, omit_defaults=True):
    """Hours since 1970: those of series, each with its topic and entity, and those in which the feed was silent."""

    masked: list[tuple[str, str, list[int]]] = []
    silent: list[int] = []


_decoder = msgspec.json.Decoder(_Kept)


class Masks:
    """What was found in one hour of event time, which is as long as it is kept here; the memory keeps it for longer."""

    def __init__(self) -> None:
        self.hour = -1
        self._masked: dict[Series, list[int]] = {}
        self._silent: list[int] = []

    def set(self, rings: Rings, series: Series, hours: Iterable[int], at: int) -> None:
        """Leave hours of a series out of what is usual of it from the hour after ``at`` on."""
        self._move(at)
        new = rings.mask(series, hours, at)
        if new:
            self._masked.setdefault(series, []).extend(new)

    def silence(self, rings: Rings, hours: Iterable[int], at: int) -> None:
        """Take hours for unknown, of all series, from the hour after ``at`` on: the feed was silent."""
        self._move(at)
        self._silent += rings.silence(hours, at)

    def restore(self, rings: Rings, at: int, kept: bytes) -> None:
        """Set what was found in an hour, as :meth:`kept` gave it."""
        found = _decoder.decode(kept)
        for topic, entity, hours in found.masked:
            self.set(rings, Series(topic, entity), hours, at)
        self.silence(rings, found.silent, at)

    def kept(self) -> bytes | None:
        """What was found in ``hour`` as JSON, None if nothing was."""
        if not (self._masked or self._silent):
            return None
        masked = sorted((*series, sorted(hours)) for series, hours in self._masked.items())
        return msgspec.json.encode(_Kept(masked, sorted(self._silent)))

    def _move(self, at: int) -> None:
        if at != self.hour:
            self.hour, self._masked, self._silent = at, {}, []
