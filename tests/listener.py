"""A real HTTP server that receives what Undertone sends, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer so; an underscore in the name of a header stands for a hyphen."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Listener:
    """Answers with ``answers``, one after the other, then with ``usual``; a client that leaves is no error."""

    def __init__(self, usual: Answer | None = None) -> None:
        self.calls: list[Call] = []
        self.answers: list[Answer] = []
        self.usual = usual or status(200)
        self.released = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.calls.append(Call(self.path, dict(self.headers), body))
                answer = listener.answers.pop(0) if listener.answers else listener.usual
                self.close_connection = True
                try:
                    answer(self)
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hang(self, _: BaseHTTPRequestHandler) -> None:
        """As an answer: none, until the listener is closed."""
        self.released.wait(60)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """As an answer: a byte of it now and then, so that no single read takes long."""
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 10_000:
            if self.released.wait(0.05):
                return
            handler.wfile.write(bytes([byte]))

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
