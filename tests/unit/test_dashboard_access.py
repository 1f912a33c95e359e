"""Who may see the dashboard and act on it, and where it may listen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard import access
from dashboard.access import Role
from undertone.errors import SettingsError
from undertone.settings import Settings

ROLES = """
viewer = ["*@example.org"]
analyst = ["Maria@example.org"]
admin = ["root@example.net"]
"""


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text(ROLES)
    return path


def test_a_person_has_the_highest_role_that_the_file_gives_and_a_stranger_none(roles: Path) -> None:
    found = access.load(roles)
    assert found.of("maria@EXAMPLE.org") is Role.ANALYST
    assert found.of("someone@example.org") is Role.VIEWER
    assert found.of("root@example.net") is Role.ADMIN
    assert found.of("someone@example.org.evil.net") is None
    assert found.of("") is None


def test_a_role_that_is_taken_back_in_the_file_is_gone_at_once(roles: Path) -> None:
    assert access.load(roles).of("root@example.net") is Role.ADMIN
    before = roles.stat().st_mtime_ns
    roles.write_text('viewer = ["root@example.net"]\n')
    os.utime(roles, ns=(before + 1, before + 1))  # whatever the clock of the file system says
    assert access.load(roles).of("root@example.net") is Role.VIEWER


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("viewer = [", "no roles file"),
        ('owner = ["a@b.c"]', "'owner'"),
        ('viewer = "a@b.c"', "viewer"),
        ("viewer = [1]", "viewer"),
        ('viewer = ["*"]', "viewer"),
        ("", "lists nobody"),
    ],
)
def test_a_roles_file_of_no_use_says_what_is_wrong_and_what_is_valid(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "roles.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=named) as raised:
        access.load(path)
    assert "roles.toml" in str(raised.value)
    assert "valid" in str(raised.value)


def test_a_roles_file_that_is_not_there_stops_the_page(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="UNDERTONE_DASHBOARD_ROLES"):
        access.check_address(Settings(dashboard_roles=tmp_path / "none.toml"), "127.0.0.1")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_without_sign_in_the_page_refuses_to_listen_where_others_reach_it(address: str, roles: Path) -> None:
    with pytest.raises(SettingsError, match="UNDERTONE_DASHBOARD_ROLES"):
        access.check_address(Settings(), address)
    access.check_address(Settings(dashboard_roles=roles), address)
    access.check_address(Settings(dashboard_open=True), address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_on_loopback_nobody_has_to_sign_in(address: str) -> None:
    access.check_address(Settings(), address)


def test_whoever_sits_at_the_machine_may_act_and_visitors_of_an_open_page_may_look() -> None:
    local, visitor = access.who(Settings()), access.who(Settings(dashboard_open=True))
    assert local is not None
    assert visitor is not None
    assert local.may(Role.ADMIN)
    assert visitor.may(Role.VIEWER)
    assert not visitor.may(Role.ANALYST)
