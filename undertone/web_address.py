"""Addresses that a feed gives: whether a person or a program may follow one."""

from __future__ import annotations

from urllib.parse import urlsplit

MOST_CHARACTERS = 4_096


def followable(url: str | None) -> str | None:
    """The address if it is an absolute http or https one with a host and no credentials, else None.

    >>> followable("https://example.com/a?b=c"), followable("javascript:alert(1)")
    ('https://example.com/a?b=c', None)
    """
    if not url or len(url) > MOST_CHARACTERS or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return url if usable else None
