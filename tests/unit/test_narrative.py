"""An alert told in a paragraph: facts of the alert alone, each sentence with what supports it, in two languages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import alerts
from undertone.messages import NEGATIVE_SURGE, VOLUME_SURGE, Alert, AlertState, Evidence, to_ms
from undertone.narrative import _TEXTS, QUOTE_CHARACTERS, Language, narrate, paragraph, previous, window_id
from undertone.prices import Move
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
KINDS = (NEGATIVE_SURGE, VOLUME_SURGE, SENTIMENT_SHIFT, FEED_SILENT)


def story(number: int, text: str = "Acme halts output", entities: tuple[str, ...] = ("ACME",)) -> Evidence:
    at = to_ms(AT) - 60_000 * number
    return alerts.evidence(number, text, published_ms=at, source="wire", entities=entities)


def alert(**changed: Any) -> Alert:
    whole: dict[str, Any] = {
        "kind": NEGATIVE_SURGE,
        "window_s": 3_600,
        "started_at": AT - timedelta(minutes=20),
        "fired_at": AT - timedelta(minutes=18),
        "updated_at": AT,
        "stories": 9,
        "messages": 31,
        "total_stories": 12,
        "sources": 4,
        "expected": 1.2,
        "expected_high": 4,
        "share": 0.75,
        "p_count": 2.1e-6,
        "p_share": 0.0007,
        "evidence": tuple(map(story, range(5))),
    }
    return alerts.alert(**(whole | changed))


def test_an_alert_reads_as_a_paragraph_of_its_own_facts() -> None:
    told = paragraph(narrate(alert()))
    assert told.startswith(
        "In the 1 hour to 2026-11-25 14:05 UTC, news had 9 negative stories about ACME under Earnings: 31 messages "
        "with copies, from 4 sources. 1.2 would be usual, and 0 to 4 in 95 of 100 such windows; chance alone gives "
        "so many with p = 2.1e-06. 75% of all 12 stories there were negative, where 30% is usual (p = 0.0007)."
    )
    assert "2026-11-25 14:05 UTC, wire: “Acme halts output”" in told


def test_moments_are_said_as_the_reader_says_them_and_all_else_stays() -> None:
    whole = alert(state=AlertState.RESOLVED, resolved_at=AT)
    move = Move("ACME", AT, AT + timedelta(days=1), 10.0, 9.0)
    own = narrate(whole, last=alert(id="before"), moves=[move], moment=lambda at: f"{at + timedelta(hours=8):%d@%H:%M}")
    plain = narrate(whole, last=alert(id="before"), moves=[move])
    assert "In the 1 hour to 25@22:05, news had" in paragraph(own)
    assert "2026-11" not in paragraph(own)
    assert "UTC" not in paragraph(own)
    assert [re.sub(r"\d+@\d+:\d+", "", one.text) for one in own] == [
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", one.text) for one in plain
    ]
    assert [msgspec.structs.replace(one, text="") for one in own] == [
        msgspec.structs.replace(one, text="") for one in plain
    ]


def test_the_same_alert_reads_in_chinese() -> None:
    told = paragraph(narrate(alert(), "zh"), "zh")
    assert told.startswith("截至2026年11月25日14:05（UTC）的1小时内，新闻中有9条独立的负面报道涉及ACME（Earnings）")
    assert "通常为1.2条" in told


facts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "topic": st.sampled_from(["Earnings", None]),
        "entity": st.sampled_from(["ACME", None]),
        "state": st.sampled_from(list(AlertState)),
        "resolved_at": st.sampled_from([None, AT]),
        "acknowledged_by": st.sampled_from([None, "maria"]),
        "window_s": st.sampled_from([900, 3_600, 21_600, 86_400, 259_200, 61]),
        "evidence": st.lists(
            st.builds(story, st.integers(0, 99), st.text(max_size=400), st.tuples(st.sampled_from(["A", "B", "ACME"]))),
            max_size=9,
        ).map(tuple),
    }
)
moves = st.lists(
    st.builds(Move, st.just("ACME"), st.just(AT), st.just(AT + timedelta(days=1)), st.floats(1, 9), st.floats(1, 9)),
    max_size=2,
)


@settings(max_examples=60)
@given(facts, moves, st.booleans(), st.sampled_from(["en", "zh"]))
def test_every_sentence_names_what_supports_it(
    changed: dict[str, Any], after: list[Move], again: bool, language: Language
) -> None:
    told = alert(**changed)
    sentences = narrate(told, language, last=alert(id="0f") if again else None, moves=after)
    assert len(sentences) >= 3
    kept = {one.position for one in told.evidence}
    for one in sentences:
        assert one.supported, one
        assert set(one.messages) <= kept
        assert set(one.alerts) <= {told.id, "0f"}
        assert set(one.windows) <= {window_id(told)}
        assert "{" not in re.sub("“.*”", "", one.text, flags=re.DOTALL)


@settings(max_examples=60)
@given(facts, st.sampled_from(["en", "zh"]))
def test_every_figure_in_a_paragraph_is_one_of_the_alert(changed: dict[str, Any], language: Language) -> None:
    changed["evidence"] = tuple(story(number, "no figures here") for number in range(len(changed["evidence"])))
    told = alert(**changed)
    known = {f"{number}" for number in (told.stories, told.messages, told.total_stories, told.sources, 95, 100)}
    known |= {"1.2", "0", "4", "2.1e-06", "0.0007", "75", "30", str(len(told.evidence))}
    named = str(len([one for one in told.evidence if one.entities != (told.entity,)]))
    moments = {told.started_at, told.fired_at, told.updated_at} | {
        AT - timedelta(minutes=number) for number in range(len(told.evidence))
    }
    for at in moments:
        known |= {f"{at:%Y}", f"{at:%m}", f"{at:%d}", f"{at:%H}", f"{at:%M}", str(at.month), str(at.day)}
    known |= {str(told.window_s // unit) for unit in (1, 60, 3_600, 86_400)} | {named}
    for one in narrate(told, language):
        assert set(re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", one.text)) <= known, one.text


def test_an_alert_of_the_whole_stream_says_so() -> None:
    told = alert(topic=None, entity=None)
    assert narrate(told)[0].text.startswith(
        "In the 1 hour to 2026-11-25 14:05 UTC, the whole of news had 9 negative stories, whatever they are about: "
    )
    assert narrate(told)[0].messages == tuple(one.position for one in told.evidence)
    assert "全部新闻（不分主题）共有9条独立的负面报道" in narrate(told, "zh")[0].text


def test_a_silent_feed_is_told_without_stories_and_by_its_counts() -> None:
    sentences = narrate(alert(kind=FEED_SILENT, topic=None, entity=None, stories=0, evidence=(), window_s=5_400))
    assert sentences[0].text == "Nothing has come in news for 90 minutes, to 2026-11-25 14:05 UTC."
    assert all(one.windows or one.alerts for one in sentences)


def test_a_long_story_is_cut_and_one_is_quoted_as_it_is() -> None:
    long = alert(evidence=(story(0, "word " * 200), story(1, "<b>bold</b> {stories}")))
    quotes = [one.text for one in narrate(long) if "“" in one.text]
    assert len(quotes[0]) < QUOTE_CHARACTERS + 60
    assert quotes[0].endswith("word…”")
    assert "<b>bold</b> {stories}" in quotes[1]


@pytest.mark.parametrize(("after", "words"), [(99.0, "fell by 1.0%"), (103.0, "rose by 3.0%"), (100.0, "stood still")])
def test_a_price_move_is_told_with_its_direction(after: float, words: str) -> None:
    move = Move("ACME", AT, AT + timedelta(hours=1), 100.0, after)
    [*_, last] = narrate(alert(), moves=[move])
    assert words in last.text
    assert last.prices


def test_the_last_such_alert_is_told_with_its_id() -> None:
    before = msgspec.structs.replace(alert(), id="0f", fired_at=AT - timedelta(days=9), stories=5)
    [*_, told] = narrate(alert(), last=before)
    assert told.text == (
        "The last such alert fired at 2026-11-16 14:05 UTC, with 5 negative stories where 1.2 would have been usual."
    )
    assert "0f" in told.alerts


def test_the_alert_before_is_the_newest_earlier_one_of_the_same_series_and_rule() -> None:
    def other(name: str, days: int, **changed: Any) -> Alert:
        return alert(id=name, fired_at=AT - timedelta(days=days), **changed)

    known = [other("a", 9), other("b", 3), other("c", 2, entity="MSFT"), other("d", 1, rule="volume-surge"), alert()]
    found = previous(alert(), known)
    assert found is not None
    assert found.id == "b"
    assert previous(found, known[1:]) is None


def test_both_languages_say_the_same_things() -> None:
    fields = {name: set(re.findall(r"{(\w+)}", text)) for name, text in _TEXTS["en"].items()}
    assert fields == {name: set(re.findall(r"{(\w+)}", text)) for name, text in _TEXTS["zh"].items()}
