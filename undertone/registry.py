"""Model folders: written whole or not at all, and checked byte by byte before they are loaded.

A folder holds `model.onnx`, `model.safetensors`, `tokenizer.json` and a `manifest.json` that lists
their sizes and SHA-256. The manifest is not signed: it guards against damage and mix-ups and keeps
loaders that run code (pickle, foreign operators) out; whoever can rewrite it can name another model.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from undertone.errors import ModelError
from undertone.model import onnxfile

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
REQUIRED_FILES = frozenset({"model.onnx", "model.safetensors", "tokenizer.json"})
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
ALLOWED_SUFFIXES = frozenset({".onnx", ".safetensors", ".json"})
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # raw, or torch's zip


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    bytes: int


class Temperatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What logits are divided by before the softmax (Guo et al. 2017, eq. 9)."""

    topic: float
    sentiment: float


class TrainedOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    file: str
    licence: str
    sha256: str
    rows: int


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    base: str
    base_licence: str
    sources: tuple[TrainedOn, ...]
    code_version: str
    seed: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model folder says of itself. `architecture` holds BertConfig fields."""

    schema_version: int
    version: str
    topics: tuple[str, ...]
    sentiments: tuple[str, ...]
    max_tokens: int
    temperatures: Temperatures
    architecture: dict[str, Any]
    provenance: Provenance
    metrics: dict[str, Any]
    files: dict[str, FileEntry]


def verify(path: Path) -> Manifest:
    """Return the manifest of the model folder at `path` after checking every file that it lists.

    Raises ModelError, naming the file and what to do, when a file is missing, cut short, changed, not
    listed, a link, outside the folder, a pickle, or an ONNX graph with external data or foreign operators.
    """
    manifest = read_manifest(path)
    for name in sorted({*REQUIRED_FILES, *manifest.files}):
        _check_name(path, name)
        if name not in manifest.files:
            raise _refusal(path, f"the manifest does not list {name}")
    for found in sorted(path.iterdir()):
        if found.name != MANIFEST and found.name not in manifest.files:
            raise _refusal(path, f"{found.name} is in the folder but not in the manifest")
    for name, entry in sorted(manifest.files.items()):
        _check_file(path, name, entry)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the folder at `path`, unchecked against the files beside it."""
    if not path.is_dir():
        raise ModelError(f"There is no model folder at {path}; give one that holds {MANIFEST}, or 'default'")
    file = path / MANIFEST
    if file.is_symlink() or not file.is_file():
        raise _refusal(path, f"{MANIFEST} is missing or not a plain file")
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise _refusal(path, f"{MANIFEST} cannot be read ({error})") from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise _refusal(path, f"{MANIFEST} has schema {manifest.schema_version}, valid is {SCHEMA_VERSION}")
    return manifest


def write(path: Path, files: Mapping[str, bytes | Path], manifest: Manifest) -> Manifest:
    """Write a model folder at `path`, which must not exist yet, and return the finished manifest.

    The folder is built beside `path`, verified there and renamed: no reader ever sees half of it.
    """
    if path.exists():
        raise ModelError(f"{path} exists already; versions do not change, choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{os.getpid()}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        entries = {}
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            _write_through(unfinished / name, data)
            entries[name] = FileEntry(hashlib.sha256(data).hexdigest(), len(data))
        complete = msgspec.structs.replace(manifest, files=entries)
        text = msgspec.json.format(msgspec.json.encode(complete), indent=2)
        _write_through(unfinished / MANIFEST, text + b"\n")
        verify(unfinished)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return complete


def _check_name(path: Path, name: str) -> None:
    if name in ("", ".", "..", MANIFEST) or "/" in name or "\\" in name or "\0" in name:
        raise _refusal(path, f"the manifest lists {name!r}, which is not a plain file name inside the folder")
    if Path(name).suffix not in ALLOWED_SUFFIXES:
        raise _refusal(path, f"{name} is never loaded; valid are {', '.join(sorted(ALLOWED_SUFFIXES))}")


def _check_file(path: Path, name: str, entry: FileEntry) -> None:
    file = path / name
    if file.is_symlink():
        raise _refusal(path, f"{name} is a symbolic link")
    if not file.is_file():
        raise _refusal(path, f"{name} is missing")
    data = file.read_bytes()
    if len(data) != entry.bytes:
        raise _refusal(path, f"{name} is half-written or changed: it has {len(data)} bytes, not {entry.bytes}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise _refusal(path, f"{name} was changed: its SHA-256 is {digest}, not {entry.sha256}")
    if data.startswith(_PICKLE_STARTS):
        raise _refusal(path, f"{name} holds a pickle, which could run code")
    if file.suffix == ".onnx":
        _check_onnx(path, name, data)


def _check_onnx(path: Path, name: str, data: bytes) -> None:
    try:
        contents = onnxfile.scan(data)
    except ValueError as error:
        raise _refusal(path, f"{name} is not a whole ONNX model ({error})") from error
    if not contents.has_graph:
        raise _refusal(path, f"{name} is not a whole ONNX model (it has no graph)")
    if contents.external_data:
        raise _refusal(path, f"{name} keeps tensors in other files")
    foreign = sorted(contents.domains - ALLOWED_DOMAINS)
    if foreign:
        raise _refusal(path, f"{name} needs operators of {', '.join(foreign)}")


def _refusal(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"Model {path} is refused: {reason}. Restore the folder from where it was made "
        "(`git checkout` for the one that ships) or export it again with `python -m training.run`"
    )


def _write_through(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
