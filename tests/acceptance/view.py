"""How the browser tests look at a page."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page
from playwright.sync_api import TimeoutError as GaveUp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PATIENCE_MS = 90_000
AGAIN_MS = 10_000
WIDE, PHONE = 1280, 390
Scheme = Literal["light", "dark"]


class Viewer:
    """One person's browser. What goes wrong in a page behind the reader's back fails the test at its end."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []

    def open(self, url: str, *, width: int = WIDE, scheme: Scheme = "light", **context: Any) -> Page:
        """A page in a session of its own, so that nothing of another one's is remembered."""
        made = self._browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **context)
        self._contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))
        page.goto(url)
        return page

    def close(self) -> None:
        for one in self._contexts:
            one.close()
        assert self.troubles == []

    def _dialog(self, dialog: Dialog) -> None:
        self.troubles.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


def follow(page: Page, link: Locator, url: str) -> None:
    """Click on a link of a live part until it leads to a page whose address matches ``url``.

    The part is drawn anew while one looks: a click on what is being replaced goes nowhere, and a person clicks again.
    """
    for _ in range(PATIENCE_MS // AGAIN_MS):
        link.click()
        with suppress(GaveUp):
            return page.wait_for_url(url, timeout=AGAIN_MS)
    raise AssertionError(f"the link did not lead to {url}, but to {page.url}")


def is_whole(page: Page) -> None:
    """Hold that nothing is wider than the page, and that no traceback is on it."""
    main = page.locator("[data-testid=stMain]")
    widths = main.evaluate("node => [node.scrollWidth, node.clientWidth, document.documentElement.scrollWidth]")
    assert widths[0] <= widths[1], f"{page.url} is {widths[0]} pixels wide where {widths[1]} fit"
    assert page.locator(".stException").count() == 0
