"""The log of a registry's changes, and the pointer to the last one that readers follow.

A change is logged first, by creating the object of the next revision, which only one writer can; then it is pointed
to. A writer that dies in between leaves the champion as it was, and the next one finishes what was logged before it
begins its own. So readers see one champion or the other, and no change is lost or told apart from its history.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

import msgspec

from undertone.errors import ModelError
from undertone.registry.storage import HISTORY, SHIPPED_VERSION, Storage

STATE = "state.json"
OBJECT_LIMIT = 1 << 16  # bytes
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_EVENT = re.compile(r"\d{6,}\.json", re.ASCII)

Action = Literal["promote", "challenge", "rollback", "retire"]
S = TypeVar("S")


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who serves: one small object, replaced whole. ``revision`` counts the changes, 0 where there was none.

    A reader that sees a smaller revision than before keeps what it has: on an object store, a slow writer may put an
    older state back for the moment that it takes to see the newer one.
    """

    champion: str = SHIPPED_VERSION
    challenger: str = ""  # runs in shadow, on `shadow_share` of the texts
    shadow_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    updated_at: datetime = _BEGINNING
    previous: tuple[str, ...] = ()  # former champions, the last one first
    task: str = ""  # of the champion, "" for the one that ships


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change: who made it, when and why, from which version to which, and the state that it led to."""

    action: Action
    version: str  # the new champion or challenger; with "retire" the challenger that left
    before: str  # the champion or challenger until then, "" for none
    by: str
    reason: str
    at: datetime
    state: State
    verdict: str = ""  # id of the gate's verdict, where one was given

    @property
    def revision(self) -> int:
        return self.state.revision


class Log:
    """The changes of one registry; `append` is called inside `storage.locked`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def state(self) -> State:
        """Return the state that is pointed to: one read. Raises ModelError."""
        try:
            return self._read(STATE, State)
        except FileNotFoundError:
            return State()

    def events(self) -> list[Event]:
        """Return all changes, the first one first. Raises ModelError."""
        names = [name for name in self._storage.names(HISTORY) if _EVENT.fullmatch(name)]
        return [self._event(int(name.removesuffix(".json"))) for name in names]

    def settled(self) -> State:
        """Return the state after pointing to whatever is logged beyond it.

        The loop also mends the pointer where a slow writer has put an older state over a newer one.
        """
        state = self.state()
        while True:
            try:
                event = self._event(state.revision + 1)
            except FileNotFoundError:
                return state
            state = event.state
            self._point(state)

    def append(self, event: Event) -> None:
        """Log a change and point to it. Raises ModelError where another one has its revision already."""
        data = msgspec.json.encode(event)
        if len(data) > OBJECT_LIMIT:
            raise ModelError(f"The reason of a change is too long: it takes {len(data)} bytes of {OBJECT_LIMIT}")
        try:
            self._storage.create(_name(event.revision), data)
        except FileExistsError as error:
            raise self.overtaken(event.revision - 1) from error
        self.settled()

    def overtaken(self, revision: int) -> ModelError:
        """Return the error that says what came after `revision`."""
        try:
            event = self._event(revision + 1)
            what = f"{event.by} did {event.action} {event.version} at {event.at.isoformat()} ({event.reason})"
        except FileNotFoundError:
            what = f"it is at revision {self.state().revision}"
        return ModelError(
            f"The registry {self._storage} is not at revision {revision} any more: {what}. "
            "Compare with today's champion (`undertone models list`), then try again"
        )

    def repair(self) -> State:
        """Point to the last change in the history. Raises ModelError where there is none, or it is damaged."""
        events = self.events()
        if not events:
            raise ModelError(f"The registry {self._storage} has no history: promote a version instead")
        self._point(events[-1].state)
        return events[-1].state

    def _point(self, state: State) -> None:
        self._storage.replace(STATE, msgspec.json.encode(state))

    def _event(self, revision: int) -> Event:
        name = _name(revision)
        event = self._read(name, Event)
        if event.revision != revision:
            raise ModelError(f"{name} in {self._storage} is of revision {event.revision}: restore it from a backup")
        return event

    def _read(self, name: str, kind: type[S]) -> S:
        data = self._storage.read(name, OBJECT_LIMIT)
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            cure = "write it anew with `undertone models repair`" if name == STATE else "restore it from a backup"
            raise ModelError(f"{name} in {self._storage} cannot be read ({error}): {cure}") from error


def _name(revision: int) -> str:
    return f"{HISTORY}/{revision:06}.json"
