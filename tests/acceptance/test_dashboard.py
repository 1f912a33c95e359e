"""The page in a real browser, served as `undertone dashboard` serves it, on a real Valkey."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Position, expect, sync_playwright

from tests import seed
from tests.servers import wait_until
from undertone.embedded import EmbeddedValkey
from undertone.messages import from_ms
from undertone.store import Store
from undertone.trends import Series

CHROMIUM = Path("/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PATIENCE_MS = 60_000
MINUTE_MS = 60_000
SERVE = "import sys, dashboard; from undertone.settings import Settings; sys.exit(dashboard.run(Settings()))"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs a browser at {CHROMIUM}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


@contextmanager
def served(redis_url: str, folder: Path) -> Iterator[str]:
    """The address of the page, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = os.environ | {"UNDERTONE_REDIS_URL": redis_url, "UNDERTONE_DASHBOARD_PORT": str(port)}
    with (folder / "dashboard.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=env, stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(port), timeout_s=60, what="the page answers")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(20)
    assert process.returncode == 0, (folder / "dashboard.log").read_text()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def visit(browser: Browser, url: str, *, width: int = 1280) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(url)
    return page


def test_a_surge_leads_from_now_to_its_evidence_and_filters_survive_a_reload(
    browser: Browser, redis_url: str, tmp_path: Path
) -> None:
    store = Store.open(redis_url)
    seed.seed(store)
    alert = seed.alert(store)
    seed.publish(store, alert)
    with served(redis_url, tmp_path) as url:
        page = visit(browser, url)
        row = page.locator(".ut-alarm")
        expect(row).to_have_count(1)
        expect(row).to_contain_text(alert.reason)
        expect(page.locator("[data-testid=stEChartsChart] canvas").first).to_be_visible()
        row.get_by_role("link", name="FB · M&A | Investments").click()
        page.wait_for_url("**/alerts?alert=seed-1")
        expect(page.get_by_text(alert.evidence[0].text).first).to_be_visible()

        page.goto(url + "trends")
        page.get_by_role("link", name="AAPL", exact=True).first.click()
        page.wait_for_url("**/trends?entity=AAPL")
        expect(page.locator(".ut-rank a[aria-current=true]")).to_have_text("AAPL")
        page.get_by_role("radio", name="6 h").click()
        page.wait_for_url("**entity=AAPL**range=6h**")
        page.reload()
        expect(page.get_by_role("radio", name="6 h")).to_be_checked()

        link = page.locator(".ut-stories a[target=_blank]").first
        expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))
        expect(link).to_have_attribute("href", re.compile("^https://example.com/"))
        page.close()


def test_a_click_on_the_chart_brings_the_stories_of_that_time_into_the_address(
    browser: Browser, redis_url: str, tmp_path: Path
) -> None:
    store = Store.open(redis_url)
    seed.seed(store)
    seed.publish(store)
    with served(redis_url, tmp_path) as url:
        page = visit(browser, url + "trends?entity=FB&range=1h")
        chart = page.locator("[data-testid=stEChartsChart] canvas").first
        expect(chart).to_be_visible()
        box = chart.bounding_box()
        assert box is not None
        # Sixty bars between the margins of the plot; bars that the surge has left in the news, each hit at its foot.
        first = seed.NOW_MS // MINUTE_MS - 59
        told = store.windows("news", 60, first * MINUTE_MS, seed.NOW_MS, series=[Series("M&A | Investments", "FB")])
        early, *_, late = sorted(start // 60 - first for start in told)
        left, right, foot = 46, 14, 268

        def middle(number: int) -> Position:
            return {"x": left + (number + 0.5) / 60 * (box["width"] - left - right), "y": foot - 4}

        for number in (late, early):
            chart.click(position=middle(number))
            _stories_of(page, first + number, first + number + 1)

        chart.click(position={"x": box["width"] - 68, "y": 45})  # the brush in the chart's toolbox
        chart.hover(position=middle(early))
        page.mouse.down()
        chart.hover(position=middle(late))
        page.mouse.up()
        _stories_of(page, first + early, first + late + 1)
        page.close()


def _stories_of(page: Page, begin_min: int, end_min: int) -> None:
    """Wait until address and list tell of the stories from one minute to before another."""
    begin, end = (from_ms(one * MINUTE_MS) for one in (begin_min, end_min))
    at = f"{begin:%Y-%m-%dT%H:%M}..{end:%Y-%m-%dT%H:%M}"
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("at") == [at])
    expect(page.get_by_role("heading", name=f"Stories from {begin:%-d %b %H:%M} to")).to_be_visible()
    links = page.locator(".ut-stories small > a").evaluate_all("found => found.map(one => one.href)")
    minutes = [int(parse_qs(urlsplit(link).query)["t"][0]) // MINUTE_MS for link in links]
    assert minutes
    assert all(begin_min <= one < end_min for one in minutes)


def test_hostile_feed_text_leaves_the_pages_as_they_were(browser: Browser, redis_url: str, tmp_path: Path) -> None:
    store = Store.open(redis_url)
    seed.seed(store, hostile=True)
    seed.publish(store, seed.alert(store, hostile=True))
    with served(redis_url, tmp_path) as url:
        page = visit(browser, url + "stories?range=1h", width=390)
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
        stories = page.locator(".ut-stories").first
        for text in ("<script>window.pwned = 1</script>", "**not bold**", ":material/home: :red[red]"):
            expect(stories.get_by_text(text).first).to_be_visible()
        _unharmed(page)
        for path, landmark in (("", ".ut-health"), ("trends?range=1h", ".ut-rank"), ("alerts", ".ut-name")):
            page.goto(url + path)
            expect(page.locator(landmark).first).to_be_visible()
            _unharmed(page)
        page.close()


def _unharmed(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    assert page.locator("#injected, #injected-name, .stHtml script, .stHtml img, .stHtml .katex").count() == 0
    assert page.locator("a[href^='javascript' i]").count() == 0
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("node => node.scrollWidth <= node.clientWidth"), "a long word made the page too wide"
    assert page.evaluate("getComputedStyle(document.body).display") == "block", "a style of the feed was applied"


def test_the_page_comes_through_the_loss_of_the_store(
    browser: Browser, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    seed.seed(Store.open(own_valkey.url))
    with served(own_valkey.url, tmp_path) as url:
        page = visit(browser, url + "trends?range=6h")
        expect(page.locator(".ut-rank").first).to_be_visible()
        own_valkey.kill()
        expect(page.get_by_text("Store away for")).to_be_visible()
        expect(page.get_by_text("This page shows what was read")).to_be_visible()
        expect(page.locator(".ut-rank").first).to_be_visible()
        assert page.locator(".stException").count() == 0
        own_valkey.start()
        expect(page.get_by_text("Store away for")).to_have_count(0)
        assert page.url.endswith("?range=6h")
        page.close()
