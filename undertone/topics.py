"""The Kafka topics of Undertone, and how each is created. Topics are made on purpose, never by accident."""

from __future__ import annotations

from dataclasses import dataclass

NEWS = "news"
COMMENTS = "comments"
SCORED = "scored"
ALERTS = "alerts"
DEAD_LETTERS = "dead-letters"
LABELS = "labels"

STREAMS = (NEWS, COMMENTS)

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""A record this large is still read, cut and counted, or dead-lettered whole. Kafka's own limit is 1 MiB."""

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """How one topic is made. ``partitions`` of None means: as many as the settings say."""

    name: str
    retention_ms: int
    partitions: int | None = None
    compact: bool = False
    max_message_bytes: int = MAX_MESSAGE_BYTES
    stamped_by_kafka: bool = False  # else a record's timestamp is what its producer says

    def config(self) -> dict[str, str]:
        """The topic's configuration in Kafka's words."""
        return {
            "retention.ms": str(self.retention_ms),
            "cleanup.policy": "compact" if self.compact else "delete",
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.stamped_by_kafka else "CreateTime",
        }


ALL = (
    Topic(NEWS, 30 * _DAY_MS),
    Topic(COMMENTS, 30 * _DAY_MS),
    Topic(SCORED, 7 * _DAY_MS),
    Topic(ALERTS, 400 * _DAY_MS, partitions=1),
    # A dead letter is the record as it was, and headers.
    Topic(DEAD_LETTERS, 30 * _DAY_MS, partitions=1, max_message_bytes=MAX_MESSAGE_BYTES + 65_536),
    # The guards against poisoning go by when a label came, which nobody may claim for himself.
    Topic(LABELS, 400 * _DAY_MS, partitions=1, stamped_by_kafka=True),
)
