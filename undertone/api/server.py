"""Serving the API until SIGTERM: where it may listen, and what it logs."""

from __future__ import annotations

import ipaddress
import logging
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from undertone.api.app import build
from undertone.api.service import wall_ms
from undertone.api.shield import MOST_HEADER_BYTES
from undertone.api.tokens import TokenStore
from undertone.errors import InputError, SettingsError
from undertone.settings import Settings
from undertone.store import Store

MOST_CONNECTIONS = 256
"""Beside those of the alert stream. Who comes later is told 503 before anything is read."""
GRACE_S = 5
IDLE_S = 15


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SettingsError: if others could reach it and no token exists, only one file of TLS is given, or the file of the
            token is of no use.
        StoreError: if Redis does not answer.
    """
    know_file(settings)
    closed = must_be_closed(settings)
    _log(settings)
    app = build(settings, closed=closed)
    if not closed:
        logging.getLogger(__name__).warning(
            "no token exists: whoever is on this machine can read. `undertone api token create` ends that"
        )
    Server(app, settings).run()


def know_file(settings: Settings) -> None:
    """Make the token in the settings' file known, where they name one."""
    path = settings.api_token_file
    if path is None:
        return
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"UNDERTONE_API_TOKEN_FILE={str(path)!r} cannot be read: {error}") from error
    store = Store.open(settings.redis_url)
    try:
        TokenStore(store.redis).know(written, path.name, wall_ms())
    except InputError as error:
        raise SettingsError(f"UNDERTONE_API_TOKEN_FILE={str(path)!r} cannot be used: {error}") from error
    finally:
        store.redis.close()


def must_be_closed(settings: Settings) -> bool:
    """Whether a token is needed: wherever one exists, and always beyond loopback or behind a proxy.

    Raises:
        SettingsError: if one is needed and none exists, or only one file of TLS is given.
        StoreError: if Redis does not answer.
    """
    if (settings.api_certfile is None) is not (settings.api_keyfile is None):
        raise SettingsError("UNDERTONE_API_CERTFILE and UNDERTONE_API_KEYFILE go together: set both or none")
    store = Store.open(settings.redis_url)
    try:
        exists = TokenStore(store.redis).any(wall_ms())
    finally:
        store.redis.close()
    reached = not is_loopback(settings.api_host) or bool(settings.api_proxies)
    if reached and not exists:
        raise SettingsError(
            f"the API would be reached by others at {settings.api_host!r} and no token exists: make one with "
            "`undertone api token create NAME`, or listen on 127.0.0.1 without proxies"
        )
    return reached or exists


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Server(uvicorn.Server):
    """Uvicorn with the limits of this API. A stop ends the streams first, so that it need not wait for them."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.api_host,
                port=settings.api_port,
                http="h11",  # the parser that bounds what is not yet whole
                ws="none",
                h11_max_incomplete_event_size=MOST_HEADER_BYTES,
                limit_concurrency=MOST_CONNECTIONS + settings.api_streams,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=GRACE_S,
                proxy_headers=bool(settings.api_proxies),
                forwarded_allow_ips=list(settings.api_proxies),
                server_header=False,
                access_log=False,
                log_config=None,
                ssl_certfile=settings.api_certfile,
                ssl_keyfile=None if settings.api_keyfile is None else str(settings.api_keyfile),
            )
        )

    @property
    def port(self) -> int:
        """Where it listens, once it has started; of use where any free port was asked for."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.tail.close()
        super().handle_exit(sig, frame)


def _log(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("undertone.api.access").handlers[:] = [_bare_handler()]
    logging.getLogger("undertone.api.access").propagate = False


def _bare_handler() -> logging.Handler:
    """The access log is JSON lines on standard output, so that it can be told from what is for people."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler
