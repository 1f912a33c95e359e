"""Admission: who asks, whether they may, and whether they ask too often. Two scripts' round trips at most.

An address pays before its token is looked at, so that trying tokens costs as much as asking; a token pays once it is
believed, so that nobody else can spend what is its own.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import redis

from undertone import keys
from undertone.api.problems import ApiError
from undertone.api.tokens import Token, TokenStore, believed, decoded, presented
from undertone.client import lua

ADDRESS_TIMES = 4
"""An address may ask so many times as often as one token: several people may sit behind it."""


class Rate(NamedTuple):
    """A token bucket: so much may be spent at once, and so much comes back a minute. What is asked costs 1 or more."""

    burst: int
    a_minute: int

    @property
    def capacity(self) -> int:
        """Never more than comes back while Redis keeps the bucket."""
        return min(self.burst, self.a_minute * keys.API_BUCKET_TTL_S // 60)

    @property
    def fills_s(self) -> int:
        return max(1, math.ceil(self.capacity * 60 / self.a_minute))

    def times(self, n: int) -> Rate:
        return Rate(self.burst * n, self.a_minute * n)


class Taken(NamedTuple):
    """What ``admit.lua`` said."""

    admitted: bool
    left: int
    wait_ms: int
    fields: dict[str, str]


class Caller(NamedTuple):
    """Who was admitted: the bucket that pays, the name for the log, and the token (None: none is needed)."""

    whose: str
    name: str
    token: Token | None


class Desk:
    """Admits callers. Threads may share it."""

    def __init__(self, client: redis.Redis, rate: Rate, *, closed: bool) -> None:
        """``closed``: a token is needed even where none exists. Else one is from the moment that one exists."""
        self.tokens = TokenStore(client)
        self.rate = rate
        self.closed = closed
        self._admit = client.register_script(lua("admit"))

    def admit(
        self,
        address: str,
        authorization: str | None,
        scope: str | None,
        now_ms: int,
        headers: dict[str, str],
        cost: int = 1,
    ) -> Caller:
        """Who this is.

        Args:
            address: Where the request comes from.
            authorization: The header, if there is one.
            scope: What is needed, of SCOPES; None: nothing, not even a token.
            now_ms: By the clock on the wall.
            headers: Takes the RateLimit headers of the answer, whether it is admitted or not.
            cost: What it takes from the buckets.

        Raises:
            ApiError: ``rate``, ``token`` or ``scope``.
        """
        place = neighbourhood(address)
        token = None if authorization is None else presented(_bearer(authorization))
        key = keys.api_token(token.id if token else "none")
        taken = self._take(
            f"address:{place}", key, "read" if token else "", self.rate.times(ADDRESS_TIMES), headers, cost
        )
        if scope is None:
            return Caller(f"address:{place}", "", None)
        if authorization is None and self._is_open(now_ms):
            return Caller(f"address:{place}", "anonymous", None)
        if authorization is None:
            raise _challenge("send a token as `Authorization: Bearer ut_…`; `undertone api token create` makes one")
        known = believed(token, taken.fields, now_ms) if token else None
        if known is None:
            raise _challenge("the token is not known, was revoked, or has expired", error="invalid_token")
        self._take(f"token:{known.id}", keys.api_token(known.id), "mark", self.rate, headers, cost)
        if scope not in known.scopes:
            raise _challenge(
                f"the token has {' '.join(known.scopes)}, and this needs {scope}", "scope", "insufficient_scope", scope
            )
        return Caller(f"token:{known.id}", known.name, known)

    def still(self, caller: Caller, now_ms: int) -> bool:
        """Whether a token that was admitted has been neither revoked nor outlived."""
        if caller.token is None:
            return True
        return caller.token.expires_at.timestamp() * 1000 > now_ms and bool(self.tokens.kept(caller.token.id))

    def _is_open(self, now_ms: int) -> bool:
        # Once a token was seen the desk stays closed: revoking the last one must not open the door.
        self.closed = self.closed or self.tokens.any(now_ms)
        return not self.closed

    def _take(self, whose: str, token_key: str, then: str, rate: Rate, headers: dict[str, str], cost: int) -> Taken:
        args: Sequence[str | int] = [rate.capacity, rate.a_minute, keys.API_BUCKET_TTL_S, cost, then]
        raw = cast("list[int | bytes]", self._admit(keys=[keys.api_bucket(whose), token_key], args=args))
        parts = cast("list[bytes]", raw[3:])
        taken = Taken(bool(raw[0]), int(raw[1]), int(raw[2]), decoded(dict(zip(parts[::2], parts[1::2], strict=True))))
        name = whose.partition(":")[0]
        headers["RateLimit-Policy"] = f'"{name}";q={rate.capacity};w={rate.fills_s}'
        headers["RateLimit"] = f'"{name}";r={taken.left};t={max(1, math.ceil(taken.wait_ms / 1000))}'
        if not taken.admitted:
            wait_s = max(1, math.ceil(taken.wait_ms / 1000))
            detail = f"this {name} may spend {rate.a_minute} a minute, and this costs {cost}: wait {wait_s} s"
            raise ApiError("rate", detail, retry_after_s=wait_s)
        return taken


def neighbourhood(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the /64 that one IPv6 host commands.

    >>> neighbourhood("203.0.113.9"), neighbourhood("2001:db8::1:2:3:4"), neighbourhood("?")
    ('203.0.113.9', '2001:db8::', 'unknown')
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((int(known), 64), strict=False).network_address)
    return str(known)


def _bearer(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _challenge(detail: str, kind: str = "token", error: str = "", scope: str = "") -> ApiError:
    words = ['realm="undertone"', *([f'error="{error}"'] if error else []), *([f'scope="{scope}"'] if scope else [])]
    return ApiError(kind, detail, headers={"WWW-Authenticate": f"Bearer {', '.join(words)}"})
