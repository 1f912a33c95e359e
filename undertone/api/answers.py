"""Answers: a shape as JSON with a tag to ask again by, in bounded size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import xxhash
from fastapi import Request, Response

MOST_BYTES = 2 * 1024 * 1024
"""A page ends early when its rows have so many bytes of JSON."""
SETTLED_S = 3_600

Row = TypeVar("Row")
_encoder = msgspec.json.Encoder()


def answer(request: Request, shape: msgspec.Struct, *, settled: bool = False) -> Response:
    """The shape, or 304 where the caller has it. ``settled``: it will hardly change, and may be kept for an hour."""
    body = _encoder.encode(shape)
    # Weak, for it is the same whether or not the body is compressed on its way.
    tag = f'W/"{xxhash.xxh3_128_hexdigest(body)}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={SETTLED_S}" if settled else "private, no-cache",
        "Vary": "Authorization",
    }
    asked = request.headers.get("if-none-match", "")
    if asked.strip() == "*" or tag in [one.strip() for one in asked.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def fitting(rows: Sequence[Row], shaped: Callable[[Row], msgspec.Struct]) -> int:
    """How many of the rows, from the first, make up MOST_BYTES at most; one at least."""
    size = 0
    for number, row in enumerate(rows):
        size += len(_encoder.encode(shaped(row)))
        if size > MOST_BYTES and number:
            return number
    return len(rows)
