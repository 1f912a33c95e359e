"""Texts into scored messages, as a table: the worker's own pure parts over dated messages that are all there.

It differs from the worker in one thing: messages are taken in the order of their event times, so that none is late and
of two copies the earlier one always owns the story. Knows neither Kafka nor Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from stream import stories
from stream.batch import Cursor, Record, claims, prepare, reduce
from stream.evidence import EvidenceMemory
from stream.scoring import checked
from stream.storybook import Storybook
from undertone.entities import Linker
from undertone.messages import Message
from undertone.scorer import Scorer
from undertone.settings import Settings
from undertone.store import PartitionState

CHUNK_RECORDS = 512

SCHEMA = pa.schema(
    [
        ("position", pa.string()),
        ("id", pa.string()),
        ("stream", pa.string()),
        ("published_at", pa.timestamp("ms", "UTC")),
        ("source", pa.string()),
        ("author", pa.string()),
        ("url", pa.string()),
        ("text", pa.string()),
        ("topic", pa.string()),
        ("sentiment", pa.string()),
        ("p", pa.float32()),
        ("entities", pa.list_(pa.string())),
        ("story", pa.string()),
        ("status", pa.string()),
        ("model", pa.string()),
    ]
)
"""Columns of scored messages: those of the ``scored`` topic that a backtest reads, with the text, where it is known,
and ``p``, the probability of the sentiment."""


def judge(
    messages: Iterable[Message],
    scorer: Scorer,
    *,
    settings: Settings,
    linker: Linker | None = None,
    stream: str = "comments",
    advance: Callable[[int], None] | None = None,
) -> pa.Table:
    """Score, link and deduplicate messages; returns a table of SCHEMA in the order of event time.

    Args:
        messages: In any order; they are taken by event time. Those without a text that can be used are left out.
        scorer: Judges every text.
        settings: Lateness, length of texts, how long a story is open.
        linker: Finds the companies of each text (default: the list that the settings name).
        stream: The stream that the messages are taken for.
        advance: Told how many more messages are done.

    Raises:
        ModelError: if the scorer gives what is no score.
    """
    linker = linker or Linker.load(settings.entities_file)
    wanted = sorted(messages, key=lambda one: (one.published_ms, one.id))
    book = Storybook(
        window_ms=settings.story_window_s * 1000, threshold=stories.THRESHOLD, sketch_size=stories.SKETCH_SIZE
    )
    cursor = Cursor(
        PartitionState(stream, 0),
        "rehearsal",
        lateness_ms=settings.allowed_lateness_s * 1000,
        future_ms=settings.future_tolerance_s * 1000,
    )
    memory = EvidenceMemory()
    parts: list[pa.Table] = []
    for first in range(0, len(wanted), CHUNK_RECORDS):
        some = wanted[first : first + CHUNK_RECORDS]
        records = [Record(first + place, one.published_ms, None, one.encode(), ()) for place, one in enumerate(some)]
        prepared = prepare(stream, 0, records, linker=linker, max_text_bytes=settings.max_text_bytes)
        reduced = reduce(
            prepared,
            checked(scorer, prepared.texts),
            book.claim(claims(prepared, cursor)),
            cursor,
            labels=scorer.topics,
            model=scorer.version,
            now_ms=0,
            memory=memory,
        )
        cursor.advance(reduced.run)
        rows: list[dict[str, Any]] = [
            {
                "position": one.position,
                "id": one.id,
                "stream": one.stream,
                "published_at": item.published_ms,
                "source": one.source,
                "author": item.message.author,
                "url": item.message.url,
                "text": item.text,
                "topic": one.topic,
                "sentiment": one.sentiment.value,
                "p": one.sentiment_probabilities[one.sentiment],
                "entities": one.entities,
                "story": one.story,
                "status": one.status,
                "model": one.model,
            }
            for item, one in zip(prepared.items, reduced.scored, strict=True)
        ]
        parts.append(pa.Table.from_pylist(rows, SCHEMA))
        if advance is not None:
            advance(len(some))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()
