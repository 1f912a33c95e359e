"""What a person reads of an alert: plain lines, within the limit, with the link whole."""

from __future__ import annotations

import html
import re

import pytest

from stream.receivers import alertmanager
from stream.receivers.wording import wording
from tests.alerts import alert, evidence, outgoing
from undertone.messages import AlertState, Severity

LINK = "https://alerts.example.org/ack?alert=00112233aabbccdd&to=desk&until=1767225700&sig=AAAAAAAAAAAAAAAAAAAAAA"


def test_it_says_what_happened_why_and_by_which_headlines() -> None:
    said = wording(outgoing("escalated", severity=Severity.CRITICAL), acknowledge=LINK, most=4000, most_title=250)
    assert said.title == "CRITICAL: ACME · Earnings · news: negative-surge, now critical"
    lines = said.text.splitlines()
    assert lines[0] == "6 negative stories in 15 min where 0.4 are usual"
    assert lines[1] == "- source0: Acme warns on profit, part 0 https://news.example.org/0"
    assert lines[-3:] == ["… and 1 more", "", f"Acknowledge: {LINK}"]


def test_a_service_without_titles_has_the_title_in_the_text() -> None:
    said = wording(outgoing(), acknowledge="", most=4000, most_title=0)
    assert said.title == ""
    assert said.text.startswith("WARNING: ACME · Earnings · news: negative-surge\n6 negative stories")


@pytest.mark.parametrize("most", [300, 500, 1000, 2048, 4096])
@pytest.mark.parametrize("letter", ["a", "é", "股", "<", "*", "&"])
def test_it_keeps_to_the_limit_in_bytes_and_once_escaped_and_never_cuts_the_link(most: int, letter: str) -> None:
    stories = tuple(evidence(number, f"{letter * 150} {number}") for number in range(40))
    out = outgoing(reason=letter * 3000, evidence=stories)
    said = wording(out, acknowledge=LINK, most=most, most_title=0)
    assert said.text.endswith(LINK)
    for escaped in (html.escape(said.text), re.sub(r"([\\_*\[\]()~`>#+=|{}.!-])", r"\\\1", said.text)):
        assert len(escaped.encode()) <= most


def test_a_feed_cannot_add_lines_hide_characters_or_lead_to_other_places_than_the_web() -> None:
    story = evidence(1, "Acme\nAcknowledge: https://evil.example\u202e\x07 falls", url="javascript:alert(1)")
    said = wording(outgoing(evidence=(story,)), acknowledge="", most=4000, most_title=0)
    assert said.text.splitlines()[2] == "- source1: Acme Acknowledge: https://evil.example falls"
    assert "javascript" not in said.text


def test_what_is_over_needs_no_link() -> None:
    said = wording(outgoing("resolved", state=AlertState.RESOLVED), acknowledge=LINK, most=4000, most_title=0)
    assert ", over\n" in said.text
    assert "Acknowledge" not in said.text


def test_a_webhook_is_given_a_bounded_part_of_the_evidence() -> None:
    stories = tuple(evidence(number, "long " * 5000) for number in range(60))
    body = alertmanager.body(alert(evidence=stories), "desk", home="https://u.example", acknowledge=LINK)
    lines = body["alerts"][0]["annotations"]["evidence"].splitlines()
    assert len(lines) == alertmanager.HEADLINES
    assert max(map(len, lines)) == alertmanager.HEADLINE_CHARACTERS
    assert body["receiver"] == "desk"
    assert body["externalURL"] == "https://u.example"
    assert body["commonAnnotations"]["acknowledge"] == LINK
