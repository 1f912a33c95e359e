"""Ports on loopback for the pages and health pages of systems that run side by side."""

from __future__ import annotations

import errno
import socket
import sys

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


class Ports:
    """Chooses ports for children that will listen on them later; until `release` no other system chooses the same.

    Two systems that start at once would both see a port as free. On Linux an abstract Unix socket, which the kernel
    forgets with its process, tells them apart; elsewhere the second one's child fails and says so.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def choose(self, host: str, port: int, *, asked: bool, variable: str) -> int:
        """The port if it is free, else any free one, unless a person asked for this very one.

        Raises:
            SettingsError: if the port that was asked for is taken; names the variable.
        """
        if port and is_free(host, port) and self._hold(port):
            return port
        if port and asked:
            raise SettingsError(
                f"{variable}={port} cannot be used: another program listens there. Give a free port, or 0"
            )
        while True:
            with socket.socket() as probe:
                probe.bind((host if ":" not in host else "127.0.0.1", 0))
                found = int(probe.getsockname()[1])
            if self._hold(found):
                return found

    def release(self) -> None:
        while self._held:
            self._held.pop().close()

    def _hold(self, port: int) -> bool:
        if sys.platform != "linux":
            return True
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0undertone-port-{port}")
        except OSError:
            claim.close()
            return False
        self._held.append(claim)
        return True
