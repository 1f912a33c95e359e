"""The shield around the application: what is refused unread, what every answer carries, and the log of who asked.

The log has the path's pattern and the names of parameters, never their values: those may quote a text.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.api.problems import MEDIA_TYPE, ApiError, encode

MOST_QUERY_BYTES = 4_096
MOST_HEADER_BYTES = 16_384

log = logging.getLogger("undertone.api.access")

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PORT = re.compile(r":\d{1,5}$")


class Shield:
    """ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        """``hosts``: names by which alone the server may be asked for; empty for any.

        Without tokens the name must be one of loopback: a page whose own name resolves to loopback could else read
        everything in its visitor's name (DNS rebinding).
        """
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id = time.perf_counter(), secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["headers"], state["request_id"] = {}, request_id
        status, size = 500, 0

        async def guarded(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in {**_SECURITY, **state["headers"], "X-Request-Id": request_id}.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, guarded)
            else:
                await _answer(refusal, request_id, guarded)
        finally:
            _note(scope, status, size, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        host = _PORT.sub("", headers.get("host", ""))
        if self._hosts and host not in self._hosts:
            return ApiError("host", f"this server answers to {', '.join(sorted(self._hosts))} only")
        if len(scope["query_string"]) > MOST_QUERY_BYTES:
            return ApiError("too-long", f"the query has {len(scope['query_string']):,} bytes: valid is up to 4,096")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
            return ApiError("headers", f"the headers have more than {MOST_HEADER_BYTES:,} bytes: send fewer")
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return ApiError("body", "send no body: everything here is asked by GET", headers={"Connection": "close"})
        return None


async def _answer(error: ApiError, request_id: str, send: Send) -> None:
    headers = {"content-type": MEDIA_TYPE, **error.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": encode(error, request_id)})


def _note(scope: Scope, status: int, size: int, seconds: float) -> None:
    route, caller = scope.get("route"), scope["state"].get("caller")
    client = scope.get("client")
    fields = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": scope["method"],
        "path": getattr(route, "path", None),
        "parameters": sorted({name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"))})[:20],
        "status": status,
        "bytes": size,
        "ms": round(seconds * 1000, 1),
        "address": client[0] if client else "",
        "token": caller.whose if caller and caller.token else None,
        "name": caller.name if caller and caller.token else None,
        "request": scope["state"]["request_id"],
    }
    if log.isEnabledFor(logging.INFO):
        log.info(msgspec.json.encode(fields).decode())
