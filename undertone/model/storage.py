"""Where a model registry keeps its objects: a folder on this machine, or an object store behind fsspec.

Both offer the same few promises: an object is read whole, created whole if no one was first, or replaced whole.
What the objects mean is the business of `undertone.registry`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from undertone.errors import ModelError
from undertone.model import artefact

LOCK_WAIT_S = 30.0
_VERSIONS = "versions"
T = TypeVar("T")


class Storage(Protocol):
    """The promises that a registry builds on. `name` is a path with forward slashes below the registry's root."""

    def read(self, name: str, limit: int) -> bytes:
        """Return an object of at most `limit` bytes. Raises FileNotFoundError, and ModelError where it is larger."""
        ...

    def create(self, name: str, data: bytes) -> None:
        """Write an object that does not exist yet, whole or not at all. Raises FileExistsError to all but one."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Write an object over what was there: readers see the old one or the new one."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names right below `folder`, sorted; none where there is no such folder."""
        ...

    def locked(self, owner: str) -> Any:
        """Return a context in which no other process writes, where the storage can promise that."""
        ...

    def versions(self) -> list[str]:
        """Return the versions that were added whole, sorted."""
        ...

    def manifest(self, version: str) -> artefact.Manifest:
        """Return the manifest of a version. Raises FileNotFoundError where there is none, and ModelError."""
        ...

    def folder(self, version: str) -> Path:
        """Return a verified folder on this machine. Raises FileNotFoundError where there is no such version."""
        ...

    def add(self, source: Path, manifest: artefact.Manifest) -> None:
        """Copy a verified folder in, whole or not at all. Raises FileExistsError where the version was there first."""
        ...


class LocalStorage:
    """A folder on a file system with `rename`, `link` and `flock`; every object is a plain file in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str, limit: int) -> bytes:
        return artefact.read_file(self.root / name, limit)

    def create(self, name: str, data: bytes) -> None:
        with self._written(name, data) as unfinished:
            os.link(unfinished, self.root / name)  # unlike a rename, fails where the name is taken

    def replace(self, name: str, data: bytes) -> None:
        with self._written(name, data) as unfinished:
            unfinished.replace(self.root / name)

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(entry.name for entry in (self.root / folder).iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:
            return []

    @contextmanager
    def locked(self, owner: str) -> Iterator[None]:
        """Hold the registry. The kernel lets go however the holder ends, so there is nothing to expire."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"The registry {self} cannot be written: {error.strerror}. Choose a folder you may write to"
            ) from error
        with _flock(self.root / ".lock", owner, f"The registry {self}"):
            _sweep(self.root)
            yield

    def versions(self) -> list[str]:
        return [name for name in self.names(_VERSIONS) if artefact.is_version(name)]

    def manifest(self, version: str) -> artefact.Manifest:
        return artefact.read_manifest(self._found(version))

    def folder(self, version: str) -> Path:
        found = self._found(version)
        artefact.verify(found)
        return found

    def add(self, source: Path, manifest: artefact.Manifest) -> None:
        target = self.root / _VERSIONS / manifest.version
        if target.exists() or target.is_symlink():
            raise FileExistsError(target)
        artefact.copy(source, target)

    def _found(self, version: str) -> Path:
        found = self.root / _VERSIONS / version
        if found.is_symlink():
            raise ModelError(
                f"Version {version} in {self} is a symbolic link; add the folder that it points to instead"
            )
        if not found.is_dir():
            raise FileNotFoundError(found)
        return found

    @contextmanager
    def _written(self, name: str, data: bytes) -> Iterator[Path]:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _unfinished(target)
        try:
            artefact.write_through(unfinished, data)
            yield unfinished
            artefact.sync_folder(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)


