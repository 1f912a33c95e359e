"""The paths that count: trends, topics, entities."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET, Meta

from undertone.api import cursors, shapes
from undertone.api.answers import answer
from undertone.api.document import described
from undertone.api.gate import needs
from undertone.api.queries import EntitiesQuery, StoriesQuery, TrendsQuery, streams
from undertone.api.service import Service, service
from undertone.api.steps import plan
from undertone.keys import DAY_S
from undertone.messages import from_ms, to_ms
from undertone.trends import Counts, Series, bucket

DEFAULT_RANGE_MS = DAY_S * 1000

router = APIRouter(tags=["trends"])

COUNTS_COST, ENTITIES_COST = 2, 5
"""By what is read of Redis: windows of some series, or all that is in the days asked for."""


@router.get(
    "/v1/trends",
    dependencies=[Depends(needs("read:trends", COUNTS_COST))],
    **described(shapes.Trends, "Windows of one topic or all, and of one entity or all texts"),
)
def trends(request: Request, query: Annotated[TrendsQuery, Query()]) -> Response:
    """Messages and distinct stories by sentiment, window by window of event time; empty windows are left out.

    The range and the step are bounded together; a refusal (422) says by what.
    """
    ours = service(request)
    topic, entities = ours.topic(query.topic), ours.entities(query.entity)
    reader = ours.reader
    start_ms, end_ms = asked_range(ours, (query.stream,), query)
    series = [
        Series(name, entity) for name in ([topic] if topic else reader.topics()) for entity in (entities or ("",))
    ]
    chosen = plan(start_ms, end_ms, query.step, max(1, len(series)) * max(1, len(reader.partitions(query.stream))))
    complete_ms = ours.complete_until_ms(query.stream)
    # Before the counts: a window that models know and counts do not is younger, not wrong.
    place = (query.stream, chosen.size_s, chosen.start_ms, chosen.end_ms)
    models = reader.models(*place) if query.models else {}
    counted = ours.counted.totals(*place, series, complete_ms) if series else {}  # no worker has started yet
    shape = shapes.Trends(
        stream=query.stream,
        topic=topic,
        entity=entities[0] if entities else None,
        start=from_ms(chosen.start_ms),
        end=from_ms(chosen.end_ms),
        step=chosen.step,  # type: ignore[arg-type]
        complete_until=None if complete_ms < 0 else from_ms(complete_ms),
        buckets=tuple(
            _bucket(start, chosen.size_s, counts, models.get(start, {}) if query.models else None)
            for start, counts in sorted(counted.items())
        ),
    )
    return answer(request, shape, settled=0 <= chosen.end_ms <= complete_ms)


def asked_range(ours: Service, of: tuple[str, ...], query: TrendsQuery | StoriesQuery) -> tuple[int, int]:
    """[start, end) in ms as a caller asked, or a day up to the newest minute counted."""
    if query.end is None:
        newest_ms = ours.newest_ms(of)
        end_ms = (bucket(newest_ms if newest_ms >= 0 else ours.clock(), 60) + 60) * 1000
    else:
        end_ms = to_ms(query.end)
    return (max(0, end_ms - DEFAULT_RANGE_MS) if query.start is None else to_ms(query.start)), end_ms


@router.get(
    "/v1/topics", dependencies=[Depends(needs("read:trends"))], **described(shapes.Topics, "The topics there are")
)
def topics(request: Request) -> Response:
    """The topics that windows may hold: those of the model that serves, in its order, then those of models before."""
    reader = service(request).reader
    return answer(request, shapes.Topics(model=reader.model_version(), topics=reader.topics()))


@router.get(
    "/v1/entities",
    dependencies=[Depends(needs("read:trends", ENTITIES_COST))],
    **described(shapes.Entities, "The entities that were spoken of"),
)
def spoken_of(request: Request, query: Annotated[EntitiesQuery, Query()]) -> Response:
    """Entities of the last days of event time, by symbol, with their counts over these days and all topics."""
    ours = service(request)
    asked = cursors.question("entities", query.stream, query.days)
    if query.cursor is None:
        newest_ms = ours.newest_ms(streams(query.stream))
        today = bucket(newest_ms if newest_ms >= 0 else ours.clock(), DAY_S)
        after = ""
    else:
        today, after = cursors.place(query.cursor, asked, _EntityPlace)
    start_ms, end_ms = max(0, today - (query.days - 1) * DAY_S) * 1000, (today + DAY_S) * 1000
    found: dict[str, Counts] = defaultdict(Counts)
    for stream in streams(query.stream):
        for cells in ours.reader.windows(stream, DAY_S, start_ms, end_ms).values():
            for one, counts in cells.items():
                if one.entity > after:
                    found[one.entity] = found[one.entity] + counts
    symbols = sorted(found)
    shown = symbols[: query.limit]
    shape = shapes.Entities(
        start=from_ms(start_ms),
        end=from_ms(end_ms),
        entities=tuple(_entity(ours, one, found[one]) for one in shown),
        next=cursors.cursor(asked, (today, shown[-1])) if len(symbols) > len(shown) else None,
    )
    return answer(request, shape)


class _EntityPlace(NamedTuple):
    """The day (seconds since 1970) that all pages look back from, and the symbol after which a page begins."""

    today: Annotated[int, Meta(ge=0, le=7_258_118_400)]
    after: str


def _bucket(start_s: int, size_s: int, counts: Counts, models: dict[str, int] | None) -> shapes.Bucket:
    return shapes.Bucket(
        start=from_ms(start_s * 1000),
        end=from_ms((start_s + size_s) * 1000),
        messages=shapes.BySentiment(*counts.messages),
        stories=shapes.BySentiment(*counts.stories),
        negative_share=round(counts.negative_share, 6),
        net_sentiment=round(counts.net, 6),
        models=UNSET if models is None else models,
    )


def _entity(ours: Service, symbol: str, counts: Counts) -> shapes.Entity:
    return shapes.Entity(
        entity=symbol,
        name=ours.names.get(symbol),
        messages=shapes.BySentiment(*counts.messages),
        stories=shapes.BySentiment(*counts.stories),
        negative_share=round(counts.negative_share, 6),
        net_sentiment=round(counts.net, 6),
    )
