"""The paths of stories: found newest first, or one by its position."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response

from undertone import copies, keys, story_search
from undertone.api import cursors, shapes
from undertone.api.answers import answer, fitting
from undertone.api.document import described
from undertone.api.gate import needs
from undertone.api.problems import ApiError, refused
from undertone.api.queries import Position, StoriesQuery, StoryQuery, streams
from undertone.api.service import service
from undertone.api.trends import asked_range
from undertone.api.views import shaped, told_again
from undertone.messages import from_ms, to_ms

COST = 2

router = APIRouter(tags=["stories"], dependencies=[Depends(needs("read:stories", COST))])


class _Place(NamedTuple):
    """The range that all pages share, and the place in it after which a page begins."""

    start_ms: cursors.Ms
    end_ms: cursors.Ms
    published_ms: int
    position: str


@router.get("/v1/stories", **described(shapes.Stories, "Stories, newest first"))
def stories(request: Request, query: Annotated[StoriesQuery, Query()]) -> Response:
    """The stories kept for evidence: of each series, sentiment and five minutes the first few."""
    ours = service(request)
    given = query.model_dump(exclude={"cursor", "limit"}, mode="json")
    asked = cursors.question("stories", given)
    if query.cursor is None:
        start_ms, end_ms = asked_range(ours, streams(query.stream), query)
        after = None
    else:
        start_ms, end_ms, *_ = place = cursors.place(query.cursor, asked, _Place)
        after = story_search.Place(place.published_ms, place.position)
    if start_ms >= end_ms:
        raise refused("from", "`from` is not before `to`")
    if end_ms - start_ms > keys.EVIDENCE_TTL_S * 1000:
        days = keys.EVIDENCE_TTL_S // keys.DAY_S
        raise refused("from", f"stories are kept for {days} days: ask for a range of that length at most", "range")
    wanted = story_search.Wanted(
        start_ms,
        end_ms,
        streams(query.stream),
        topic=ours.topic(query.topic),
        entities=ours.entities(query.entity),
        sentiment=query.sentiment,
        source=query.source,
        words=story_search.words(query.q or ""),
    )
    page = story_search.search(ours.reader, wanted, after, query.limit)
    count = fitting(page.stories, shaped)
    follows = page.after
    if count < len(page.stories):
        last = page.stories[count - 1]
        follows = story_search.Place(last.published_ms, last.position)
    shown = page.stories[:count]
    told = copies.counts(ours.reader, shown, window_s=ours.settings.story_window_s)
    shape = shapes.Stories(
        start=from_ms(start_ms),
        end=from_ms(end_ms),
        stories=tuple(shaped(one, told.get(one.position, 0)) for one in shown),
        next=None if follows is None else cursors.cursor(asked, _Place(start_ms, end_ms, *follows)),
    )
    return answer(request, shape)


@router.get("/v1/stories/{position}", **described(shapes.OneStory, "One story by its position", missing=True))
def story(request: Request, position: Position, query: Annotated[StoryQuery, Query()]) -> Response:
    """The story at a place of the log and its copies, for as long as it is kept. `href` of a story leads here."""
    at_ms = None if query.at is None else to_ms(query.at)
    ours = service(request)
    found = story_search.find(ours.reader, position, at_ms)
    if found is None:
        raise ApiError("not-found", f"no story is kept at {position}: `at` finds those long before the newest")
    window_s = ours.settings.story_window_s
    told = copies.of(ours.reader, found, window_s=window_s)
    shape = shapes.OneStory(story=shaped(found, told.count), copies=told_again(told))
    settled = ours.complete_until_ms(found.stream) > found.published_ms + window_s * 1000
    return answer(request, shape, settled=settled)
