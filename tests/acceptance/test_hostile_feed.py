"""A feed that wants to be markup: what it says stays text, on every page that shows it, and the layout stays whole."""

from __future__ import annotations

from itertools import cycle
from urllib.parse import quote

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests import feeds
from tests.acceptance.desk import Desk
from tests.acceptance.view import PHONE, WIDE, Viewer, is_whole
from tests.feeds import MINUTE_MS
from tests.house import Sent
from tests.seed import HOSTILE, HOSTILE_NAME, HOSTILE_URL
from undertone.messages import Alert
from undertone.topics import NEWS

SEEN = ("<script>window.pwned = 1</script>", "**not bold**", ":material/home: :red[red]")


@pytest.fixture(scope="module")
def alert(desk: Desk) -> Alert:
    """An alert whose every word was chosen by somebody who wants to break the page, and a dead letter of theirs."""
    at_ms = desk.now_ms + 10 * MINUTE_MS
    told = [
        msgspec.structs.replace(
            one,
            text=f"{text} {one.text}",
            source=f"{text[:120]} {one.source}",
            author=f"{HOSTILE[0]} {one.id}"[-200:],  # each a person of their own: one alone would not be believed
            url=HOSTILE_URL,
        )
        for one, text in zip(feeds.surge(at_ms, HOSTILE_NAME), cycle(HOSTILE), strict=False)
    ]
    desk.house.send(NEWS, [Sent(0, HOSTILE[0].encode())])
    desk.send([*told, *feeds.quiet_days(1 / 1440, "CALM", 1, at_ms + 12 * MINUTE_MS)])
    return desk.alert("Evil")


@pytest.mark.parametrize(
    ("path", "landmark"),
    [
        ("", ".ut-health"),
        ("trends?range=1h&entity={entity}", ".ut-rank"),
        ("stories?range=1h", ".ut-stories"),
        ("stories?story={story}&t={t}", ".ut-story"),
        ("alerts", ".ut-alert-list"),
        ("alerts?alert={alert}", ".ut-stories"),
        ("models?view=labels", ".ut-to-label"),
        ("pipeline", ".ut-scroll"),
    ],
)
def test_hostile_text_stays_text_and_leaves_the_page_whole(
    desk: Desk, alert: Alert, viewer: Viewer, path: str, landmark: str
) -> None:
    story = alert.evidence[0]
    filled = path.format(
        entity=quote(alert.entity or ""), story=quote(story.position), t=story.published_ms, alert=quote(alert.id)
    )
    page = viewer.open(desk.url + filled, width=PHONE)
    expect(page.locator(landmark).first).to_be_visible()
    if path.startswith("stories?range"):
        for text in SEEN:
            expect(page.locator(".ut-stories").get_by_text(text).first).to_be_visible()
    if path == "pipeline":
        page.get_by_role("button", name="Read the newest").click()
        expect(page.locator(".ut-letter").first).to_contain_text("window.pwned = 1")
    _unharmed(page)
    page.set_viewport_size({"width": WIDE, "height": 900})
    _unharmed(page)


def _unharmed(page: Page) -> None:
    is_whole(page)
    assert page.evaluate("window.pwned") is None
    assert page.locator("#injected, #injected-name, .stHtml script, .stHtml img, .stHtml .katex").count() == 0
    assert page.locator("a[href^='javascript' i]").count() == 0
    assert page.evaluate("getComputedStyle(document.body).display") == "block", "a style of the feed was applied"
