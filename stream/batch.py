"""One chunk of one partition on its way from bytes to a `Run`: decode, admit, claim, reduce.

Pure: no Kafka, no Redis, no clock. The edge carries what these functions return to where it belongs, in this order:
`prepare`, score ``prepared.texts``, `claims`, ask the store, `reduce`, apply the run, ``cursor.advance(run)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.evidence import EvidenceMemory, document
from stream.stories import Told, fingerprints
from stream.windows import Admission, Cell, admit, aggregate
from undertone import copies, messages
from undertone.errors import ModelError, Rejected
from undertone.keys import DAY_S, EVIDENCE_BUCKET_S
from undertone.messages import Message, Scored, Sentiment
from undertone.store import Claim, Ownership, PartitionState, Run
from undertone.text import clean
from undertone.trends import MICRO, bucket

if TYPE_CHECKING:
    from undertone.entities import Linker
    from undertone.scorer import Scores

_DIGITS = 6
_SENTIMENTS = tuple(Sentiment)

COUNTED, LATE, FUTURE, DUPLICATE, TOMBSTONE = "counted", "late", "future", "duplicate", "tombstone"
COPIES, STORIES, TRUNCATED, UNLINKED = "copies", "stories", "truncated", "unlinked"
DEAD = "dead:"


class Record(NamedTuple):
    """One record as Kafka holds it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class DeadLetter(NamedTuple):
    """A record that cannot be used: where it failed, a fixed reason code, and a sentence that says what was wrong."""

    record: Record
    stage: str
    reason: str
    detail: str


class Item(NamedTuple):
    """One decoded record. ``text`` is clean; ``truncated`` says that it was longer than is kept.

    ``claim`` is what it will ask of the store if it is admitted. It is made with the item, on the scorer's thread, so
    that the writer's waits for Redis overlap with it.
    """

    offset: int
    timestamp_ms: int
    published_ms: int
    message: Message
    text: str
    entities: tuple[str, ...]
    truncated: bool
    value: bytes
    claim: Claim

    @property
    def position(self) -> str:
        """The item's identity, such as ``news-3:1042``."""
        return self.claim.position


