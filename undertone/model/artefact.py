"""Model folders: written whole or not at all, and checked byte by byte before they are loaded.

A folder holds `model.onnx`, `model.safetensors`, `tokenizer.json` and a `manifest.json` that lists
their sizes and SHA-256 and carries a digest of itself. The manifest is not signed: it guards against
damage and mix-ups and keeps loaders that run code (pickle, foreign operators) out; whoever can rewrite
it can name another model.
"""

import os
import re
import secrets
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from undertone.errors import ModelError
from undertone.model import contents

SHIPPED = Path(__file__).resolve().parent / "student"
FAST = Path(__file__).resolve().parent / "fast"
SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
REQUIRED_FILES = frozenset({"model.onnx", "model.safetensors", "tokenizer.json"})
MOST_FILES = 16
MANIFEST_LIMIT = 1 << 20  # bytes
FILE_LIMIT = 2 << 30  # bytes, what protobuf can hold
RESERVED_VERSIONS = frozenset({"default", "shipped", "fast", "trivial"})
_BLANK = b"0" * 64
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0, le=FILE_LIMIT)]


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question that the model answers: ``topic`` and ``sentiment`` of a text, or ``entity``, sentiment towards one.

    ``temperature`` is what its logits are divided by before the softmax (Guo et al. 2017, eq. 9).
    """

    name: Literal["topic", "sentiment", "entity"]
    labels: tuple[str, ...]
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class TrainedOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    file: str
    licence: str
    sha256: str
    rows: int


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the weights come from. ``shippable`` is False where a source's licence keeps them to experiments."""

    base: str
    base_licence: str
    sources: tuple[TrainedOn, ...]
    code_version: str
    seed: int
    shippable: bool
    parent: str = ""  # version that training went on from, where it did


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model folder says of itself. `architecture` holds BertConfig fields; `task` is the name of the task file.

    ``digest`` is the SHA-256 of the manifest's bytes with the digest itself as 64 zeros; `write` fills it in.
    """

    schema_version: int
    version: str
    task: str
    heads: tuple[Head, ...]
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    architecture: dict[str, Any]
    provenance: Provenance
    metrics: dict[str, Any]
    files: dict[str, FileEntry]
    digest: str = ""

    def head(self, name: str) -> Head | None:
        """Return the head of that name, or None where the model lacks it."""
        return next((head for head in self.heads if head.name == name), None)

    def labels(self, name: str) -> tuple[str, ...]:
        """Return the labels of a head; none where the model lacks it."""
        head = self.head(name)
        return () if head is None else head.labels


def is_version(name: str) -> bool:
    """Whether `name` can name a version: letters, digits, dot, dash and underscore, and no word with a meaning."""
    return _PLAIN_NAME.fullmatch(name) is not None and name not in RESERVED_VERSIONS


def verify(path: Path) -> Manifest:
    """Return the manifest of the model folder at `path` after checking every file that it lists.

    Raises ModelError, naming the file and what to do, when a file is missing, cut short, changed, too large, not
    listed, a link, outside the folder, or not what its name says (see `undertone.model.contents`).
    """
    manifest = read_manifest(path)
    for name in sorted(REQUIRED_FILES - manifest.files.keys()):
        raise _refusal(path, f"the manifest does not list {name}")
    for found in sorted(path.iterdir()):
        if found.name != MANIFEST and found.name not in manifest.files:
            raise _refusal(path, f"{found.name} is in the folder but not in the manifest")
    for name, entry in sorted(manifest.files.items()):
        _listed(path, name, entry)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the folder at `path`, unchecked against the files beside it. Raises ModelError."""
    if not path.is_dir():
        raise ModelError(f"There is no model folder at {path}; give one that holds {MANIFEST}, or 'default'")
    return parse_manifest(_read(path, MANIFEST, MANIFEST_LIMIT), str(path))


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest in `data`, which came from `where`. Raises ModelError."""
    try:
        shape = contents.read_json(data)
        if isinstance(shape, dict) and shape.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"schema {shape.get('schema_version')}, valid is {SCHEMA_VERSION}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except ValueError as error:  # msgspec's errors are ValueErrors too
        raise _refusal(where, f"{MANIFEST} cannot be read ({error})") from error
    sealed = manifest.digest.encode("utf-8", "replace")
    if len(sealed) != len(_BLANK) or contents.sha256(data.replace(sealed, _BLANK, 1)) != manifest.digest:
        raise _refusal(where, f"{MANIFEST} was changed: its digest is not {manifest.digest or 'there'}")
    _check_manifest(where, manifest)
    return manifest


def write(path: Path, files: Mapping[str, bytes | Path], manifest: Manifest) -> Manifest:
    """Write a model folder at `path`, which must not exist yet, and return the finished manifest.

    The folder is built beside `path`, verified there and renamed: no reader ever sees half of it.
    """
    data = {name: content if isinstance(content, bytes) else content.read_bytes() for name, content in files.items()}
    entries = {name: FileEntry(contents.sha256(content), len(content)) for name, content in data.items()}
    blank = msgspec.structs.replace(manifest, files=entries, digest=_BLANK.decode())
    text = msgspec.json.format(msgspec.json.encode(blank), indent=2) + b"\n"
    if text.count(_BLANK) != 1:
        raise _refusal(path, "64 zeros stand in its manifest, where only the digest may")
    digest = contents.sha256(text)
    _build(path, data | {MANIFEST: text.replace(_BLANK, digest.encode())})
    return msgspec.structs.replace(blank, digest=digest)


def copy(source: Path, path: Path) -> Manifest:
    """Copy the model folder `source` to `path`, which must not exist yet, checked on both sides of the copy."""
    manifest = verify(source)
    _build(path, read_folder(source, manifest))
    return manifest


def read_folder(path: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the bytes of every file of a folder by name, its manifest included, as `manifest` says they are."""
    data = _read(path, MANIFEST, MANIFEST_LIMIT)
    if parse_manifest(data, str(path)).digest != manifest.digest:
        raise _refusal(path, f"{MANIFEST} has just been changed")
    return {name: _listed(path, name, entry) for name, entry in manifest.files.items()} | {MANIFEST: data}


