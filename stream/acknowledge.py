"""The page behind an acknowledge link. Opening it changes nothing; its one button does.

Mail and chat programs open links by themselves to look for harm, so that a link which acts when it is opened would
acknowledge every alert before a person has read it.
"""

from __future__ import annotations

import html
import logging
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from redis.exceptions import RedisError

from undertone import links
from undertone.alert_store import AlertStore
from undertone.errors import InputError, SettingsError, StoreError
from undertone.messages import AlertState
from undertone.store import connect

SOCKET_TIMEOUT_S = 5
MOST_POSTED_BYTES = 4_096
POLL_S = 0.1
"""How long a stop may wait for the thread to notice."""

_log = logging.getLogger(__name__)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Undertone: {title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }}
button {{ font: inherit; padding: .5rem 1.2rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""``form-action`` and ``frame-ancestors``: no other page can press the button, and none is told the link."""


class Answer(NamedTuple):
    """Of one request: an HTTP status, and the page."""

    status: int
    page: str


class AckPage:
    """What the page says and does, apart from HTTP."""

    def __init__(self, alerts: AlertStore, secret: str, now_s: Callable[[], float] = time.time) -> None:
        self._alerts = alerts
        self._secret = secret
        self._now_s = now_s

    def shown(self, query: str) -> Answer:
        """The page that asks; reads and changes nothing."""
        try:
            link = links.opened(query, self._secret, self._now_s())
        except links.LinkError as error:
            return _answer(403, "This link cannot be used", str(error))
        alert = self._alerts.get(link.alert_id)
        if alert is None:
            return _answer(404, "There is no such alert", "It is older than what is kept.")
        about = alert.about
        if alert.state is AlertState.RESOLVED:
            return _answer(200, "This alert is over", f"{about}: {alert.reason}")
        if alert.state is AlertState.ACKNOWLEDGED:
            return _answer(200, f"Acknowledged by {alert.acknowledged_by}", f"{about}: {alert.reason}")
        action = html.escape(f"{links.PATH}?{query}", quote=True)
        button = f'<form method="post" action="{action}"><button autofocus>Acknowledge</button></form>'
        return _answer(200, f"{alert.severity.capitalize()}: {about}", alert.reason, button)

    def pressed(self, query: str) -> Answer:
        """Acknowledge the alert that the link names, for whoever the link was sent to."""
        try:
            link = links.opened(query, self._secret, self._now_s())
        except links.LinkError as error:
            return _answer(403, "This link cannot be used", str(error))
        try:
            alert = self._alerts.acknowledge(link.alert_id, f"link:{link.receiver}", int(self._now_s() * 1000))
        except InputError as error:
            return _answer(409, "It was not acknowledged", str(error))
        _log.info("alert %s acknowledged by a link sent to %s", alert.id, link.receiver)
        return _answer(200, "Acknowledged", "You will be told again only if it gets worse.")


class AckServer:
    """Serves the page, and ``/healthz``, on a thread of its own."""

    def __init__(self, redis_url: str, secret: str, host: str, port: int) -> None:
        """Bind at once.

        Raises:
            SettingsError: if the port cannot be had; says which.
        """
        self._client = connect(redis_url)
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(AckPage(AlertStore(self._client), secret)))
        except OSError as error:
            self._client.close()
            raise SettingsError(
                f"UNDERTONE_WATCH_PORT={port} cannot be used on {host} ({error}): choose another one, or 0 for any"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="acknowledge", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


def _answer(status: int, title: str, text: str, extra: str = "") -> Answer:
    body = f"<p>{html.escape(text)}</p>\n{extra}"
    return Answer(status, PAGE.format(title=html.escape(title), body=body))


def _handler(page: AckPage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SOCKET_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._send(200, "ok\n", {"Content-Type": "text/plain; charset=utf-8"})
            else:
                self._with(page.shown)

        def do_HEAD(self) -> None:
            self._with(page.shown)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdigit() or int(length) > MOST_POSTED_BYTES:
                self._send(413, "the form has no fields\n", {"Content-Type": "text/plain; charset=utf-8"})
                return
            self.rfile.read(int(length))
            self._with(page.pressed)

        def _with(self, say: Callable[[str], Answer]) -> None:
            path, _, query = self.path.partition("?")
            if path != links.PATH:
                self._send(404, "there is nothing here\n", {"Content-Type": "text/plain; charset=utf-8"})
                return
            try:
                answer = say(query)
            except (RedisError, StoreError) as error:
                _log.warning("an acknowledge link could not be served: %s", error)
                answer = _answer(503, "Not now", "Undertone cannot reach its store. Try again in a minute.")
            self._send(answer.status, answer.page, HEADERS)

        def _send(self, status: int, text: str, headers: dict[str, str]) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Whoever reads a link in a log could use it."""

    return Handler
