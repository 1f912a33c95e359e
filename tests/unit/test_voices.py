from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alerting import Episodes
from stream.detector import NEGATIVE_SURGE, RULES, Reading
from stream.episode import Seen
from stream.evidence import EvidenceMemory
from stream.voices import AUTHOR_STORIES, MANY_SOURCES, SOURCE_STORIES, counting, seen, stands
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_AUTHOR, EVIDENCE_PER_SERIES
from undertone.messages import Evidence, Sentiment, Severity
from undertone.rules import Rule
from undertone.trends import Series

ACME = Series("", "ACME")
T = 23_000_000


def story(number: int, author: str | None, *, source: str = "forum", at_s: int = 0) -> Evidence:
    return Evidence(
        position=f"comments-0:{number}",
        id=str(number),
        stream="comments",
        published_ms=at_s * 1000,
        source=source,
        text="",
        topic="Earnings",
        sentiment=Sentiment.NEGATIVE,
        p=0.9,
        entities=("ACME",),
        author=author,
    )


def reading(stories: int, *, expected: float = 0.3, total: int | None = None, **fields: Any) -> Reading:
    return Reading(
        rule=fields.get("rule", NEGATIVE_SURGE),
        series=0,
        window_s=900,
        stories=stories,
        total=total or stories,
        expected=expected,
        dispersion=0.2,
        p_count=1e-9,
        share=1.0,
        expected_share=0.3,
        p_share=1e-9,
        severity=Severity.WARNING,
        wide=stories,
        precision=20.0,
    )


def posted(authors: Sequence[str | None], at: list[int]) -> list[Evidence]:
    """What is kept as evidence of stories by these authors at these seconds, in order."""
    memory = EvidenceMemory()
    kept = []
    for number, (author, second) in enumerate(zip(authors, at, strict=True)):
        start = second // EVIDENCE_BUCKET_S
        if memory.admits(f"comments-0:{number}", ("comments", start, "Earnings", 0), ("ACME",), author):
            kept.append(story(number, author, at_s=second))
    return kept


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 899), min_size=8, max_size=300),
    st.floats(1e-6, 5),
    st.integers(1, 50),
    st.sampled_from([rule for rule in RULES if rule.kind.endswith("surge")]),
)
def test_no_author_makes_an_alert_alone(at: list[int], expected: float, sources: int, rule: Rule) -> None:
    kept = posted(["Mallory"] * len(at), at)
    assert not stands(reading(len(at), expected=expected, rule=rule), seen(kept, sources=sources))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 899), max_size=200), st.lists(st.integers(0, 899), min_size=8, max_size=30))
def test_nobody_can_hide_a_surge_of_many_voices(flood: list[int], voices: list[int]) -> None:
    """However much one author posts before each of the others, what they post still rings."""
    order = sorted([(second, 0) for second in flood] + [(second, 1) for second in voices])
    authors = [f"voice {place}" if one else "Mallory" for place, (_, one) in enumerate(order)]
    kept = posted(authors, [second for second, _ in order])
    assert stands(reading(len(order)), seen(kept, sources=1))


def test_an_author_takes_at_most_two_of_the_places_that_a_series_has() -> None:
    kept = posted(["Mallory"] * 50 + [f"voice {n}" for n in range(20)], [0] * 70)
    assert sum(one.author == "Mallory" for one in kept) == EVIDENCE_PER_AUTHOR
    assert len(kept) == EVIDENCE_PER_SERIES


def test_offering_a_story_again_gives_the_same_answer() -> None:
    memory = EvidenceMemory()
    bucket = ("comments", 0, "Earnings", 0)
    first = [memory.admits(str(n), bucket, ("ACME",), "Mallory") for n in range(5)]
    assert [memory.admits(str(n), bucket, ("ACME",), "Mallory") for n in range(5)] == first
    assert sum(first) == EVIDENCE_PER_AUTHOR


@pytest.mark.parametrize(("sources", "count"), [(1, 40), (MANY_SOURCES - 1, 40), (MANY_SOURCES, SOURCE_STORIES)])
def test_one_source_alone_counts_for_a_dozen_where_there_are_others(sources: int, count: int) -> None:
    stories = [story(n, None, source="blog", at_s=n * 60) for n in range(40)]
    assert counting(reading(40), seen(stories, sources=sources)) == count


def test_a_second_source_lifts_the_limit_on_the_first() -> None:
    stories = [story(n, None, source="blog" if n else "wire", at_s=n * 60) for n in range(40)]
    assert counting(reading(40), seen(stories, sources=5)) == 40


def test_where_all_places_are_taken_the_kept_stories_stand_for_the_rest() -> None:
    kept = posted([f"voice {n // 2}" for n in range(100)], [0] * 100)
    found = seen(kept, sources=1)
    assert not found.complete
    assert counting(reading(100), found) == 100
    assert found.counted == len(kept) == EVIDENCE_PER_SERIES


def test_where_nothing_is_kept_every_story_counts() -> None:
    assert stands(reading(9), Seen(frozenset(), 0))
    assert stands(reading(9), seen([], sources=0))


def test_an_alert_held_back_for_want_of_voices_fires_as_soon_as_others_join() -> None:
    episodes = Episodes([NEGATIVE_SURGE])
    stories = [story(n, "Mallory") for n in range(AUTHOR_STORIES)]

    def see(rule: Rule, series: Series, window_s: int) -> Seen:
        return seen(stories, sources=1)

    for minute in range(T, T + 5):
        assert episodes.step(minute, [(ACME, reading(30))], see) == []
    stories += [story(100 + n, f"voice {n}", at_s=60 * n) for n in range(6)]
    (change,) = episodes.step(T + 5, [(ACME, reading(36))], see)
    assert change.episode.started == T
