"""The gate: what a path needs of whoever asks. What the answer must say of rates is left for the shield to add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from undertone.api.admission import Caller
from undertone.api.service import service

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="ut_<id>_<secret>",
    scheme_name="token",
    description="Made by `undertone api token create`. Scopes: read:trends, read:stories, read:alerts.",
)

Admit = Callable[..., Caller]


def needs(scope: str, cost: int = 1) -> Admit:
    """A dependency that admits callers whose token has this scope, for what the path costs."""

    def admitted(
        request: Request, _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        return _admit(request, scope, cost)

    return admitted


def anybody(request: Request) -> Caller:
    """A dependency that admits callers without a token, as often as an address may ask."""
    return _admit(request, None, 1)


def _admit(request: Request, scope: str | None, cost: int) -> Caller:
    ours = service(request)
    address = request.client.host if request.client else ""
    headers: dict[str, str] = request.state.headers
    authorization = request.headers.get("authorization")
    caller = ours.desk.admit(address, authorization, scope, ours.clock(), headers, cost)
    request.state.caller = caller
    return caller


Anybody: Any = Depends(anybody)
