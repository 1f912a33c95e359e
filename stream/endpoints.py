"""``/healthz``, ``/readyz`` and ``/metrics``, on a thread of their own: they answer while the event loop is stuck."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.health import Health
from undertone.errors import SettingsError

DEAD_S = 30.0
"""``/healthz`` turns red, and an orchestrator restarts the worker, when the loop has not run for so long."""


class Endpoints:
    """The HTTP server of one worker."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        """Bind at once.

        Raises:
            SettingsError: if the port cannot be had; says which.
        """
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health))
        except OSError as error:
            raise SettingsError(
                f"UNDERTONE_HEALTH_PORT={port} cannot be used on {host} ({error}): choose another one, or 0 for any"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self.path == "/healthz":
                alive = time.monotonic() - health.ticked < DEAD_S
                self._answer(200 if alive else 503, b"ok\n" if alive else b"the event loop is stuck\n")
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
