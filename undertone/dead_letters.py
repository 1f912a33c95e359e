"""The dead-letter topic as a person needs it: what was refused and why, and sending it in again.

The worker writes letters at least once, so they are told apart by the position of the original record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from undertone import broker
from undertone.sending import Sender
from undertone.settings import Settings
from undertone.topics import DEAD_LETTERS
from undertone.whole_topic import whole_topic

PREFIX = "undertone-"
OMITTED = "value-omitted"
_ADDED = ("position", "stage", "reason", "detail", "failed-at", OMITTED)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused record, bytes as they came. ``offset`` is its place in the dead-letter topic.

    ``omitted`` is the size in bytes of a value that Kafka found too large to keep twice; ``value`` is None then.
    """

    offset: int
    position: str
    stage: str
    reason: str
    detail: str
    failed_at: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    omitted: int = 0

    @property
    def topic(self) -> str:
        """The topic that the record came from."""
        return self.position.rpartition(":")[0].rpartition("-")[0]

    @property
    def obstacle(self) -> str:
        """Why this record cannot be sent again; empty if it can."""
        if self.omitted:
            return f"its {self.omitted:,} bytes were too large to be kept as a dead letter"
        if self.key is None and self.value is None:
            return "it has neither key nor value"
        return ""


def read(settings: Settings) -> Iterator[DeadLetter]:
    """Every letter that Kafka holds now, oldest first, each position once.

    Raises:
        BrokerError: if Kafka cannot be reached or has no dead-letter topic.
    """
    seen: set[str] = set()
    for record in whole_topic(settings, DEAD_LETTERS):
        letter = parse(record)
        if letter.position not in seen:
            seen.add(letter.position)
            yield letter


def parse(record: Any) -> DeadLetter:
    """The letter in a kafka-python record of the dead-letter topic.

    Only the last header of each name is the worker's: the original record may have had some of the same name.
    """
    said: dict[str, str] = {}
    kept: list[tuple[str, bytes]] = []
    for name, value in reversed(record.headers):
        short = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and short in _ADDED and short not in said:
            said[short] = (value or b"").decode("utf-8", "replace")
        else:
            kept.append((name, value))
    return DeadLetter(
        offset=record.offset,
        position=said.get("position", f"{DEAD_LETTERS}-{record.partition}:{record.offset}"),
        stage=said.get("stage", ""),
        reason=said.get("reason", "unknown"),
        detail=said.get("detail", ""),
        failed_at=said.get("failed-at", ""),
        key=record.key,
        value=record.value,
        headers=tuple(reversed(kept)),
        omitted=int(said.get(OMITTED) or 0),
    )


def redrive(settings: Settings, letters: list[DeadLetter]) -> tuple[int, list[DeadLetter]]:
    """Send the original records to their topics again, bytes unchanged; how many, and those that cannot be.

    A letter stays in its topic
    until retention takes it: sending it twice makes a second record, which the id keeps from being counted twice.

    Raises:
        BrokerError: if Kafka does not take one of them.
    """
    broker.check(settings, *{letter.topic for letter in letters})
    left = [letter for letter in letters if letter.obstacle]
    with Sender(settings) as sender:
        for letter in letters:
            if not letter.obstacle:
                sender.send(letter.topic, letter.key, letter.value, list(letter.headers))
        sender.flush()
        return sender.sent, left
