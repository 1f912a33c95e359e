"""A challenger in shadow: it scores a sample of the texts after the champion did, and only their differences are kept.

It must cost the champion nothing that a person would notice. It runs on the scorer's thread once the champion's
scores are with the writer, a few texts at a time, and steps aside as soon as another take waits: what it leaves out
is counted as skipped. Whether it fails, is slow or talks nonsense, no count of the windows depends on it.

Which texts are in the sample depends on their place in the log alone, so that every challenger, and every replay,
meets the same ones. Each is compared at most once; see :mod:`undertone.shadow_store`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import xxhash
from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import RedisError

from stream.scoring import Lineup, Portion, checked
from undertone.keys import SHADOW_BUCKET_S
from undertone.messages import Sentiment, encode
from undertone.scorer import Scorer
from undertone.shadow_store import (
    SKIPPED_METRIC,
    TOPIC_METRIC,
    Example,
    Pair,
    ShadowRun,
    ShadowStore,
    field_of,
    sentiment_metric,
)
from undertone.store import Outcome
from undertone.trends import bucket

TEXTS_AT_ONCE = 16
"""A take that arrives meanwhile waits for so many texts of the challenger at most."""

_HASHES = 1 << 64
_SENTIMENTS = tuple(Sentiment)

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """The most likely topic and sentiment; the latter is 0 negative, 1 neutral, 2 positive."""

    topic: str
    sentiment: int


class Sample(NamedTuple):
    """One message of the sample, and what the champion answered."""

    offset: int
    position: str
    id: str
    published_ms: int
    text: str
    champion: Answer


@dataclass(slots=True)
class Samples:
    """The sample of one portion. ``answers`` are the challenger's; the last messages have none if they were skipped."""

    stream: str
    partition: int
    epoch: str
    pair: Pair
    rows: list[Sample]
    answers: list[Answer] = field(default_factory=list)

    def run(self, after_offset: int = -1) -> ShadowRun | None:
        """What is written of the messages after an offset; None if there are none."""
        rows = [row for row in self.rows if row.offset > after_offset]
        if not rows:
            return None
        run = ShadowRun(self.stream, self.partition, rows[0].offset, rows[-1].offset, self.epoch)
        for place, row in enumerate(self.rows):
            if row.offset <= after_offset:
                continue
            start_s = bucket(row.published_ms, SHADOW_BUCKET_S)
            cells = run.cells.setdefault(start_s, {})
            theirs = self.answers[place] if place < len(self.answers) else None
            for metric in _metrics(row.champion, theirs):
                name = field_of(self.pair, metric)
                cells[name] = cells.get(name, 0) + 1
            if theirs is not None and theirs != row.champion:
                run.examples.setdefault(start_s, {})[row.position] = self._example(row, theirs)
        return run

    def differences(self) -> tuple[int, int]:
        """How many of the messages compared got another topic, and how many another sentiment."""
        compared = list(zip(self.rows, self.answers, strict=False))
        topics = sum(row.champion.topic != theirs.topic for row, theirs in compared)
        return topics, sum(row.champion.sentiment != theirs.sentiment for row, theirs in compared)

    def _example(self, row: Sample, theirs: Answer) -> str:
        example = Example(
            position=row.position,
            id=row.id,
            published_ms=row.published_ms,
            champion=self.pair.champion,
            challenger=self.pair.challenger,
            champion_topic=row.champion.topic,
            challenger_topic=theirs.topic,
            champion_sentiment=_SENTIMENTS[row.champion.sentiment],
            challenger_sentiment=_SENTIMENTS[theirs.sentiment],
        )
        return encode(example).decode()


def sampled(position: str, share: float) -> bool:
    """Whether the message at this position, such as ``news-3:1042``, is in a sample of this share, 0..1."""
    return xxhash.xxh3_64_intdigest(position.encode()) < share * _HASHES


