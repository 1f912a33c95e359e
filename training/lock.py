"""One trainer at a time in a work folder: a lock that the system lets go of when its holder dies, however it dies."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from undertone.errors import BusyError, InputError


@contextmanager
def sole_trainer(out: Path, owner: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the work folder `out` for `owner`, words that the next one is told.

    Raises:
        BusyError: another trainer holds it still after `wait_s` seconds.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The work folder {out} cannot be made: {error.strerror}. Give another --out") from error
    lock, name = FileLock(out / "trainer.lock"), out / "trainer.owner"
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        holder = name.read_text().strip() if name.is_file() else "another trainer"
        raise BusyError(
            f"{out} is held by {holder}. Wait for it with --wait SECONDS, or train elsewhere with --out FOLDER"
        ) from error
    try:
        name.write_text(owner + "\n")
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
        lock.release()
