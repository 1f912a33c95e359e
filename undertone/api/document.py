"""The OpenAPI document, from the paths and parameters that FastAPI knows and the types of the answers."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from undertone.api import shapes
from undertone.api.examples import EXAMPLES
from undertone.api.problems import MEDIA_TYPE
from undertone.schemas import tidy

VERSION = "1.0"
TITLE = "Undertone"
SUMMARY = "Opinion about companies and topics, counted and judged as it is published, and the alerts it raises."
DESCRIPTION = """
Read only. Times are RFC 3339; those of messages and alerts are event time. Every answer has `schema_version`, which
rises when a field is removed or changes its meaning, not when one is added. Errors are `application/problem+json`
(RFC 9457). Lists end with `next`, a cursor for the page after: nothing that is added meanwhile moves or repeats a row.

Texts, names and reasons are what others wrote: show them as text, never as markup.
"""

_ANSWERS = (
    shapes.Trends,
    shapes.Topics,
    shapes.Entities,
    shapes.Stories,
    shapes.OneStory,
    shapes.Alerts,
    shapes.OneAlert,
    shapes.AlertEvent,
    shapes.Health,
    shapes.Problem,
)
_ERRORS = {
    400: "The request cannot be understood.",
    401: "There is no token, or it is not known, was revoked or has expired.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    413: "The request has a body.",
    414: "The query has more than 4,096 bytes.",
    422: "A parameter cannot be used, or the range is too large; `detail` says what is valid.",
    431: "The headers have more than 16,384 bytes.",
    429: "Too many requests, or too many streams; `Retry-After` says when to ask again.",
    503: "Redis does not answer, or the server has no room; `data_age_s` says how old its newest data was.",
}
_HEADERS: dict[str, dict[str, Any]] = {
    "RateLimit-Policy": {"description": "the rule: `q` requests in `w` seconds", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "what is left: `r` requests, and `t` seconds to one more",
        "schema": {"type": "string"},
    },
}


def ref(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Where the schema of a shape stands in the document."""
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def described(shape: type[msgspec.Struct], summary: str, *, missing: bool = False) -> dict[str, Any]:
    """What the decorator of a path says of its answers.

    Args:
        shape: Of the body of a 200.
        summary: A line on the path.
        missing: Whether it can answer 404.
    """
    content: dict[str, Any] = {"schema": ref(shape)}
    if shape in EXAMPLES:
        content["example"] = EXAMPLES[shape]
    tag = {"ETag": {"description": "for `If-None-Match`", "schema": {"type": "string"}}}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": summary, "content": {"application/json": content}, "headers": _HEADERS | tag},
        304: {"description": "It is as the caller has it.", "headers": _HEADERS | tag},
    }
    return {"summary": summary, "response_class": Response, "responses": answers | errors(missing=missing)}


def described_stream(summary: str) -> dict[str, Any]:
    """What the decorator of the stream of alerts says of its answers: the schema is that of one event."""
    gap = {"type": "object", "properties": {name: {"type": "string"} for name in ("after", "first")}}
    data = {"type": "string", "contentMediaType": "application/json"}
    event = {
        "type": "object",
        "description": "One server-sent event; its data are JSON.",
        "properties": {
            "event": {"type": "string", "description": "what is new, or `gap`"},
            "id": {"type": "string", "description": "for `Last-Event-ID`; a gap has none"},
            "data": {**data, "contentSchema": {"anyOf": [ref(shapes.AlertEvent), gap]}},
            "retry": {"type": "integer", "minimum": 0},
        },
    }
    content = {"text/event-stream": {"schema": event}}
    answers: dict[int | str, dict[str, Any]] = {200: {"description": summary, "content": content, "headers": _HEADERS}}
    return {"summary": summary, "response_class": Response, "responses": answers | errors()}


def errors(*, missing: bool = False) -> dict[int | str, dict[str, Any]]:
    """The answers that every path may give instead."""
    return {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": ref(shapes.Problem), **_example(status)}}}
        for status, text in _ERRORS.items()
        if missing or status != 404
    }


def _example(status: int) -> dict[str, Any]:
    return {"example": EXAMPLES[shapes.Problem]} if status == EXAMPLES[shapes.Problem]["status"] else {}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=TITLE,
            version=VERSION,
            openapi_version="3.1.0",
            summary=SUMMARY,
            description=DESCRIPTION.strip(),
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        _, schemas = msgspec.json.schema_components(_ANSWERS, ref_template="#/components/schemas/{name}")
        made["components"]["schemas"] = made["components"].get("schemas", {}) | tidy(schemas)
        app.openapi_schema = made
    return app.openapi_schema


def text(app: FastAPI) -> str:
    """The document as it is written to its file."""
    return msgspec.json.format(msgspec.json.encode(openapi(app), order="sorted"), indent=2).decode() + "\n"
