"""What was read from the store, and what was made of it: kept while it is true, shown with its age while it is away.

Streamlit's own caches copy what they hold on every use and forget it when the reading fails; a page that refreshes
every few seconds needs neither. What is kept is shared by all visitors and must not be changed by them.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, ParamSpec, TypeVar

from redis.exceptions import RedisError

from undertone.errors import StoreError

P = ParamSpec("P")
T = TypeVar("T")

WHOLE_S: Final = 60.0
"""After so long a value is read anew though nothing says that it has changed: keys expire."""
RETRY_S: Final = 3.0
"""While the store is away one visitor asks again this often, and the others do not wait for it."""


@dataclass(slots=True)
class _Kept:
    """One value, when it was found to be true and when it was read, what told then that it has not changed, and the
    lock of whoever reads it anew.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    value: object = None
    read_s: float = -1.0
    whole_s: float = -1.0
    mark: object = None


@dataclass(slots=True)
class Link:
    """How the store of one URL answers; times by the monotonic clock, s, None for never."""

    lost_s: float | None = None
    tried_s: float = 0.0
    answered_s: float | None = None


class Keeper:
    """All that is kept. ``clock`` is in seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, OrderedDict[Hashable, _Kept]] = defaultdict(OrderedDict)
        self._links: dict[str, Link] = {}
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        kind: str,
        key: Hashable,
        ttl_s: float,
        most: int,
        read: Callable[[], T],
        mark: Callable[[], object] | None = None,
    ) -> T:
        """The value of ``key``, read anew if it is older than ``ttl_s``; the last one while the store is away.

        Where ``mark`` is given it is asked first, and while it says the same the value is true for ``ttl_s`` more.
        Of a kind, ``most`` values are kept: the one that was not used for longest goes first.

        Raises:
            StoreError: if the store is away and there is no last one.
            RedisError: likewise.
        """
        with self._lock:
            mine = self._kept[kind]
            one = mine.get(key)
            if one is None:
                one = mine[key] = _Kept()
                while len(mine) > most:
                    mine.popitem(last=False)
            else:
                mine.move_to_end(key)
            link = self._links.setdefault(url, Link())
        known = one.read_s >= 0
        if known and self._clock() - one.read_s < ttl_s:
            return one.value  # type: ignore[return-value]
        if link.lost_s is not None and self._clock() - link.tried_s < RETRY_S:
            return self._last(one, StoreError("the store has not answered lately; it is asked again soon"))
        # Whoever comes second takes the last value rather than read the same again, if there is one.
        if not one.lock.acquire(blocking=not known):
            return one.value  # type: ignore[return-value]
        try:
            if one.read_s >= 0 and self._clock() - one.read_s < ttl_s:
                return one.value  # type: ignore[return-value]
            return self._read(link, one, read, mark)
        finally:
            one.lock.release()

    def _read(self, link: Link, one: _Kept, read: Callable[[], T], mark: Callable[[], object] | None) -> T:
        try:
            marked = None if mark is None else mark()
            if mark is None or one.read_s < 0 or marked != one.mark or self._clock() - one.whole_s >= WHOLE_S:
                value = read()
                one.whole_s = self._clock()
            else:
                value = one.value  # type: ignore[assignment]
        except (RedisError, StoreError) as error:
            link.tried_s = self._clock()
            if link.lost_s is None:
                link.lost_s = link.tried_s
            return self._last(one, error)
        # An equal value stays the same object, by which `made` knows what it has made of it.
        if one.read_s < 0 or value != one.value:
            one.value = value
        one.read_s, one.mark = self._clock(), marked
        link.lost_s, link.answered_s = None, one.read_s
        return one.value

    @staticmethod
    def _last(one: _Kept, error: Exception) -> T:  # type: ignore[type-var]
        if one.read_s < 0:
            raise error
        return one.value  # type: ignore[return-value]

    def gone_ms(self, url: str) -> float | None:
        """For how long the store has not answered, None if it does."""
        link = self._links.get(url)
        if link is None or link.lost_s is None:
            return None
        return (self._clock() - (link.lost_s if link.answered_s is None else link.answered_s)) * 1000

    def drop(self, kind: str, key: Hashable) -> None:
        """Keep this no longer."""
        with self._lock:
            self._kept[kind].pop(key, None)

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self._links.clear()


KEEPER: Final = Keeper()


class Reading(Generic[P, T]):
    """A function that reads from the store, and whose answers are kept. Its arguments are hashable, first the URL."""

    def __init__(
        self, read: Callable[P, T], ttl_s: float, most: int, mark: Callable[..., object] | None = None
    ) -> None:
        functools.update_wrapper(self, read)
        self._read, self._ttl_s, self._most, self._mark = read, ttl_s, most, mark
        self._kind = f"{read.__module__}.{read.__qualname__} {ttl_s}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, *kwargs.items()) if kwargs else args
        read = functools.partial(self._read, *args, **kwargs)
        mark = None if self._mark is None else functools.partial(self._mark, *args, **kwargs)
        return KEEPER.get(str(args[0]), self._kind, key, self._ttl_s, self._most, read, mark)

    def drop(self, *args: Hashable) -> None:
        """Read this anew when it is asked for next: the reader has just changed it."""
        KEEPER.drop(self._kind, args)


def kept(
    ttl_s: float, most: int = 64, mark: Callable[..., object] | None = None
) -> Callable[[Callable[P, T]], Reading[P, T]]:
    """Keep what a function reads from the store for ``ttl_s``, the ``most`` used answers of it.

    ``mark``, of the same arguments, costs less than reading: while it gives the same nothing has changed.
    """
    return lambda read: Reading(read, ttl_s, most, mark)


@dataclass(frozen=True, slots=True, eq=False)
class Same(Generic[T]):
    """Something large as part of a key: equal only to the very same object, which it holds as long as the key lives."""

    of: T

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


def made(most: int, same: int = 1) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the ``most`` used results of a pure function of what was read, shared by all visitors.

    Its first ``same`` arguments are compared by identity, so that large ones cost nothing, and must never change; the
    others by equality. Whatever a result depends on must be among them, the reader's language and address included.
    """

    def decorate(make: Callable[P, T]) -> Callable[P, T]:
        @functools.lru_cache(maxsize=most)
        def known(held: tuple[Same[object], ...], *args: object, **kwargs: object) -> T:
            return make(*(one.of for one in held), *args, **kwargs)  # type: ignore[arg-type]

        @functools.wraps(make)
        def called(*args: P.args, **kwargs: P.kwargs) -> T:
            return known(tuple(map(Same, args[:same])), *args[same:], **kwargs)  # type: ignore[arg-type]

        return called

    return decorate
