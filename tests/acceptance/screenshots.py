"""Take the README's pictures: start the demo as a person would, wait for its alert, photograph the pages.

``make screenshots`` writes every page in light, dark, on a phone and in Chinese, and demo (the first look), into
docs/screenshots. Needs chromium on PATH, and a font with Chinese characters.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from dashboard.address import HOME
from dashboard.screens import PAGES
from tests.servers import wait_until

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
ALERT_TIMEOUT_S = 240.0


class Look(NamedTuple):
    """How a page is looked at."""

    name: str
    scheme: Literal["light", "dark"]
    width: int
    language: str


LOOKS = (
    Look("light", "light", 1280, "en"),
    Look("dark", "dark", 1280, "en"),
    Look("phone", "light", 390, "en"),
    Look("chinese", "light", 1280, "zh"),
)
FIRST_LOOK = 1_100
SETTLE_MS = 4_000
"""Charts draw themselves in an animation, for which there is no condition to wait for."""


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is not on PATH; install it, for example with apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, (Path(home) / "demo.log").open("w+") as said:
        command = [sys.executable, "-m", "undertone.cli", "demo", "--data", home, "--dashboard-port", "0"]
        demo = subprocess.Popen(command, stdout=said, stderr=said, text=True)
        try:
            log = Path(said.name)
            [url, *_] = wait_until(
                lambda: re.findall(r"http://127\.0\.0\.1:\d+", log.read_text()), ALERT_TIMEOUT_S, "the page's address"
            )
            wait_until(lambda: "Fired" in log.read_text(), ALERT_TIMEOUT_S, "the alert")
            time.sleep(20)  # let the surge be followed by a little more of life
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
                for page in PAGES:
                    for look in LOOKS:
                        _photograph(browser, url, page, look)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(60)
            print(log.read_text())
    return 0


def _photograph(browser: Browser, url: str, name: str, look: Look) -> None:
    page = browser.new_page(viewport={"width": look.width, "height": 900}, color_scheme=look.scheme)
    page.goto(f"{url}/{'' if name == HOME else name}?lang={look.language}")
    page.locator(".ut-masthead").wait_for(timeout=60_000)
    page.wait_for_timeout(SETTLE_MS)
    height = int(page.locator("[data-testid=stMain]").evaluate("node => node.scrollHeight"))
    page.set_viewport_size({"width": look.width, "height": min(height, 6_000)})
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=FOLDER / f"{name}-{look.name}.png")
    if (name, look.name) == (HOME, "light"):  # what the README shows: the first look
        page.screenshot(path=FOLDER / "demo.png", clip={"x": 0, "y": 0, "width": look.width, "height": FIRST_LOOK})
    page.close()
    print(f"{name}, {look.name}: {look.width} x {height}")


if __name__ == "__main__":
    sys.exit(main())
