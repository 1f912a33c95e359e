"""Ports on loopback for the pages and health pages of programs that run side by side."""

from __future__ import annotations

import errno
import socket

from undertone.errors import SettingsError


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on this port right now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose(host: str, port: int, *, asked: bool, variable: str) -> int:
    """The port if it is free, else any free one, unless a person asked for this very one.

    Raises:
        SettingsError: if the port that was asked for is taken; names the variable.
    """
    if port and is_free(host, port):
        return port
    if port and asked:
        raise SettingsError(f"{variable}={port} cannot be used: another program listens there. Give a free port, or 0")
    with socket.socket() as probe:
        probe.bind((host if ":" not in host else "127.0.0.1", 0))
        return int(probe.getsockname()[1])
