"""What all receivers have in common: a notification is handed over, and they say how it ended."""

from __future__ import annotations

from typing import Protocol

from undertone.alert_store import Outgoing
from undertone.errors import UndertoneError


class NotDeliveredError(UndertoneError):
    """The receiver could not be reached or could not cope; to be tried again."""


class Channel(Protocol):
    """A way to one receiver. ``name`` is part of keys in Redis: do not change it.

    ``at_once`` is how many notifications may be on their way at once, each on a thread of its own.
    """

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int: ...

    def deliver(self, out: Outgoing) -> str:
        """Deliver one notification; returns how it ended: ``ok``, or a refusal that is final.

        Raises:
            NotDeliveredError: if it should be tried again.
        """
        ...

    def close(self) -> None: ...
