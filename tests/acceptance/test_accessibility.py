"""axe-core on every page, in light and dark: no serious violation in what we control."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk import Desk
from tests.acceptance.view import Viewer

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize(
    ("path", "landmark"),
    [
        ("", ".ut-watch"),
        ("trends", ".ut-rank"),
        ("stories", ".ut-stories"),
        ("alerts", ".ut-alert-list"),
        ("alerts?alert={alert}", ".ut-history"),
        ("rules", ".ut-rules"),
        ("models", ".ut-confusion"),
        ("models?view=labels", ".ut-to-label"),
        ("pipeline", ".ut-scroll"),
    ],
)
def test_a_page_has_no_serious_violation_in_light_and_dark(
    desk: Desk, viewer: Viewer, path: str, landmark: str
) -> None:
    if not desk.alerts.list():
        desk.surge("WALKOUT")
        desk.alert("WALKOUT")
    page = viewer.open(desk.url + path.format(alert=desk.alerts.list()[0].id))
    expect(page.locator(landmark).first).to_be_visible()
    found = _violations(page)
    light = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".stApp")).not_to_have_css("background-color", light)
    assert found + _violations(page) == []


def _violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    answer = cast("dict[str, Any]", page.evaluate("axe.run({resultTypes: ['violations']})"))
    return [
        f"{one['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for one in answer["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