@dataclass(slots=True)
class Prepared:
    """One chunk of one partition, decoded; every record is an item, a dead letter or a tombstone."""

    stream: str
    partition: int
    first: int
    last: int
    items: list[Item] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    tombstone_offsets: list[int] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The clean texts to score, in the order of ``items``."""
        return [item.text for item in self.items]

    @property
    def tombstones(self) -> int:
        return len(self.tombstone_offsets)


class Cursor:
    """How far one assigned partition is, in memory: what the store will be believed to hold."""

    __slots__ = ("epoch", "future_ms", "lateness_ms", "offset", "watermark_ms")

    def __init__(self, state: PartitionState, epoch: str, *, lateness_ms: int, future_ms: int) -> None:
        self.offset = state.offset
        self.watermark_ms = state.watermark_ms
        self.epoch = epoch
        self.lateness_ms = lateness_ms
        self.future_ms = future_ms

    def advance(self, run: Run) -> None:
        """Take over what a run that was applied has written."""
        self.offset = run.last
        self.watermark_ms = int(run.state["watermark_ms"])


class Reduced(NamedTuple):
    """What a chunk comes to: the run to apply, and what is said of each item, in order."""

    run: Run
    scored: list[Scored]


def prepare(stream: str, partition: int, records: Sequence[Record], *, linker: Linker, max_text_bytes: int) -> Prepared:
    """Decode, clean and link the records of one chunk, at least one, in offset order. No record stops another."""
    prepared = Prepared(stream, partition, records[0].offset, records[-1].offset)
    readable = []
    told = []
    for record in records:
        stage = "decode"
        try:
            message = messages.decode(record.value, record.headers)
            stage = "clean"
            raw = message.content
            text = clean(raw, max_text_bytes)
            if not text:
                raise Rejected("empty-text", "nothing is left of the text once it is cleaned")
            stage = "link"
            entities = linker.link(text, message.entities)
        except Rejected as rejected:
            if record.value is None:
                prepared.tombstone_offsets.append(record.offset)
            else:
                prepared.dead.append(DeadLetter(record, stage, rejected.reason, str(rejected)))
            continue
        except Exception as error:  # whatever a stranger's bytes bring about, it must not stop their neighbours
            detail = f"{type(error).__name__}: {error}"
            prepared.dead.append(DeadLetter(record, stage, "unreadable", detail))
            continue
        readable.append((record, message, _longer(raw, max_text_bytes)))
        position = messages.position(stream, partition, record.offset)
        told.append(Told(position, message.published_ms, message.id, text, entities))
    for (record, message, truncated), one, claim in zip(readable, told, fingerprints(told), strict=True):
        prepared.items.append(
            Item(
                record.offset,
                record.timestamp_ms,
                one.at_ms,
                message,
                one.text,
                one.entities,
                truncated,
                record.value or b"",
                claim,
            )
        )
    return prepared


def trim(prepared: Prepared, scores: Scores, after_offset: int) -> tuple[Prepared, Scores]:
    """The part of a chunk and of its scores that lies after an offset; the last record must.

    Claims and ownerships belong to the whole chunk: ask for them again, with a cursor made from the stored state.
    """
    kept = [place for place, item in enumerate(prepared.items) if item.offset > after_offset]
    rest = Prepared(
        prepared.stream,
        prepared.partition,
        max(prepared.first, after_offset + 1),
        prepared.last,
        [prepared.items[place] for place in kept],
        [letter for letter in prepared.dead if letter.record.offset > after_offset],
        [offset for offset in prepared.tombstone_offsets if offset > after_offset],
    )
    return rest, replace(scores, topic=scores.topic[kept], sentiment=scores.sentiment[kept])


def claims(prepared: Prepared, cursor: Cursor) -> list[Claim]:
    """The claims of the items that are neither late nor future, in order. Does not move the cursor."""
    admitted = _admission(prepared, cursor).admitted.tolist()
    return [item.claim for item, asked in zip(prepared.items, admitted, strict=True) if asked]


def reduce(
    prepared: Prepared,
    scores: Scores,
    owners: Sequence[Ownership],
    cursor: Cursor,
    *,
    labels: Sequence[str],
    model: str,
    now_ms: int,
    memory: EvidenceMemory,
    publish: bool = True,
) -> Reduced:
    """Everything that the chunk writes. Does not move the cursor, so that a retry reduces to the same run.

    Args:
        prepared: The chunk.
        scores: One row for each item.
        owners: One for each of `claims`, in order.
        cursor: Of the chunk's partition, as it was for `claims`.
        labels: Topic names, one for each column of ``scores.topic``.
        model: Version of the model that gave the scores.
        now_ms: Wall time of the write; readers tell idle partitions by it. No count depends on it.
        memory: Which evidence was offered before.
        publish: Whether to make the scored messages.

    Raises:
        ModelError: if a score is not a finite number.
    """
    if not (np.isfinite(scores.sentiment).all() and np.isfinite(scores.topic).all()):
        raise ModelError(f"Model {model} gave a score that is not a number; choose another one or export it again")
    admission = _admission(prepared, cursor)
    verdicts = _verdicts(prepared, admission, owners)
    counters = _counters(prepared, verdicts)
    topic_of: list[int] = scores.topic.argmax(axis=1).tolist()
    sentiment_of: list[int] = scores.sentiment.argmax(axis=1).tolist()
    micro_of = _score_micro(scores.sentiment).tolist()
    p_of: list[list[float]] = scores.sentiment.astype(np.float64).round(_DIGITS).tolist()
    run = Run(
        prepared.stream,
        prepared.partition,
        prepared.first,
        prepared.last,
        cursor.offset,
        cursor.epoch,
        state={"watermark_ms": admission.watermark_ms, "updated_ms": now_ms},
        counters=counters,
    )
    cells = []
    for place, (item, verdict) in enumerate(zip(prepared.items, verdicts, strict=True)):
        if verdict.status != COUNTED:
            continue
        topic, sentiment = labels[topic_of[place]], sentiment_of[place]
        cells.append(Cell(item.published_ms, topic, item.entities, sentiment, micro_of[place], verdict.opens_story))
        if not verdict.opens_story:
            told = run.copies.setdefault(bucket(item.published_ms, DAY_S), {})
            for name in copies.fields(verdict.story, item.message.source, item.published_ms):
                told[name] = told.get(name, 0) + 1
        else:
            start_s = bucket(item.published_ms, EVIDENCE_BUCKET_S)
            author = item.message.author
            if memory.admits(verdict.position, (prepared.stream, start_s, topic, sentiment), item.entities, author):
                run.evidence.setdefault(start_s, {})[verdict.position] = document(
                    item.message,
                    item.text,
                    position=verdict.position,
                    stream=prepared.stream,
                    published_ms=item.published_ms,
                    topic=topic,
                    sentiment=_SENTIMENTS[sentiment],
                    p=p_of[place][sentiment],
                    entities=item.entities,
                    model=model,
                    novelty=verdict.novelty,
                )
    run.windows = aggregate(cells, model)
    if not publish:
        return Reduced(run, [])
    topic_p = scores.topic.astype(np.float64).round(_DIGITS).tolist()
    scored = [
        _scored(item, verdict, prepared.stream, labels, topic, topic_row, sentiment, p, model)
        for item, verdict, topic, topic_row, sentiment, p in zip(
            prepared.items, verdicts, topic_of, topic_p, sentiment_of, p_of, strict=True
        )
    ]
    return Reduced(run, scored)


class _Verdict(NamedTuple):
    """What became of one item. ``story`` is the owner's position, its own where nobody was asked."""

    position: str
    status: str
    story: str
    novelty: int | None = None

    @property
    def opens_story(self) -> bool:
        return self.status == COUNTED and self.story == self.position


