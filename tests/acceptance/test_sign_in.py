"""Signing in with a real OpenID Connect provider, in a real browser: who sees, who acts, and who is turned away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk import PATIENCE_S, ROOT, free_port, redis_address, running, served
from tests.acceptance.view import Viewer
from tests.servers import wait_until
from undertone.alert_store import AlertStore
from undertone.settings import Settings
from undertone.store import Store

EVE, MARIA, MALLORY = "eve@example.org", "maria@example.org", "mallory@example.net"
SECRETS = """
[auth]
redirect_uri = "{page}oauth2callback"
cookie_secret = "a long text that only this test knows"
client_id = "undertone"
client_secret = "said to the provider"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def page_url(seeded: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that asks for sign-in, and the provider that it asks."""
    folder = tmp_path_factory.mktemp("sign-in")
    (folder / "roles.toml").write_text(f'viewer = ["*@example.org"]\nanalyst = ["{MARIA}"]\n')
    at, port = free_port(), free_port()
    people = (
        f"--user-claims={json.dumps({'sub': mail, 'email': mail, 'email_verified': True})}"
        for mail in (EVE, MARIA, MALLORY)
    )
    provider = [sys.executable, "-m", "oidc_provider_mock", f"--port={at}", *people]
    (folder / ".streamlit").mkdir()
    secrets = SECRETS.format(page=f"http://127.0.0.1:{port}/", provider=f"http://127.0.0.1:{at}")
    (folder / ".streamlit" / "secrets.toml").write_text(secrets)
    settings = Settings(redis_url=redis_address(seeded), dashboard_roles=folder / "roles.toml")
    with ExitStack() as stack:
        stack.enter_context(running(provider, os.environ, folder / "provider.log"))
        wait_until(lambda: _provides(at), PATIENCE_S, "the provider answers")
        yield stack.enter_context(served(settings, folder, port))


def _provides(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/openid-configuration", timeout=2):
            return True
    except (URLError, ConnectionError, TimeoutError):
        return False


def sign_in(page: Page, mail: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=mail).click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()  # the provider's own page, which leads back


def test_a_viewer_sees_and_cannot_act_and_signs_out(page_url: str, viewer: Viewer) -> None:
    page = viewer.open(page_url)
    expect(page.get_by_text("Please sign in")).to_be_visible()
    assert page.get_by_text("FB").count() == 0
    sign_in(page, EVE)
    expect(page.locator(".ut-alarm")).to_have_count(1)
    page.goto(f"{page_url}alerts?alert=seed-1")
    expect(page.get_by_text("You may look.")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.locator(".st-key-reading button").first.click()
    expect(page.get_by_text(f"{EVE}, viewer")).to_be_visible()
    sign_out(page)
    expect(page.get_by_text("Please sign in")).to_be_visible()
    page.goto(f"{page_url}alerts?alert=seed-1")
    expect(page.get_by_text("Please sign in")).to_be_visible()


def test_an_analyst_acts_under_their_own_name(page_url: str, seeded: Store, viewer: Viewer) -> None:
    page = viewer.open(page_url)
    sign_in(page, MARIA)
    expect(page.locator(".ut-alarm")).to_have_count(1)
    page.goto(f"{page_url}alerts?alert=seed-1")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text("Acknowledged.")).to_be_visible()
    done = [(one.action, one.by) for one in AlertStore(seeded.redis).trail("seed-1")]
    assert done == [("acknowledged", MARIA)]


def test_a_stranger_is_turned_away_and_can_sign_in_as_somebody_else(page_url: str, viewer: Viewer) -> None:
    page = viewer.open(page_url)
    sign_in(page, MALLORY)
    expect(page.get_by_text(f"You are signed in as {MALLORY}.")).to_be_visible()
    assert page.locator(".ut-alarm").count() == 0
    sign_out(page)
    expect(page.get_by_text("Please sign in")).to_be_visible()


def test_the_command_refuses_an_address_that_others_reach_while_nobody_has_to_sign_in(tmp_path: Path) -> None:
    hidden = ("UNDERTONE_DASHBOARD_ROLES", "UNDERTONE_DASHBOARD_OPEN")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "undertone.cli", "dashboard"]
    own = {"UNDERTONE_DASHBOARD_HOST": "0.0.0.0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment | own, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert "UNDERTONE_DASHBOARD_ROLES" in done.stderr
    assert "Traceback" not in done.stderr
