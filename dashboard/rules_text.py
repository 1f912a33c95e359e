"""The thresholds of a rules file as a person changes them: only the numbers, all else stays as it is written.

Pure but for :func:`save`. What the file leaves out holds by default and is not changed here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import yaml

from undertone.errors import InputError
from undertone.rules import Rule, Rules, Thresholds
from undertone.rules.file import load, parse

OWN: Final = ("min_stories", "days")
BARS: Final = ("p_count", "p_share", "sources", "change", "minutes")
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WHOLE: Final = ("min_stories", "days", "sources", "minutes")


class Place(NamedTuple):
    """One number: of which rule, of which severity (empty: the rule's own), and its key."""

    rule: str
    severity: str
    name: str

    def __str__(self) -> str:
        return ".".join(filter(None, self))


class Draft(NamedTuple):
    """A changed file that is not saved yet; ``digest`` is that of the file which it was made of."""

    digest: str
    before: str
    text: str
    changes: Mapping[Place, tuple[float, float]]


def read(path: Path) -> str:
    """The text of a rules file that can be used, with the rules that ship where it names none.

    Raises:
        InputError: if it cannot be read or used.
    """
    load(path)
    text = path.read_text("utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(node, yaml.MappingNode) and any(key.value == "rules" for key, _ in node.value):
        return text
    shipped = resources.files("undertone.rules").joinpath("default.yaml").read_text("utf-8")
    return f"{text.rstrip()}\n{shipped[shipped.index('rules:') :]}"


def numbers(text: str) -> dict[Place, float]:
    """The numbers that the text says, in its order."""
    return {place: float(node.value) for place, node in _nodes(text).items()}


def draft(path: Path, wanted: Mapping[Place, float]) -> Draft:
    """The file with other numbers.

    Raises:
        InputError: if nothing would change, a number is not in the file, or the result cannot be used.
    """
    raw, text = path.read_bytes(), read(path)
    nodes = _nodes(text)
    missing = [str(one) for one in wanted if one not in nodes]
    if missing:
        raise InputError(f"{', '.join(missing)}: not in the rules file {path}; add it there by hand")
    changes = {one: (float(nodes[one].value), new) for one, new in wanted.items() if float(nodes[one].value) != new}
    if not changes:
        raise InputError("nothing was changed")
    after = text
    for place, (_, new) in sorted(changes.items(), key=lambda item: -nodes[item[0]].start_mark.index):
        node = nodes[place]
        after = after[: node.start_mark.index] + written(place, new) + after[node.end_mark.index :]
    found = parse(after, path.name)
    if found != _expected(parse(text, path.name), changes):
        raise InputError(f"{path} shares values by aliases, so that more would change than was meant: edit it by hand")
    return Draft(digest(raw), text, after, changes)


def written(place: Place, value: float) -> str:
    """A number as the file has it.

    >>> written(Place("r", "warning", "p_count"), 0.00001), written(Place("r", "", "min_stories"), 5.0)
    ('1e-05', '5')
    """
    return str(int(value)) if place.name in WHOLE and value == int(value) else f"{value:g}"


def save(path: Path, made: Draft) -> None:
    """Write the draft whole or not at all, if the file is still the one that it was made of.

    Raises:
        InputError: if the file has changed since, or cannot be written.
    """
    target = path.resolve()
    try:
        if digest(target.read_bytes()) != made.digest:
            raise InputError(f"{path} was changed by somebody else meanwhile: look at it anew, then change it")
        parse(made.text, path.name)
        fd, unfinished = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(made.text)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(target, unfinished)
            Path(unfinished).replace(target)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"the rules file {path} cannot be written: {error.strerror}") from error


def locked(path: Path) -> Literal["", "folder", "mounted"]:
    """Why :func:`save` could not write the file, as far as that can be known before; empty if it could.

    A new file takes its place, so that it is the folder that must let itself be written; and what is mounted as a
    single file, as into a container, cannot be replaced.
    """
    target = path.resolve()
    if not os.access(target.parent, os.W_OK | os.X_OK):
        return "folder"
    return "mounted" if os.path.ismount(target) else ""


def digest(raw: bytes) -> str:
    """What tells two contents apart."""
    return hashlib.sha256(raw).hexdigest()


def _nodes(text: str) -> dict[Place, yaml.ScalarNode]:
    """The scalar of each number in the text."""
    found: dict[Place, yaml.ScalarNode] = {}
    top = _fields(yaml.compose(text, Loader=yaml.SafeLoader))
    rules = top.get("rules")
    for rule in rules.value if isinstance(rules, yaml.SequenceNode) else ():
        fields = _fields(rule)
        name = fields.get("name")
        if not isinstance(name, yaml.ScalarNode):
            continue
        for severity, keys in (("", OWN), ("warning", BARS), ("critical", BARS)):
            part = fields if not severity else _fields(fields.get(severity))
            for key in keys:
                node = part.get(key)
                if isinstance(node, yaml.ScalarNode) and _DECIMAL.fullmatch(str(node.value)):
                    found[Place(str(name.value), severity, key)] = node
    return found


def _fields(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _expected(rules: Rules, changes: Mapping[Place, tuple[float, float]]) -> Rules:
    """The rules with these numbers and no other change."""
    found = []
    for rule in rules.rules:
        for place, (_, new) in changes.items():
            if place.rule == rule.name:
                rule = _with(rule, place, int(new) if place.name in WHOLE else new)
        found.append(rule)
    return msgspec.structs.replace(rules, rules=tuple(found))


def _with(rule: Rule, place: Place, value: float) -> Rule:
    if not place.severity:
        return msgspec.structs.replace(rule, **{place.name: value})
    bars: Thresholds = getattr(rule, place.severity)
    return msgspec.structs.replace(rule, **{place.severity: msgspec.structs.replace(bars, **{place.name: value})})
