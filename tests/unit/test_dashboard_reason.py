"""The one sentence that says why an alert rings."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.firing import events, title
from dashboard.locale import Locale
from dashboard.reason import reason, rule_name
from tests.alerts import alert
from undertone.messages import VOLUME_SURGE
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT

ENGLISH, CHINESE = Locale(), Locale("zh")


@pytest.mark.parametrize(
    ("changes", "english", "chinese"),
    [
        (
            {},
            "6 negative stories in 15 min, where 0 to 2 would be usual: 86% of all, usually 30%, from 3 sources.",
            "15分钟内有6条负面报道，通常为0至2条；负面占86%，通常30%；来自3个来源。",
        ),
        (
            {"kind": VOLUME_SURGE, "sources": 1, "expected_high": 0},
            "6 stories in 15 min, where 0 would be usual, from 1 source.",
            "15分钟内有6条报道，通常为0条；来自1个来源。",
        ),
        (
            {"kind": SENTIMENT_SHIFT, "window_s": 3 * 86_400},
            "86% of 7 stories in 3 d are negative, where 30% would be usual, from 3 sources.",
            "3天内7条报道中负面占86%，通常为30%；来自3个来源。",
        ),
        (
            {"kind": FEED_SILENT, "window_s": 1800},
            "Nothing has come for 30 min, where 0.4 stories would be usual.",
            "已有30分钟没有任何消息，通常应有0.4条报道。",
        ),
    ],
)
def test_the_reason_says_what_was_counted_and_what_is_usual_in_each_language(
    changes: dict[str, Any], english: str, chinese: str
) -> None:
    one = alert(**changes)
    assert reason(one, ENGLISH) == english
    assert reason(one, CHINESE) == chinese


def test_a_rule_is_called_by_what_it_looks_for_unless_its_owner_named_it() -> None:
    assert (rule_name(alert(), ENGLISH), rule_name(alert(), CHINESE)) == ("negative surge", "负面激增")
    assert rule_name(alert(rule="desk-two"), CHINESE) == "desk two"


def test_alerts_of_one_event_stand_together_under_the_first_of_them() -> None:
    first, other, second = alert(id="a", incident="i"), alert(id="b"), alert(id="c", incident="i")
    assert events([first, other, second]) == [[first, second], [other]]


def test_an_alert_of_the_whole_stream_is_called_so() -> None:
    whole = alert(topic=None, entity=None)
    assert (title(whole, ENGLISH), title(whole, CHINESE)) == ("The whole of news", "全部新闻")
    assert title(alert(topic=None, entity="ACME"), ENGLISH) == "ACME"
