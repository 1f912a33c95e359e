"""A thread that writes the worker's health to Redis each second, and looks whether Redis still holds what it should.

It also says in Redis which model serves, once that changes, and keeps saying it: Redis may have lost it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from redis.exceptions import RedisError

from stream.outage import Outage
from stream.tenure import Tenure
from undertone.scorer import Scorer
from undertone.store import Store

BEAT_S = 1.0
KEEP_LABELS_EVERY = 10
"""Beats between two writes of the label set, where it has not changed."""
LOOK_BACK_EVERY = 5
"""Beats between two looks at what Redis holds. The guarded write would notice too, but only with the next record."""

log = logging.getLogger(__name__)


class Heartbeat:
    """One for each worker; ends with the process."""

    def __init__(
        self,
        store: Store,
        worker: str,
        fields: Callable[[], dict[str, str | int | float]],
        held: Callable[[], Iterable[Tenure]],
        went_back: Callable[[Tenure], object],
        champion: Callable[[], Scorer],
    ) -> None:
        """`went_back` is told, on this thread, of a tenure of which Redis holds less than was written.

        `champion` gives the model that serves now; the one that serves first is in Redis already.
        """
        self.outage = Outage("Redis")
        self._store = store
        self._worker = worker
        self._fields = fields
        self._held = held
        self._went_back = went_back
        self._champion = champion
        self._named = champion()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        beats = 0
        while not self._stopped.wait(BEAT_S):
            beats += 1
            try:
                now_ms = int(time.time() * 1000)
                self._store.write_heartbeat(self._worker, self._fields(), now_ms)
                self._name_model(beats, now_ms)
                if beats % LOOK_BACK_EVERY == 0:
                    self._look_back()
            except RedisError as error:
                self._stopped.wait(self.outage.failed(error))
            else:
                self.outage.over()

    def _name_model(self, beats: int, now_ms: int) -> None:
        champion = self._champion()
        if champion is not self._named:
            self._store.write_labels(champion.topics, champion.version, now_ms)
            self._named = champion
        elif beats % KEEP_LABELS_EVERY == 0:
            self._store.keep_labels(champion.topics, champion.version, now_ms)

    def _look_back(self) -> None:
        for tenure in self._held():
            believed = tenure.cursor.offset  # before the store is asked: it only grows
            stored = self._store.state(tenure.stream, tenure.partition).offset
            if stored < believed and not tenure.ended:
                log.critical(
                    "Redis went back: of %s-%d it holds offset %d, but %d was written. Counting again from there",
                    tenure.stream,
                    tenure.partition,
                    stored,
                    believed,
                )
                self._went_back(tenure)
