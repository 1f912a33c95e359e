from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.alerts import alert, evidence
from undertone.errors import InputError
from undertone.false_alarm import corrections
from undertone.messages import Label, Sentiment

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALERT = alert(
    evidence=(
        evidence(1, "Acme sinks on results", model="student-1"),
        evidence(2, "Acme wins a contract", sentiment=Sentiment.NEUTRAL),
        evidence(3, "\u200b…"),
    )
)


def corrected(**given: Any) -> list[Label]:
    known: dict[str, Any] = {"by": "maria", "at": AT, "sentiment": Sentiment.NEUTRAL}
    return corrections(ALERT, **known | given)


def test_without_positions_every_text_that_the_model_judged_otherwise_and_that_has_words_is_labelled() -> None:
    (label,) = corrected()
    assert (label.position, label.text, label.sentiment) == ("news-0:1", "Acme sinks on results", Sentiment.NEUTRAL)
    assert (label.labelled_by, label.labelled_at, label.model, label.source) == ("maria", AT, "student-1", "alert")
    assert label.was is not None
    assert (label.was.sentiment, label.was.sentiment_probability) == (Sentiment.NEGATIVE, 0.9)


def test_a_topic_alone_is_said_of_those_that_had_another() -> None:
    assert [one.position for one in corrected(sentiment=None, topic="Macro")] == ["news-0:1", "news-0:2"]
    assert corrected(sentiment=None, topic="Earnings") == []


def test_named_texts_are_labelled_once_each_even_if_the_model_was_right() -> None:
    named = corrected(positions=("news-0:2", "news-0:1", "news-0:2"))
    assert [one.position for one in named] == ["news-0:2", "news-0:1"]


def test_nothing_is_invented_where_nothing_is_said() -> None:
    assert corrected(sentiment=None) == []
    with pytest.raises(InputError, match="nothing is said"):
        corrected(sentiment=None, positions=("news-0:1",))


def test_a_text_that_is_not_in_the_evidence_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"news-9:9: not in the evidence .* valid are news-0:1, news-0:2, news-0:3"):
        corrected(positions=("news-0:1", "news-9:9"))


def test_the_id_is_of_alert_text_and_person_whatever_is_said_and_when() -> None:
    first = corrected(positions=("news-0:1",))[0].id
    later = corrected(by=" MARIA ", at=AT.replace(hour=13), sentiment=Sentiment.POSITIVE, positions=("news-0:1",))
    assert later[0].id == first
    assert corrected(by="bob", positions=("news-0:1",))[0].id != first
    assert corrected(positions=("news-0:2",))[0].id != first
