"""Messages of invented feeds: quiet days, and a surge. Every text has words of its own, so that none is a copy."""

from __future__ import annotations

from undertone.messages import Message, from_ms

MINUTE_MS = 60_000
DAY_MS = 86_400_000
START_MS = 1_392_595_200_000  # 2014-02-17T00:00:00Z, a Monday

_TONES = ("plunges", "meets", "rallies")  # negative, neutral, positive to the trivial scorer


def quiet_days(days: float, entity: str = "CALM", every_min: int = 30, start_ms: int = START_MS) -> list[Message]:
    """A story now and then, every third one negative."""
    return [
        _story(start_ms + number * every_min * MINUTE_MS, entity, number, _TONES[number % 3])
        for number in range(int(days * 1440) // every_min)
    ]


def surge(at_ms: int, entity: str, stories: int = 16, minutes: int = 10) -> list[Message]:
    """Negative stories from several sources within a few minutes."""
    step = minutes * MINUTE_MS // stories
    return [_story(at_ms + n * step, entity, 10_000 + n, "plunges") for n in range(stories)]


def _story(at_ms: int, entity: str, number: int, tone: str) -> Message:
    own = " ".join(f"w{number}x{place}" for place in range(6))
    return Message(
        id=f"{entity} {at_ms}",
        text=f"{entity} {tone} {own}",
        published_at=from_ms(at_ms),
        source=f"desk-{number % 4}",
        entities=(entity,),
    )
