"""The path that monitors and balancers ask: no token, and nothing that only holders of one should know."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from undertone.api import shapes
from undertone.api.answers import answer
from undertone.api.document import described
from undertone.api.gate import Anybody
from undertone.api.service import service
from undertone.messages import from_ms
from undertone.topics import STREAMS

router = APIRouter(tags=["health"], dependencies=[Anybody])


@router.get("/v1/health", **described(shapes.Health, "Whether Redis answers, and how fresh its data is"))
def health(request: Request) -> Response:
    """200 where Redis answers, 503 where it does not. Needs no token."""
    ours = service(request)
    reader, now_ms = ours.reader, ours.clock()
    streams = []
    for stream in STREAMS:
        states = reader.states(stream)
        written_ms = max((state.updated_ms for state in states), default=0)
        event_ms = max((state.watermark_ms for state in states), default=-1)
        ours.wrote(written_ms)
        streams.append(
            shapes.StreamHealth(
                stream=stream,
                event_time=None if event_ms < 0 else from_ms(event_ms),
                written_at=from_ms(written_ms) if written_ms else None,
                age_s=max(0, now_ms - written_ms) / 1000 if written_ms else None,
            )
        )
    workers = len(reader.heartbeats())
    counted = any(one.written_at for one in streams)
    status = "ok" if workers else "idle" if counted else "empty"
    shape = shapes.Health(
        status=status,  # type: ignore[arg-type]
        workers=workers,
        model=reader.model_version(),
        streams=tuple(streams),
    )
    return answer(request, shape)
