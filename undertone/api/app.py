"""The application: its paths, what wraps them, and how every error becomes a problem."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from undertone.api import alerts, health, stories, trends
from undertone.api.cursors import CursorError
from undertone.api.document import openapi, text
from undertone.api.events import Places
from undertone.api.gate import Anybody
from undertone.api.problems import MEDIA_TYPE, ApiError, encode, of_status, refused
from undertone.api.service import Service, wall_ms
from undertone.api.shapes import Invalid
from undertone.api.shield import Shield
from undertone.api.tail import Tail
from undertone.errors import InputError, StoreError
from undertone.settings import Settings

THREADS = 16
"""Requests that read at once; the others wait."""
LEAST_COMPRESSED_BYTES = 1_024
STORE_RETRY_S = 5

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

log = logging.getLogger(__name__)


def build(settings: Settings, *, closed: bool, clock: Callable[[], int] = wall_ms) -> FastAPI:
    """The application.

    Args:
        settings: Where Redis is, and the limits.
        closed: A token is needed even where none exists. Else the server must be on loopback.
        clock: Now, in ms.

    Raises:
        StoreError: if the address of Redis cannot be understood.
        InputError: if the list of companies or the file of prices cannot be read.
    """
    app = bare()
    app.state.service = Service(settings, closed=closed, clock=clock)
    app.state.places = Places()
    app.state.tail = Tail(app.state.service.alerts)
    app.add_middleware(GZipMiddleware, minimum_size=LEAST_COMPRESSED_BYTES, compresslevel=5)
    if settings.api_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api_origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "Last-Event-ID", "If-None-Match"],
            expose_headers=["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Shield, hosts=() if closed else LOOPBACK_NAMES)
    return app


def bare() -> FastAPI:
    """The paths alone, from which the document is made."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan, redirect_slashes=False)
    for part in (trends, stories, alerts, health):
        app.include_router(part.router)
    app.add_api_route("/v1/openapi.json", _document, include_in_schema=False, dependencies=[Anybody])
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    app.add_exception_handler(ApiError, _refuse)
    app.add_exception_handler(InputError, _input)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RedisError, _away)
    app.add_exception_handler(StoreError, _away)
    app.add_exception_handler(Exception, _mistake)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    ours: Service = app.state.service
    with suppress(RedisError):  # so that a store that goes away before the first question leaves its age
        await to_thread.run_sync(ours.newest_ms, ("news", "comments"))
    following = asyncio.create_task(app.state.tail.run())
    yield
    app.state.tail.close()
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    ours.client.close()


def _document(request: Request) -> Response:
    return Response(text(request.app), media_type="application/json", headers={"Cache-Control": "private, max-age=300"})


def _respond(request: Request, error: ApiError) -> Response:
    body = encode(error, request.state.request_id)
    return Response(body, status_code=error.status, media_type=MEDIA_TYPE, headers=error.headers)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _respond(request, error)


async def _input(request: Request, error: Exception) -> Response:
    return _respond(request, refused("cursor" if isinstance(error, CursorError) else "", str(error)))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    invalid = [Invalid(str(one["loc"][-1]), _wrong(one)) for one in error.errors()[:20]]
    detail = "; ".join(f"{one.parameter}: {one.detail}" for one in invalid)
    return _respond(request, ApiError("parameter", detail, invalid=invalid))


def _wrong(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "this path has no such parameter: /v1/openapi.json lists those it has"
    return str(error["msg"]).removeprefix("Value error, ")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _respond(request, of_status(error.status_code, error.headers))


async def _away(request: Request, error: Exception) -> Response:
    ours: Service = request.app.state.service
    log.warning("Redis does not answer: %s: %s", type(error).__name__, error)
    detail = "Redis does not answer: nothing can be read until it does"
    return _respond(request, ApiError("store", detail, retry_after_s=STORE_RETRY_S, data_age_s=ours.data_age_s()))


async def _mistake(request: Request, error: Exception) -> Response:
    # The exception itself goes on to the server's log.
    return _respond(request, ApiError("internal", "the server's log has it under this request's id"))
