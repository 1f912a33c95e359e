"""Cursors: where a page ended, in a word that means nothing to whoever carries it. Pure.

A cursor holds the place after which the next page begins, and the question that it answers; another question refuses
it. A place is a value of what the pages are ordered by, so nothing that is added meanwhile moves or repeats a row.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
import xxhash

from undertone.errors import InputError

MOST_CHARACTERS = 1_024

Ms = Annotated[int, msgspec.Meta(ge=0, le=7_258_118_400_000)]
"""A time inside a place, from 1970 to 2200: whoever makes up a cursor gets no further."""

Place = TypeVar("Place")


class CursorError(InputError):
    """A cursor that this API did not give for this question."""


def question(*parts: object) -> str:
    """A digest of what is asked: whatever must be the same on all pages."""
    return xxhash.xxh64_hexdigest(msgspec.json.encode(parts))


def cursor(asked: str, place: Sequence[object]) -> str:
    """The cursor of a place in the answer to ``question(…)``.

    >>> cursor(question("stories"), (5, "news-0:1"))
    'WyI4MzhkMGQ5YjhmM2U3MWJhIixbNSwibmV3cy0wOjEiXV0'
    """
    return base64.urlsafe_b64encode(msgspec.json.encode((asked, place))).rstrip(b"=").decode()


def place(written: str, asked: str, shape: type[Place]) -> Place:
    """The place in a cursor.

    Args:
        written: As a caller sent it.
        asked: The digest of what is asked now.
        shape: What a place is made of here, a tuple or a NamedTuple.

    Raises:
        CursorError: if it is none, or one of another question.
    """
    try:
        padded = written + "=" * (-len(written) % 4)
        known, raw = msgspec.json.decode(
            base64.b64decode(padded, altchars=b"-_", validate=True), type=tuple[str, msgspec.Raw]
        )
        found = msgspec.json.decode(raw, type=shape)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise CursorError("the cursor cannot be read: valid is what `next` of the page before said") from error
    if known != asked:
        raise CursorError("the cursor belongs to another question: keep all other parameters as they were")
    return found
