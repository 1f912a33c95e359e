"""From chunks to scores, on a thread of its own: decode every chunk of a take, score all texts in one call.

Which models score may change between two takes, never within one: a portion carries the version and the topics of
the model that scored it, and nothing after this asks which model serves now. A record that is read again, after a
crash or a rebalance, may be scored by a newer model than before; the store's guard still lets only one of the two
into the windows, under the version that gave its scores.

One bad record must neither stop its neighbours nor come back for ever: when a call fails, each record is tried
alone, and the one that fails becomes a dead letter. A scorer that fails on everything is broken, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from stream.batch import DeadLetter, Item, Prepared, Record, prepare
from stream.failpoints import passed
from stream.tenure import Chunk, Tenure
from undertone.entities import Linker
from undertone.errors import ModelError
from undertone.scorer import Scorer, Scores

FAILED = "scorer-failed"
PREPARE_FAILED = "prepare-failed"
PROBE = "Shares of the company rose after it reported its results."


class Lineup(NamedTuple):
    """The models that serve: the champion's scores count, the challenger scores a share of the texts in shadow."""

    champion: Scorer
    challenger: Scorer | None = None
    share: float = 0.0


@dataclass(slots=True)
class Portion:
    """What one take holds of one partition: consecutive chunks, and what became of them so far.

    `model` and `topics` are the version and the labels of the model that gave `scores`. `counters` are those this
    worker has written; they stay empty if another one had done it.
    """

    tenure: Tenure
    chunks: list[Chunk]
    records: list[Record] = field(default_factory=list)
    prepared: Prepared | None = None
    scores: Scores | None = None
    model: str = ""
    topics: tuple[str, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)


def portions(chunks: Sequence[Chunk]) -> list[Portion]:
    """The chunks of a take by partition, each partition's in order; those of a tenure that ends are left out."""
    found: dict[int, Portion] = {}
    for chunk in chunks:
        if chunk.tenure.open:
            known = found.setdefault(id(chunk.tenure), Portion(chunk.tenure, []))
            known.chunks.append(chunk)
    return list(found.values())


class Scoring:
    """Prepares and scores."""

    def __init__(self, lineup: Lineup, linker: Linker, max_text_bytes: int) -> None:
        self.lineup = lineup
        """Read once by each take; another thread replaces it as a whole."""
        self._last_champion = lineup.champion
        self._linker = linker
        self._max_text_bytes = max_text_bytes

    def run(self, take: Sequence[Portion]) -> Lineup:
        """Fill in `records`, `prepared`, `scores`, `model` and `topics` of every portion; returns the models in charge.

        Raises:
            ModelError: if the scorer fails whatever it is given.
        """
        lineup = self.lineup
        scorer = lineup.champion
        for portion in take:
            portion.model, portion.topics = scorer.version, scorer.topics
            portion.records = [
                Record(one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
                for chunk in portion.chunks
                for one in chunk.records
            ]
            portion.prepared = self._prepare(portion)
        prepared = [portion.prepared for portion in take if portion.prepared is not None]
        try:
            scores = checked(scorer, [text for one in prepared for text in one.texts])
        except Exception:
            for portion in take:
                _score_alone(scorer, portion)
        else:
            begin = 0
            for portion, one in zip(take, prepared, strict=True):
                end = begin + len(one.items)
                portion.scores = Scores(scores.topic[begin:end], scores.sentiment[begin:end])
                begin = end
        if scorer is not self._last_champion:
            self._last_champion = scorer
            passed("after-swap")
        return lineup

    def _prepare(self, portion: Portion) -> Prepared:
        stream, partition = portion.tenure.stream, portion.tenure.partition
        try:
            return self._prepared(stream, partition, portion.records)
        except Exception:  # unforeseen by definition: find the record that brings it about
            records = portion.records
        whole = Prepared(stream, partition, records[0].offset, records[-1].offset)
        for record in records:
            try:
                one = self._prepared(stream, partition, [record])
            except Exception as error:
                whole.dead.append(DeadLetter(record, "prepare", PREPARE_FAILED, _words(error)))
            else:
                whole.items += one.items
                whole.dead += one.dead
                whole.tombstone_offsets += one.tombstone_offsets
        return whole

    def _prepared(self, stream: str, partition: int, records: Sequence[Record]) -> Prepared:
        return prepare(stream, partition, records, linker=self._linker, max_text_bytes=self._max_text_bytes)


def checked(scorer: Scorer, texts: Sequence[str]) -> Scores:
    """Scores of the texts.

    Raises:
        ModelError: if there is not one for each text, or one is no number; whatever else the scorer raises.
    """
    scores = scorer.score(texts)
    if len(scores.topic) != len(texts) or len(scores.sentiment) != len(texts):
        raise ModelError(f"Model {scorer.version} gave {len(scores.topic)} scores for {len(texts)} texts")
    if not (np.isfinite(scores.topic).all() and np.isfinite(scores.sentiment).all()):
        raise ModelError(f"Model {scorer.version} gave a score that is not a number")
    return scores


def _score_alone(scorer: Scorer, portion: Portion) -> None:
    """Score the items of a portion one by one; those that fail become dead letters."""
    prepared = portion.prepared
    if prepared is None:
        return
    rows: list[Scores] = []
    kept: list[Item] = []
    by_offset = {record.offset: record for record in portion.records}
    for item in prepared.items:
        try:
            rows.append(checked(scorer, [item.text]))
        except Exception as error:
            _probe(scorer, error)
            prepared.dead.append(DeadLetter(by_offset[item.offset], "score", FAILED, _words(error)))
        else:
            kept.append(item)
    prepared.items = kept
    empty = checked(scorer, [PROBE])
    portion.scores = Scores(
        np.concatenate([empty.topic[:0], *(row.topic for row in rows)]),
        np.concatenate([empty.sentiment[:0], *(row.sentiment for row in rows)]),
    )


def _probe(scorer: Scorer, error: Exception) -> None:
    """Tell a bad text from a broken scorer by a sentence that has nothing special about it."""
    try:
        checked(scorer, [PROBE])
    except Exception as again:
        raise ModelError(
            f"Model {scorer.version} fails on every text ({_words(again)}): "
            "check it with `undertone doctor`, or set UNDERTONE_MODEL to another one"
        ) from error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
