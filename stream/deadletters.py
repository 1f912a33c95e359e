"""The record that a dead letter becomes: the original bytes and key untouched, and headers that say what was wrong."""

from __future__ import annotations

from typing import NamedTuple

from stream.batch import DeadLetter
from undertone.messages import position

POSITION = "undertone-position"
STAGE = "undertone-stage"
REASON = "undertone-reason"
DETAIL = "undertone-detail"
FAILED_AT = "undertone-failed-at"
OMITTED = "undertone-value-omitted"
"""Only where Kafka refused the record for its size: how many bytes were left behind, at ``POSITION``."""

DETAIL_CHARACTERS = 500


class Letter(NamedTuple):
    """A record to produce to ``dead-letters``."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def without_value(self) -> Letter:
        """The same letter for a topic that takes no record this large."""
        size = len(self.value or b"")
        return self._replace(value=None, headers=[*self.headers, (OMITTED, str(size).encode())])


def letter(stream: str, partition: int, dead: DeadLetter, failed_at: str) -> Letter:
    """The letter of one record; ``failed_at`` is RFC 3339. Original headers come first and are kept as they are."""
    record = dead.record
    said = {
        POSITION: position(stream, partition, record.offset),
        STAGE: dead.stage,
        REASON: dead.reason,
        DETAIL: dead.detail[:DETAIL_CHARACTERS],
        FAILED_AT: failed_at,
    }
    added = [(name, text.encode(errors="replace")) for name, text in said.items()]
    return Letter(record.key, record.value, [*record.headers, *added])