def check_content(where: str, name: str, entry: FileEntry, data: bytes) -> None:
    """Raise ModelError where `data`, the file `name` of the model at `where`, is not what its entry says or unsafe."""
    if len(data) != entry.bytes:
        raise _refusal(where, f"{name} is half-written or changed: it has {len(data)} bytes, not {entry.bytes}")
    digest = contents.sha256(data)
    if digest != entry.sha256:
        raise _refusal(where, f"{name} was changed: its SHA-256 is {digest}, not {entry.sha256}")
    try:
        contents.check(name, data)
    except ValueError as error:
        raise _refusal(where, str(error)) from error


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a plain file.

    Raises FileNotFoundError where there is none, and ValueError for a link, a pipe, or more than `limit` bytes.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        what = "a symbolic link" if path.is_symlink() else f"not readable ({error.strerror})"
        raise ValueError(f"{path.name} is {what}") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path.name} is not a plain file")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(fd)
    if len(data) > limit:
        raise ValueError(f"{path.name} has {max(found.st_size, len(data))} bytes, at most {limit} are valid")
    return data


def write_through(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet and wait until the disk has it."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the disk has the names in a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _build(path: Path, files: Mapping[str, bytes]) -> None:
    if path.exists() or path.is_symlink():
        raise ModelError(f"{path} exists already; versions do not change, choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(4)}.unfinished"
    unfinished.mkdir()
    try:
        for name, data in files.items():
            if _PLAIN_NAME.fullmatch(name) is None:
                raise _refusal(path, f"{name!r} is not a plain file name inside the folder")
            write_through(unfinished / name, data)
        verify(unfinished)
        sync_folder(unfinished)
        unfinished.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_manifest(where: str, manifest: Manifest) -> None:
    if not is_version(manifest.version):
        raise _refusal(
            where,
            f"{manifest.version!r} cannot name a version; valid are letters, digits, '.', '-' and '_', at most 100, "
            f"but not {', '.join(sorted(RESERVED_VERSIONS))}",
        )
    if len(manifest.files) > MOST_FILES:
        raise _refusal(where, f"the manifest lists {len(manifest.files)} files, at most {MOST_FILES} are valid")
    for name in sorted(manifest.files):
        if _PLAIN_NAME.fullmatch(name) is None or name == MANIFEST:
            raise _refusal(where, f"the manifest lists {name!r}, which is not a plain file name inside the folder")
        if Path(name).suffix not in contents.ALLOWED_SUFFIXES:
            raise _refusal(where, f"{name} is never loaded; valid are {', '.join(sorted(contents.ALLOWED_SUFFIXES))}")
    names = [head.name for head in manifest.heads]
    if len(names) != len(set(names)):
        raise _refusal(where, f"two heads have the same name, of {', '.join(names)}")
    for head in manifest.heads:
        if len(head.labels) < 2 or len(set(head.labels)) != len(head.labels):
            raise _refusal(where, f"head {head.name} needs two or more different labels")


def _listed(path: Path, name: str, entry: FileEntry) -> bytes:
    data = _read(path, name, entry.bytes)
    check_content(str(path), name, entry, data)
    return data


def _read(path: Path, name: str, limit: int) -> bytes:
    try:
        return read_file(path / name, limit)
    except FileNotFoundError as error:
        raise _refusal(path, f"{name} is missing") from error
    except ValueError as error:
        raise _refusal(path, str(error)) from error


def _refusal(where: Path | str, reason: str) -> ModelError:
    return ModelError(
        f"Model {where} is refused: {reason}. Restore the folder from where it was made "
        "(`git checkout` for the one that ships) or export it again with `undertone train`"
    )
