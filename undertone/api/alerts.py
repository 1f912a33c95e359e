"""The paths of alerts: found newest first, one with the paragraph that tells it, and the stream of what is new."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from undertone import alert_reading
from undertone.api import cursors, shapes
from undertone.api.answers import answer, fitting
from undertone.api.document import described, described_stream
from undertone.api.events import EventStream, followed, wanted_of
from undertone.api.gate import needs
from undertone.api.problems import ApiError, refused
from undertone.api.queries import AlertId, AlertQuery, AlertsQuery, AlertStreamQuery, EntryId
from undertone.api.service import Service, service
from undertone.api.views import price_move, shown
from undertone.messages import Alert, to_ms
from undertone.narrative import narrate, paragraph, previous

SUCH_ALERTS = 20
"""Among which the one before is looked for: those of any series, where an alert is about all of them."""

router = APIRouter(tags=["alerts"], dependencies=[Depends(needs("read:alerts"))])


@router.get("/v1/alerts", **described(shapes.Alerts, "Alerts, newest first"))
def alerts(request: Request, query: Annotated[AlertsQuery, Query()]) -> Response:
    """Alerts by the event time at which they fired, with the stories that prove them."""
    ours = service(request)
    asked = cursors.question("alerts", query.model_dump(exclude={"cursor", "limit"}, mode="json"))
    wanted = wanted_of(ours, query)._replace(
        start_ms=0 if query.start is None else to_ms(query.start),
        end_ms=None if query.end is None else to_ms(query.end),
        state=query.state,
    )
    if wanted.end_ms is not None and wanted.start_ms >= wanted.end_ms:
        raise refused("from", "`from` is not before `to`")
    after = None
    if query.cursor is not None:
        after = cursors.place(query.cursor, asked, alert_reading.AlertPlace)
    page = ours.alerts.page(wanted, after, query.limit)
    count = fitting(page.alerts, shown)
    follows = page.after
    if count < len(page.alerts):
        last = page.alerts[count - 1]
        follows = alert_reading.AlertPlace(to_ms(last.fired_at), last.id)
    shape = shapes.Alerts(
        alerts=tuple(map(shown, page.alerts[:count])),
        next=None if follows is None else cursors.cursor(asked, follows),
    )
    return answer(request, shape)


@router.get("/v1/alerts/stream", **described_stream("What is new of alerts, as it happens"))
async def stream(
    request: Request,
    query: Annotated[AlertStreamQuery, Query()],
    last_event_id: Annotated[EntryId | None, Header(description="begin after this event; before `after`")] = None,
) -> Response:
    """Server-sent events. The id of an event is its entry in the outbox, its name what is new (`fired`, `escalated`,
    `acknowledged`, `resolved`, …), its data an AlertEvent.

    A client that comes back with `Last-Event-ID` gets all that it missed, once and in order, as far back as entries
    are kept (10,000). If some may be gone, an event `gap` comes first, whose data are the ids around it. A comment
    comes every 15 s. Nothing is lost if a client reads slowly: it is sent the next event when it took the last one,
    and cut off if it takes none for 30 s.
    """
    return EventStream(await followed(request, query, last_event_id or query.after))


@router.get("/v1/alerts/{alert_id}", **described(shapes.OneAlert, "One alert, told in a paragraph", missing=True))
def alert(request: Request, alert_id: AlertId, query: Annotated[AlertQuery, Query()]) -> Response:
    """An alert; every sentence of the paragraph names what supports it."""
    ours = service(request)
    found = ours.alerts.get(alert_id)
    if found is None:
        raise ApiError("not-found", f"there is no alert {alert_id!r}: /v1/alerts lists those there are")
    moves = ours.prices.moves(found.entity, found.fired_at) if ours.prices and found.entity else []
    sentences = narrate(found, query.language, last=_last(ours, found), moves=moves)
    shape = shapes.OneAlert(
        alert=shown(found),
        language=query.language,
        text=paragraph(sentences, query.language),
        sentences=sentences,
        price_moves=tuple(map(price_move, moves)),
    )
    return answer(request, shape)


def _last(ours: Service, alert: Alert) -> Alert | None:
    """The alert before it under the same rule and on the same series, if it is among the last thousand."""
    before = alert_reading.WantedAlerts(
        end_ms=to_ms(alert.fired_at),
        rule=alert.rule,
        stream=alert.stream,
        topic=alert.topic,
        entities=(alert.entity,) if alert.entity else (),
    )
    return previous(alert, ours.alerts.page(before, None, SUCH_ALERTS).alerts)
