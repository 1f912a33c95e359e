"""A desk that is told of alerts: a webhook receiver on loopback that takes what comes and counts it.

It shows that calls arrive; what a real desk does with them is its own affair.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

MOST_BYTES = 1 << 20


class Desk:
    """Listens for the time of a ``with``; ``calls`` counts what it was told."""

    def __init__(self) -> None:
        self.calls = 0
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
                desk.calls += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the demo has the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="demo-desk", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
