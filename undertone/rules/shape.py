"""Where plain values do not have the shape of a type: all places, not only the first.

It walks the types that msgspec reads, and leaves the judgement of each leaf to msgspec.
"""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec

Path = tuple[str | int, ...]
Misfit = tuple[Path, str]


def misfits(value: Any, wanted: Any, path: Path = ()) -> list[Misfit]:
    """Each place in ``value`` that a conversion to ``wanted`` would refuse, and why.

    Args:
        value: Of a parsed document: dicts, lists and scalars.
        wanted: A struct, or what may be the type of a struct's field.
        path: Where ``value`` is in the document.
    """
    wanted, optional = _without_none(wanted)
    if value is None and optional:
        return []
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _of_struct(value, wanted, path)
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list):
            return [(path, f"{_last(path)} must be a list, was: {_shown(value)}")]
        element = typing.get_args(wanted)[0]
        return [one for place, part in enumerate(value) for one in misfits(part, element, (*path, place))]
    if typing.get_origin(wanted) is dict and isinstance(value, dict):
        element = typing.get_args(wanted)[1]
        return [one for key, part in value.items() for one in misfits(part, element, (*path, key))]
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        return [(path, f"{_last(path)} is {_shown(value)}: {_reason(str(error), wanted)}")]
    return []


def _of_struct(value: Any, wanted: type[msgspec.Struct], path: Path) -> list[Misfit]:
    if not isinstance(value, dict):
        return [(path, f"{_last(path)} must be a mapping of keys to values, was: {_shown(value)}")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    found: list[Misfit] = []
    for key in value.keys() - fields.keys():
        found.append(((*path, key), f"{key!r} is not known here: valid are {', '.join(fields)}"))
    for name, field in fields.items():
        if name in value:
            found += misfits(value[name], field.type, (*path, name))
        elif field.required:
            found.append(((*path, name), f"{name!r} is missing from {_last(path)}"))
    return found


def _without_none(wanted: Any) -> tuple[Any, bool]:
    """The type without ``None``, and whether it had it."""
    if typing.get_origin(wanted) not in (typing.Union, types.UnionType):
        return wanted, False
    rest = [one for one in typing.get_args(wanted) if one is not types.NoneType]
    if len(rest) == len(typing.get_args(wanted)):
        return wanted, False
    return (rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]), True  # noqa: UP007


def _reason(said: str, wanted: Any) -> str:
    """Msgspec's reason in a reader's words."""
    literal = wanted
    while typing.get_origin(literal) is typing.Annotated:
        literal = typing.get_args(literal)[0]
    if typing.get_origin(literal) is typing.Literal:
        return f"valid are {', '.join(map(str, typing.get_args(literal)))}"
    said = said.partition(" - at `")[0].removeprefix("Expected ").replace("`", "").replace("matching regex", "like")
    return f"valid is {said}"


def _last(path: Path) -> str:
    """The name of a place: ``rules[0].warning``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
