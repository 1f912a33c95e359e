"""A month of made-up counts, stories and alerts, as the worker and the watch write them, and how it goes on.

For what reads the store: nothing here is scored, linked or detected.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import msgspec

from undertone import keys
from undertone.alert_store import AlertStore, Publication
from undertone.messages import Alert, AlertState, Evidence, Sentiment, Severity, from_ms, position
from undertone.scorer import TOPICS
from undertone.store import Outcome, Run, Store
from undertone.trends import MESSAGE_METRICS, MICRO, SCORE_METRIC, STORY_METRICS, Series, bucket

NOW_MS: Final = 1_392_843_900_000
PARTITIONS: Final = {"news": 4, "comments": 4}
PLACES: Final = [(stream, n) for stream, count in PARTITIONS.items() for n in range(count)]
ENTITIES: Final = [f"CO{n:02d}" for n in range(40)]
SERIES: Final = 200
RECENT: Final = {60: 6 * 3_600, 300: 2 * keys.DAY_S, 3_600: 30 * keys.DAY_S, keys.DAY_S: 30 * keys.DAY_S}
"""For how long, s, windows of each size are written: as far back as the ranges of the pages reach into them."""
STORIES, STORY_DAYS = 12_000, 7
ALERTS, OPEN_ALERTS = 200, 8
A_SECOND: Final = 3
"""Messages of each stream in a second, once the month is over; every fourth second one of them is kept as a story."""
WORDS: Final = "shares outlook profit bank deal rates court oil chip growth cut raise miss beat fine".split()

Windows = dict[tuple[int, int], dict[str, int]]


class Month:
    """Writes it, and what comes after it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._draw = random.Random(6)
        named = [Series(topic, "") for topic in TOPICS]
        pairs = [Series(topic, entity) for entity in ENTITIES for topic in TOPICS]
        self.series: Sequence[Series] = named + self._draw.sample(pairs, SERIES - len(named))
        self._offsets = dict.fromkeys(PLACES, -1)
        self.paused = threading.Event()
        """While it is set nothing new comes."""
        self._told = 0

    def write(self) -> int:
        """The whole month; returns how many fields of windows there are."""
        # How fast a busy disk is told of what is written is not what readers measure.
        self._store.redis.config_set("appendonly", "no")
        cells: dict[tuple[str, int], Windows] = {place: defaultdict(lambda: defaultdict(int)) for place in PLACES}
        for size, back_s in RECENT.items():
            likely = min(0.9, size / 3_600)
            for start in range(bucket(NOW_MS - back_s * 1000, size), NOW_MS // 1000 + 1, size):
                for one in self.series:
                    if self._draw.random() < likely:
                        n = 1 + int(self._draw.expovariate(3_600 / size / 4))
                        self._count(cells[self._draw.choice(PLACES)][size, start], one, n)
        stories: dict[tuple[str, int], list[Evidence]] = defaultdict(list)
        for _ in range(STORIES):
            place = self._draw.choice(PLACES)
            stories[place].append(self._story(place, NOW_MS - self._draw.randrange(STORY_DAYS * keys.DAY_S * 1000)))
        for place in PLACES:
            self._store.register(*place)
            todo = [*cells[place].items()]
            for begin in range(0, len(todo), 400):
                self._apply(place, NOW_MS, dict(todo[begin : begin + 400]), () if begin else stories[place])
        self._store.write_labels(TOPICS, "bench", NOW_MS)
        self._alerts(stories)
        self.beat()
        return sum(len(found) for each in cells.values() for found in each.values())

    def second(self, at_ms: int) -> None:
        """One second more: each stream counts some series in one of its partitions, and keeps a story now and then."""
        for stream, count in PARTITIONS.items():
            place = (stream, self._draw.randrange(count))
            windows: Windows = {(size, bucket(at_ms, size)): defaultdict(int) for size in keys.SIZES_S}
            for one in self._draw.sample(self.series, A_SECOND):
                for window in windows.values():
                    self._count(window, one, 1)
            kept = at_ms // 1000 % 4 == 0
            self._apply(place, at_ms, windows, [self._story(place, at_ms)] if kept else ())

    def beat(self) -> None:
        """Say that a worker is well, for half a minute."""
        lags: dict[str, str | int | float] = {f"lag:{stream}-{n}": n for stream, n in PLACES}
        report: dict[str, str | int | float] = {"ready": 1, "model": "bench", "rate": 40, "latency_p99_ms": 38}
        self._store.write_heartbeat("bench", report | lags, _wall_ms())

    def _count(self, window: dict[str, int], one: Series, n: int) -> None:
        tone = self._draw.randrange(3)
        window[keys.field(*one, MESSAGE_METRICS[tone])] += n + n // 2
        window[keys.field(*one, STORY_METRICS[tone])] += n
        window[keys.field(*one, SCORE_METRIC)] += (tone - 1) * n * MICRO // 2

    def _story(self, place: tuple[str, int], at_ms: int) -> Evidence:
        self._told += 1
        one = self._draw.choice(self.series)
        return Evidence(
            position=position(*place, self._told), id=str(self._told), stream=place[0], published_ms=at_ms,
            source=f"wire-{self._told % 9}", text=" ".join(self._draw.sample(WORDS, 9)), topic=one.topic,
            sentiment=self._draw.choice([*Sentiment]), p=0.8, entities=(one.entity,) if one.entity else (),
            url=f"https://example.com/{self._told}", model="bench",
        )  # fmt: skip

    def _apply(
        self, place: tuple[str, int], at_ms: int, windows: Mapping[tuple[int, int], dict[str, int]],
        stories: Sequence[Evidence],
    ) -> None:  # fmt: skip
        known = self._offsets[place]
        run = Run(*place, known + 1, known + 1, known, "bench")
        run.state = {"watermark_ms": at_ms, "updated_ms": _wall_ms()}
        run.counters = {"counted": 1}
        run.windows = dict(windows)
        for one in stories:
            bin_ = run.evidence.setdefault(bucket(one.published_ms, keys.EVIDENCE_BUCKET_S), {})
            bin_[one.position] = msgspec.json.encode(one).decode()
        outcome, self._offsets[place] = self._store.apply(run)
        assert outcome is Outcome.APPLIED, outcome

    def fire(self, number: int) -> str:
        """One alert more, numbered from ALERTS on; returns its id."""
        one = self._alert(number, "news", [self._story(("news", 0), NOW_MS)])
        self._publish("news", [one])
        return one.id

    def _alerts(self, stories: Mapping[tuple[str, int], Sequence[Evidence]]) -> None:
        for stream in PARTITIONS:
            mine = [self._alert(n, stream, stories[stream, 0]) for n in range(ALERTS) if n % 2 == (stream == "news")]
            self._publish(stream, mine)

    def _publish(self, stream: str, alerts: Sequence[Alert]) -> None:
        store = AlertStore(self._store.redis)
        token = store.take_lease("bench")
        assert token is not None, "a watch holds the lease"
        told = [Publication(one, None, "fired") for one in alerts]
        assert store.publish(token, stream, NOW_MS // 60_000, told, {}) is None
        store.drop_lease(token)

    def _alert(self, number: int, stream: str, stories: Sequence[Evidence]) -> Alert:
        one, fired = self._draw.choice(self.series), from_ms(NOW_MS) - timedelta(minutes=5 + 200 * number)
        over = number >= OPEN_ALERTS
        return Alert(
            id=f"bench-{number}", rule="negative-surge", severity=[*Severity][number % 2],
            state=AlertState.RESOLVED if over else AlertState.FIRING, stream=stream, topic=one.topic,
            entity=one.entity or None, window_s=900, started_at=fired - timedelta(minutes=9), fired_at=fired,
            updated_at=fired, resolved_at=fired + timedelta(minutes=50) if over else None, stories=18, messages=31,
            total_stories=21, sources=6, expected=3.2, expected_low=0, expected_high=8, share=0.857,
            expected_share=0.26, p_count=2.1e-6, p_share=4.4e-5, reason="18 negative stories, where 3 are usual.",
            evidence=tuple(stories[8 * number % 800 :][:8]), model="bench", notifications=1,
        )  # fmt: skip


@contextmanager
def going_on(month: Month) -> Iterator[None]:
    """Event time goes on as fast as the wall's, with new counts every second."""
    ended = threading.Event()

    def write() -> None:
        begun, beats = time.monotonic(), 0
        while not ended.wait(1.0):
            if not month.paused.is_set():
                month.second(NOW_MS + int((time.monotonic() - begun) * 1000))
            beats += 1
            if beats % 5 == 0:
                month.beat()

    thread = threading.Thread(target=write, name="month")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
