"""JSON Schemas of all messages and of the rules file, made from their types; ``undertone schemas write``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec

from undertone import messages
from undertone.rules import Rules

FOLDER = Path(__file__).parent
DRAFT = "https://json-schema.org/draft/2020-12/schema"
TYPES: dict[str, type[msgspec.Struct]] = {
    "message": messages.Message,
    "scored": messages.Scored,
    "alert": messages.Alert,
    "label": messages.Label,
    "release": messages.Release,
    "evidence": messages.Evidence,
    "rules": Rules,
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of TYPES.

    What the type cannot say is added: a message needs one of text, title and body.
    """
    made = msgspec.json.schema(TYPES[name], ref_template="#/$defs/{name}")
    defs = made.pop("$defs")
    # The type's own schema at the top, the rest below: validators and readers both like it so.
    top = defs.pop(made["$ref"].rpartition("/")[2])
    shape = {"$schema": DRAFT, "$id": f"urn:undertone:{name}:{messages.SCHEMA_VERSION}", **top}
    if name == "message":
        shape["anyOf"] = [{"required": [field]} for field in ("text", "title", "body")]
    return shape | ({"$defs": defs} if defs else {})


def text(name: str) -> str:
    """The schema as it is written to its file."""
    return msgspec.json.format(msgspec.json.encode(tidy(schema(name)), order="sorted"), indent=2).decode() + "\n"


def tidy(shape: Any) -> Any:
    """The same with descriptions that read as lines of text and not as an indented docstring."""
    if isinstance(shape, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else tidy(value)
            for key, value in shape.items()
        }
    return [tidy(one) for one in shape] if isinstance(shape, list) else shape


def file(name: str) -> Path:
    return FOLDER / f"{name}.json"


def drifted() -> list[str]:
    """The names of the schemas whose file does not say what the type says."""
    return [name for name in TYPES if not file(name).is_file() or file(name).read_text(encoding="utf-8") != text(name)]


def write() -> list[str]:
    """Write the files that differ; their names."""
    changed = drifted()
    for name in changed:
        file(name).write_text(text(name), encoding="utf-8")
    return changed
