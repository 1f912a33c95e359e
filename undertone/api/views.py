"""How stories, alerts and price moves are shown to callers. Pure."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from undertone.api import shapes
from undertone.copies import Copies
from undertone.messages import Alert, Evidence, from_ms
from undertone.prices import Move
from undertone.web_address import followable

SOURCES_SHOWN = 50


def shaped(one: Evidence, copies: int = 0) -> shapes.Story:
    """A story as the API shows it, which was told again so often."""
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
        copies=copies,
        href=f"/v1/stories/{one.position}?{asked}",
    )


def told_again(found: Copies) -> shapes.Copies:
    """The copies of one story."""
    hours = [from_ms(start_s * 1000) for start_s in found.by_hour]
    by_source = [shapes.FromSource(source=name, copies=n) for name, n in found.by_source.items()]
    return shapes.Copies(
        count=found.count,
        sources=len(by_source),
        first=min(hours, default=None),
        last=max(hours, default=None),
        by_source=tuple(by_source[:SOURCES_SHOWN]),
        by_hour=tuple(shapes.InHour(start=at, copies=n) for at, n in zip(hours, found.by_hour.values(), strict=True)),
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
