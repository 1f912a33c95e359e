"""A registry in a folder of a file system with `rename`, `link` and `flock`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undertone.errors import ModelError
from undertone.model import artefact
from undertone.registry.storage import HISTORY, VERSIONS, lock, sweep, unfinished, unwritable


class LocalStorage:
    """Every object is a plain file, every version a model folder. Writers wait for each other."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str, limit: int) -> bytes:
        try:
            return artefact.read_file(self.root / name, limit)
        except ValueError as error:
            raise ModelError(f"The registry {self} is refused: {error}. Restore it from a backup") from error

    def create(self, name: str, data: bytes) -> None:
        with self._written(name, data) as whole:
            os.link(whole, self.root / name)  # unlike a rename, fails where the name is taken

    def replace(self, name: str, data: bytes) -> None:
        with self._written(name, data) as whole:
            whole.replace(self.root / name)

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(entry.name for entry in (self.root / folder).iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:
            return []

    @contextmanager
    def locked(self, owner: str) -> Iterator[None]:
        with lock(self.root / ".lock", f"The registry {self}", owner):
            for folder in (self.root, self.root / HISTORY, self.root / VERSIONS):
                sweep(folder)
            yield

    def versions(self) -> list[str]:
        return [name for name in self.names(VERSIONS) if artefact.is_version(name)]

    def manifest(self, version: str) -> artefact.Manifest:
        return artefact.read_manifest(self._found(version))

    def folder(self, version: str) -> Path:
        found = self._found(version)
        artefact.verify(found)
        return found

    def add(self, source: Path, manifest: artefact.Manifest) -> None:
        target = self.root / VERSIONS / manifest.version
        if target.exists() or target.is_symlink():
            raise FileExistsError(target)
        try:
            artefact.copy(source, target)
        except OSError as error:
            raise unwritable(f"The registry {self}", error) from error

    def _found(self, version: str) -> Path:
        found = self.root / VERSIONS / version
        if found.is_symlink():
            raise ModelError(f"Version {version} in {self} is a symbolic link; add the folder that it points to")
        if not found.is_dir():
            raise FileNotFoundError(found)
        return found

    @contextmanager
    def _written(self, name: str, data: bytes) -> Iterator[Path]:
        target = self.root / name
        beside = unfinished(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            artefact.write_through(beside, data)
            yield beside
            artefact.sync_folder(target.parent)
        except FileExistsError:
            raise
        except OSError as error:
            raise unwritable(f"The registry {self}", error) from error
        finally:
            beside.unlink(missing_ok=True)
