"""The ordered writer: claim, reduce, publish, apply, advance. One thread, so that a partition's runs keep their order.

Exactness rests on the store's guard, not on this thread: whatever is repeated, by a retry, a zombie or the next
holder of the partition, the guard knows it. What the writer adds is that nothing is left out: a chunk that does not
follow what was written is refused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from aiokafka.errors import KafkaError
from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stream import stories
from stream.batch import Cursor, DeadLetter, Item, Prepared, Reduced, claims, reduce, trim
from stream.deadletters import letter
from stream.evidence import EvidenceMemory
from stream.failpoints import passed
from stream.outage import Outage
from stream.positions import StorePositions
from stream.publisher import Publisher
from stream.scoring import Portion
from stream.tenure import Tenure
from undertone.scorer import Scores
from undertone.settings import Settings
from undertone.store import Claim, Outcome, Ownership, Store

REDUCE_FAILED = "reduce-failed"
PASSING = (
    RedisConnectionError,  # also while Redis loads its data
    RedisTimeoutError,
    OutOfMemoryError,  # of a script that has written nothing yet: Redis checks before the first write only
    ReadOnlyError,
    ClusterDownError,
    TryAgainError,
)
PASSING_ANSWERS = ("BUSY", "NOREPLICAS", "MISCONF")
"""Answers of Redis that pass without our doing anything; any other one is a defect, and stops the worker."""

CLAIMS_AT_ONCE = 256
"""Claims in one script, so that Redis has time for others in between."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class Abandoned(Exception):
    """The worker is stopping: what is not written now is read again by whoever comes next."""


