"""One visit: who reads which page of which system, and how it is said to them. Every page is drawn from one."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import reads
from dashboard.access import Person, Role
from dashboard.locale import Locale
from undertone.settings import Settings


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page needs to know of its reader and of where it reads."""

    settings: Settings
    locale: Locale
    person: Person
    page: str

    @property
    def url(self) -> str:
        """Of the store."""
        return self.settings.redis_url

    @property
    def streams(self) -> tuple[str, ...]:
        return self.settings.streams

    def may(self, role: Role) -> bool:
        return self.person.may(role)

    def now_ms(self, streams: tuple[str, ...] = ()) -> int:
        """Event time of the stream that is furthest, -1 before any message.

        Raises:
            StoreError: if the store is away and was never read.
        """
        idle_s = self.settings.idle_partition_s
        return max(reads.event_now_ms(self.url, stream, idle_s) for stream in streams or self.streams)
