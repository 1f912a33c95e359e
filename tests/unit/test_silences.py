from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_lifecycle import alert
from undertone.errors import InputError
from undertone.messages import Evidence, Sentiment, Severity
from undertone.rules.model import Match
from undertone.silences import Silence, ended, matched, silence, silenced

NOON = datetime(2014, 2, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def quiet(match: Match | None = None, begin: datetime = NOON, hours: float = 1, **fields: Any) -> Silence:
    return silence(match or Match(entity="ACME"), begin, begin + hours * HOUR, by="maria", created_at=NOON, **fields)


def told_by(*sources: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            position=f"news-0:{n}", id=f"{n}", stream="news", published_ms=0, source=source, text="t", topic="Earnings",
            sentiment=Sentiment.NEGATIVE, p=0.9,
        )
        for n, source in enumerate(sources)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        (Match(), True),
        (Match(entity="AC*"), True),
        (Match(entity=("BUST", "ACME")), True),
        (Match(entity="ACME", severity="critical"), False),
        (Match(entity="ACME", severity="warning", stream="news", topic="Earn?ngs", rule="negative-*"), True),
        (Match(stream="comments"), False),
        (Match(series="topic-entity"), True),
        (Match(series=("topic", "stream")), False),
        (Match(source="desk-*"), True),
        (Match(source="desk-1"), False),
        (Match(source=("desk-1", "desk-2")), True),
    ],
)
def test_a_silence_holds_what_all_of_its_matchers_match(match: Match, holds: bool) -> None:
    assert matched(match, alert(evidence=told_by("desk-1", "desk-2"))) is holds


def test_what_has_no_topic_is_matched_by_a_star_alone() -> None:
    assert matched(Match(topic="*"), alert(topic=None))
    assert not matched(Match(topic="?*"), alert(topic=None))


def test_a_silence_of_the_whole_stream_holds_no_alert_of_its_topics() -> None:
    whole = Match(rule="negative-surge", series="stream")
    assert matched(whole, alert(topic=None, entity=None))
    assert not matched(whole, alert(topic="Earnings", entity=None))


def test_a_silence_of_a_source_does_not_hold_an_alert_without_evidence() -> None:
    assert not matched(Match(source="desk"), alert(evidence=()))


def test_it_is_in_force_from_its_beginning_until_before_its_end() -> None:
    one = quiet()
    moments = [NOON - timedelta(seconds=1), NOON, NOON + HOUR - timedelta(seconds=1), NOON + HOUR]
    assert [silenced(alert(), [one], at) for at in moments] == [None, one, one, None]


def test_of_several_the_one_that_ends_last_holds_in_whatever_order_they_come() -> None:
    short, long = quiet(hours=1), quiet(Match(), hours=5)
    assert silenced(alert(), [short, long], NOON) is silenced(alert(), [long, short], NOON) is long


def test_the_same_silence_has_the_same_id_and_another_another() -> None:
    assert quiet().id == quiet().id
    assert len({one.id for one in (quiet(), quiet(hours=2), quiet(Match(entity="BUST")), quiet(why="x"))}) == 4


def test_one_that_would_never_hold_or_hold_for_ever_is_refused() -> None:
    with pytest.raises(InputError, match="must end after it begins"):
        quiet(hours=0)
    with pytest.raises(InputError, match="rules file"):
        quiet(hours=24 * 400)
    with pytest.raises(InputError, match="the name of whoever silences"):
        silence(Match(), NOON, NOON + HOUR, by="", created_at=NOON)


def test_one_ended_early_holds_no_more_and_cannot_be_ended_again() -> None:
    over = ended(quiet(), by="bob", at=NOON + HOUR / 2)
    assert (over.ended_by, over.ends_at) == ("bob", NOON + HOUR / 2)
    assert silenced(alert(), [over], NOON + HOUR / 2) is None
    assert silenced(alert(), [over], NOON) is over
    with pytest.raises(InputError, match="nothing to end"):
        ended(over, by="bob", at=NOON + HOUR / 2)
    never = ended(quiet(begin=NOON + HOUR), by="bob", at=NOON)
    assert not never.covers(NOON + HOUR)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["ACME", "B*", "*"]), st.integers(0, 9), st.integers(1, 9)), max_size=6),
    st.sampled_from(["ACME", "BUST"]),
    st.integers(0, 20),
)
def test_an_alert_is_silenced_exactly_when_some_silence_in_force_matches(
    drawn: list[tuple[str, int, int]], entity: str, at: int
) -> None:
    silences = [quiet(Match(entity=glob), NOON + begin * HOUR, hours) for glob, begin, hours in drawn]
    one = alert(entity=entity, severity=Severity.CRITICAL)
    held = any(
        glob in ("*", entity) or (glob == "B*" and entity == "BUST")
        for glob, begin, hours in drawn
        if begin <= at < begin + hours
    )
    assert (silenced(one, silences, NOON + at * HOUR) is not None) is held