class Writer:
    """Writes the portions of a take. Lives on one thread."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        positions: StorePositions,
        publisher: Publisher,
    ) -> None:
        self.redis = Outage("Redis")
        self.kafka = Outage("Kafka (as producer)")
        self.stopping = False
        self._settings = settings
        self._store = store
        self._positions = positions
        self._publisher = publisher
        self._evidence = EvidenceMemory()

    def write(self, take: Sequence[Portion]) -> list[Portion]:
        """Write every portion that may still be written; returns those that are in the store now.

        A portion that is left out has its tenure ended, unless that was why it was left out.

        Raises:
            Abandoned: if the worker stops meanwhile.
            RedisError: if Redis refuses in a way that waiting does not mend.
        """
        if not take:
            return []
        due = [portion for portion in take if self._follows(portion)]
        owners = self._claim(due)
        passed("after-claim")
        written = []
        for portion, theirs in zip(due, owners, strict=True):
            if self._finish(portion, theirs):
                written.append(portion)
        return written

    def _follows(self, portion: Portion) -> bool:
        tenure = portion.tenure
        if tenure.ended:
            return False
        expected = tenure.written
        for chunk in portion.chunks:
            if chunk.follows > expected:
                # Offsets between were read and then lost on the way, as in a rebalance. Never write past them.
                log.warning(
                    "%s-%d: %d offsets were skipped after %d; reading them again",
                    tenure.stream,
                    tenure.partition,
                    chunk.follows - expected,
                    expected,
                )
                tenure.ended = True
                return False
            expected = chunk.last
        return True

    def _claim(self, due: Sequence[Portion]) -> list[list[Ownership]]:
        """Who owns the stories of each portion; one question to the store for all of a stream."""
        asked = [self._claims_of(portion) for portion in due]
        if not due:
            return []
        flat = [claim for claims_of in asked for claim in claims_of]
        stream = due[0].tenure.stream
        owners: list[Ownership] = []
        for begin in range(0, len(flat), CLAIMS_AT_ONCE):
            some = flat[begin : begin + CLAIMS_AT_ONCE]
            owners += self._patiently(self.redis, partial(self._ask, stream, some))
        answers = iter(owners)
        return [[next(answers) for _ in claims_of] for claims_of in asked]

    def _ask(self, stream: str, asked: Sequence[Claim]) -> list[Ownership]:
        return self._store.claim(
            stream,
            asked,
            window_ms=self._settings.story_window_s * 1000,
            threshold=stories.THRESHOLD,
            sketch_size=stories.SKETCH_SIZE,
        )

    def _claims_of(self, portion: Portion) -> list[Claim]:
        prepared, _ = _ready(portion)
        cursor: Cursor = portion.tenure.cursor
        try:
            return claims(prepared, cursor)
        except Exception:  # unforeseen by definition: find the record that brings it about
            self._bury(portion, lambda one, _: claims(one, cursor))
            return claims(_ready(portion)[0], cursor)

    def _finish(self, portion: Portion, owners: Sequence[Ownership]) -> bool:
        """Reduce, publish and apply one portion; whether it is in the store now."""
        tenure = portion.tenure
        published = False
        while not tenure.ended:
            cursor: Cursor = tenure.cursor
            reduced = self._reduce(portion, owners)
            if reduced is None:
                owners = self._claim([portion])[0]
                continue
            if not published:
                self._publish(portion, reduced)
                published = True
            passed("before-apply")
            outcome, stored = self._patiently(self.redis, partial(self._store.apply, reduced.run))
            if outcome in (Outcome.APPLIED, Outcome.KNOWN):
                passed("after-apply")
                if outcome is Outcome.APPLIED:
                    portion.counters = reduced.run.counters
                cursor.advance(reduced.run)
                tenure.written = max(stored, reduced.run.last)
                return True
            if outcome is Outcome.OVERLAP:
                # Another worker held the partition for a moment and wrote the first part of this run.
                tenure.cursor = self._patiently(self.redis, partial(self._reloaded, tenure))
                prepared, scores = _ready(portion)
                if stored < prepared.last:
                    portion.prepared, portion.scores = trim(prepared, scores, stored)
                owners = self._claim([portion])[0]
                continue
            self._lost(portion, outcome, stored)
        return False

    def _reloaded(self, tenure: Tenure) -> Cursor:
        return self._positions.cursor(tenure.stream, tenure.partition, tenure.cursor.epoch)

    def _reduce(self, portion: Portion, owners: Sequence[Ownership]) -> Reduced | None:
        """The portion reduced; None if a record had to be taken out, and the owners must be asked for again."""
        prepared, scores = _ready(portion)
        cursor: Cursor = portion.tenure.cursor
        now_ms = int(time.time() * 1000)

        def once(one: Prepared, its_scores: Scores, theirs: Sequence[Ownership], publish: bool) -> Reduced:
            return reduce(
                one,
                its_scores,
                theirs,
                cursor,
                labels=portion.topics,
                model=portion.model,
                now_ms=now_ms,
                memory=self._evidence,
                publish=publish,
            )

        try:
            return once(prepared, scores, owners, self._settings.publish_scored)
        except Exception:  # unforeseen by definition: find the record that brings it about
            self._bury(
                portion,
                lambda one, its: once(
                    one,
                    its,
                    [Ownership(claim.position, False) for claim in claims(one, cursor)],
                    self._settings.publish_scored,
                ),
            )
            return None

    def _bury(self, portion: Portion, attempt: Callable[[Prepared, Scores], object]) -> None:
        """Make dead letters of the items that `attempt` fails on when each is alone.

        Raises:
            Exception: what `attempt` raised for the whole portion, if no single record is to blame.
        """
        prepared, scores = _ready(portion)
        by_offset = {record.offset: record for record in portion.records}
        kept: list[int] = []
        for place, item in enumerate(prepared.items):
            alone = _alone(prepared, item)
            try:
                attempt(alone, Scores(scores.topic[place : place + 1], scores.sentiment[place : place + 1]))
            except Exception as error:
                detail = f"{type(error).__name__}: {error}"
                prepared.dead.append(DeadLetter(by_offset[item.offset], "reduce", REDUCE_FAILED, detail))
            else:
                kept.append(place)
        if len(kept) == len(prepared.items):
            attempt(prepared, scores)
            return
        prepared.items = [prepared.items[place] for place in kept]
        portion.scores = Scores(scores.topic[kept], scores.sentiment[kept])

    def _publish(self, portion: Portion, reduced: Reduced) -> None:
        prepared, _ = _ready(portion)
        failed_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        letters = [letter(prepared.stream, prepared.partition, dead, failed_at) for dead in prepared.dead]
        if reduced.scored or letters:
            self._patiently(self.kafka, lambda: self._publisher.publish(reduced.scored, letters, prepared.partition))

    def _lost(self, portion: Portion, outcome: Outcome, stored: int) -> None:
        """The store is not where this worker left it. Start again from what it says."""
        tenure = portion.tenure
        if outcome is Outcome.BEHIND:
            log.critical(
                "Redis went back: of %s-%d it holds offset %d, but %d was written. Counting again from there",
                tenure.stream,
                tenure.partition,
                stored,
                tenure.written,
            )
        else:
            log.critical(
                "Another epoch is in charge of %s-%d in Redis: this worker's is over",
                tenure.stream,
                tenure.partition,
            )
        tenure.ended = True

    def _patiently(self, outage: Outage, attempt: Callable[[], T]) -> T:
        """Try until it works or the worker stops; the store's guard makes it safe to have done it twice."""
        while True:
            try:
                result = attempt()
            except (RedisError, KafkaError, TimeoutError) as error:
                if not _passes(error):
                    raise
                wait_s = outage.failed(error)
                deadline = time.monotonic() + wait_s
                while time.monotonic() < deadline:
                    if self.stopping:
                        raise Abandoned from error
                    time.sleep(0.05)
            else:
                outage.over()
                return result
            if self.stopping:
                raise Abandoned


def _passes(error: Exception) -> bool:
    if not isinstance(error, RedisError):
        return True
    return isinstance(error, PASSING) or (isinstance(error, ResponseError) and str(error).startswith(PASSING_ANSWERS))


def _ready(portion: Portion) -> tuple[Prepared, Scores]:
    if portion.prepared is None or portion.scores is None:
        raise ValueError("a portion must be scored before it is written")
    return portion.prepared, portion.scores


def _alone(prepared: Prepared, item: Item) -> Prepared:
    return Prepared(prepared.stream, prepared.partition, item.offset, item.offset, [item])
