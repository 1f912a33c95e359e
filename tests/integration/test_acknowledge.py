"""An acknowledge link: opening it shows, pressing acknowledges, and nothing else that one may try does anything."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from redis import Redis

from stream.acknowledge import AckPage, AckServer
from stream.receivers.addressed import acknowledging
from tests.alerts import alert, outgoing
from undertone import keys, links
from undertone.alert_store import AlertStore, Publication
from undertone.errors import SettingsError
from undertone.messages import Alert, AlertState
from undertone.settings import Settings

SECRET = "correct horse battery staple"
FIRST, SECOND = "00112233aabbccdd", "ffeeddccbbaa9988"


@pytest.fixture
def alerts(redis_url: str) -> Iterator[AlertStore]:
    with Redis.from_url(redis_url) as client:
        store = AlertStore(client)
        token = store.take_lease("by-hand")
        assert token
        for one in (alert(id=FIRST, reason="<script>alert(1)</script> & more"), alert(id=SECOND)):
            store.publish(token, "news", 1, [Publication(one, None, "fired")], {})
        yield store


@pytest.fixture
def server(alerts: AlertStore, redis_url: str) -> Iterator[AckServer]:
    found = AckServer(redis_url, SECRET, "127.0.0.1", 0)
    found.start()
    yield found
    found.stop()


def link(server: AckServer, alert_id: str = FIRST, *, hours: int = 72, secret: str = SECRET) -> str:
    """As a receiver is sent it."""
    settings = Settings(public_url=f"http://127.0.0.1:{server.port}", link_secret=secret, link_hours=hours)
    return acknowledging(settings, "desk", time.time)(outgoing()._replace(alert=alert(id=alert_id)))


def altered(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | changes)).geturl()


def now(alerts: AlertStore, alert_id: str = FIRST) -> Alert:
    found = alerts.get(alert_id)
    assert found is not None
    return found


def test_opening_the_link_asks_and_changes_nothing(server: AckServer, alerts: AlertStore) -> None:
    before = alerts.raw([FIRST])
    trail = alerts.redis.xlen(keys.outbox())
    for ask in (httpx.get, httpx.head):
        assert ask(link(server)).status_code == 200
    page = httpx.get(link(server))
    assert '<form method="post"' in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert alerts.raw([FIRST]) == before
    assert alerts.redis.xlen(keys.outbox()) == trail


def test_pressing_acknowledges_this_alert_for_whom_the_link_was_sent_to(server: AckServer, alerts: AlertStore) -> None:
    answer = httpx.post(link(server))
    assert answer.status_code == 200
    assert (now(alerts).state, now(alerts).acknowledged_by) == (AlertState.ACKNOWLEDGED, "link:desk")
    assert now(alerts, SECOND).state is AlertState.FIRING
    again = httpx.get(link(server))
    assert "Acknowledged by link:desk" in again.text
    assert "<form" not in again.text
    notifications = now(alerts).notifications
    assert httpx.post(link(server)).status_code == 200
    assert now(alerts).notifications == notifications


@pytest.mark.parametrize("changes", [{"alert": SECOND}, {"to": "ops"}, {"until": "9999999999"}, {"sig": "AAAA"}])
def test_an_altered_link_acknowledges_nothing(server: AckServer, alerts: AlertStore, changes: dict[str, str]) -> None:
    url = altered(link(server), **changes)
    assert httpx.get(url).status_code == 403
    assert httpx.post(url).status_code == 403
    assert {now(alerts, one).state for one in (FIRST, SECOND)} == {AlertState.FIRING}


def test_a_link_made_with_another_secret_acknowledges_nothing(server: AckServer, alerts: AlertStore) -> None:
    assert httpx.post(link(server, secret="some other secret of theirs")).status_code == 403
    assert now(alerts).state is AlertState.FIRING


def test_a_link_that_has_expired_acknowledges_nothing(server: AckServer, alerts: AlertStore) -> None:
    url = link(server, hours=1)
    page = AckPage(alerts, SECRET, now_s=lambda: time.time() + 3_601)
    for answer in (page.shown(urlsplit(url).query), page.pressed(urlsplit(url).query)):
        assert answer.status == 403
        assert "expired" in answer.page
    assert now(alerts).state is AlertState.FIRING


def test_an_alert_that_is_over_or_gone_cannot_be_acknowledged(server: AckServer, alerts: AlertStore) -> None:
    url = link(server)
    alerts.resolve(FIRST, "maria", int(time.time() * 1000))
    assert "over" in httpx.get(url).text
    assert httpx.post(url).status_code == 409
    assert now(alerts).state is AlertState.RESOLVED
    assert httpx.get(link(server, "0" * 16)).status_code == 404
    assert httpx.post(link(server, "0" * 16)).status_code == 409


def test_there_is_nothing_else_on_this_port(server: AckServer) -> None:
    home = f"http://127.0.0.1:{server.port}"
    assert httpx.get(f"{home}/healthz").text == "ok\n"
    for path in ("/", "/ack/", "/metrics"):
        assert httpx.get(home + path).status_code == 404
        assert httpx.post(home + path).status_code == 404
    assert httpx.post(link(server), content=b"x" * 5_000).status_code == 413


def test_a_port_that_is_taken_is_named(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"UNDERTONE_WATCH_PORT={port} cannot be used"):
            AckServer(redis_url, SECRET, "127.0.0.1", port)


def test_without_an_address_and_a_secret_there_are_no_links() -> None:
    assert acknowledging(Settings(public_url="https://u.example"), "desk", time.time)(outgoing()) == ""
    assert acknowledging(Settings(link_secret=SECRET), "desk", time.time)(outgoing()) == ""
    settings = Settings(public_url="https://u.example", link_secret=SECRET)
    made = acknowledging(settings, "desk", lambda: 1000.0)(outgoing())
    assert links.opened(urlsplit(made).query, SECRET, 1001) == links.Link(FIRST, "desk", 1000 + 72 * 3_600)
