"""Reads of the kept stories, newest first, hour by hour; each hour is kept. Bounded in hours and in stories."""

from __future__ import annotations

from typing import Final

from dashboard import reads
from dashboard.ages import Age, Ages
from dashboard.guard import store
from dashboard.kept import kept, made
from dashboard.ranges import HOUR
from dashboard.windows import CLOSING_S, LIVE_S, SETTLED_S, Asked
from undertone.messages import Evidence
from undertone.text import normalise

STORIES_KEPT: Final = 30
SEARCHED: Final = 400
"""Of the newest stories that pass the filters, so many are searched."""
HOURS_SEARCHED: Final = 72
HOUR_MS: Final = HOUR * 1000


def newest(
    url: str, asked: Asked, start_ms: int, end_ms: int, now_ms: int, most: int = STORIES_KEPT
) -> tuple[Evidence, ...]:
    """The newest stories of [start_ms, end_ms), newest first; looks back through the range, but not for ever."""
    return _newest(url, asked, start_ms, end_ms, Ages.at(now_ms, HOUR), most)


def _counted(url: str, asked: Asked, *_: object) -> object:
    return reads.counted(url, asked.streams)


@kept(LIVE_S, most=64, mark=_counted)
def _newest(url: str, asked: Asked, start_ms: int, end_ms: int, ages: Ages, most: int) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    at = end_ms
    for _ in range(HOURS_SEARCHED):
        if at <= start_ms or len(found) >= most:
            break
        begin = max(start_ms, (at - 1) // HOUR_MS * HOUR_MS)
        found += _part(url, asked, begin, at, ages)
        at = begin
    return tuple(found[:most])


def hour(url: str, asked: Asked, begin_ms: int, end_ms: int, now_ms: int) -> list[Evidence]:
    """The kept stories of a part of one hour, newest first."""
    return _part(url, asked, begin_ms, end_ms, Ages.at(now_ms, HOUR))


def _part(url: str, asked: Asked, begin_ms: int, end_ms: int, ages: Ages) -> list[Evidence]:
    floor = begin_ms // HOUR_MS * HOUR_MS
    age = ages.of(floor)
    choose = _passing if age is Age.SETTLED else _pass  # what is soon read anew is not worth being remembered
    whole = (_READS[age](url, stream, floor, floor + HOUR_MS) for stream in asked.streams)
    found = [one for each in whole for one in choose(each, asked.topic, asked.entity, begin_ms, end_ms)]
    return sorted(found, key=lambda one: (-one.published_ms, one.position))


def _pass(whole: tuple[Evidence, ...], topic: str, entity: str, begin_ms: int, end_ms: int) -> tuple[Evidence, ...]:
    asked = Asked((), topic, entity)
    return tuple(one for one in whole if begin_ms <= one.published_ms < end_ms and passes(one, asked))


_passing = made(most=512)(_pass)


@made(most=32)
def matching(stories: tuple[Evidence, ...], wanted: str) -> tuple[Evidence, ...]:
    """The stories whose text, source or companies have every word of ``wanted``; all of them if it has none."""
    words = normalise(wanted).split()
    if not words:
        return stories
    return tuple(one for one in stories if _has(words, one))


def _has(words: list[str], story: Evidence) -> bool:
    text = normalise(" ".join((story.text, story.source, *story.entities)))
    return all(word in text for word in words)


def passes(story: Evidence, asked: Asked) -> bool:
    """Whether a story is of the topic and the company that are asked for."""
    return asked.topic in ("", story.topic) and (not asked.entity or asked.entity in story.entities)


def _read(url: str, stream: str, start_ms: int, end_ms: int) -> tuple[Evidence, ...]:
    return tuple(store(url).evidence(stream, start_ms, end_ms))


def _stream_counted(url: str, stream: str, *_: object) -> object:
    return reads.counted(url, (stream,))


_READS: Final = {
    Age.SETTLED: kept(SETTLED_S, most=200)(_read),
    Age.CLOSING: kept(CLOSING_S, most=16, mark=_stream_counted)(_read),
    Age.OPEN: kept(LIVE_S, most=16, mark=_stream_counted)(_read),
}
