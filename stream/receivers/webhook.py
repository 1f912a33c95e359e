"""A receiver of Alertmanager's webhook format, version 4: signed, to a checked address, within a deadline.

Proxies from the environment are not used: the address that is checked is the one that is called.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
import msgspec

from stream.receivers.addresses import CheckedBackend
from stream.receivers.channel import NotDeliveredError
from undertone.alert_store import Outgoing
from undertone.signatures import HEADER, sign

MOST_ANSWER_BYTES = 65_536
"""Read of an answer, so that a polite receiver can finish it; what counts is the status alone."""
TRY_AGAIN = (408, 425, 429)

_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes and how: the receiver's part of the rules file with its secrets filled in.

    ``url`` and ``secret`` are kept out of its text, since either may let others send or read.
    """

    name: str
    url: str
    secret: str | None
    allow_private: bool
    allow_http: bool
    timeout_s: float

    def __repr__(self) -> str:
        return f"Target({self.name!r})"


class WebhookChannel:
    """Calls one webhook. ``body`` makes what is sent of a notification; see :mod:`stream.receivers.alertmanager`."""

    at_once = 4

    def __init__(self, target: Target, body: Callable[[Outgoing], dict[str, Any]]) -> None:
        self.name = target.name
        self._target = target
        self._body = body
        self._url = httpx.URL(target.url)
        self._tls: ssl.SSLContext | None = httpx.create_ssl_context() if self._url.scheme == "https" else None

    def deliver(self, out: Outgoing) -> str:
        body = _json.encode(self._body(out))
        try:
            status = self._call(body, out.key)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise NotDeliveredError(f"{type(error).__name__}: {error}") from error
        if 200 <= status < 300:
            return "ok"
        if status in TRY_AGAIN or status >= 500:
            raise NotDeliveredError(f"the receiver answered {status}")
        # Asking again would give the same answer; a redirect is not followed, lest alerts go astray.
        return f"refused:{status}"

    def _call(self, body: bytes, key: str) -> int:
        """Post the body; returns the status of the answer."""
        target, url = self._target, self._url
        backend = CheckedBackend(
            time.monotonic() + target.timeout_s,
            allow_private=target.allow_private,
            loopback_only=url.scheme == "http" and not target.allow_http,
        )
        headers: dict[bytes | str, bytes | str] = {
            "Host": url.netloc.decode(),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": "undertone",
            "Idempotency-Key": key,
            "Connection": "close",
        }
        if url.username or url.password:
            headers["Authorization"] = _basic(url)
        if target.secret is not None:
            headers[HEADER] = sign(body, target.secret, int(time.time()))
        asked = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
            pool.stream("POST", asked, headers=headers, content=body) as answer,
        ):
            read = 0
            # It has answered: whether it also finishes its sentence in time is of no account.
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
                for part in answer.iter_stream():
                    read += len(part)
                    if read >= MOST_ANSWER_BYTES:
                        break
            return int(answer.status)

    def close(self) -> None:
        """Every call has a connection of its own: there is nothing to close."""


def _basic(url: httpx.URL) -> str:
    request = next(httpx.BasicAuth(url.username, url.password).auth_flow(httpx.Request("POST", url)))
    return str(request.headers["Authorization"])
