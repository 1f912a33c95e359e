"""Connections to addresses that were checked: the one that was looked at is the one that is connected to.

A name is resolved once, here, and the socket goes to an address that was allowed: a name server that gives another
answer a moment later (DNS rebinding) changes nothing. All of a call, a slow drip of bytes too, has one deadline.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 ones (RFC 6052)."""
MOST_ADDRESSES = 4

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class BlockedAddressError(httpcore.ConnectError):
    """A name leads to no address on the public internet, and private ones were not allowed."""


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and so is every IPv4 address that it carries.

    Not public are loopback, private and shared nets, link-local ones with the cloud's metadata services,
    multicast, and what IANA keeps for itself.

    >>> from ipaddress import ip_address
    >>> [is_public(ip_address(one)) for one in ("1.1.1.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1")]
    [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in NAT64:
            inside.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if any(one is not None and not is_public(one) for one in inside):
            return False
        if address.ipv4_mapped is not None:
            return True  # what it carries is public
    return address.is_global and not address.is_multicast


def resolved(host: str, port: int, *, allow_private: bool, loopback_only: bool = False) -> list[str]:
    """The addresses of a host that may be connected to, in the resolver's order.

    Args:
        host: A name, or an address.
        port: Where to.
        allow_private: Whether those that are not on the public internet may be.
        loopback_only: Whether only those of this machine may be: what is sent is not encrypted.

    Raises:
        httpcore.ConnectError: if the name has none.
        BlockedAddressError: if none of them is allowed; names the first.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} has no address: {error}") from error
    texts = list(dict.fromkeys(str(one[4][0]) for one in found))
    addresses = {text: ipaddress.ip_address(text.partition("%")[0]) for text in texts}
    if loopback_only:
        texts = [text for text, one in addresses.items() if one.is_loopback]
        if not texts:
            raise BlockedAddressError(
                f"{host} is another machine: use https, or set 'allow_http: true' for this receiver"
            )
    allowed = [text for text in texts if allow_private or is_public(addresses[text])]
    if not allowed:
        raise BlockedAddressError(
            f"{host} leads to {texts[0]}, which is not on the public internet: if that is meant, "
            "set 'allow_private: true' for this receiver"
        )
    return allowed[:MOST_ADDRESSES]


class CheckedBackend(httpcore.NetworkBackend):
    """Opens sockets for one call, to addresses that are allowed and until ``deadline`` (``time.monotonic``)."""

    def __init__(self, deadline: float, *, allow_private: bool, loopback_only: bool) -> None:
        self._deadline = deadline
        self._allow_private = allow_private
        self._loopback_only = loopback_only
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first allowed address that answers."""
        addresses = resolved(host, port, allow_private=self._allow_private, loopback_only=self._loopback_only)
        for place, address in enumerate(addresses):
            left = _left(self._deadline, httpcore.ConnectTimeout) / (len(addresses) - place)
            passing = () if place == len(addresses) - 1 else (httpcore.ConnectError, httpcore.ConnectTimeout)
            with contextlib.suppress(*passing):
                opened = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
                return _Timed(opened, self._deadline)
        raise httpcore.ConnectError(f"{host} has no address")  # pragma: no cover  (the last one raises its own error)


class _Timed(httpcore.NetworkStream):
    """A connection of which every step ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float, late: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("the whole call took too long")
    return left
