"""How soon a page of the dashboard is there in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS: Final = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
TIMEOUT_MS: Final = 180_000
_FIRST_PAINT: Final = """async () => {
    const found = () => performance.getEntriesByName('first-contentful-paint')[0];
    while (!found()) await new Promise(done => setTimeout(done, 20));
    return found().startTime;
}"""


class Paint(NamedTuple):
    """Seconds from the request for the page to its first contentful paint, and until its own content was there."""

    first: float
    content: float


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser; there must be one (``CHROMIUM``)."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


def paints(opened: Browser, url: str, content: str, times: int) -> tuple[Paint, Paint]:
    """Medians of who comes for the first time, and of who has been there before.

    Args:
        opened: The browser.
        url: Of the page.
        content: A selector of what the page is about.
        times: New browser contexts, each of which opens the page twice.
    """
    new, again = [], []
    for _ in range(times):
        context = opened.new_context(viewport={"width": 1280, "height": 900})
        new.append(_paint(context, url, content))
        again.append(_paint(context, url, content))
        context.close()
    return _median(new), _median(again)


def _paint(context: BrowserContext, url: str, content: str) -> Paint:
    page = context.new_page()
    begun = time.monotonic()
    page.goto(url, wait_until="commit")
    page.locator(content).first.wait_for(state="visible", timeout=TIMEOUT_MS)
    seconds = time.monotonic() - begun
    first_ms = float(page.evaluate(_FIRST_PAINT))
    page.close()
    return Paint(first_ms / 1000, seconds)


def _median(found: list[Paint]) -> Paint:
    return Paint(*(median(one) for one in zip(*found, strict=True)))
