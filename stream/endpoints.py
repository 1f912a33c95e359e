"""``/healthz``, ``/readyz`` and ``/metrics``, on a thread of their own: they answer while the event loop is stuck."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from undertone.errors import SettingsError


class Reporting(Protocol):
    """What a program says of itself."""

    registry: CollectorRegistry

    def alive(self) -> bool:
        """Whether there is no need to restart it."""
        ...

    def wrong(self) -> list[str]:
        """Why it is not ready, each reason in a few words; empty if it is."""
        ...

    def degraded(self) -> list[str]:
        """What it makes do without."""
        ...

    def gauge(self) -> None:
        """Bring the gauges up to date before they are read."""
        ...


class Endpoints:
    """The HTTP server of one program."""

    def __init__(self, health: Reporting, host: str, port: int, variable: str = "UNDERTONE_HEALTH_PORT") -> None:
        """Bind at once. ``variable`` is the setting that chose the port.

        Raises:
            SettingsError: if the port cannot be had; says which.
        """
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health))
        except OSError as error:
            raise SettingsError(
                f"{variable}={port} cannot be used on {host} ({error}): choose another one, or 0 for any"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Reporting) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self.path == "/healthz":
                alive = health.alive()
                self._answer(200 if alive else 503, b"ok\n" if alive else b"the loop is stuck\n")
            elif self.path == "/readyz":
                wrong = health.wrong()
                body = json.dumps({"ready": not wrong, "wrong": wrong, "degraded": health.degraded()}).encode() + b"\n"
                self._answer(503 if wrong else 200, body, "application/json")
            elif self.path == "/metrics":
                health.gauge()
                self._answer(200, generate_latest(health.registry), CONTENT_TYPE_LATEST)
            else:
                self._answer(404, b"try /healthz, /readyz or /metrics\n")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every second; a log line for each would bury the rest."""

    return Handler
