"""A registry in an object store behind fsspec, with a folder on this machine that versions are fetched into.

It rests on objects that appear whole and on the store's exclusive create (`mode="create"` of fsspec, on S3
If-None-Match). Where that is missing, two changes in the same instant may both believe that they were first; the log
then holds one of them, and the pointer follows it at the next change.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from undertone.errors import ModelError
from undertone.model import artefact
from undertone.registry.storage import VERSIONS, lock, sweep, unfinished

MOST_FETCHED = 8
T = TypeVar("T")


class RemoteStorage:
    """A version is `versions/NAME.json`, its manifest, and `files/NAME-DIGEST/`, its files."""

    def __init__(self, filesystem: Any, root: str, url: str, cache: Path) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")
        self._url = url.rstrip("/")
        self._cache = cache

    @classmethod
    def open(cls, url: str, cache: Path) -> RemoteStorage:
        """Prepare for an fsspec URL. Raises ModelError where its protocol is unknown or lacks its package."""
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            filesystem, root = url_to_fs(url)
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
            raise ModelError(f"{self._url}/{name} is refused: it has more than the {limit} bytes that are valid")
        return data

    def create(self, name: str, data: bytes) -> None:
        # A client that sends again after a lost reply finds what it wrote itself, and some packages of fsspec leave
        # out the condition; so what counts is whose bytes are there in the end.
        with suppress(FileExistsError):
            self._ask(lambda: self._fs.pipe_file(self._path(name), data, mode="create"))
        if self.read(name, artefact.MANIFEST_LIMIT) != data:
            raise FileExistsError(name)

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
        """Hold nothing: object stores have no locks, and the registry's log decides who was first."""
        yield

    def versions(self) -> list[str]:
        names = [name.removesuffix(".json") for name in self.names(VERSIONS) if name.endswith(".json")]
        return [name for name in names if artefact.is_version(name)]

    def manifest(self, version: str) -> artefact.Manifest:
        return self._manifest(version)[0]

    def folder(self, version: str) -> Path:
        manifest, data = self._manifest(version)
        target = self._cache / _content(manifest)
        with lock(self._cache / ".lock", f"The model cache {self._cache}"):
            if not _is_whole(target):
                sweep(self._cache)
                shutil.rmtree(target, ignore_errors=True)
                self._fetch(manifest, data, target)
        return target

    def add(self, source: Path, manifest: artefact.Manifest) -> None:
        """Upload the files first, beside nobody else's, and the manifest last: it makes the version exist."""
        try:
            if self.manifest(manifest.version).digest != manifest.digest:
                raise FileExistsError(manifest.version)
        except FileNotFoundError:
            pass
        data = artefact.read_folder(source, manifest)
        for name in sorted(manifest.files):
            self.replace(f"files/{_content(manifest)}/{name}", data[name])
        self.create(f"{VERSIONS}/{manifest.version}.json", data[artefact.MANIFEST])

    def _manifest(self, version: str) -> tuple[artefact.Manifest, bytes]:
        name = f"{VERSIONS}/{version}.json"
        data = self.read(name, artefact.MANIFEST_LIMIT)
        return artefact.parse_manifest(data, f"{self._url}/{name}"), data

    def _fetch(self, manifest: artefact.Manifest, data: bytes, target: Path) -> None:
        beside = unfinished(target)
        beside.mkdir()
        try:
            for name, entry in sorted(manifest.files.items()):
                artefact.write_through(beside / name, self._file(manifest, name, entry))
            artefact.write_through(beside / artefact.MANIFEST, data)
            artefact.verify(beside)
            beside.rename(target)
            self._prune()
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _prune(self) -> None:
        fetched = [entry for entry in self._cache.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        for old in sorted(fetched, key=lambda entry: entry.stat().st_mtime)[:-MOST_FETCHED]:
            shutil.rmtree(old, ignore_errors=True)

    def _file(self, manifest: artefact.Manifest, name: str, entry: artefact.FileEntry) -> bytes:
        where = f"files/{_content(manifest)}/{name}"
        try:
            content = self.read(where, entry.bytes)
        except FileNotFoundError as error:
            raise ModelError(
                f"Version {manifest.version} in {self._url} is refused: {where} is gone. Add the model again"
            ) from error
        artefact.check_content(f"{manifest.version} in {self._url}", name, entry, content)
        return content

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
    """Name a version's files by what they hold, so that two uploads under one name never mix."""
    return f"{manifest.version}-{manifest.digest[:16]}"


def _is_whole(folder: Path) -> bool:
    try:
        artefact.verify(folder)
    except ModelError:
        return False
    return True
