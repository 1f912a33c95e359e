"""A rehearsal: what would ring on dated messages with a given model, by the worker's and the watch's own pure parts.

Knows neither Kafka nor Redis. It differs from a real run in one thing: it reads all messages before it looks, in the
order of their event times, so that none is late and of two copies the earlier one always owns the story.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from stream import stories
from stream.alerting import Change, Episode, Key, Seen, What
from stream.batch import Cursor, Record, claims, prepare, reduce
from stream.detector import WINDOWS_S
from stream.evidence import EvidenceMemory, behind
from stream.lookout import Lookout
from stream.patrol import HOUR_MS, LATE_HOURS
from stream.scoring import checked
from stream.sightings import MINUTE_MS
from stream.storybook import Storybook
from stream.voices import seen
from undertone import keys
from undertone.entities import Linker
from undertone.messages import Evidence, Message, Severity, from_ms
from undertone.rules import Rule
from undertone.scorer import Scorer
from undertone.settings import Settings
from undertone.store import PartitionState, Run
from undertone.trends import Counts, Series, from_metrics

CHUNK_RECORDS = 512
TAIL_MIN = max(WINDOWS_S) // 60
"""Minutes that are looked at after the last message: until then its windows hold something."""

_evidence = msgspec.json.Decoder(Evidence)


class RehearsedAlert(NamedTuple):
    """One episode of which a person would have been told; figures are those of the minute in which it fired.

    ``severity`` is the highest that it reached. ``topic`` or ``entity`` is empty where the series is over all.
    """

    fired_at: datetime
    severity: Severity
    rule: str
    entity: str
    topic: str
    stories: int
    messages: int
    p_count: float
    p_share: float


def rehearse(
    messages: Iterable[Message],
    scorer: Scorer,
    *,
    settings: Settings,
    linker: Linker | None = None,
    stream: str = "comments",
) -> list[RehearsedAlert]:
    """Return the alerts that the messages would have raised, in the order in which they fire.

    Args:
        messages: In any order; they are taken by event time.
        scorer: Judges every text.
        settings: Lateness, length of texts, how long a story is open.
        linker: Finds the companies of each text (default: the list that the settings name).
        stream: The stream that the messages are taken for; counts do not depend on it.

    Raises:
        ModelError: if the scorer gives what is no score.
    """
    linker = linker or Linker.load(settings.entities_file)
    log = _count(sorted(messages, key=lambda one: (one.published_ms, one.id)), scorer, settings, linker, stream)
    return _watch(log)


@dataclass(slots=True)
class _Log:
    """What the worker would have written: counts by minute and by hour of event time, and stories by time."""

    minutes: dict[int, dict[Series, Counts]]
    hours: dict[int, dict[Series, Counts]]
    evidence: list[Evidence]


def _count(messages: Sequence[Message], scorer: Scorer, settings: Settings, linker: Linker, stream: str) -> _Log:
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
    windows: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    evidence: dict[int, dict[str, str]] = defaultdict(dict)
    for first in range(0, len(messages), CHUNK_RECORDS):
        records = [
            Record(first + place, one.published_ms, None, one.encode(), ())
            for place, one in enumerate(messages[first : first + CHUNK_RECORDS])
        ]
        prepared = prepare(stream, 0, records, linker=linker, max_text_bytes=settings.max_text_bytes)
        run = reduce(
            prepared,
            checked(scorer, prepared.texts),
            book.claim(claims(prepared, cursor)),
            cursor,
            labels=scorer.topics,
            model=scorer.version,
            now_ms=0,
            memory=memory,
            publish=False,
        ).run
        cursor.advance(run)
        _add(run, windows, evidence)
    kept = [_evidence.decode(one) for bucket in evidence.values() for one in bucket.values()]
    return _Log(
        _by_start(windows, keys.SIZES_S[0]),
        _by_start(windows, HOUR_MS // 1000),
        sorted(kept, key=lambda one: (one.published_ms, one.position)),
    )


def _add(run: Run, windows: dict[tuple[int, int], dict[str, int]], evidence: dict[int, dict[str, str]]) -> None:
    """Apply a run, as `apply.lua` does."""
    for window, cells in run.windows.items():
        known = windows[window]
        for name, n in cells.items():
            known[name] += n
    for start_s, documents in run.evidence.items():
        bucket = evidence[start_s]
        for position, document in documents.items():
            if len(bucket) < keys.EVIDENCE_PER_BUCKET:
                bucket.setdefault(position, document)


def _by_start(windows: Mapping[tuple[int, int], Mapping[str, int]], size_s: int) -> dict[int, dict[Series, Counts]]:
    """Windows of one size by their number since 1970, as `Reader.windows` gives them."""
    return {start_s // size_s: _series(cells) for (size, start_s), cells in windows.items() if size == size_s}


def _series(cells: Mapping[str, int]) -> dict[Series, Counts]:
    found: dict[Series, dict[str, int]] = defaultdict(dict)
    for name, n in cells.items():
        topic, entity, metric = name.split(keys.SEPARATOR)
        if topic:  # the counters of models have none
            found[Series(topic, entity)][metric] = n
    return {one: from_metrics(metrics) for one, metrics in found.items()}


def _watch(log: _Log) -> list[RehearsedAlert]:
    """Look at every minute from the first hour that has a message, as `Patrol` does."""
    if not log.minutes:
        return []
    lookout, recent = Lookout(), _Recent(log.evidence)
    ringing: dict[Key, int] = {}
    alerts: list[RehearsedAlert] = []
    for minute in range(min(log.minutes) // 60 * 60, max(log.minutes) + TAIL_MIN):
        if minute % 60 == 0:
            for hour in range(minute // 60 - LATE_HOURS, minute // 60):
                lookout.hour(hour, log.hours.get(hour, {}))
        lookout.minute(minute, log.minutes.get(minute, {}))
        recent.minute = minute
        for change in lookout.look(minute, recent.see):
            key = _key(change.episode)
            if change.what is What.FIRED:
                ringing[key] = len(alerts)
                alerts.append(_alert(lookout, minute, change))
            elif change.what is What.ESCALATED:
                alerts[ringing[key]] = alerts[ringing[key]]._replace(severity=change.episode.severity)
    return alerts


def _alert(lookout: Lookout, minute: int, change: Change) -> RehearsedAlert:
    episode, reading = change.episode, change.reading
    assert reading is not None, "what fires has been read"
    return RehearsedAlert(
        from_ms((minute + 1) * MINUTE_MS),
        episode.severity,
        episode.rule,
        episode.entity,
        episode.topic,
        reading.stories,
        lookout.messages(episode.series, reading),
        reading.p_count,
        reading.p_share,
    )


def _key(episode: Episode) -> Key:
    return episode.rule, episode.topic, episode.entity


@dataclass(slots=True)
class _Recent:
    """The stories of the widest window that ends with ``minute``, which only goes forward."""

    evidence: Sequence[Evidence]
    minute: int = 0
    _kept: deque[Evidence] = field(default_factory=deque)
    _next: int = 0

    def see(self, rule: Rule, series: Series, window_s: int) -> Seen:
        end_ms = (self.minute + 1) * MINUTE_MS
        while self._next < len(self.evidence) and self.evidence[self._next].published_ms < end_ms:
            self._kept.append(self.evidence[self._next])
            self._next += 1
        while self._kept and self._kept[0].published_ms < end_ms - max(WINDOWS_S) * 1000:
            self._kept.popleft()
        told = behind(self._kept, rule, series, end_ms - window_s * 1000, end_ms)
        return seen(told, sources=len({one.source for one in self._kept}))
