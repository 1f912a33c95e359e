"""Tokens of the read API: made, listed and revoked in Redis, which keeps a salted hash and never the token.

A token is ``ut_<id>_<secret>``. The secret has 256 random bits, so that one round of HMAC-SHA256 is enough: there is
nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

import redis

from undertone import keys
from undertone.client import pipelined
from undertone.errors import InputError
from undertone.messages import from_ms

SCOPES = ("read:trends", "read:stories", "read:alerts")
LONGEST_S = keys.API_TOKEN_TTL_S
NAME_CHARACTERS = 100

_WRITTEN = re.compile(r"ut_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Token(NamedTuple):
    """What is known of a token. Times are by the clock on the wall; ``used_at`` is None if it never was."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class Presented(NamedTuple):
    """A token as a caller sends it, taken apart but not believed."""

    id: str
    secret: str


def made() -> Presented:
    """A new token, of which nothing is kept yet."""
    return Presented(secrets.token_hex(8), secrets.token_urlsafe(32))


def fresh() -> str:
    """A new token as it is handed over, for a file that the API reads; see :meth:`TokenStore.know`."""
    return _written(made())


def _written(token: Presented) -> str:
    return f"ut_{token.id}_{token.secret}"


def presented(written: str) -> Presented | None:
    """The parts of a written token; None if it cannot be one."""
    found = _WRITTEN.fullmatch(written)
    return None if found is None else Presented(found[1], found[2])


def believed(token: Presented, kept: Mapping[str, str], now_ms: int) -> Token | None:
    """The token behind what was presented, if Redis' record of it has the hash and it has not expired.

    The time that this takes does not tell how much of a wrong secret is right, nor whether there is such an id.
    """
    wanted = kept.get("digest", "0" * 64)
    right = hmac.compare_digest(_digest(kept.get("salt", ""), token.secret), wanted)
    if not right or not kept or int(kept["expires_ms"]) <= now_ms:
        return None
    return _token(token.id, kept)


class TokenStore:
    """All reads and writes of tokens but those of ``admit.lua``."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    def create(self, name: str, scopes: Iterable[str], now_ms: int, lifetime_s: int) -> tuple[str, Token]:
        """Make a token; the text to hand over, which can never be read again, and what is kept of it.

        Args:
            name: Whose or what for, for the list and the log.
            scopes: Of SCOPES.
            now_ms: By the clock on the wall.
            lifetime_s: Seconds until it expires, LONGEST_S at most.

        Raises:
            InputError: if the name, a scope or the lifetime cannot be used, or there are API_TOKENS_KEPT already.
        """
        chosen = tuple(one for one in SCOPES if one in set(scopes))
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not chosen:
            raise InputError(f"scope {', '.join(unknown) or 'none'} is not known: valid are {', '.join(SCOPES)}")
        if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
            raise InputError(f"name {name!r} cannot be used: valid are 1 to {NAME_CHARACTERS} printable characters")
        if not 0 < lifetime_s <= LONGEST_S:
            raise InputError(f"a token cannot live {lifetime_s} s: valid is up to {LONGEST_S // keys.DAY_S} days")
        self.redis.zremrangebyscore(keys.api_tokens(), 0, now_ms)
        if self.redis.zcard(keys.api_tokens()) >= keys.API_TOKENS_KEPT:
            raise InputError(f"there are {keys.API_TOKENS_KEPT:,} tokens, which is the most: revoke some")
        token = made()
        return _written(token), self._keep(token, name.strip(), chosen, now_ms, lifetime_s)

    def know(self, written: str, name: str, now_ms: int, lifetime_s: int = LONGEST_S) -> Token:
        """Let a token that was made elsewhere be used, for everything; knowing it again lengthens its life.

        Raises:
            InputError: if it cannot be a token.
        """
        token = presented(written.strip())
        if token is None:
            raise InputError("this is no token: make one with `undertone api token make`")
        return self._keep(token, name, SCOPES, now_ms, lifetime_s)

    def _keep(self, token: Presented, name: str, scopes: tuple[str, ...], now_ms: int, lifetime_s: int) -> Token:
        salt = secrets.token_hex(16)
        kept = {
            "name": name,
            "scopes": " ".join(scopes),
            "salt": salt,
            "digest": _digest(salt, token.secret),
            "created_ms": str(now_ms),
            "expires_ms": str(now_ms + lifetime_s * 1000),
        }
        key = keys.api_token(token.id)
        pipe = self.redis.pipeline(transaction=True)
        pipe.hset(key, mapping=cast(Any, kept))
        pipe.expire(key, lifetime_s)
        pipe.zadd(keys.api_tokens(), {token.id: now_ms + lifetime_s * 1000})
        pipe.expire(keys.api_tokens(), keys.API_TOKEN_TTL_S)
        pipe.execute()
        return _token(token.id, kept)

    def list(self) -> list[Token]:
        """All tokens that have not expired, by the time they were made."""
        ids = [one.decode() for one in cast("list[bytes]", self.redis.zrange(keys.api_tokens(), 0, -1))]
        raws = pipelined(self.redis, [("HGETALL", keys.api_token(one)) for one in ids])
        found = [_token(one, decoded(raw)) for one, raw in zip(ids, raws, strict=True) if raw]
        return sorted(found, key=lambda token: (token.created_at, token.id))

    def revoke(self, token_id: str) -> Token:
        """End a token at once.

        Raises:
            InputError: if there is none of this id.
        """
        kept = self.kept(token_id)
        if not kept:
            raise InputError(f"there is no token {token_id!r}: `undertone api token list` shows those there are")
        pipe = self.redis.pipeline(transaction=True)
        pipe.delete(keys.api_token(token_id))
        pipe.zrem(keys.api_tokens(), token_id)
        pipe.execute()
        return _token(token_id, kept)

    def kept(self, token_id: str) -> dict[str, str]:
        """What Redis holds of a token, empty if there is none."""
        return decoded(cast("dict[bytes, bytes]", self.redis.hgetall(keys.api_token(token_id))))

    def any(self, now_ms: int) -> bool:
        """Whether a token can be used at this time."""
        return bool(self.redis.zcount(keys.api_tokens(), f"({now_ms}", "+inf"))


def decoded(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw.items()}


def _digest(salt: str, secret: str) -> str:
    return hmac.new(salt.encode(), secret.encode(), hashlib.sha256).hexdigest()


def _token(token_id: str, kept: Mapping[str, str]) -> Token:
    return Token(
        id=token_id,
        name=kept["name"],
        scopes=tuple(kept["scopes"].split()),
        created_at=from_ms(int(kept["created_ms"])),
        expires_at=from_ms(int(kept["expires_ms"])),
        used_at=from_ms(int(kept["used_ms"])) if "used_ms" in kept else None,
    )
