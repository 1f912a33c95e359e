from __future__ import annotations

import numpy as np

from stream.masks import Masks
from stream.rings import STREAM, Rings
from undertone.trends import WHOLE, Counts, Series

MACRO = Series("Macro", "")


def remembered() -> Rings:
    rings = Rings()
    for hour in range(100, 110):
        rings.write_hour(hour, {MACRO: Counts((2, 0, 0), (1, 0, 0))})
    return rings


def test_hours_of_the_whole_stream_and_of_a_silent_feed_are_told_apart_by_whoever_reads_them_again() -> None:
    first, again = remembered(), remembered()
    found, read = Masks(), Masks()
    found.set(first, WHOLE, [103], 108)
    found.silence(first, [105, 106], 108)
    kept = found.kept()
    assert kept is not None
    read.restore(again, 108, kept)
    assert read.kept() == kept
    for rings in (first, again):
        usable = rings.history(109, 9)[2]
        unknown = [[100 + int(row) for row in np.flatnonzero(~usable[:, one])] for one in (STREAM, rings.column(MACRO))]
        assert unknown == [[103, 105, 106], [105, 106]]


def test_nothing_found_is_nothing_to_keep() -> None:
    assert Masks().kept() is None
