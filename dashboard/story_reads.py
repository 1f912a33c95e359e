"""Reads of the kept stories, newest first, hour by hour; each hour is kept. Bounded in hours and in stories."""

from __future__ import annotations

from typing import Final

from dashboard.guard import store
from dashboard.kept import kept
from dashboard.ranges import HOUR
from dashboard.windows import LIVE_S, SETTLED_AFTER_MS, SETTLED_S, Asked
from undertone.messages import Evidence
from undertone.text import normalise

STORIES_KEPT: Final = 30
SEARCHED: Final = 400
"""Of the newest stories that pass the filters, so many are searched."""
HOURS_SEARCHED: Final = 72
HOUR_MS: Final = HOUR * 1000


def newest(url: str, asked: Asked, start_ms: int, end_ms: int, now_ms: int, most: int = STORIES_KEPT) -> list[Evidence]:
    """The newest stories of [start_ms, end_ms), newest first; looks back through the range, but not for ever."""
    found: list[Evidence] = []
    at = end_ms
    for _ in range(HOURS_SEARCHED):
        if at <= start_ms or len(found) >= most:
            break
        begin = max(start_ms, (at - 1) // HOUR_MS * HOUR_MS)
        found += hour(url, asked, begin, at, now_ms)
        at = begin
    return found[:most]


def hour(url: str, asked: Asked, begin_ms: int, end_ms: int, now_ms: int) -> list[Evidence]:
    """The kept stories of a part of one hour, newest first."""
    read = _settled if end_ms < now_ms - SETTLED_AFTER_MS else _live
    floor = begin_ms // HOUR_MS * HOUR_MS
    whole = (one for stream in asked.streams for one in read(url, stream, floor, floor + HOUR_MS))
    kept_ones = [one for one in whole if begin_ms <= one.published_ms < end_ms and passes(one, asked)]
    return sorted(kept_ones, key=lambda one: (-one.published_ms, one.position))


def matching(stories: list[Evidence], wanted: str) -> list[Evidence]:
    """The stories whose text, source or companies have every word of ``wanted``; all of them if it has none."""
    words = normalise(wanted).split()
    if not words:
        return stories
    return [one for one in stories if _has(words, one)]


def _has(words: list[str], story: Evidence) -> bool:
    text = normalise(" ".join((story.text, story.source, *story.entities)))
    return all(word in text for word in words)


def passes(story: Evidence, asked: Asked) -> bool:
    """Whether a story is of the topic and the company that are asked for."""
    return asked.topic in ("", story.topic) and (not asked.entity or asked.entity in story.entities)


def _read(url: str, stream: str, start_ms: int, end_ms: int) -> tuple[Evidence, ...]:
    return tuple(store(url).evidence(stream, start_ms, end_ms))


_settled = kept(SETTLED_S, most=200)(_read)
_live = kept(LIVE_S, most=32)(_read)