def _admission(prepared: Prepared, cursor: Cursor) -> Admission:
    return admit(
        [item.published_ms for item in prepared.items],
        [item.timestamp_ms for item in prepared.items],
        watermark_ms=cursor.watermark_ms,
        lateness_ms=cursor.lateness_ms,
        future_ms=cursor.future_ms,
    )


def _verdicts(prepared: Prepared, admission: Admission, owners: Sequence[Ownership]) -> list[_Verdict]:
    admitted = admission.admitted
    if len(owners) != int(admitted.sum()):
        raise ValueError(
            f"{len(owners)} ownerships for {int(admitted.sum())} claims: the cursor moved between claims() and reduce()"
        )
    answers = iter(owners)
    verdicts = []
    for item, late, future in zip(prepared.items, admission.late.tolist(), admission.future.tolist(), strict=True):
        position = item.position
        if late or future:
            verdicts.append(_Verdict(position, LATE if late else FUTURE, position))
        else:
            owner, repeated, novelty = next(answers)
            verdicts.append(_Verdict(position, DUPLICATE if repeated else COUNTED, owner, novelty))
    return verdicts


def _counters(prepared: Prepared, verdicts: Sequence[_Verdict]) -> dict[str, int]:
    """One path for each record, whose sum is the number of records, and the four counters beside them."""
    found = Counter(verdict.status for verdict in verdicts)
    found.update(DEAD + letter.reason for letter in prepared.dead)
    found[TOMBSTONE] = prepared.tombstones
    found[STORIES] = sum(verdict.opens_story for verdict in verdicts)
    found[COPIES] = found[COUNTED] - found[STORIES]
    found[TRUNCATED] = sum(item.truncated for item in prepared.items)
    found[UNLINKED] = sum(
        verdict.status == COUNTED and not item.entities for item, verdict in zip(prepared.items, verdicts, strict=True)
    )
    return {name: n for name, n in found.items() if n}


def _score_micro(sentiment: NDArray[np.float32]) -> NDArray[np.int64]:
    """Probability of positive minus negative in millionths, half to even; shape (n,) from (n, 3)."""
    wide = sentiment.astype(np.float64)
    return np.rint((wide[:, 2] - wide[:, 0]) * MICRO).astype(np.int64)


def _scored(
    item: Item,
    verdict: _Verdict,
    stream: str,
    labels: Sequence[str],
    topic: int,
    topic_p: list[float],
    sentiment: int,
    p: list[float],
    model: str,
) -> Scored:
    return Scored(
        position=verdict.position,
        id=item.message.id,
        stream=stream,
        published_at=item.message.published_at,
        source=item.message.source,
        topic=labels[topic],
        topic_probabilities=dict(zip(labels, topic_p, strict=True)),
        sentiment=_SENTIMENTS[sentiment],
        sentiment_probabilities=dict(zip(messages.SENTIMENTS, p, strict=True)),
        entities=item.entities,
        story=verdict.story,
        copy=verdict.story != verdict.position,
        status=verdict.status,
        novelty=verdict.novelty,
        model=model,
        extra=messages.extra_fields(item.value),
    )


def _longer(raw: str, max_bytes: int) -> bool:
    if raw.isascii() or len(raw) > max_bytes:
        return len(raw) > max_bytes
    return len(raw) * 4 > max_bytes and len(raw.encode(errors="replace")) > max_bytes
