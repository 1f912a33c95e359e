"""Weeks of hours out of Redis as numbers in columns: what fills the memory of a watch that begins."""

from __future__ import annotations

import numpy as np

from stream.baseline import Ints
from stream.rings import Told
from undertone import keys
from undertone.client import pipelined
from undertone.store import Store
from undertone.trends import STORY_METRICS, Series, buckets

HOUR_S = 3_600
AT_ONCE_H = 24
"""Hours whose fields are held as Redis gives them at a time."""
_NEGATIVE, *_ = STORY_METRICS


class _Codes(dict[bytes, int]):
    """Fields of a window → twice the place of the series, and one more where negative stories are counted; else -1."""

    def __init__(self) -> None:
        self.places: dict[Series, int] = {}

    def __missing__(self, name: bytes) -> int:
        topic, entity, metric = name.decode().split(keys.SEPARATOR)
        code = -1
        if topic and metric in STORY_METRICS:
            place = self.places.setdefault(Series(topic, entity), len(self.places))
            code = 2 * place + (metric == _NEGATIVE)
        self[name] = code
        return code


def recollect(store: Store, stream: str, begin: int, end: int) -> Told:
    """The stories of the hours in [begin, end) since 1970, of all series and partitions."""
    codes = _Codes()
    parts: list[tuple[Ints, Ints, Ints]] = []
    for first in range(begin, end, AT_ONCE_H):
        last = min(first + AT_ONCE_H, end)
        places = _places(store, stream, HOUR_S, first * HOUR_S, last * HOUR_S)
        replies = pipelined(store.redis, [("HGETALL", keys.window(stream, n, HOUR_S, start)) for start, n in places])
        for (start, _), raw in zip(places, replies, strict=True):
            if raw:
                code = np.fromiter(map(codes.__getitem__, raw), np.int64, len(raw))
                value = np.fromiter(map(int, raw.values()), np.int64, len(raw))
                counted = code >= 0
                parts.append((np.full(counted.sum(), start // HOUR_S), code[counted], value[counted]))
    empty = np.zeros(0, np.int64)
    hour, code, value = (np.concatenate(one) for one in zip((empty, empty, empty), *parts, strict=True))
    return Told(list(codes.places), hour, code // 2, np.where(code % 2, value, 0), value)


def kept(store: Store, stream: str, size_s: int, begin_s: int, end_s: int) -> list[int]:
    """Starts in seconds of the windows in [begin_s, end_s) that there are, ascending."""
    places = _places(store, stream, size_s, begin_s, end_s)
    replies = pipelined(store.redis, [("EXISTS", keys.window(stream, n, size_s, start)) for start, n in places])
    return sorted({start for (start, _), there in zip(places, replies, strict=True) if there})


def _places(store: Store, stream: str, size_s: int, begin_s: int, end_s: int) -> list[tuple[int, int]]:
    partitions = store.partitions(stream)
    return [(start, n) for start in buckets(begin_s * 1000, end_s * 1000, size_s) for n in partitions]
