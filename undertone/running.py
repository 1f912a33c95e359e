"""Where a running system's embedded servers are, so that other commands find them without being told.

The file lies in the data folder while the system runs, and counts only while the process that wrote it lives.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE = "running.json"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a system that runs says of itself."""

    pid: int
    bootstrap_servers: str
    redis_url: str
    dashboard_url: str = ""
    entities_file: str = ""
    model: str = ""


def write(data: Path, running: Running) -> None:
    unfinished = data / f".{FILE}.{running.pid}"
    unfinished.touch(mode=0o600)  # the addresses may hold a password
    unfinished.write_bytes(msgspec.json.encode(running))
    unfinished.replace(data / FILE)


def remove(data: Path) -> None:
    (data / FILE).unlink(missing_ok=True)


def find(data: Path) -> Running | None:
    """The system that runs in a data folder, or in the demo's folder inside it."""
    for folder in (data, data / "demo"):
        try:
            running = msgspec.json.decode((folder / FILE).read_bytes(), type=Running)
            os.kill(running.pid, 0)
        except (OSError, msgspec.MsgspecError):
            continue
        return running
    return None
