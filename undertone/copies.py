"""How often a story was told again, by whom and when: its copies, which the worker counts with the run they are in.

A copy is counted in its own partition and day of event time, so that it is written together with its offset; readers
add up the partitions and the days that a story is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from undertone import keys
from undertone.client import pipelined
from undertone.messages import Evidence
from undertone.reading import Reader
from undertone.text import clean
from undertone.trends import bucket, buckets

SOURCE_BYTES = 256
HOUR_S = 3_600
AT_ONCE = 500
"""Fields that one command asks for."""
LOOKED_AT = 10_000
"""Fields that Redis looks through at one go."""

_SOURCE, _HOUR = "s", "h"


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one story.

    Attributes:
        count: How many.
        by_source: Of these by source, most first.
        by_hour: Of these by hour of event time (its start in seconds), in order of time.
    """

    count: int = 0
    by_source: Mapping[str, int] = field(default_factory=dict)
    by_hour: Mapping[int, int] = field(default_factory=dict)


def fields(story: str, source: str, published_ms: int) -> tuple[str, str, str]:
    r"""The fields that count one copy.

    >>> fields("news-3:1042", "wire", 7_200_000)
    ('news-3:1042', 'news-3:1042\ts\twire', 'news-3:1042\th\t7200')
    """
    return (
        story,
        keys.SEPARATOR.join((story, _SOURCE, clean(source, SOURCE_BYTES))),
        keys.SEPARATOR.join((story, _HOUR, str(bucket(published_ms, HOUR_S)))),
    )


def counts(reader: Reader, stories: Iterable[Evidence], *, window_s: int = keys.DAY_S) -> dict[str, int]:
    """How many copies each story has, by position; those without are left out.

    Args:
        reader: Of the store.
        stories: As evidence has them.
        window_s: How long a story is open, either way; as the workers' ``story_window_s``.
    """
    wanted: dict[tuple[str, int], list[str]] = {}
    for one in stories:
        for day in _days(one, window_s):
            wanted.setdefault((one.stream, day), []).append(one.position)
    asked: list[tuple[str, Sequence[str]]] = []
    for (stream, day), positions in wanted.items():
        for partition in reader.partitions(stream):
            name = keys.copies(stream, partition, day)
            asked += [(name, positions[at : at + AT_ONCE]) for at in range(0, len(positions), AT_ONCE)]
    found: Counter[str] = Counter()
    replies = pipelined(reader.redis, [("HMGET", name, *some) for name, some in asked])
    for (_, some), reply in zip(asked, replies, strict=True):
        found.update({position: int(n) for position, n in zip(some, reply, strict=True) if n is not None})
    return dict(found)


def of(reader: Reader, story: Evidence, *, window_s: int = keys.DAY_S) -> Copies:
    """The copies of one story, by source and hour; see :func:`counts` for the arguments."""
    count = counts(reader, [story], window_s=window_s).get(story.position, 0)
    if not count:
        return Copies()
    names = [
        keys.copies(story.stream, partition, day)
        for day in _days(story, window_s)
        for partition in reader.partitions(story.stream)
    ]
    found: Counter[str] = Counter()
    left = [(name, "0") for name in names]
    match = ("MATCH", story.position + keys.SEPARATOR + "*", "COUNT", str(LOOKED_AT))
    seen: dict[str, dict[bytes, bytes]] = {name: {} for name in names}
    while left:
        replies = pipelined(reader.redis, [("HSCAN", name, at, *match) for name, at in left])
        for (name, _), (_, cells) in zip(left, replies, strict=True):
            seen[name] |= cells  # a scan may give a field twice
        left = [(name, str(int(at))) for (name, _), (at, _) in zip(left, replies, strict=True) if int(at)]
    for cells in seen.values():
        found.update({name.decode(): int(n) for name, n in cells.items()})
    by_source: Counter[str] = Counter()
    by_hour: Counter[int] = Counter()
    for name, n in found.items():
        _, kind, value = name.split(keys.SEPARATOR)
        if kind == _SOURCE:
            by_source[value] += n
        else:
            by_hour[int(value)] += n
    return Copies(count, dict(by_source.most_common()), dict(sorted(by_hour.items())))


def _days(story: Evidence, window_s: int) -> Sequence[int]:
    """The starts of the days in which copies of a story may have been published."""
    return buckets(story.published_ms - window_s * 1000, story.published_ms + window_s * 1000 + 1, keys.DAY_S)
