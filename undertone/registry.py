"""The model registry: which versions there are, which one is champion, and who made it so.

A registry is a folder or an fsspec URL (`s3://bucket/models`). It holds `versions/` (model folders, never
changed), `history/000001.json` onwards (one object a change, created by exactly one writer) and `state.json`,
the pointer that readers follow. A change is logged first and then pointed to: a writer that dies in between leaves
the champion as it was, and the next change finishes what was logged before it begins its own.

It does not train, judge or load models; where nothing was promoted yet, the champion is the model that ships.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec

from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.artefact import Manifest
from undertone.model.storage import LocalStorage, RemoteStorage, Storage

if TYPE_CHECKING:
    from undertone.settings import Settings

SHIPPED_VERSION = "shipped"
"""What the champion is called where it is the model that ships with Undertone; it is in no registry."""
CACHE = Path(".undertone") / "models"
MOST_PREVIOUS = 20
_STATE = "state.json"
_OBJECT_LIMIT = 1 << 16  # bytes
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

Action = Literal["promote", "challenge", "rollback", "retire"]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
S = TypeVar("S")


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who serves: one small object, replaced whole. ``revision`` counts the changes, 0 where there was none."""

    champion: str = SHIPPED_VERSION
    challenger: str = ""  # runs in shadow, on `shadow_share` of the texts
    shadow_share: Share = 0.05
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    updated_at: datetime = _BEGINNING
    previous: tuple[str, ...] = ()  # former champions, the last one first
    task: str = ""  # of the champion, where it is not the one that ships


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change: who made it, when and why, from which version to which, and the state that it led to."""

    action: Action
    version: str  # the new champion or challenger; the challenger that left
    before: str  # what it replaced, "" for nothing
    by: str
    reason: str
    at: datetime
    state: State
    verdict: str = ""  # id of the gate's verdict, where one was given

    @property
    def revision(self) -> int:
        return self.state.revision


class Registry:
    """Versions of model folders, one of them champion. Safe to use from several processes and machines at once.

    On a folder, writers wait for each other. On an object store, of two changes in the same instant one is refused.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @classmethod
    def open(cls, url: str, cache: Path | None = None) -> Registry:
        """Open the registry at a folder or fsspec URL, which need not exist yet.

        Args:
            url: A folder, or an fsspec URL; `s3://` needs the package `s3fs`.
            cache: The folder that versions are fetched into from a URL (default `.undertone/models`).

        Raises:
            ModelError: the protocol is unknown or its package is not installed.
        """
        if "://" in url and not url.startswith("file://"):
            return cls(RemoteStorage.open(url, CACHE if cache is None else cache))
        return cls(LocalStorage(Path(url.removeprefix("file://")).expanduser()))

    def __str__(self) -> str:
        return str(self._storage)

    def state(self) -> State:
        """Return who serves now: one small read. Raises ModelError where the pointer is damaged or out of reach."""
        try:
            data = self._storage.read(_STATE, _OBJECT_LIMIT)
        except FileNotFoundError:
            return State()
        return self._decode(data, _STATE, State)

    def versions(self) -> list[str]:
        """Return the versions that were added, sorted; the one that ships is not among them."""
        return self._storage.versions()

    def manifest(self, version: str) -> Manifest:
        """Return what a version says of itself; its files are not looked at. Raises ModelError."""
        if version == SHIPPED_VERSION:
            return artefact.read_manifest(artefact.SHIPPED)
        return self._named(version, self._find(version, self._storage.manifest))

    def folder(self, version: str) -> Path:
        """Return a folder on this machine with the version, every file checked; fetched where the registry is remote.

        Raises:
            ModelError: there is no such version, or a file of it is missing, damaged or unsafe.
        """
        if version == SHIPPED_VERSION:
            artefact.verify(artefact.SHIPPED)
            return artefact.SHIPPED
        found = self._find(version, self._storage.folder)
        self._named(version, artefact.read_manifest(found))
        return found

    def add(self, folder: Path) -> Manifest:
        """Copy a model folder in, under the version that its manifest names. To add the same folder again is fine.

        Raises:
            ModelError: the folder is refused, or the version is there with other content.
        """
        manifest = artefact.verify(folder)
        with self._storage.locked(_owner()):
            try:
                self._storage.add(folder, manifest)
            except FileExistsError as error:
                if self._storage.manifest(manifest.version).digest != manifest.digest:
                    raise ModelError(
                        f"Version {manifest.version} is in {self} with other content. Versions do not change: "
                        "train or export again, which gives the model a version of its own"
                    ) from error
                self._storage.folder(manifest.version)
        return manifest

    def promote(
        self,
        version: str,
        *,
        by: str,
        reason: str,
        at: datetime,
        allow_research: bool = False,
        as_challenger: bool = False,
        shadow_share: float | None = None,
        verdict: str = "",
        expected: int | None = None,
    ) -> State:
        """Make a version the champion, or the challenger that runs in shadow beside it, and return the new state.

        Args:
            version: One that was added, or "shipped".
            by: Who promotes.
            reason: Why.
            at: When; needs a time zone.
            allow_research: Take a model whose sources' licences keep it to experiments.
            as_challenger: Let the champion serve on and run this one in shadow.
            shadow_share: Share of the texts that the challenger sees, 0 to 1 (default: as it was, at first .05).
            verdict: Id of the gate's verdict, for the history.
            expected: The revision that the decision was based on; where another change came first, this one is refused.

        Raises:
            ModelError: the version is missing, damaged, of another task, or research; or another change came first.
        """
        manifest = artefact.verify(self.folder(version))
        if not manifest.provenance.shippable and not allow_research:
            raise ModelError(
                f"{version} was trained on data whose licence keeps it to experiments (see `undertone models show "
                f"{version}`). Promote one that is not, or say --allow-research where nobody else is served"
            )
        task = "" if version == SHIPPED_VERSION else manifest.task

        def changed(state: State) -> State:
            if state.task and task and task != state.task:
                raise ModelError(
                    f"{version} answers the task {task!r}, the champion of {self} {state.task!r}. "
                    "A registry serves one task: open another one for this model"
                )
            share = state.shadow_share if shadow_share is None else shadow_share
            if as_challenger:
                if version == state.champion:
                    raise ModelError(f"{version} is the champion already; a challenger is another version")
                return msgspec.structs.replace(state, challenger=version, shadow_share=share)
            if version == state.champion:
                return state
            previous = (state.champion, *(one for one in state.previous if one != version))[:MOST_PREVIOUS]
            left = "" if state.challenger == version else state.challenger
            return msgspec.structs.replace(
                state, champion=version, challenger=left, shadow_share=share, previous=previous, task=task
            )

        return self._change("challenge" if as_challenger else "promote", changed, by, reason, at, verdict, expected)

    def rollback(self, *, by: str, reason: str, at: datetime, expected: int | None = None) -> State:
        """Make the champion before this one champion again. Raises ModelError where there is none or it is damaged."""

        def changed(state: State) -> State:
            if not state.previous:
                raise ModelError(f"{self} had no champion before {state.champion}; promote a version instead")
            version, *rest = state.previous
            manifest = artefact.verify(self.folder(version))
            return msgspec.structs.replace(
                state,
                champion=version,
                challenger="" if state.challenger == version else state.challenger,
                previous=tuple(rest),
                task="" if version == SHIPPED_VERSION else manifest.task,
            )

        return self._change("rollback", changed, by, reason, at, "", expected)

    def retire_challenger(self, *, by: str, reason: str, at: datetime, expected: int | None = None) -> State:
        """Let no model run in shadow any more. Raises ModelError where none does."""

        def changed(state: State) -> State:
            if not state.challenger:
                raise ModelError(f"{self} has no challenger: there is nothing to retire")
            return msgspec.structs.replace(state, challenger="")

        return self._change("retire", changed, by, reason, at, "", expected)

    def history(self) -> list[Event]:
        """Return all changes, the first one first. One with a revision above the state's waits to be finished."""
        names = [name for name in self._storage.names("history") if name.removesuffix(".json").isdigit()]
        return [self._event(int(name.removesuffix(".json"))) for name in names]

    def repair(self) -> State:
        """Write the pointer anew from the last change in the history, and return it."""
        with self._storage.locked(_owner()):
            events = self.history()
            if not events:
                raise ModelError(f"{self} has no history to repair {_STATE} from; promote a version instead")
            self._storage.replace(_STATE, msgspec.json.encode(events[-1].state))
        return events[-1].state

    def _change(
        self,
        action: Action,
        changed: Callable[[State], State],
        by: str,
        reason: str,
        at: datetime,
        verdict: str,
        expected: int | None,
    ) -> State:
        if at.tzinfo is None:
            raise ModelError(f"The time of a change needs a time zone, was: {at.isoformat()}")
        if not by.strip() or not reason.strip():
            raise ModelError("A change of the registry needs who makes it and why, for its history; one was empty")
        with self._storage.locked(f"{by}, {_owner()}"):
            state = self._settled()
            if expected is not None and expected != state.revision:
                raise self._overtaken(expected)
            after = changed(state)
            if after == state:
                return state
            after = msgspec.structs.replace(after, revision=state.revision + 1, updated_at=at)
            version, before = (after.champion, state.champion)
            if action in ("challenge", "retire"):
                version, before = (after.challenger or state.challenger, state.challenger)
            event = Event(action, version, before, by, reason, at, after, verdict)
            try:
                self._storage.create(_event_name(after.revision), msgspec.json.encode(event))
            except FileExistsError as error:
                raise self._overtaken(state.revision) from error
            self._settled()
        return after

    def _settled(self) -> State:
        """Return the state after pointing to whatever is logged beyond it.

        The loop also mends the pointer where a slow writer put an older state over a newer one.
        """
        state = self.state()
        while True:
            try:
                event = self._event(state.revision + 1)
            except FileNotFoundError:
                return state
            self._storage.replace(_STATE, msgspec.json.encode(event.state))
            state = event.state

    def _overtaken(self, revision: int) -> ModelError:
        try:
            event = self._event(revision + 1)
            who = f"{event.by} did {event.action} {event.version} at {event.at.isoformat()} ({event.reason})"
        except FileNotFoundError:
            who = f"the registry is at revision {self.state().revision}"
        return ModelError(
            f"{self} has changed since revision {revision}: {who}. "
            "Compare with the champion of now (`undertone models list`), then try again"
        )

    def _event(self, revision: int) -> Event:
        name = _event_name(revision)
        event = self._decode(self._storage.read(name, _OBJECT_LIMIT), name, Event)
        if event.revision != revision:
            raise ModelError(
                f"{name} in {self} is damaged: it says revision {event.revision}. Restore it from a backup"
            )
        return event

    def _decode(self, data: bytes, name: str, kind: type[S]) -> S:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise ModelError(
                f"{name} in {self} cannot be read ({error}). "
                "Write the pointer anew from the history with `undertone models repair`, or restore it from a backup"
            ) from error

    def _find(self, version: str, find: Callable[[str], S]) -> S:
        if not artefact.is_version(version):
            raise ModelError(f"{version!r} cannot name a version; see `undertone models list`")
        try:
            return find(version)
        except FileNotFoundError as error:
            known = ", ".join(self.versions()) or "none yet"
            raise ModelError(f"There is no version {version} in {self}; there are: {known}") from error

    def _named(self, version: str, manifest: Manifest) -> Manifest:
        if manifest.version != version:
            raise ModelError(f"Version {version} in {self} is refused: its manifest is that of {manifest.version}")
        return manifest


def resolve(settings: Settings) -> Path | Literal["trivial"]:
    """Return the folder of the model that the settings mean, fetched from the registry where it is there.

    "default" is the registry's champion, or the model that ships where no registry is set; "fast" the smaller model
    that ships; otherwise a version of the registry, or a model folder. A remote registry's folder is checked here,
    every folder once more when it is loaded.

    Raises:
        ModelError: the registry is out of reach or damaged, or has no such version.
    """
    name = settings.model
    if name == "trivial":
        return "trivial"
    if name == "fast":
        return artefact.FAST
    if settings.registry is None:
        return artefact.SHIPPED if name in ("default", SHIPPED_VERSION) else Path(name)
    registry = Registry.open(settings.registry, settings.data / "models")
    if name == "default":
        return registry.folder(registry.state().champion)
    if name == SHIPPED_VERSION or (artefact.is_version(name) and name in registry.versions()):
        return registry.folder(name)
    return Path(name)


def _event_name(revision: int) -> str:
    return f"history/{revision:06}.json"


def _owner() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