def sample(take: Sequence[Portion], lineup: Lineup, future_ms: int) -> list[Samples]:
    """The sample of each portion of a scored take that has one; none at all without a challenger.

    To be taken before the writer gets the take, which may change its portions. Future-dated messages are left out,
    as they are of the windows: they would open an hour that is not due for years.
    """
    if lineup.challenger is None:
        return []
    pair = Pair(lineup.champion.version, lineup.challenger.version)
    found = []
    for portion in take:
        rows = list(_rows(portion, lineup.share, future_ms))
        if rows:
            tenure = portion.tenure
            found.append(Samples(tenure.stream, tenure.partition, tenure.cursor.epoch, pair, rows))
    return found


def _rows(portion: Portion, share: float, future_ms: int) -> Iterator[Sample]:
    if portion.prepared is None or portion.scores is None:
        return
    for place, item in enumerate(portion.prepared.items):
        if sampled(item.position, share) and item.published_ms <= item.timestamp_ms + future_ms:
            champion = Answer(
                portion.topics[int(portion.scores.topic[place].argmax())],
                int(portion.scores.sentiment[place].argmax()),
            )
            yield Sample(item.offset, item.position, item.message.id, item.published_ms, item.text, champion)


class Shadow:
    """Lets the challenger answer, on the scorer's thread, and writes what it said, on the writer's."""

    def __init__(self, store: ShadowStore, registry: CollectorRegistry) -> None:
        self._store = store
        self._broken: Scorer | None = None
        self._lost = False
        self._messages = Counter(
            "undertone_shadow_messages",
            "Sampled messages, by what became of them: compared, skipped, lost",
            ("result",),
            registry=registry,
        )
        self._differences = Counter(
            "undertone_shadow_differences",
            "Messages on which the challenger differs from the champion",
            ("head",),
            registry=registry,
        )

    def compare(self, taken: Sequence[Samples], challenger: Scorer, busy: Callable[[], bool]) -> None:
        """Fill in the challenger's answers until `busy` says that a take waits.

        A challenger that fails is not asked again.
        """
        for samples in taken:
            for begin in range(0, len(samples.rows), TEXTS_AT_ONCE):
                if busy() or challenger is self._broken:
                    break
                texts = [row.text for row in samples.rows[begin : begin + TEXTS_AT_ONCE]]
                try:
                    scores = checked(challenger, texts)
                    topics = [challenger.topics[place] for place in scores.topic.argmax(axis=1).tolist()]
                except Exception as error:  # whatever it is, it is no reason to stop counting
                    self._broken = challenger
                    log.error("Challenger %s fails and is left alone (%s)", challenger.version, type(error).__name__)
                    break
                sentiments: list[int] = scores.sentiment.argmax(axis=1).tolist()
                samples.answers += map(Answer, topics, sentiments)

    def write(self, taken: Sequence[Samples]) -> None:
        """Add what was found to Redis. What Redis does not take now is lost, and the champion goes on."""
        for samples in taken:
            try:
                outcome = self._write(samples)
            except RedisError as error:
                self._lose(samples, str(error))
            else:
                if outcome is Outcome.APPLIED:
                    self._lost = False
                    self._count(samples)
                elif outcome is Outcome.OTHER_EPOCH:
                    self._lose(samples, "another epoch is in charge")

    def _lose(self, samples: Samples, why: str) -> None:
        self._messages.labels("lost").inc(len(samples.rows))
        if not self._lost:
            self._lost = True
            log.warning("Comparisons with the challenger are lost while Redis does not take them (%s)", why)

    def _write(self, samples: Samples) -> Outcome:
        run = samples.run()
        outcome = Outcome.KNOWN
        while run is not None:
            outcome, stored = self._store.apply(run)
            # Another worker held the partition for a moment and compared the first part.
            run = samples.run(stored) if outcome is Outcome.OVERLAP else None
        return outcome

    def _count(self, samples: Samples) -> None:
        topics, sentiments = samples.differences()
        self._messages.labels("compared").inc(len(samples.answers))
        self._messages.labels("skipped").inc(len(samples.rows) - len(samples.answers))
        self._differences.labels("topic").inc(topics)
        self._differences.labels("sentiment").inc(sentiments)


def _metrics(champion: Answer, challenger: Answer | None) -> Iterator[str]:
    if challenger is None:
        yield SKIPPED_METRIC
        return
    yield sentiment_metric(champion.sentiment, challenger.sentiment)
    if champion.topic != challenger.topic:
        yield TOPIC_METRIC
