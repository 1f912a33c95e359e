"""From a surge in the feed to an alert that a person has believed, acknowledged or called wrong; in a real browser."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.acceptance.desk import PATIENCE_S, Desk
from tests.acceptance.view import Viewer, follow, is_whole
from tests.servers import wait_until
from undertone.messages import AlertState, Sentiment

VISIBLE_S = 5.0
"""The requirement: so long after an alert has fired it stands on a page that is open."""


def test_an_alert_is_on_the_open_page_within_five_seconds_and_leads_to_what_proves_it(
    desk: Desk, viewer: Viewer
) -> None:
    page = viewer.open(desk.url)
    expect(page.locator(".ut-health")).to_be_visible()
    row = page.locator(".ut-alarm").filter(has=page.get_by_role("link", name="RECALL", exact=True))
    expect(row).to_have_count(0)

    desk.surge("RECALL")
    alert = desk.alert("RECALL")
    [fired] = [one for one in desk.alerts.trail(alert.id) if one.action == "fired"]
    left_s = VISIBLE_S - (time.time() - fired.at.timestamp())
    expect(row).to_be_visible(timeout=left_s * 1000)
    expect(row).to_contain_text(re.compile(r"\d+ negative stories in 15 min, where 0 would be usual"))
    wait_until(lambda: desk.published(alert.id), PATIENCE_S, "the alert on its topic")

    page.evaluate("window.opened = 'once'")
    follow(page, row.get_by_role("link", name="RECALL", exact=True), f"**/alerts?alert={alert.id}")
    page.get_by_role("link", name="Story 1", exact=True).first.click()
    page.wait_for_url("**/stories?story=**")
    expect(page.get_by_role("heading", name=alert.evidence[0].text)).to_be_visible()
    assert page.evaluate("window.opened") == "once"  # nothing was loaded anew on the way
    page.go_back()
    page.locator(".ut-stories a").first.click()
    page.wait_for_url("**/stories?story=**")
    expect(page.get_by_role("heading", name=alert.evidence[0].text)).to_be_visible()
    is_whole(page)


def test_an_acknowledged_alert_is_so_in_redis_and_on_its_topic(desk: Desk, viewer: Viewer) -> None:
    desk.surge("STRIKE")
    alert = desk.alert("STRIKE")
    page = viewer.open(f"{desk.url}alerts?alert={alert.id}")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text("Acknowledged.")).to_be_visible()
    expect(page.get_by_role("button", name="Take acknowledgement back")).to_be_visible()
    stored = desk.alerts.get(alert.id)
    assert stored is not None
    assert stored.state is AlertState.ACKNOWLEDGED
    told = wait_until(lambda: _acknowledged(desk, alert.id), PATIENCE_S, "the acknowledgement on the topic")
    assert told == [stored.acknowledged_by]


def test_a_false_alarm_becomes_labels_of_its_texts(desk: Desk, viewer: Viewer) -> None:
    desk.surge("RUMOUR")
    alert = desk.alert("RUMOUR")
    page = viewer.open(f"{desk.url}alerts?alert={alert.id}")
    page.get_by_role("button", name="This was wrong").click()
    page.locator(".st-key-wrong-sentiment").get_by_text("Neutral", exact=True).click()
    page.locator(".st-key-wrong-do button").click()
    expect(page.get_by_text("A false alarm;")).to_be_visible()
    texts = {one.text for one in alert.evidence}
    labels = wait_until(
        lambda: [one for one in desk.labels() if one.text in texts], PATIENCE_S, "the labels on their topic"
    )
    assert {one.sentiment for one in labels} == {Sentiment.NEUTRAL}
    stored = desk.alerts.get(alert.id)
    assert stored is not None
    assert (stored.state, len(stored.wrong_by)) == (AlertState.RESOLVED, 1)
    assert {one.labelled_by for one in labels} == set(stored.wrong_by)


def _acknowledged(desk: Desk, alert_id: str) -> list[str | None]:
    said = desk.published(alert_id)
    return [one.acknowledged_by for one in said if one.state is AlertState.ACKNOWLEDGED]
