"""What a registry asks of the place where it is kept; `local` and `remote` are the two places.

Also the lock that keeps processes of one machine apart, and the broom for what killed ones leave.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from undertone.errors import ModelError
from undertone.model.artefact import Manifest

SHIPPED_VERSION = "shipped"
"""What the champion is called where it is the model that ships with Undertone; it is in no registry."""
VERSIONS = "versions"
HISTORY = "history"
LOCK_WAIT_S = 30.0


class Storage(Protocol):
    """One place. A `name` is a path with forward slashes below the root; all methods but the last raise ModelError."""

    def read(self, name: str, limit: int) -> bytes:
        """Return an object of at most `limit` bytes. Raises FileNotFoundError."""
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

    def locked(self, owner: str) -> AbstractContextManager[None]:
        """Return a context in which no other process writes, where the place can promise that."""
        ...

    def versions(self) -> list[str]:
        """Return the versions that were added whole, sorted."""
        ...

    def manifest(self, version: str) -> Manifest:
        """Return the manifest of a version. Raises FileNotFoundError."""
        ...

    def folder(self, version: str) -> Path:
        """Return a folder on this machine, every file checked. Raises FileNotFoundError."""
        ...

    def add(self, source: Path, manifest: Manifest) -> None:
        """Copy the verified folder `source` in, whole or not at all. Raises FileExistsError where the version is."""
        ...

    def __str__(self) -> str: ...


def unfinished(target: Path) -> Path:
    """Return a name beside `target` for building it under; `sweep` knows such names."""
    return target.parent / f".{target.name}.{secrets.token_hex(4)}.unfinished"


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder. The caller holds the lock that all its writers take."""
    for leftover in folder.glob(".*.unfinished"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def unwritable(what: str, error: OSError) -> ModelError:
    """Return the error for a place that refuses to be written."""
    return ModelError(f"{what} cannot be written: {error}. Give a folder that you may write to, with room left")


@contextmanager
def lock(path: Path, what: str, owner: str = "") -> Iterator[None]:
    """Hold the file at `path`; the kernel lets go however the holder ends, so there is nothing to expire.

    Raises:
        ModelError: the file cannot be written, or another process has held it for `LOCK_WAIT_S`; names the process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise unwritable(what, error) from error
    try:
        last = time.monotonic() + LOCK_WAIT_S
        while not _taken(fd):
            if time.monotonic() > last:
                holder = os.pread(fd, 400, 0).decode("utf-8", "replace").strip() or "another process"
                raise ModelError(f"{what} has been held by {holder} for {LOCK_WAIT_S:g} s. Wait for it or stop it")
            time.sleep(0.05)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{owner} process {os.getpid()} on {socket.gethostname()}".strip().encode(), 0)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
