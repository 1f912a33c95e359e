"""Without a mouse: an alert is found, opened, acknowledged, and texts are labelled, with the focus in sight."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.acceptance.desk import PATIENCE_S, Desk
from tests.acceptance.view import Viewer
from tests.servers import wait_until
from undertone.messages import AlertState, Sentiment

STOPS = 60
"""As often a person may have to press Tab on a page; there are far fewer on each of the way."""
SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  return outlined || style.boxShadow !== 'none';
}"""


def test_an_alert_is_opened_and_acknowledged_with_the_keyboard_alone(desk: Desk, viewer: Viewer) -> None:
    desk.surge("OUTAGE")
    alert = desk.alert("OUTAGE")
    page = viewer.open(desk.url)
    expect(page.get_by_role("link", name="OUTAGE", exact=True).first).to_be_visible()
    _go_to(page, "OUTAGE")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts?alert={alert.id}")
    expect(page.get_by_role("button", name="Acknowledge", exact=True)).to_be_visible()
    _go_to(page, "Acknowledge")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Acknowledged.")).to_be_visible()
    stored = desk.alerts.get(alert.id)
    assert stored is not None
    assert stored.state is AlertState.ACKNOWLEDGED


def test_texts_are_labelled_one_key_each_and_the_labels_are_on_their_topic(desk: Desk, viewer: Viewer) -> None:
    page = viewer.open(desk.url + "models?view=labels")
    expect(page.locator(".ut-to-label blockquote")).to_be_visible()
    # Drawn after the buttons: before they are there, nobody listens to the keys.
    expect(page.get_by_text("0 given in this visit")).to_be_visible()
    for given, (key, sentiment) in enumerate((("1", Sentiment.NEGATIVE), ("3", Sentiment.POSITIVE)), 1):
        expect(page.get_by_role("button", name=f"Shortcut {key}")).to_be_enabled()
        page.keyboard.press(key)
        # Texts may begin alike: that the next one is there is told by the count.
        expect(page.get_by_text(f"{given} given in this visit")).to_be_visible()
        wait_until(lambda: sentiment in _said_here(desk), PATIENCE_S, f"{sentiment} on the labels topic")  # noqa: B023
    page.keyboard.press("u")
    wait_until(lambda: None in _said_here(desk), PATIENCE_S, "what was taken back")


def _said_here(desk: Desk) -> list[Sentiment | None]:
    return [one.sentiment for one in desk.labels() if one.source == "page"]


def _go_to(page: Page, name: str) -> None:
    """Press Tab until what is so called has the focus, and hold that it can be seen at every stop."""
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        assert page.evaluate(SEEN), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} was not reached with {STOPS} presses of Tab")
