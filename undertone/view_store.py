"""What one person has set up on the dashboard, in Redis: a watchlist and saved views. Nothing here concerns others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, cast

import msgspec
import redis

from undertone import keys
from undertone.errors import InputError
from undertone.text import clean

NAME_CHARACTERS: Final = 60
VIEWS_KEPT: Final = 50
WATCHED: Final = 24
VALUE_BYTES: Final = 16_384
_WATCHLIST: Final = "watchlist"
_VIEW: Final = "view:"


class View(msgspec.Struct, frozen=True):
    """A page and the query of its address, such as ``range=7d&entity=FB``."""

    page: str
    query: str


_view = msgspec.json.Decoder(View)
_names = msgspec.json.Decoder(list[str])


class ViewStore:
    """All reads and writes of what people have set up. A person is named as in the audit."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client

    def watchlist(self, person: str) -> list[str] | None:
        """What a person watches, in their order; None if they never chose."""
        raw = cast("bytes | None", self.redis.hget(_key(person), _WATCHLIST))
        return None if raw is None else _names.decode(raw)

    def watch(self, person: str, watched: Sequence[str]) -> None:
        """Keep what a person watches.

        Raises:
            InputError: if it is more than WATCHED.
        """
        if len(watched) > WATCHED:
            raise InputError(f"the watchlist would have {len(watched)} entries: valid are up to {WATCHED}")
        self._write(person, _WATCHLIST, msgspec.json.encode(list(watched)))

    def views(self, person: str) -> dict[str, View]:
        """The saved views of a person by name, in the order of the alphabet."""
        raw = cast("dict[bytes, bytes]", self.redis.hgetall(_key(person)))
        named = {name.decode(): value for name, value in raw.items()}
        return {
            name.removeprefix(_VIEW): _view.decode(value)
            for name, value in sorted(named.items())
            if name.startswith(_VIEW)
        }

    def save(self, person: str, name: str, view: View) -> str:
        """Keep a view under a name, over one of that name if there is one; return the name as it is kept.

        Raises:
            InputError: if the name cannot be used, or there are VIEWS_KEPT others.
        """
        kept = clean(name)
        if not 0 < len(kept) <= NAME_CHARACTERS:
            raise InputError(
                f"the name of the view is {kept[:40]!r}, {len(kept)} characters: valid are 1 to {NAME_CHARACTERS}"
            )
        if len(self.views(person).keys() - {kept}) >= VIEWS_KEPT:
            raise InputError(f"there are {VIEWS_KEPT} saved views, which is the most: delete one first")
        self._write(person, _VIEW + kept, msgspec.json.encode(view))
        return kept

    def delete(self, person: str, name: str) -> None:
        """Forget a saved view; one that is not there is no error."""
        self.redis.hdel(_key(person), _VIEW + name)

    def _write(self, person: str, field: str, value: bytes) -> None:
        if len(value) > VALUE_BYTES:
            raise InputError(f"it would take {len(value):,} bytes: valid are up to {VALUE_BYTES:,}")
        pipe = self.redis.pipeline(transaction=False)
        pipe.hset(_key(person), field, cast("str", value))
        pipe.expire(_key(person), keys.PERSON_TTL_S)
        pipe.execute()


def _key(person: str) -> str:
    # A mail address has no place in the name of a key, where every list of keys would show it.
    return keys.person(hashlib.blake2b(person.encode(), digest_size=16).hexdigest())
