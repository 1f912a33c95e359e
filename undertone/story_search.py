"""Stories found: newest first in pages, or one by its position. Reads are bounded however little is found.

What is searched are the stories kept for evidence: for each series, sentiment and five minutes the first few.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from undertone import keys
from undertone.client import PIPELINE, pipelined
from undertone.errors import InputError
from undertone.messages import Evidence
from undertone.reading import Reader
from undertone.topics import STREAMS
from undertone.trends import bucket, buckets

BUCKET_MS = keys.EVIDENCE_BUCKET_S * 1000
MOST_BUCKETS = 1_152
"""Spans of five minutes looked through for one page: four days."""
ENOUGH = 200
"""A read that gave fewer stories is followed by one twice as long."""
LONGEST_READ = 48

Read = Callable[[int, int], Sequence[Evidence]]
"""The stories published in [start, end) ms."""

_decoder = msgspec.json.Decoder(Evidence)


class Wanted(NamedTuple):
    """Which stories: those published in [start_ms, end_ms) that have all that is given, and one of the entities."""

    start_ms: int
    end_ms: int
    streams: tuple[str, ...] = STREAMS
    topic: str | None = None
    entities: tuple[str, ...] = ()
    sentiment: str | None = None
    source: str | None = None
    words: tuple[str, ...] = ()

    def fits(self, one: Evidence) -> bool:
        """Whether a story is wanted; a word fits anywhere in the text, in any case and width of letters."""
        if self.topic is not None and one.topic != self.topic:
            return False
        if self.sentiment is not None and one.sentiment != self.sentiment:
            return False
        if self.source is not None and one.source != self.source:
            return False
        if self.entities and not set(self.entities) & set(one.entities):
            return False
        return not self.words or all(word in folded(one.text) for word in self.words)


class Place(NamedTuple):
    """A place in the order of stories: newest first, then by position."""

    published_ms: int
    position: str


class Page(NamedTuple):
    """Stories, and the place after which the next page begins: None if there is nothing more.

    A page that is short or empty and has a place only says that it has looked far enough for one answer.
    """

    stories: list[Evidence]
    after: Place | None


def folded(text: str) -> str:
    """A text as it is compared: in any case, and full-width letters as their narrow ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(query: str) -> tuple[str, ...]:
    """The words that a text must hold, all of them.

    >>> words("Recall  BATTERY")
    ('recall', 'battery')
    """
    return tuple(folded(query).split())


def page(read: Read, wanted: Wanted, after: Place | None, limit: int, most_buckets: int = MOST_BUCKETS) -> Page:
    """Up to ``limit`` wanted stories that come after a place (None: from the newest on).

    Args:
        read: Gives the stories of a span of event time, in any order.
        wanted: Which of them.
        after: As the page before gave it.
        limit: Stories on a page.
        most_buckets: Spans of five minutes to look through at most.
    """
    end_ms = wanted.end_ms if after is None else min(wanted.end_ms, after.published_ms + 1)
    found: list[Evidence] = []
    span, looked = 1, 0
    while end_ms > wanted.start_ms:
        if looked >= most_buckets:
            return Page(found, Place(end_ms - 1, ""))
        begin_ms = max(wanted.start_ms, bucket(end_ms - 1, keys.EVIDENCE_BUCKET_S) * 1000 - (span - 1) * BUCKET_MS)
        read_now = read(begin_ms, end_ms)
        fitting = [one for one in read_now if wanted.fits(one) and (after is None or order(one) > order(after))]
        found += sorted(fitting, key=order)
        if len(found) > limit:
            last = found[limit - 1]
            return Page(found[:limit], Place(last.published_ms, last.position))
        looked += span
        if len(read_now) < ENOUGH:
            span = min(2 * span, LONGEST_READ)
        end_ms = begin_ms
    return Page(found, None)


def order(one: Evidence | Place) -> tuple[int, str]:
    """What pages are ordered by, ascending."""
    return -one.published_ms, one.position


def search(reader: Reader, wanted: Wanted, after: Place | None, limit: int) -> Page:
    """A page of the stories that are kept; see :func:`page`. The more partitions, the shorter the look for one page."""
    width = sum(len(reader.partitions(stream)) for stream in wanted.streams)

    def read(start_ms: int, end_ms: int) -> list[Evidence]:
        return [one for stream in wanted.streams for one in reader.evidence(stream, start_ms, end_ms)]

    return page(read, wanted, after, limit, max(LONGEST_READ, MOST_BUCKETS * 8 // max(8, width)))


def find(reader: Reader, position: str, at_ms: int | None = None) -> Evidence | None:
    """The story at a position of the log, ``news-3:1042``, or None if it is not kept.

    Args:
        reader: Of the store.
        position: As evidence has it.
        at_ms: When it was published; without it all spans of the EVIDENCE_TTL_S before the watermark are looked at.

    Raises:
        InputError: if it is no position.
    """
    stream, partition = _parsed(position)
    if at_ms is not None:
        starts: Sequence[int] = [bucket(at_ms, keys.EVIDENCE_BUCKET_S)]
    else:
        newest_ms = reader.state(stream, partition).watermark_ms
        if newest_ms < 0:
            return None
        starts = buckets(newest_ms - keys.EVIDENCE_TTL_S * 1000, newest_ms + 1, keys.EVIDENCE_BUCKET_S)[::-1]
    for first in range(0, len(starts), PIPELINE):
        names = [keys.evidence(stream, partition, start) for start in starts[first : first + PIPELINE]]
        for raw in pipelined(reader.redis, [("HGET", name, position) for name in names]):
            if raw is not None:
                return _decoder.decode(raw)
    return None


def _parsed(position: str) -> tuple[str, int]:
    place, colon, offset = position.partition(":")
    stream, dash, partition = place.rpartition("-")
    numbers = partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()
    if not (colon and dash and numbers and stream in STREAMS and len(partition) <= 4):
        raise InputError(f"{position!r} is no position: valid is such as news-3:1042")
    return stream, int(partition)
