"""A webhook call: signed, to a checked address, over by its deadline, whatever the receiver does."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest
import trustme

from stream.receivers import addresses
from stream.receivers.addressed import addressed, channel, from_setting
from stream.receivers.addresses import is_public
from stream.receivers.channel import Channel, NotDeliveredError
from tests.alerts import outgoing
from tests.listener import Listener, status
from undertone.errors import InputError
from undertone.rules import Receiver, Webhook
from undertone.settings import Settings
from undertone.signatures import HEADER, verify_signature

SECRET = "s3cret of the desk"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def to(url: str, **options: Any) -> Channel:
    options = {"allow_private": True, "timeout_s": 5.0} | options
    receiver = Receiver(name="desk", webhook=Webhook(url=url, **options))
    return channel(addressed(receiver, {"DESK_SECRET": SECRET}.get), lambda _: "", "")


def test_a_call_carries_the_alert_its_key_and_a_signature(listener: Listener) -> None:
    assert to(listener.url + "/alerts?team=a", secret_env="DESK_SECRET").deliver(outgoing()) == "ok"
    (call,) = listener.calls
    assert call.path == "/alerts?team=a"
    assert call.headers["Idempotency-Key"] == "00112233aabbccdd-1"
    assert call.headers["Host"] == f"127.0.0.1:{listener.port}"
    assert call.json["version"] == "4"
    assert call.json["receiver"] == "desk"
    assert verify_signature(call.headers[HEADER], call.body, SECRET, time.time())


def test_a_name_and_a_password_in_the_address_are_sent_as_such(listener: Listener) -> None:
    assert to(listener.url.replace("//", "//me:p%40ss@")).deliver(outgoing()) == "ok"
    assert listener.calls[0].headers["Authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(listener: Listener, code: int) -> None:
    listener.usual = status(code)
    with pytest.raises(NotDeliveredError, match=f"answered {code}"):
        to(listener.url).deliver(outgoing())


@pytest.mark.parametrize("code", [400, 401, 404, 410, 413])
def test_a_refusal_is_final(listener: Listener, code: int) -> None:
    listener.usual = status(code)
    assert to(listener.url).deliver(outgoing()) == f"refused:{code}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(listener: Listener, code: int) -> None:
    elsewhere = Listener()
    listener.usual = status(code, Location=elsewhere.url)
    assert to(listener.url).deliver(outgoing()) == f"refused:{code}"
    assert not elsewhere.calls
    elsewhere.close()


def test_of_a_large_answer_only_a_beginning_is_read(listener: Listener) -> None:
    sent: list[int] = []

    def large(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(500 * 1024 * 1024))
        handler.end_headers()
        for _ in range(500):
            handler.wfile.write(bytes(1024 * 1024))
            sent.append(1)

    listener.usual = large
    assert to(listener.url).deliver(outgoing()) == "ok"
    assert len(sent) < 100  # what fits into the buffers of both sockets


def test_endless_headers_are_not_read_to_the_end(listener: Listener) -> None:
    def endless(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-A: " + b"b" * 65_000)

    listener.usual = endless
    with pytest.raises(NotDeliveredError):
        to(listener.url).deliver(outgoing())


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_receiver_that_hangs_or_drips_is_left_at_the_deadline(listener: Listener, how: str) -> None:
    listener.usual = getattr(listener, how)
    with pytest.raises(NotDeliveredError, match="Timeout"):
        to(listener.url, timeout_s=0.5).deliver(outgoing())


def test_a_receiver_that_has_answered_need_not_finish(listener: Listener) -> None:
    def half(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.flush()
        listener.hang(handler)

    listener.usual = half
    assert to(listener.url, timeout_s=1.0).deliver(outgoing()) == "ok"


def test_nobody_there_is_tried_again(listener: Listener) -> None:
    listener.close()
    with pytest.raises(NotDeliveredError, match="Connect"):
        to(listener.url).deliver(outgoing())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_off_the_public_internet_are_known(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_on_the_public_internet_are_known(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_private_address_is_not_called_unless_that_is_allowed(listener: Listener) -> None:
    for host in ("127.0.0.1", "localhost"):
        url = listener.url.replace("127.0.0.1", host)
        with pytest.raises(NotDeliveredError, match="allow_private: true"):
            to(url, allow_private=False).deliver(outgoing())
    assert not listener.calls


def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server gives a public address first and this machine's next, which is how rebinding goes."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebind.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        answer = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, listener.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    called: list[str] = []

    def connected(_: object, host: str, *args: Any, **kwargs: Any) -> Any:
        called.append(host)
        raise httpcore.ConnectError("stop here")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connected)
    monkeypatch.setattr(addresses, "is_public", lambda one: str(one) == "192.0.2.1")
    with pytest.raises(NotDeliveredError, match="stop here"):
        to(f"https://rebind.example:{listener.port}", allow_private=False).deliver(outgoing())
    assert called == ["192.0.2.1"]
    with pytest.raises(NotDeliveredError, match=r"rebind\.example leads to 127\.0\.0\.1"):
        to(f"https://rebind.example:{listener.port}", allow_private=False).deliver(outgoing())
    assert called == ["192.0.2.1"]


def test_without_https_only_this_machine_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with pytest.raises(NotDeliveredError, match="use https"):
        to("http://hooks.example").deliver(outgoing())


def test_a_second_address_is_tried_where_the_first_does_not_answer(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def two(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "two.example":
            return real(host, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert to(f"http://two.example:{listener.port}").deliver(outgoing()) == "ok"


def test_secrets_are_not_in_the_text_of_anything() -> None:
    receiver = Receiver(name="desk", webhook=Webhook(url_env="DESK_URL", secret_env="DESK_SECRET"))
    variables = {"DESK_URL": "https://hooks.example/T0KEN", "DESK_SECRET": SECRET}
    found = addressed(receiver, variables.get)
    assert found.url == "https://hooks.example/T0KEN"
    assert "T0KEN" not in repr(found)
    assert SECRET not in repr(found)


def test_a_variable_that_is_not_set_or_holds_no_address_is_named() -> None:
    receiver = Receiver(name="desk", webhook=Webhook(url_env="DESK_URL"))
    nothing: dict[str, str] = {}
    with pytest.raises(InputError, match="'desk' names the environment variable DESK_URL, which is not set"):
        addressed(receiver, nothing.get)
    with pytest.raises(InputError, match="DESK_URL must begin with https"):
        addressed(receiver, {"DESK_URL": "hooks.example"}.get)


def test_the_webhook_of_the_settings_may_be_anywhere(listener: Listener) -> None:
    found = from_setting(Settings(webhook_url=listener.url))
    assert found is not None
    assert channel(found, lambda _: "", "").deliver(outgoing()) == "ok"
    assert from_setting(Settings()) is None


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_over_https_the_receiver_must_prove_its_name(
    name: str, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    listener.server.socket = context.wrap_socket(listener.server.socket, server_side=True)
    hook = to(f"https://localhost:{listener.port}")
    if name == "localhost":
        assert hook.deliver(outgoing()) == "ok"
        assert len(listener.calls) == 1
    else:
        with pytest.raises(NotDeliveredError, match="CERTIFICATE_VERIFY_FAILED"):
            hook.deliver(outgoing())
        assert not listener.calls
