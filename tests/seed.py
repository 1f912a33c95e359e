"""Two days of plausible opinion, written the way the worker writes it: through `Store.apply`, on a real Valkey.

For the dashboard's tests and for working on it: ``python -m tests.seed URL [--days N] [--alert] [--hostile]``.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from undertone import keys
from undertone.alert_store import AlertStore, Publication
from undertone.messages import SENTIMENTS, Alert, AlertState, Evidence, Sentiment, Severity, from_ms, position
from undertone.scorer import TOPICS
from undertone.store import Outcome, Run, Store
from undertone.trends import MESSAGE_METRICS, MICRO, SCORE_METRIC, STORY_METRICS, bucket

NOW_MS = 1_392_843_900_000  # 2014-02-19 21:05 UTC
MODEL = "student-2026.11-int8"
ENTITIES = ("FB", "AAPL", "TSLA", "GOOG", "AMZN", "JPM", "XOM", "MSFT", "GM", "BAC")
SOURCES = ("Reuters", "CNBC", "The Guardian", "Dow Jones", "@marketwatcher", "Bloomberg")
PARTITIONS = {"news": 2, "comments": 2}
MINUTE_MS = 60_000
RUN_STORIES = 200
MISFITS = {"late": 3, "future": 1, "duplicate": 5, "dead:not-json": 2, "dead:missing-text": 1}

HEADLINES = {
    Sentiment.NEGATIVE: (
        "{e} shares slide as investors question the price of its largest deal",
        "Analysts cut {e} to sell, citing slowing growth and rising costs",
        "Regulators open an inquiry into {e} over disclosure to shareholders",
        "{e} misses estimates and lowers its outlook for the year",
        "Why the market does not believe the numbers that {e} gave last night",
    ),
    Sentiment.NEUTRAL: (
        "{e} to report fourth-quarter results on Thursday after the close",
        "{e} names a new head of its European business",
        "What to watch when {e} meets investors next week",
    ),
    Sentiment.POSITIVE: (
        "{e} beats expectations and raises its dividend",
        "Upgrade for {e}: demand is stronger than the street thinks",
        "{e} wins a contract that analysts had not counted on",
    ),
}

HOSTILE = (
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'> shares fall",
    "**not bold** _nor italic_ # no heading [click](javascript:window.pwned=3) `code`",
    ":material/home: :red[red] :smile: $\\frac{1}{2}$ $$x^2$$ and ~~struck~~",
    "safe \u202egnitseretni\u202c text \u2066isolated\u2069 \u0000 end",
    "A" * 10_000,
    "</li></ul></section><h1 id='injected'>Injected heading</h1><style>body{display:none}</style>",
    "\u05de\u05e0\u05d9\u05d5\u05ea \u0627\u0644\u0623\u0633\u0647\u0645 \u202b(from right to left)\u202c 1 < 2",
    "\U0001f525\U0001f4c9 \U0001f468\u200d\U0001f469\u200d\U0001f467 "
    "\U0001f3f3\ufe0f\u200d\U0001f308 Z\u0335\u0321\u0322\u0327\u0328\u0321\u0322a\u0336\u0327lgo",
)
HOSTILE_URL = "javascript:window.pwned=4"
HOSTILE_NAME = "<b id='injected-name'>Evil|Corp</b>"


class _Batch:
    """What one partition's worker would have gathered, written in guarded runs of a bounded size."""

    def __init__(self, store: Store, stream: str, partition: int) -> None:
        self.store, self.stream, self.partition = store, stream, partition
        self.offset = -1
        store.register(stream, partition)
        self._begin()

    def _begin(self) -> None:
        self.windows: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.evidence: dict[int, dict[str, str]] = defaultdict(dict)
        self.counters: Counter[str] = Counter()

    def add(self, story: Evidence, *, copies: int = 0) -> None:
        tone = SENTIMENTS.index(story.sentiment)
        score = round((tone - 1) * story.p * MICRO)
        messages = 1 + copies
        for size in keys.SIZES_S:
            cells = self.windows[size, bucket(story.published_ms, size)]
            for entity in ("", *story.entities):
                cells[keys.field(story.topic, entity, MESSAGE_METRICS[tone])] += messages
                cells[keys.field(story.topic, entity, STORY_METRICS[tone])] += 1
                cells[keys.field(story.topic, entity, SCORE_METRIC)] += score * messages
            cells[keys.MODEL_FIELD + MODEL] += messages
        start = bucket(story.published_ms, keys.EVIDENCE_BUCKET_S)
        self.evidence[start][story.position] = msgspec.json.encode(story).decode()
        self.counters.update(counted=messages, stories=1, copies=copies)
        if self.counters["stories"] >= RUN_STORIES:
            self.write(story.published_ms)

    def write(self, now_ms: int, misfits: Mapping[str, int] | None = None) -> None:
        self.counters.update(misfits or {})
        n = sum(self.counters.values()) - self.counters["stories"] - self.counters["copies"]
        run = Run(self.stream, self.partition, self.offset + 1, self.offset + n, self.offset, "seed")
        run.state = {"watermark_ms": now_ms, "updated_ms": time.time_ns() // 1_000_000}
        run.counters = dict(self.counters)
        run.windows = {place: dict(cells) for place, cells in self.windows.items()}
        run.evidence = dict(self.evidence)
        outcome, self.offset = self.store.apply(run)
        assert outcome is Outcome.APPLIED, outcome
        self._begin()


def seed(store: Store, *, days: float = 2, now_ms: int = NOW_MS, hostile: bool = False, per_hour: float = 24) -> None:
    """Fill an empty store with `days` up to `now_ms`, ending in a surge against FB in the news."""
    draw = random.Random(14)
    batches = {(stream, n): _Batch(store, stream, n) for stream, count in PARTITIONS.items() for n in range(count)}
    start_ms = now_ms - round(days * 86_400_000)
    numbers: dict[tuple[str, int], int] = defaultdict(int)

    def tell(
        stream: str, at_ms: int, sentiment: Sentiment, topic: str, entity: str, text: str, url: str | None
    ) -> None:
        place = stream, draw.randrange(PARTITIONS[stream])
        numbers[place] += 1
        story = Evidence(
            position=position(*place, numbers[place]), id=f"{stream}-{place[1]}-{numbers[place]}", stream=stream,
            published_ms=at_ms, source=draw.choice(SOURCES), text=text, topic=topic, sentiment=sentiment,
            p=round(draw.uniform(0.55, 0.97), 3), entities=(entity,) if entity else (), url=url, model=MODEL,
        )  # fmt: skip
        batches[place].add(story, copies=draw.choice((0, 0, 0, 1, 2)))

    at = float(start_ms)
    while True:
        hour = at / 3_600_000 % 24
        busy = per_hour * (0.45 + 0.9 * math.exp(-(((hour - 16) / 5) ** 2)))
        at += draw.expovariate(busy) * 3_600_000
        if at >= now_ms:
            break
        sentiment = draw.choices(tuple(HEADLINES), (0.24, 0.46, 0.30))[0]
        entity = draw.choices((*ENTITIES, ""), (*[12, 9, 8, 7, 6, 4, 4, 3, 3, 2], 8))[0]
        text = draw.choice(HEADLINES[sentiment]).format(e=entity or "The index")
        topic = TOPICS[min(int(draw.expovariate(0.16)) % 20, 19)]
        url = f"https://example.com/story/{int(at)}" if draw.random() < 0.8 else None
        tell(draw.choice(("news", "news", "comments")), int(at), sentiment, topic, entity, text, url)
    for minute in range(45):
        for _ in range(draw.choice((0, 1, 1, 2))):
            text = draw.choice(HEADLINES[Sentiment.NEGATIVE]).format(e="FB")
            when = now_ms - (45 - minute) * MINUTE_MS + draw.randrange(MINUTE_MS)
            url = f"https://example.com/fb/{when}"
            tell("news", when, Sentiment.NEGATIVE, "M&A | Investments", "FB", text, url)
    for n, text in enumerate(HOSTILE if hostile else ()):
        tell("news", now_ms - n * 1000 - 1, Sentiment.NEGATIVE, "Legal | Regulation", HOSTILE_NAME, text, HOSTILE_URL)
    for (_, partition), batch in batches.items():
        batch.write(now_ms, MISFITS if partition == 0 else None)
    store.write_labels(TOPICS, MODEL, now_ms)
    beat(store)


def beat(store: Store) -> None:
    """One heartbeat of a healthy worker; it lasts 30 s."""
    wall_ms = time.time_ns() // 1_000_000
    lags: dict[str, str | int | float] = {
        f"lag:{stream}-{n}": n * 3 for stream, count in PARTITIONS.items() for n in range(count)
    }
    report: dict[str, str | int | float] = {
        "started_ms": wall_ms - 3_600_000, "ready": 1, "model": MODEL, "rate": 41.7, "records": 91_422,
        "latency_p50_ms": 14, "latency_p99_ms": 38, "queue": 0, "memory_mb": 212, "errors": 0,
    }  # fmt: skip
    store.write_heartbeat("worker-1", report | lags, wall_ms)


def alert(store: Store, *, now_ms: int = NOW_MS, hostile: bool = False) -> Alert:
    """The surge as an open alert, with its evidence taken from what was seeded."""
    found = [
        one for one in store.evidence("news", now_ms - 45 * MINUTE_MS, now_ms)
        if one.sentiment == "negative" and (hostile or "FB" in one.entities)
    ][:8]  # fmt: skip
    return Alert(
        id="seed-1", rule="negative-surge", severity=Severity.CRITICAL, state=AlertState.FIRING, stream="news",
        topic="M&A | Investments", entity=HOSTILE_NAME if hostile else "FB", window_s=900,
        started_at=from_ms(now_ms) - timedelta(minutes=40), fired_at=from_ms(now_ms) - timedelta(minutes=31),
        updated_at=from_ms(now_ms), stories=18, messages=31, total_stories=21, sources=6, expected=3.2, expected_low=0,
        expected_high=8, share=0.857, expected_share=0.26, p_count=2.1e-6, p_share=4.4e-5,
        reason="18 negative stories about FB in the last 15 minutes, where about 3 are usual, and 86% of all stories "
        "about it were negative instead of 26%.",
        evidence=tuple(found), model=MODEL, notifications=1,
    )  # fmt: skip


def changed(alert_: Alert, **fields: Any) -> Alert:
    """The same alert with other fields, checked again."""
    return msgspec.convert(msgspec.to_builtins(alert_) | msgspec.to_builtins(fields), Alert)


def publish(store: Store, *alerts: Alert, now_ms: int = NOW_MS) -> None:
    """Write alerts as the watch does, with no one to notify, and that it has looked at both streams up to now."""
    alerts_store = AlertStore(store.redis)
    token = alerts_store.take_lease("seed")
    assert token is not None, "a watch holds the lease"
    for stream in PARTITIONS:
        mine = [Publication(one, None, "") for one in alerts if one.stream == stream]
        assert alerts_store.publish(token, stream, now_ms // MINUTE_MS, mine, {}) is None
    alerts_store.drop_lease(token)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--days", type=float, default=2)
    parser.add_argument("--per-hour", type=float, default=24)
    parser.add_argument("--alert", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    options = parser.parse_args()
    store = Store.open(options.url)
    seed(store, days=options.days, hostile=options.hostile, per_hour=options.per_hour)
    publish(store, *([alert(store, hostile=options.hostile)] if options.alert else []))


if __name__ == "__main__":
    main()
