"""A YAML document: plain values, and the line of each. It knows nothing of rules.

Scalars mean what YAML 1.2's core schema says, so that ``1e-3`` is a number and ``22:00``, ``no`` and ``on`` are
texts; YAML 1.1, which PyYAML follows by default, reads each of these otherwise. Keys are texts and given once.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and positions from the top of the document down to a value."""
Lines = dict[Path, int]
"""The line, from 1, on which each value, or its key, stands."""
Problem = tuple[int, str]
"""A line, and what is wrong there."""

MOST_VALUES = 50_000
DEEPEST = 20

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class _TooMuchError(Exception):
    """The document is larger or deeper than any that a person writes."""


def read(text: str) -> tuple[Any, Lines, list[Problem]]:
    """The values of one document, their lines, and all that is wrong with it as YAML.

    After a problem of syntax there are no values: the parser cannot go on.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        reading = _Reading()
        return (None if node is None else reading.value(node, ())), reading.lines, reading.problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(filter(None, (error.context, error.problem)))
        return None, {}, [(1 if mark is None else mark.line + 1, f"this is not YAML: {said}")]
    except yaml.YAMLError as error:  # a character that YAML does not allow
        return None, {}, [(1, f"this is not YAML: {' '.join(str(error).split())}")]
    except (_TooMuchError, RecursionError):
        return None, {}, [(1, f"more than {MOST_VALUES} values or {DEEPEST} levels, aliases counted where they stand")]


class _Reading:
    def __init__(self) -> None:
        self.lines: Lines = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        if len(self.lines) >= MOST_VALUES or len(path) > DEEPEST:
            raise _TooMuchError
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, (*path, place)) for place, one in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append((line, "a key must be a text"))
                continue
            key = str(key_node.value)
            if key in found:
                self.problems.append((line, f"{key!r} is given twice: the first is on line {self.lines[*path, key]}"))
                continue
            self.lines[*path, key] = line
            found[key] = self.value(value_node, (*path, key))
        return found


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if getattr(node, "style", None) is not None or node.tag == "!":  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
