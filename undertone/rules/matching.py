"""Globs over labels: ``*`` any text, ``?`` any character, ``[…]`` one of several; upper and lower case differ."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

UNCLOSED = re.compile(r"\[(?![^\]]+\]|\][^\]]*\])")
"""A bracket that opens no set: :mod:`fnmatch` would take it for itself, and the glob would match nothing meant."""


def matches(globs: str | tuple[str, ...], text: str) -> bool:
    """Whether any of the globs matches the whole text.

    >>> matches("M&A*", "M&A | Investments"), matches(("AAPL", "TS*"), "TSLA"), matches("AAPL", "")
    (True, True, False)
    """
    return any(_compiled(glob).match(text) for glob in ((globs,) if isinstance(globs, str) else globs))


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))
