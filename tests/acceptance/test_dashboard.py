"""The pages in a real browser, over two days that are known to the minute."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Position, expect

from tests import seed
from tests.acceptance.view import PHONE, Viewer, is_whole
from undertone.messages import from_ms
from undertone.store import Store
from undertone.trends import Series

MINUTE_MS = 60_000
ADDRESS = re.compile(r"\S+@\S+")


def test_filters_survive_a_reload_and_stories_open_elsewhere(seeded_url: str, viewer: Viewer) -> None:
    page = viewer.open(seeded_url + "trends")
    page.get_by_role("link", name="AAPL", exact=True).first.click()
    page.wait_for_url("**/trends?entity=AAPL")
    expect(page.locator(".ut-rank a[aria-current=true]")).to_have_text("AAPL")
    page.get_by_role("radio", name="6 h").click()
    page.wait_for_url("**entity=AAPL**range=6h**")
    page.reload()
    expect(page.get_by_role("radio", name="6 h")).to_be_checked()
    expect(page.locator(".ut-rank a[aria-current=true]")).to_have_text("AAPL")

    link = page.locator(".ut-stories a[target=_blank]").first
    expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))
    expect(link).to_have_attribute("href", re.compile("^https://example.com/"))


def test_a_click_on_the_chart_brings_the_stories_of_that_time_into_the_address(
    seeded_url: str, seeded: Store, viewer: Viewer
) -> None:
    page = viewer.open(seeded_url + "trends?entity=FB&range=1h")
    chart = page.locator("[data-testid=stEChartsChart] canvas").first
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    assert box is not None
    # Sixty bars between the margins of the plot; bars that the surge has left in the news, each hit at its foot.
    first = seed.NOW_MS // MINUTE_MS - 59
    told = seeded.windows("news", 60, first * MINUTE_MS, seed.NOW_MS, series=[Series("M&A | Investments", "FB")])
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


def test_a_chinese_reader_sees_no_english_but_names_and_headlines(seeded_url: str, viewer: Viewer) -> None:
    page = viewer.open(seeded_url, width=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")
    expect(page.get_by_role("heading", name="正在告警")).to_be_visible()
    expect(page.locator(".ut-alarm")).to_contain_text("FB · 并购 / 投资")
    expect(page.locator(".ut-pulse")).to_contain_text("2月20日 05:0")  # the zone of the device
    shown = page.locator(".ut-alarm .ut-reason, .ut-facts, .ut-heading, .ut-health, th").all_inner_texts()
    english = {word for text in shown for word in re.findall(r"\b[a-z]{3,}\b", ADDRESS.sub("", text))}
    assert english <= {"student", "int"}  # the model's name
    is_whole(page)


def test_a_printed_brief_leaves_out_what_is_only_for_clicking(seeded_url: str, viewer: Viewer) -> None:
    page = viewer.open(seeded_url)
    expect(page.locator(".ut-watch")).to_be_visible()
    page.emulate_media(media="print")
    for control in ("[data-testid=stHeader]", ".stPopover"):
        expect(page.locator(control).first).to_be_hidden()
    for told in (".ut-alarm", ".ut-watch", ".ut-health"):
        expect(page.locator(told).first).to_be_visible()
    assert page.locator(".stApp").evaluate("node => getComputedStyle(node).overflow") == "visible"
    assert page.pdf(format="A4").startswith(b"%PDF-")
