"""The stream of alerts as server-sent events, one connection at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import NamedTuple, cast

import anyio
import msgspec
from anyio import to_thread
from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from redis.exceptions import RedisError
from starlette.types import Message, Receive, Scope, Send

from undertone.alert_reading import WantedAlerts
from undertone.api import shapes
from undertone.api.admission import Caller
from undertone.api.problems import ApiError
from undertone.api.queries import AlertsQuery, AlertStreamQuery
from undertone.api.service import Service, service
from undertone.api.tail import PAGE, Tail
from undertone.api.views import shown
from undertone.outbox import Outgoing

HEARTBEAT_S = 15.0
SEND_TIMEOUT_S = 30.0
RETRY_MS = 3_000
EACH_CALLER = 5
"""Streams that one token, or one address without one, may have at once."""


class Places(Counter[str]):
    """The streams that are open, by the bucket that pays for them."""

    def take(self, whose: str, most: int) -> None:
        """Raises ApiError: ``streams`` or ``busy``."""
        if self[whose] >= EACH_CALLER:
            raise ApiError("streams", f"{EACH_CALLER} streams are open for you, the most: close one", retry_after_s=5)
        if self.total() >= most:
            raise ApiError("busy", f"{most} streams are open, the most: come back later", retry_after_s=30)
        self[whose] += 1

    def leave(self, whose: str) -> None:
        self[whose] -= 1
        if not self[whose]:
            del self[whose]


class Followed(NamedTuple):
    """A stream that was granted: what it says, and what gives its place back."""

    chunks: AsyncIterator[bytes]
    leave: Callable[[], None]


class EventStream(StreamingResponse):
    """Sends until the client goes, or takes nothing for SEND_TIMEOUT_S."""

    media_type = "text/event-stream"

    def __init__(self, granted: Followed) -> None:
        # X-Accel-Buffering: nginx would hold events back until its buffer is full.
        super().__init__(granted.chunks, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave = granted.leave

    async def stream_response(self, send: Send) -> None:
        async def soon(message: Message) -> None:
            with anyio.fail_after(SEND_TIMEOUT_S):
                await send(message)

        await super().stream_response(soon)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Of ASGI 2.4 Starlette would notice that a client went only when it sends: its place is wanted before.
        older = {**scope, "asgi": {**scope["asgi"], "spec_version": "2.3"}}
        try:
            await super().__call__(older, receive, send)
        except TimeoutError:
            pass  # it takes nothing: the connection is closed, and it may come back
        finally:
            self._leave()


async def followed(request: Request, query: AlertStreamQuery, after: str | None) -> Followed:
    """The stream that a caller asks for, if there is a place.

    Raises:
        ApiError: if there is none, or a filter cannot be used.
    """
    ours, caller = service(request), cast(Caller, request.state.caller)
    wanted = wanted_of(ours, query)
    places, tail = cast(Places, request.app.state.places), cast(Tail, request.app.state.tail)
    entry = after if after is not None else await to_thread.run_sync(ours.alerts.newest)
    gap = await to_thread.run_sync(ours.alerts.missed, entry)
    places.take(caller.whose, ours.settings.api_streams)
    chunks = _chunks(ours, caller, tail, wanted, entry, gap, query.seconds)
    return Followed(chunks, lambda: places.leave(caller.whose))


async def _chunks(
    ours: Service,
    caller: Caller,
    tail: Tail,
    wanted: WantedAlerts,
    entry: str,
    gap: str | None,
    seconds: int | None,
) -> AsyncIterator[bytes]:
    end = None if seconds is None else time.monotonic() + seconds
    checked = time.monotonic()
    yield format_sse_event(retry=RETRY_MS)
    if gap is not None:
        around = {"after": entry, "first": gap}
        yield format_sse_event(event="gap", data_str=msgspec.json.encode(around).decode())
    if seconds == 0:
        with suppress(RedisError):  # it began with an answer of 200: who comes back is told what is wrong
            async for chunk in _backlog(ours, wanted, entry):
                yield chunk
        return
    wait_s = HEARTBEAT_S if end is None else min(HEARTBEAT_S, max(0.1, end - time.monotonic()))
    async for page in tail.follow(entry, wait_s):
        for out in page:
            if wanted.fits(out.alert):
                yield event(out)
        if not page:
            yield format_sse_event(comment="still here")
        now = time.monotonic()
        if end is not None and now >= end:
            return
        if now - checked >= HEARTBEAT_S:
            checked = now
            if not await to_thread.run_sync(_still, ours, caller):
                return


async def _backlog(ours: Service, wanted: WantedAlerts, entry: str) -> AsyncIterator[bytes]:
    """What there is after an entry up to now, in bounded pages."""
    last = await to_thread.run_sync(ours.alerts.newest)
    while entry != last:
        page = await to_thread.run_sync(ours.alerts.since, entry, PAGE)
        for out in page:
            if wanted.fits(out.alert):
                yield event(out)
            if out.entry == last:
                return
        if not page:
            return
        entry = page[-1].entry


def wanted_of(ours: Service, query: AlertsQuery | AlertStreamQuery) -> WantedAlerts:
    """What the filters that both paths share ask for. A topic may be one that no window holds any more."""
    return WantedAlerts(
        severity=query.severity,
        rule=query.rule,
        stream=query.stream,
        topic=query.topic,
        entities=ours.entities(query.entity),
    )


def event(out: Outgoing) -> bytes:
    """One entry of the outbox as it goes to a client."""
    data = shapes.AlertEvent(
        entry=out.entry, what=out.what, quiet=out.quiet, notification=out.notification, alert=shown(out.alert)
    )
    return format_sse_event(event=out.what, id=out.entry, data_str=msgspec.json.encode(data).decode())


def _still(ours: Service, caller: Caller) -> bool:
    try:
        return ours.desk.still(caller, ours.clock())
    except RedisError:
        return True  # nobody can say: when Redis is back, it is asked again
