"""A registry: versions of model folders, one of them champion. It does not train, judge or load models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.artefact import Manifest
from undertone.registry.local import LocalStorage
from undertone.registry.log import Action, Event, Log, State
from undertone.registry.remote import RemoteStorage
from undertone.registry.storage import SHIPPED_VERSION, Storage

CACHE = Path(".undertone") / "models"
MOST_PREVIOUS = 20
T = TypeVar("T")


class Registry:
    """Versions of model folders, one of them champion. Safe to use from several processes and machines at once.

    On a folder, writers wait for each other. On an object store, of two changes in the same instant one is refused.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._log = Log(storage)

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
        return self._log.state()

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
        with self._storage.locked(""):
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
        manifest = artefact.read_manifest(self.folder(version))
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
            if not 0 < share <= 1:
                raise ModelError(f"A challenger sees a share above 0 and up to 1 of the texts, was: {share}")
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
            manifest = artefact.read_manifest(self.folder(version))
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
        return self._log.events()

    def repair(self) -> State:
        """Write a damaged pointer anew from the last change in the history, and return the state. Raises ModelError."""
        with self._storage.locked(""):
            return self._log.repair()

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
            raise ModelError("The history of a registry needs who makes a change and why; one was empty")
        with self._storage.locked(f"{by},"):
            before = self._log.settled()
            if expected is not None and expected != before.revision:
                raise self._log.overtaken(expected)
            after = changed(before)
            if after == before:
                return before
            after = msgspec.structs.replace(after, revision=before.revision + 1, updated_at=at)
            if action in ("challenge", "retire"):
                new, old = after.challenger or before.challenger, before.challenger
            else:
                new, old = after.champion, before.champion
            self._log.append(Event(action, new, old, by, reason, at, after, verdict))
        return after

    def _find(self, version: str, find: Callable[[str], T]) -> T:
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
