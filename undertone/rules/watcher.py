"""A rules file that may change while a program runs: read again when it has, kept as it was when the new one is bad."""

from __future__ import annotations

import logging
from pathlib import Path

from undertone.errors import InputError
from undertone.rules.file import load, shipped
from undertone.rules.model import Rules

_log = logging.getLogger(__name__)

Stamp = tuple[int, int, int] | None


class Watcher:
    """Holds the rules in force. Ask :meth:`changed` now and then; it costs one ``stat``."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; without one the shipped rules hold, and never change.

        Raises:
            InputError: if the file cannot be used; a program had better not start so.
        """
        self._path = path
        self._stamp = _stamp(path)
        self.rules: Rules = shipped() if path is None else load(path)

    def changed(self) -> Rules | None:
        """The new rules, if the file says other ones since the last call.

        A file that cannot be used is told of in the log, once, and the rules in force stay.
        """
        if self._path is None:
            return None
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            read = load(self._path)
        except InputError as error:
            self.refuse(error)
            return None
        if read == self.rules:
            return None
        return read

    def accept(self, rules: Rules) -> None:
        """The rules that :meth:`changed` gave are in force now."""
        self.rules = rules
        _log.info("rules read anew from %s: %d rules, %d receivers", self._path, len(rules.rules), len(rules.receivers))

    def refuse(self, error: Exception) -> None:
        """Say that the file is not used."""
        _log.error("the rules in %s are not used, those before stay in force:\n%s", self._path, error)


def _stamp(path: Path | None) -> Stamp:
    """What changes with a file's content; Kubernetes changes a mounted file by pointing a link elsewhere."""
    try:
        stat = None if path is None else path.stat()
    except OSError:
        return None
    return None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)
