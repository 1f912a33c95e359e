"""``undertone models``: is a model folder whole, and what does it say of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertone.cli.group import group
from undertone.cli.options import Json
from undertone.cli.output import print_json

models = group("Check and show model folders.")

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[PATH]", help="A model folder (default: the one that ships).", show_default=False),
]


@models.command(epilog="Example: undertone models verify runs/student-3")
def verify(path: Folder = None, as_json: Json = False) -> None:
    """Check every file of a model folder against its manifest; exit code 1 names the file that is wrong."""
    from undertone import registry

    chosen = _folder(path)
    manifest = registry.verify(chosen)
    if as_json:
        print_json({"path": str(chosen), "version": manifest.version, "files": len(manifest.files), "verified": True})
    else:
        size = sum(entry.bytes for entry in manifest.files.values())
        print(f"{manifest.version}: {len(manifest.files)} files, {size / 1e6:.1f} MB, all as the manifest says.")


@models.command(epilog="Example: undertone models show --json")
def show(path: Folder = None, as_json: Json = False) -> None:
    """Show the manifest of a model folder: labels, origin, figures, files."""
    import msgspec

    from undertone import registry

    manifest = registry.read_manifest(_folder(path))
    shape = msgspec.to_builtins(manifest)
    if as_json:
        print_json({"manifest": shape})
    else:
        print(msgspec.json.format(msgspec.json.encode(shape), indent=2).decode())


def _folder(path: Path | None) -> Path:
    from undertone.scorer import SHIPPED_STUDENT

    return SHIPPED_STUDENT if path is None else path
