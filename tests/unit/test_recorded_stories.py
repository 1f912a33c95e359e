"""Stories of a log that is all there are the ones that the watch would find in Redis, whatever is asked of them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.detector import NEGATIVE_SURGE, VOLUME_SURGE, WINDOWS_S
from stream.evidence import EvidenceMemory, behind
from stream.recorded_stories import RecordedStories
from stream.recording import Recording
from stream.scored_log import ScoredLog, from_table
from stream.voices import seen
from undertone.keys import EVIDENCE_BUCKET_S
from undertone.messages import SENTIMENTS, Evidence
from undertone.rules import Rules
from undertone.trends import WHOLE, Series, bucket

START_MS = 1_392_595_200_000
MINUTES = 30
TOPICS, ENTITIES, SOURCES, AUTHORS = (
    ("Macro", "Earnings"),
    ("ACME", "BUST"),
    ("wire", "blog", "desk"),
    ("ann", "bob", None),
)
SERIES = (WHOLE, Series("Macro", ""), Series("", "ACME"), Series("Earnings", "BUST"))
FIRST = 3


def a_log(seed: int) -> ScoredLog:
    """So much within half an hour that not all of it finds room."""
    draw = np.random.default_rng(seed)
    rows = [
        {
            "position": f"comments-0:{number}",
            "published_at": datetime.fromtimestamp((START_MS + int(late)) / 1000, UTC),
            "topic": TOPICS[draw.integers(2)],
            "sentiment": SENTIMENTS[draw.integers(3)],
            "source": SOURCES[draw.integers(3)],
            "author": AUTHORS[draw.integers(3)],
            "entities": [one for one in ENTITIES if draw.random() < 0.3],
            "copy": bool(draw.random() < 0.2),
        }
        for number, late in enumerate(np.sort(draw.integers(0, MINUTES * 60_000, draw.integers(1, 400))))
    ]
    return from_table(pa.Table.from_pylist(rows))


def kept(log: ScoredLog) -> list[Evidence]:
    """What the watch keeps of it, one message after the other."""
    memory, found = EvidenceMemory(), []
    for row, one in enumerate(log.evidence(np.arange(len(log)), "comments")):
        group = (bucket(one.published_ms, EVIDENCE_BUCKET_S), one.topic, SENTIMENTS.index(one.sentiment))
        if log.opens[row] and memory.admits(one.position, group, one.entities, one.author):
            found.append(one)
    return found


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, MINUTES), st.sampled_from(SERIES), st.sampled_from(WINDOWS_S))
def test_what_is_asked_of_the_stories_behind_a_reading_is_answered_as_the_watch_does(
    seed: int, later: int, series: Series, window_s: int
) -> None:
    log, minute = a_log(seed), START_MS // 60_000 + later
    rules = Rules(version=1, source_tiers={"wire": 1, "desk": 2})
    recording = Recording(log)
    recording.at(minute)
    stories = RecordedStories(log, recording, rules, "comments")
    end = (minute + 1) * 60_000
    around = [one for one in kept(log) if end - max(WINDOWS_S) * 1000 <= one.published_ms < end]
    for rule in (NEGATIVE_SURGE, VOLUME_SURGE):
        if series not in {WHOLE, *recording.names}:
            continue
        there = behind(around, rule, series, end - window_s * 1000, end)
        tier = min((rules.tier(one.source, "comments") for one in there), default=0)
        wanted = seen(there, sources=len({one.source for one in around}), tier=tier)
        found = stories.see(rule, series, window_s)
        names = dict(zip(sorted(found.positions), stories.positions(np.sort([*found.positions])), strict=True))
        assert set(names.values()) == wanted.positions
        assert (found.sources, found.tier) == (wanted.sources, wanted.tier)
        assert (found.counted, found.complete) == (wanted.counted, wanted.complete)
        assert {names[one] for one in found.first(FIRST)} == set(wanted.first(FIRST))
