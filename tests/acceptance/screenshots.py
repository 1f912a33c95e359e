"""Take the pictures of docs/: start the demo as a person would, wait for its alert, photograph every page.

``make screenshots`` writes PAGE-LOOK.png for each page, and for an alert's own, in light, dark, on a phone and in
Chinese into docs/screenshots, each of few colours so that all together stay small. ``--url`` photographs a dashboard
that runs already, ``--only`` some of the pages. Needs chromium on PATH, and a font with Chinese characters.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, cast

from PIL import Image, ImageColor
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard.address import HOME
from dashboard.charts import NEGATIVE, NEUTRAL, POSITIVE, SERIES
from dashboard.screens import PAGES
from tests.acceptance.view import ARGS, CHROMIUM, PATIENCE_MS, PHONE, WIDE, Scheme
from tests.servers import wait_until

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
ALERT_TIMEOUT_S = 300.0
SETTLE_MS = 2_500
"""Charts draw themselves after the page is there, for which there is no condition to wait for."""
TALLEST = {WIDE: 1_800, PHONE: 2_600}
"""Pixels of a page that are shown at most, by its width."""
PALETTE = 256
ALERT = "alert"


class Look(NamedTuple):
    """How a page is looked at."""

    name: str
    scheme: Scheme
    width: int
    language: str


LOOKS = (
    Look("light", "light", WIDE, "en"),
    Look("dark", "dark", WIDE, "en"),
    Look("phone", "light", PHONE, "en"),
    Look("chinese", "light", WIDE, "zh"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a dashboard that runs already")
    parser.add_argument("--only", nargs="*", default=[*PAGES, ALERT], help="the pages to photograph")
    given = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("chromium is not on PATH; install it, for example with apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        if given.url:
            _photograph(browser, given.url.rstrip("/"), given.only)
        else:
            with _demo() as url:
                _photograph(browser, url, given.only)
    return 0


@contextmanager
def _demo() -> Iterator[str]:
    """The address of a demo whose alert fires."""
    with tempfile.TemporaryDirectory() as home, (Path(home) / "demo.log").open("w+") as said:
        command = [sys.executable, "-m", "undertone.cli", "demo", "--data", home, "--dashboard-port", "0"]
        demo = subprocess.Popen(command, stdout=said, stderr=said, text=True)
        log = Path(said.name)
        try:
            [url, *_] = wait_until(
                lambda: re.findall(r"http://127\.0\.0\.1:\d+", log.read_text()), ALERT_TIMEOUT_S, "the page's address"
            )
            wait_until(lambda: "Fired" in log.read_text(), ALERT_TIMEOUT_S, "the alert")
            yield url
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(60)
            print(log.read_text())


def _photograph(browser: Browser, url: str, names: list[str]) -> None:
    for look in LOOKS:
        page = browser.new_page(viewport={"width": look.width, "height": 900}, color_scheme=look.scheme)
        page.set_default_timeout(PATIENCE_MS)
        query = f"?lang={look.language}"
        for name in names:
            path = _alert(page, f"{url}/{query}") if name == ALERT else f"{'' if name == HOME else name}{query}"
            _take(page, f"{url}/{path}", FOLDER / f"{name}-{look.name}.png", look.width)
        page.close()


def _alert(page: Page, now: str) -> str:
    """The address of the worst alert's page, as Now links to it."""
    page.goto(now)
    return page.locator(".ut-alarm h3 a").first.get_attribute("href") or ""


def _take(page: Page, url: str, path: Path, width: int) -> None:
    page.goto(url)
    page.locator(".st-key-page .stHtml").last.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    height = int(page.locator("[data-testid=stMain]").evaluate("node => node.scrollHeight"))
    # Streamlit's pages scroll inside: a window of their height shows all of it.
    page.set_viewport_size({"width": width, "height": max(600, min(height, TALLEST[width]))})
    page.wait_for_timeout(SETTLE_MS)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    page.set_viewport_size({"width": width, "height": 900})
    picture.quantize(palette=_palette(picture), dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size // 1024} kB", flush=True)


def _palette(picture: Image.Image) -> Image.Image:
    """The colours that say something, and those that it has most of; what blends two is not missed."""
    found = cast("list[tuple[int, tuple[int, int, int]]]", picture.getcolors(picture.width * picture.height))
    meant = [ImageColor.getrgb(colour) for colour in (NEGATIVE, NEUTRAL, POSITIVE, *SERIES)]
    common = [colour for _, colour in sorted(found, reverse=True)]
    made = Image.new("P", (1, 1))
    made.putpalette([part for colour in [*meant, *common][:PALETTE] for part in colour])
    return made


if __name__ == "__main__":
    sys.exit(main())
