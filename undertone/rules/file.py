"""A rules file: from YAML to :class:`Rules`, or everything that is wrong with it, each with its line."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from undertone.errors import InputError
from undertone.rules import document
from undertone.rules.check import contradictions
from undertone.rules.model import Rules
from undertone.rules.shape import misfits

MOST_BYTES = 1 << 20


def load(path: Path | str) -> Rules:
    """The rules in a file.

    Raises:
        InputError: if it cannot be read or used; one line for each problem, ``rules.yaml:12: …``.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise InputError(f"the rules file {path} cannot be read: {error.strerror or error}") from error
    if size > MOST_BYTES:
        raise InputError(f"the rules file {path} has {size} bytes: {MOST_BYTES} is the most that is read")
    try:
        return parse(raw.decode(), str(path))
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        raise InputError(f"{path}:{line}: this is not UTF-8: {bad.reason}") from bad


def parse(text: str, name: str = "rules.yaml") -> Rules:
    """The rules in a text; ``name`` is what errors call it.

    Without ``rules`` in it, the shipped ones are looked for.

    Raises:
        InputError: if it cannot be used; one line for each problem, in the order of the file.
    """
    values, lines, problems = document.read(text)
    found = list(problems)
    if values is not None or not problems:
        wrong = misfits({} if values is None else values, Rules)
        wrong += contradictions(values, {path for path, _ in wrong})
        found += [(_line(lines, path), said) for path, said in wrong]
    if found:
        raise InputError("\n".join(f"{name}:{line}: {said}" for line, said in sorted(set(found))))
    rules = msgspec.convert(values, Rules)
    return rules if rules.rules else msgspec.structs.replace(rules, rules=shipped().rules)


@cache
def shipped() -> Rules:
    """The rules that hold where no file is named: ``default.yaml`` beside this module."""
    return parse(resources.files("undertone.rules").joinpath("default.yaml").read_text(encoding="utf-8"))


def _line(lines: document.Lines, path: document.Path) -> int:
    """Where a value stands; of one that is missing, where what should hold it stands."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)
