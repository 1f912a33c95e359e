"""Links by which a person acknowledges an alert from a chat or a mail: signed, for one alert, and expiring.

Whoever holds the link may use it, like anyone who reads that chat; it lets them do this one thing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from undertone.errors import UndertoneError

PATH = "/ack"
LIFETIME_S = 72 * 3_600
_PURPOSE = b"undertone acknowledge 1"
_SIGNATURE_BYTES = 16
_MOST_CHARACTERS = 512


class LinkError(UndertoneError):
    """A link was altered, is of another kind, or is too old; its text is fit for the page that says so."""


class Link(NamedTuple):
    """What an acknowledge link says.

    Attributes:
        alert_id: Which alert.
        receiver: To whom it was sent.
        expires_s: Seconds since 1970 from which on it is refused.
    """

    alert_id: str
    receiver: str
    expires_s: int


def made(link: Link, public_url: str, secret: str) -> str:
    """The address to send.

    Args:
        link: What it says.
        public_url: Where people reach the watch's endpoints, such as ``https://alerts.example.org``.
        secret: The setting ``link_secret``.
    """
    query = urlencode({"alert": link.alert_id, "to": link.receiver, "until": link.expires_s, "sig": _sig(link, secret)})
    return f"{public_url.rstrip('/')}{PATH}?{query}"


def opened(query: str, secret: str, now_s: float) -> Link:
    """What the query of a link says, once it is known to be ours and in time.

    Raises:
        LinkError: else.
    """
    given = dict(parse_qsl(query[: _MOST_CHARACTERS + 1]))
    until = given.get("until", "")
    if len(query) > _MOST_CHARACTERS or not re.fullmatch("[0-9]{1,12}", until):
        raise LinkError("This link is not complete. Open it as it was sent, or acknowledge the alert on the page.")
    link = Link(given.get("alert", ""), given.get("to", ""), int(until))
    if not hmac.compare_digest(_sig(link, secret).encode(), given.get("sig", "").encode()):
        raise LinkError("This link was not made by this Undertone, or it was altered. Open it as it was sent.")
    if now_s >= link.expires_s:
        raise LinkError("This link has expired. Acknowledge the alert on the page, or with `undertone alerts ack`.")
    return link


def _sig(link: Link, secret: str) -> str:
    parts = (_PURPOSE, link.alert_id.encode(), link.receiver.encode(), str(link.expires_s).encode())
    body = b"".join(len(part).to_bytes(4, "big") + part for part in parts)  # no part can lend bytes to the next
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
