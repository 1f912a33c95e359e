"""How Redis is reached: one client with timeouts and retries, long reads in bounded chunks, the scripts' sources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from undertone.errors import StoreError

PIPELINE = 256
"""Commands in one round trip at most, so that a long read neither blocks Redis nor fills its output buffer."""

CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 10.0


def connect(url: str) -> redis.Redis:
    """A client for ``url`` with timeouts and retries; the guarded writes make a retry safe.

    Raises:
        StoreError: if the URL cannot be understood.
    """
    try:
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 3),
            health_check_interval=30,
        )
    except ValueError as error:
        raise StoreError(
            f"redis_url is {url!r}, which cannot be used ({error}): valid is redis://HOST:PORT/DB"
        ) from error


def ping(client: redis.Redis) -> None:
    """Ask once for an answer.

    Raises:
        StoreError: if there is none; says what to do.
    """
    try:
        client.ping()
    except RedisError as error:
        raise StoreError(
            f"Redis does not answer at {_safe(client)} ({error}): start it, or set UNDERTONE_REDIS_URL"
        ) from error


def pipelined(client: redis.Redis, commands: Sequence[tuple[str | bytes, ...]]) -> list[Any]:
    """The replies to these commands, in order, at most PIPELINE of them in one round trip."""
    replies: list[Any] = []
    for begin in range(0, len(commands), PIPELINE):
        pipe = client.pipeline(transaction=False)
        for command in commands[begin : begin + PIPELINE]:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        replies += pipe.execute()
    return replies


@cache
def lua(name: str) -> str:
    """The source of one of the scripts in ``undertone/lua``."""
    return (files("undertone") / "lua" / f"{name}.lua").read_text()


def pack(body: object) -> bytes:
    """An argument of a script, in MessagePack."""
    # Redis' cmsgpack has no binary type: everything inside is text, integers, lists and maps.
    return msgspec.msgpack.encode(body)


def _safe(client: redis.Redis) -> str:
    """Where a client points to, without its password."""
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host')}:{options.get('port')}")