class RemoteStorage:
    """An object store behind fsspec, and a folder on this machine that versions are fetched into.

    Rests on the store's exclusive create (`mode="create"`: If-None-Match on S3, if-generation-match on GCS) and on
    objects that appear whole. Where a store only looks first and writes then, two changes in the same instant may both
    think they won; the log keeps one of them and the pointer follows the log at the next change.
    """

    def __init__(self, filesystem: Any, root: str, url: str, cache: Path) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")
        self._url = url
        self._cache = cache

    @classmethod
    def open(cls, url: str, cache: Path) -> RemoteStorage:
        """Connect to an fsspec URL. Raises ModelError where its protocol is unknown or lacks its package."""
        import fsspec  # type: ignore[import-untyped]

        try:
            filesystem, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ModelError(
                f"The registry {url} cannot be opened: {error}. Give a folder, or an fsspec URL such as "
                "s3://bucket/models with its package installed (`pip install s3fs`)"
            ) from error
        return cls(filesystem, root, url, cache)

    def __str__(self) -> str:
        return self._url

    def read(self, name: str, limit: int) -> bytes:
        data: bytes = self._ask(lambda: self._fs.cat_file(self._path(name), start=0, end=limit + 1))
        if len(data) > limit:
            raise ModelError(f"{self._url}/{name} is refused: it has more than {limit} bytes")
        return data

    def create(self, name: str, data: bytes) -> None:
        self._ask(lambda: self._fs.pipe_file(self._path(name), data, mode="create"))

    def replace(self, name: str, data: bytes) -> None:
        self._ask(lambda: self._fs.pipe_file(self._path(name), data))

    def names(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            entries: list[str] = self._ask(lambda: self._fs.ls(self._path(folder), detail=False))
        except FileNotFoundError:
            return []
        return sorted(entry.rstrip("/").rpartition("/")[2] for entry in entries)

    @contextmanager
    def locked(self, owner: str) -> Iterator[None]:
        """Hold nothing: an object store has no locks, and the registry's log decides who was first."""
        yield

    def versions(self) -> list[str]:
        names = [name.removesuffix(".json") for name in self.names(_VERSIONS) if name.endswith(".json")]
        return [name for name in names if artefact.is_version(name)]

    def manifest(self, version: str) -> artefact.Manifest:
        name = f"{_VERSIONS}/{version}.json"
        return artefact.parse_manifest(self.read(name, artefact.MANIFEST_LIMIT), f"{self._url}/{name}")

    def folder(self, version: str) -> Path:
        data = self.read(f"{_VERSIONS}/{version}.json", artefact.MANIFEST_LIMIT)
        manifest = artefact.parse_manifest(data, f"{self._url}/{_VERSIONS}/{version}.json")
        target = self._cache / _content(manifest)
        self._cache.mkdir(parents=True, exist_ok=True)
        with _flock(self._cache / ".lock", f"process {os.getpid()}", f"The model cache {self._cache}"):
            if _is_whole(target):
                return target
            _sweep(self._cache)
            shutil.rmtree(target, ignore_errors=True)
            self._fetch(manifest, data, target)
        return target

    def add(self, source: Path, manifest: artefact.Manifest) -> None:
        """Upload the files first, beside nobody else's, and the manifest last: it makes the version exist."""
        data = artefact.read_file(source / artefact.MANIFEST, artefact.MANIFEST_LIMIT)
        artefact.parse_manifest(data, str(source))
        for name, entry in sorted(manifest.files.items()):
            content = artefact.read_file(source / name, entry.bytes)
            artefact.check_content(str(source), name, entry, content)
            self.replace(f"files/{_content(manifest)}/{name}", content)
        self.create(f"{_VERSIONS}/{manifest.version}.json", data)

    def _fetch(self, manifest: artefact.Manifest, data: bytes, target: Path) -> None:
        unfinished = _unfinished(target)
        unfinished.mkdir()
        try:
            for name, entry in sorted(manifest.files.items()):
                where = f"files/{_content(manifest)}/{name}"
                try:
                    content = self.read(where, entry.bytes)
                except FileNotFoundError as error:
                    raise ModelError(
                        f"Version {manifest.version} in {self._url} is refused: {where} is gone"
                    ) from error
                artefact.check_content(f"{manifest.version} in {self._url}", name, entry, content)
                artefact.write_through(unfinished / name, content)
            artefact.write_through(unfinished / artefact.MANIFEST, data)
            artefact.verify(unfinished)
            unfinished.rename(target)
            artefact.sync_folder(target.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as error:  # every store's client raises its own
            raise ModelError(
                f"The registry {self._url} does not answer: {type(error).__name__}: {error}. "
                "Check the address, the network and the credentials, then try again"
            ) from error


def _content(manifest: artefact.Manifest) -> str:
    """Name a version's files by what they hold, so that two uploads of one name never mix."""
    return f"{manifest.version}-{manifest.digest[:16]}"


def _is_whole(folder: Path) -> bool:
    try:
        artefact.verify(folder)
    except ModelError:
        return False
    return True


def _unfinished(target: Path) -> Path:
    return target.parent / f".{target.name}.{secrets.token_hex(4)}.unfinished"


def _sweep(root: Path) -> None:
    """Remove what killed writers left; the caller holds the lock that all writers take."""
    for leftover in [*root.glob(".*.unfinished"), *root.glob("*/.*.unfinished")]:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def _flock(path: Path, owner: str, what: str) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        last = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > last:
                    holder = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "another process"
                    raise ModelError(
                        f"{what} has been held by {holder} for {LOCK_WAIT_S:g} s. Wait for it or stop it"
                    ) from error
                time.sleep(0.05)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{owner}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
