"""Who visits and what they may do: sign-in by OpenID Connect (``st.login``), an allowlist and three roles.

Without a roles file nobody signs in. On loopback whoever sits at the machine may then do everything, as on its command
line; where the page is open to others by ``dashboard_open``, everybody may look and nobody may act.
"""

from __future__ import annotations

import getpass
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import streamlit as st

from undertone.errors import SettingsError
from undertone.settings import Settings
from undertone.text import clean

NAME_LIMIT = 128


class Role(IntEnum):
    """Each may do what those below it may."""

    VIEWER = 1
    ANALYST = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """Its name in the roles file."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Person:
    """Who visits; ``name`` is what goes into the audit. ``signed_in`` is False where nobody has to."""

    name: str
    role: Role
    signed_in: bool = False

    @property
    def known(self) -> bool:
        """Whether it is always the same person who has this name: not so of visitors of an open page."""
        return self.signed_in or self.role is Role.ADMIN

    def may(self, role: Role) -> bool:
        """Whether this person may do what ``role`` may."""
        return self.role >= role


@dataclass(frozen=True, slots=True)
class Roles:
    """The allowlist: mail addresses, or patterns such as ``*@example.org``, by role."""

    patterns: tuple[tuple[Role, str], ...]

    def of(self, mail: str) -> Role | None:
        """The highest role of an address, None if it is not listed."""
        wanted = mail.casefold()
        return max((role for role, pattern in self.patterns if fnmatchcase(wanted, pattern)), default=None)


def load(path: Path) -> Roles:
    """Read a roles file: TOML with the lists ``viewer``, ``analyst`` and ``admin``.

    Raises:
        SettingsError: if it cannot be read or says something else; names the file and what is valid.
    """
    try:
        return _load(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"UNDERTONE_DASHBOARD_ROLES={str(path)!r} cannot be read ({error.strerror})") from error


@lru_cache(maxsize=8)
def _load(path: Path, _changed_ns: int) -> Roles:
    valid = 'valid are lists of mail addresses, such as analyst = ["maria@example.org", "*@desk.example.org"]'
    try:
        tables: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no roles file ({error}): {valid}") from error
    found: list[tuple[Role, str]] = []
    for name, patterns in tables.items():
        role = {one.word: one for one in Role}.get(name)
        if role is None:
            raise SettingsError(f"{path} names the role {name!r}: valid are {', '.join(one.word for one in Role)}")
        if not isinstance(patterns, list) or not all(isinstance(one, str) and "@" in one for one in patterns):
            raise SettingsError(f"{path} gives {name} = {patterns!r}: {valid}")
        found += [(role, one.strip().casefold()) for one in patterns]
    if not found:
        raise SettingsError(f"{path} lists nobody, so that nobody could sign in: {valid}")
    return Roles(tuple(found))


def who(settings: Settings) -> Person | None:
    """Who visits; None if they have to sign in first. A person who is not listed has no role: see :func:`listed`."""
    if settings.dashboard_roles is None:
        return Person(_user(), Role.VIEWER if settings.dashboard_open else Role.ADMIN)
    mail = claimed()
    role = load(settings.dashboard_roles).of(mail) if mail else None
    return None if role is None else Person(mail, role, signed_in=True)


def claimed() -> str:
    """The mail address that the identity provider vouches for; empty if nobody is signed in."""
    claims = st.user.to_dict()
    if claims.get("is_logged_in") is not True or claims.get("email_verified") is False:
        return ""
    mail = claims.get("email")
    return clean(mail)[:NAME_LIMIT] if isinstance(mail, str) else ""


def can_sign_in() -> bool:
    """Whether a provider is set up in Streamlit's secrets."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def check_address(settings: Settings, address: str) -> None:
    """Hold that a page without sign-in is not served to others.

    Raises:
        SettingsError: if ``address`` is reachable from elsewhere and nothing says who may come; or for a roles file
            that cannot be used.
    """
    if settings.dashboard_roles is not None:
        load(settings.dashboard_roles)
        return
    if not is_loopback(address) and not settings.dashboard_open:
        raise SettingsError(
            f"The page would listen on {address!r}, where others can reach it, and nobody has to sign in. Valid is a "
            "loopback address such as 127.0.0.1; or give UNDERTONE_DASHBOARD_ROLES, a roles file, for sign-in; or, "
            "where a proxy or a container's published port decides who comes, UNDERTONE_DASHBOARD_OPEN=true: "
            "everybody may look then, and nobody may act"
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address.

    >>> [is_loopback(one) for one in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "example.org")]
    [True, True, True, False, False, False]
    """
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.casefold() == "localhost"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"
