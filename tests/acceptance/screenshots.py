"""Take the README's pictures: start the demo as a person would, wait for its alert, photograph the page.

``make screenshots`` writes page, dark, phone and demo (the first look) into docs/screenshots. Needs chromium on PATH.
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

from playwright.sync_api import Browser, sync_playwright

from tests.servers import wait_until

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
ALERT_TIMEOUT_S = 240.0
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
                for name, scheme, width in (("page", "light", 1280), ("dark", "dark", 1280), ("phone", "light", 390)):
                    _photograph(browser, url, name, scheme, width)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(60)
            print(log.read_text())
    return 0


def _photograph(browser: Browser, url: str, name: str, scheme: str, width: int) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.goto(f"{url}/?range=1d")
    page.locator(".ut-strip").wait_for(timeout=60_000)
    page.wait_for_timeout(SETTLE_MS)
    height = int(page.locator("[data-testid=stMain]").evaluate("node => node.scrollHeight"))
    page.set_viewport_size({"width": width, "height": min(height, 6_000)})
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=FOLDER / f"{name}.png")
    if name == "page":  # what the README shows: the first look
        page.screenshot(path=FOLDER / "demo.png", clip={"x": 0, "y": 0, "width": width, "height": FIRST_LOOK})
    page.close()
    print(f"{name}: {width} x {height}")


if __name__ == "__main__":
    sys.exit(main())
