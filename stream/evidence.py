"""Evidence: the stories kept for an alert's proof and for the page, and how many of them are offered to Redis. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from undertone.keys import EVIDENCE_PER_AUTHOR, EVIDENCE_PER_SERIES
from undertone.messages import Evidence, Message, Sentiment, encode
from undertone.text import clean

if TYPE_CHECKING:
    from undertone.rules import Rule
    from undertone.trends import Series

TEXT_CHARACTERS = 500
"""Characters of a text that its evidence keeps."""

_NAME_BYTES = 256


def document(
    message: Message,
    text: str,
    *,
    position: str,
    stream: str,
    published_ms: int,
    topic: str,
    sentiment: Sentiment,
    p: float,
    entities: tuple[str, ...],
    model: str,
    novelty: int | None = None,
) -> str:
    """One story as the JSON that Redis keeps; ``text`` is clean and is cut, ``p`` the probability of the sentiment."""
    evidence = Evidence(
        position=position,
        id=message.id,
        stream=stream,
        published_ms=published_ms,
        source=clean(message.source, _NAME_BYTES),
        text=text[:TEXT_CHARACTERS],
        topic=topic,
        sentiment=sentiment,
        p=p,
        entities=entities,
        author=clean(message.author, _NAME_BYTES) if message.author else None,
        url=message.url,
        model=model,
        novelty=novelty,
    )
    return encode(evidence).decode()


def behind(kept: Iterable[Evidence], rule: Rule, series: Series, begin_ms: int, end_ms: int) -> list[Evidence]:
    """The stories of a series that a rule looks at, published in [begin_ms, end_ms), in the order given."""
    return [
        one
        for one in kept
        if begin_ms <= one.published_ms < end_ms
        and (not rule.negative or one.sentiment is Sentiment.NEGATIVE)
        and (not series.topic or one.topic == series.topic)
        and (not series.entity or series.entity in one.entities)
    ]


class EvidenceMemory:
    """Which evidence this process has offered, so that a busy series does not flood Redis with documents.

    At most EVIDENCE_PER_SERIES positions for each five minutes, series and sentiment, and EVIDENCE_PER_AUTHOR of one
    author, so that nobody can crowd the others out. It forgets the oldest half
    when it is full, which at worst offers some evidence more; asking again for a position gives the same answer.
    """

    def __init__(self, size: int = 100_000) -> None:
        self._half = max(1, size // 2)
        self._young: dict[tuple[object, ...], set[str]] = {}
        self._old: dict[tuple[object, ...], set[str]] = {}

    def admits(
        self, position: str, bucket: tuple[object, ...], entities: tuple[str, ...], author: str | None = None
    ) -> bool:
        """Whether any series of the message has room for it, or holds it already.

        ``bucket`` is what its series share: stream, start, topic and sentiment.
        """
        kept = False
        for entity in ("", *entities):
            offered = self._offered((*bucket, entity))
            if len(offered) < EVIDENCE_PER_SERIES and position not in offered:
                own = None if author is None else self._offered((*bucket, entity, author))
                if own is None or len(own) < EVIDENCE_PER_AUTHOR:
                    offered.add(position)
                    if own is not None:
                        own.add(position)
            kept = kept or position in offered
        return kept

    def _offered(self, name: tuple[object, ...]) -> set[str]:
        found = self._young.get(name)
        if found is None:
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
            found = self._young[name] = self._old.pop(name, set())
        return found
