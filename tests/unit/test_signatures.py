"""Signed calls and signed links: ours are taken, and nothing that was altered, is old or is meant for another use."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from undertone.links import Link, LinkError, made, opened
from undertone.signatures import sign, verify_signature

SECRET = "correct horse battery"
BODY = b'{"version":"4"}'
AT = 1_767_225_600


def test_a_call_is_known_by_its_signature() -> None:
    assert verify_signature(sign(BODY, SECRET, AT), BODY, SECRET, AT + 10)


@pytest.mark.parametrize(
    ("header", "body", "secret", "now"),
    [
        (sign(BODY, SECRET, AT), BODY + b" ", SECRET, AT),
        (sign(BODY, SECRET, AT), BODY, "another", AT),
        (sign(BODY, SECRET, AT), BODY, SECRET, AT + 301),
        (sign(BODY, SECRET, AT), BODY, SECRET, AT - 301),
        (sign(BODY, SECRET, AT).replace(f"t={AT}", f"t={AT + 1}"), BODY, SECRET, AT),
        ("", BODY, SECRET, AT),
        (f"t={AT}", BODY, SECRET, AT),
        ("t=x,v1=00", BODY, SECRET, AT),
        ("t=²,v1=é", BODY, SECRET, AT),
        (f"t={AT},v1=é", BODY, SECRET, AT),
        (f"t={'9' * 5000},v1=00", BODY, SECRET, AT),
    ],
)
def test_a_call_that_is_altered_old_or_early_is_refused(header: str, body: bytes, secret: str, now: int) -> None:
    assert not verify_signature(header, body, secret, now)


def test_while_a_secret_is_changed_either_signature_will_do() -> None:
    new = sign(BODY, "next", AT).partition(",")[2]
    assert verify_signature(f"{sign(BODY, SECRET, AT)}, {new}", BODY, "next", AT)


LINK = Link("00112233aabbccdd", "desk", AT + 100)


def query(link: Link = LINK, secret: str = SECRET, **changes: str) -> str:
    address = urlsplit(made(link, "https://alerts.example.org/u/", secret))
    assert (address.netloc, address.path) == ("alerts.example.org", "/u/ack")
    return urlencode(dict(parse_qsl(address.query)) | changes)


def test_a_link_says_what_it_was_made_of() -> None:
    assert opened(query(), SECRET, AT) == LINK


@pytest.mark.parametrize(
    "altered",
    [
        query(alert="ffff2233aabbccdd"),
        query(to="ops"),
        query(until=str(AT + 99_999)),
        query(sig="A" * 22),
        query(sig="é"),
        query(until="-1"),
        query(until="²"),
        query(secret="another"),
        "",
        "alert=&to=&until=&sig=",
        query() + "&x=" + "y" * 600,
    ],
)
def test_an_altered_link_is_refused(altered: str) -> None:
    with pytest.raises(LinkError):
        opened(altered, SECRET, AT)


def test_what_is_shifted_from_one_part_of_a_link_to_the_next_is_refused() -> None:
    with pytest.raises(LinkError, match="altered"):
        opened(query(alert="00112233aabbccddd", to="esk"), SECRET, AT)


def test_a_link_expires() -> None:
    assert opened(query(), SECRET, AT + 99.9)
    with pytest.raises(LinkError, match="expired"):
        opened(query(), SECRET, AT + 100)
