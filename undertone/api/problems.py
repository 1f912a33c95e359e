"""Problems: every error is answered as ``application/problem+json`` (RFC 9457), never as a traceback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec

from undertone.api.shapes import Invalid, Problem
from undertone.errors import UndertoneError

MEDIA_TYPE = "application/problem+json"
TYPES: dict[str, tuple[int, str]] = {
    "request": (400, "The request cannot be understood"),
    "token": (401, "A token is needed"),
    "scope": (403, "The token does not allow this"),
    "not-found": (404, "There is no such thing"),
    "method": (405, "Only reading is possible"),
    "body": (413, "A request has no body here"),
    "too-long": (414, "The address is too long"),
    "host": (421, "Another host is asked for"),
    "parameter": (422, "A parameter cannot be used"),
    "range": (422, "The range is too large for one answer"),
    "rate": (429, "Too many requests"),
    "streams": (429, "Too many streams"),
    "headers": (431, "The headers are too long"),
    "internal": (500, "The server made a mistake"),
    "store": (503, "The data cannot be reached"),
    "busy": (503, "The server has no room"),
}
"""By the last part of the type's name: status and title."""


class ApiError(UndertoneError):
    """Ends a request with a problem."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        invalid: Sequence[Invalid] = (),
        retry_after_s: int | None = None,
        data_age_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, title = TYPES[kind]
        self.kind = kind
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)
        self.problem = Problem(
            type=f"urn:undertone:problem:{kind}",
            title=title,
            status=self.status,
            detail=detail,
            invalid=tuple(invalid),
            retry_after_s=retry_after_s,
            data_age_s=data_age_s,
        )


def refused(parameter: str, detail: str, kind: str = "parameter") -> ApiError:
    """The error of one parameter."""
    return ApiError(kind, detail, invalid=[Invalid(parameter, detail)])


def of_status(status: int, headers: Mapping[str, str] | None = None) -> ApiError:
    """The error of a plain HTTP status, such as the router gives."""
    known = {404: "not-found", 405: "method"}
    details = {404: "no such path: /v1/openapi.json lists them", 405: "use GET"}
    error = ApiError(known.get(status, "request"), details.get(status, HTTPStatus(status).phrase), headers=headers)
    if status not in known:
        error.status = status
        error.problem = msgspec.structs.replace(error.problem, type="about:blank", status=status)
    return error


def encode(error: ApiError, request_id: str) -> bytes:
    """The body of an error."""
    return msgspec.json.encode(msgspec.structs.replace(error.problem, request=request_id))
