"""One run per data folder.

The lock is ``flock`` on a file, so the kernel drops it however its holder ends; the file itself
stays behind and means nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from undertone.errors import UndertoneError


class DataFolderInUse(UndertoneError):
    """Another run holds the data folder.

    Attributes:
        data: The folder.
        pid: The process that holds it; 0 where it has not yet written its number down.
    """

    def __init__(self, data: Path, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The data folder {data} is in use by {who}. "
            "Stop that run first, or give this one a data folder of its own."
        )
        self.data = data
        self.pid = pid


class DataFolderLock:
    """An exclusive hold on a data folder, from `acquire` to `release` or to the end of the process."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._path = data / ".lock"
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> None:
        """Take the folder, making it where it does not exist.

        Raises:
            DataFolderInUse: Somebody else, or another object of this process, holds it.
        """
        if self.held:
            return
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UndertoneError(
                f"The data folder {self.data} cannot be written: {error.strerror}. Choose one that you may write to."
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise DataFolderInUse(self.data, int(holder) if holder.isdigit() else 0) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
