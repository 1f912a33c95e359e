"""The tail of the outbox: one reader for all who follow it. Those that fall behind read for themselves.

Nobody has a queue: each follower is asked where it stands, and gets at most a page of what comes next. What it does not
take it finds in Redis later, as far back as entries are kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import partial

from anyio import to_thread
from redis.exceptions import RedisError

from undertone.alert_reading import AlertReader, entry_order
from undertone.outbox import Outgoing

PAGE = 50
KEPT = 512
"""Entries held for followers that are up to date."""
LOOK_S = 0.5
AWAY_S = 2.0


class Tail:
    """Reads what is new while anybody follows. Of one event loop."""

    def __init__(self, reader: AlertReader) -> None:
        self._reader = reader
        self._held: deque[Outgoing] = deque(maxlen=KEPT)
        self._from: tuple[int, int] | None = None  # all entries after it, up to the last one read, are held
        self._last = "0-0"
        self._followers = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self.closing = False

    async def run(self) -> None:
        """Look for entries until cancelled; only while somebody follows."""
        while True:
            await self._wanted.wait()
            try:
                await self._look()
                await asyncio.sleep(LOOK_S)
            except RedisError:
                await asyncio.sleep(AWAY_S)

    def close(self) -> None:
        """End what all followers follow."""
        self.closing = True
        self._news.set()

    async def follow(self, entry: str, heartbeat_s: float) -> AsyncIterator[Sequence[Outgoing]]:
        """What comes after an entry, oldest first, in pages; an empty one each time nothing came for so long."""
        self._followers += 1
        self._wanted.set()
        try:
            while not self.closing:
                news = self._news
                page = await self._after(entry)
                if page:
                    entry = page[-1].entry
                    yield page
                elif not await _within(news, heartbeat_s):
                    yield ()
        finally:
            self._followers -= 1
            if not self._followers:
                self._wanted.clear()
                self._from = None

    async def _look(self) -> None:
        if self._from is None:
            self._last = await to_thread.run_sync(self._reader.newest)
            self._held.clear()
            self._from = entry_order(self._last)
            self._tell()  # whoever came before this look has not seen what is older
        page = await to_thread.run_sync(partial(self._reader.since, self._last, PAGE))
        for one in page:
            if len(self._held) == KEPT:
                self._from = entry_order(self._held[0].entry)
            self._held.append(one)
            self._last = one.entry
        if page:
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _after(self, entry: str) -> Sequence[Outgoing]:
        at = entry_order(entry)
        if self._from is not None and at >= self._from:
            return [one for one in self._held if entry_order(one.entry) > at][:PAGE]
        try:
            return await to_thread.run_sync(partial(self._reader.since, entry, PAGE))
        except RedisError:
            await asyncio.sleep(AWAY_S)
            return ()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
