"""What no worker can use, as strangers send it: the demo's dead letters. Data only."""

from __future__ import annotations

from typing import NamedTuple


class Broken(NamedTuple):
    """One record of a stream, and how much of the history lies before it, 0..1."""

    told: float
    stream: str
    key: bytes
    value: bytes


_TIME = b'"published_at": "2026-11-02T09:00:00Z"'

BROKEN = (
    Broken(0.21, "news", b"demo-feed", b"Halden Motors opens a plant in Lyon"),
    Broken(0.48, "comments", b"demo-board", b'{"id": "demo-x2", "source": "demo-board", "text": "no time"}'),
    Broken(0.63, "news", b"demo-feed", b'{"id": "demo-x3", "published_at": "today", "source": "demo-wire"}'),
    Broken(0.77, "comments", b"demo-app", b"\xff\xfe\x00bytes of another program"),
    Broken(0.9, "news", b"demo-feed", b'{"id": 17, "source": "demo-wire", "text": "a", ' + _TIME + b"}"),
    Broken(0.97, "comments", b"demo-board", b'{"id": "demo-x6", "source": "demo-board", "text": " ", ' + _TIME + b"}"),
)
