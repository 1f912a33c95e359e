"""How stories, alerts and price moves are shown to callers. Pure."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from undertone.api import shapes
from undertone.messages import Alert, Evidence, from_ms
from undertone.prices import Move
from undertone.web_address import followable


def shaped(one: Evidence) -> shapes.Story:
    """A story as the API shows it."""
    at = from_ms(one.published_ms)
    asked = urlencode({"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")})
    return shapes.Story(
        position=one.position,
        id=one.id,
        stream=one.stream,
        published_at=at,
        source=one.source,
        text=one.text,
        topic=one.topic,
        sentiment=one.sentiment,
        probability=one.p,
        entities=one.entities,
        author=one.author,
        url=followable(one.url),
        model=one.model,
        href=f"/v1/stories/{one.position}?{asked}",
    )


def shown(one: Alert) -> Alert:
    """An alert without addresses that nobody should follow."""
    evidence = tuple(msgspec.structs.replace(story, url=followable(story.url)) for story in one.evidence)
    return msgspec.structs.replace(one, evidence=evidence)


def price_move(move: Move) -> shapes.PriceMove:
    """A move with its change, a share of the price before."""
    return shapes.PriceMove(
        symbol=move.symbol, begin=move.begin, end=move.end, before=move.before, after=move.after, change=move.change
    )
