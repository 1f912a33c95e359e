"""``undertone models``, the commands that look: which models there are, what they are, are they whole.

Those that change who serves are in `promotion`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import REFUSED, group
from undertone.cli.options import Json
from undertone.cli.output import print_json, table
from undertone.cli.shadow import shadow

if TYPE_CHECKING:
    from undertone.model.artefact import Manifest
    from undertone.registry import Registry, State

models = group("Which models there are, which one serves, and changing that.")
models.command(epilog="Example: undertone models shadow --stream news --json")(shadow)

SEPARATOR = " · "

RegistryUrl = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="FOLDER|URL",
        help="The model registry: a folder, or a URL such as s3://bucket/models.  env: UNDERTONE_REGISTRY",
        show_default=False,
    ),
]
Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[VERSION|PATH]",
        help="A version, or a model folder (default: the registry's champion, else the one that ships).",
        show_default=False,
    ),
]


@models.command("list", epilog="Example: undertone models list --registry /srv/models --json")
def list_models(registry: RegistryUrl = None, as_json: Json = False) -> None:
    """Show the versions and who serves; exit code 3 if one is damaged."""
    from undertone.errors import ModelError
    from undertone.registry import SHIPPED_VERSION, State

    opened = opened_registry(registry)
    state = State() if opened is None else opened.state()
    shapes, damaged = [], 0
    for version in [SHIPPED_VERSION, *([] if opened is None else opened.versions())]:
        try:
            shapes.append(_brief(version, _manifest(version, opened), state))
        except ModelError as error:
            damaged += 1
            typer.echo(f"{version}: {error}", err=True)
    if as_json:
        for shape in shapes:
            print_json(shape)
    else:
        columns = [("version", "left"), ("serves", "left"), ("task", "left"), ("answers", "left"), ("MB", "right")]
        rows = [
            (
                one["version"],
                one["role"],
                plain(one["task"]),
                ", ".join(one["heads"]),
                f"{one['bytes'] / 1e6:.1f}",
                one["use"],
            )
            for one in shapes
        ]
        table([*columns, ("use", "left")], rows)
    if damaged:
        raise typer.Exit(REFUSED)


@models.command(epilog="Example: undertone models show --json")
def show(which: Which = None, registry: RegistryUrl = None, as_json: Json = False) -> None:
    """Show what a model says of itself: what it answers, where it comes from, its figures, its files."""
    import msgspec

    manifest = _manifest(which, opened_registry(registry))
    if as_json:
        print_json({"manifest": msgspec.to_builtins(manifest)})
        return
    origin = manifest.provenance
    went_on = f", went on from {origin.parent}" if origin.parent else ""
    base = f"Base {origin.base} ({origin.base_licence}), code {origin.code_version}, seed {origin.seed}{went_on}."
    print(f"{manifest.version}: task {plain(manifest.task)}, {manifest.max_tokens} tokens at most, {_use(manifest)}.")
    print(plain(base))
    print()
    table(
        [("answers", "left"), ("labels", "left"), ("temperature", "right")],
        [(head.name, plain(", ".join(head.labels)), f"{head.temperature:.4f}") for head in manifest.heads],
    )
    print()
    table(
        [("trained on", "left"), ("licence", "left"), ("rows", "right")],
        [(plain(source.name), plain(source.licence), f"{source.rows:,}") for source in origin.sources],
    )
    print()
    groups: dict[str, list[str]] = {}
    for name, value in _figures(manifest).items():
        group_name, _, figure = name.rpartition(SEPARATOR)
        groups.setdefault(group_name, []).append(f"{figure} {value}")
    table(
        [("figures", "left"), ("", "left")],
        [(plain(name), plain(", ".join(values))) for name, values in groups.items()],
    )
    print()
    table(
        [("file", "left"), ("bytes", "right"), ("SHA-256", "left")],
        [(name, f"{entry.bytes:,}", f"{entry.sha256[:16]}…") for name, entry in sorted(manifest.files.items())],
    )


@models.command(epilog="Example: undertone models verify runs/student-3")
def verify(which: Which = None, registry: RegistryUrl = None, as_json: Json = False) -> None:
    """Check every file of a model against its manifest; exit code 1 names the file that is wrong."""
    from undertone import registry as registries
    from undertone.errors import InputError
    from undertone.model import artefact
    from undertone.settings import Settings

    path = registries.resolve(Settings(model=which, registry=registry))
    if path == "trivial":
        raise InputError("'trivial' is no model: there is nothing to verify")
    manifest = artefact.verify(path)
    if as_json:
        print_json({"path": str(path), "version": manifest.version, "files": len(manifest.files), "verified": True})
    else:
        size = size_bytes(manifest)
        print(f"{manifest.version}: {len(manifest.files)} files, {size / 1e6:.1f} MB, all as the manifest says.")


@models.command(epilog="Example: undertone models diff student-2026.11.23-1d3576aa student-2026.11.30-77aa01c2 --json")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A version or a model folder.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A version or a model folder.")],
    registry: RegistryUrl = None,
    as_json: Json = False,
) -> None:
    """Compare the figures of two models."""
    opened = opened_registry(registry)
    before, after = _manifest(old, opened), _manifest(new, opened)
    left, right = _figures(before) | {"bytes": size_bytes(before)}, _figures(after) | {"bytes": size_bytes(after)}
    names = [*left, *(name for name in right if name not in left)]
    if as_json:
        figures = {name: {"old": left.get(name), "new": right.get(name)} for name in names}
        print_json({"old": before.version, "new": after.version, "figures": figures})
        return
    rows = [(name, left.get(name, ""), right.get(name, ""), _change(left.get(name), right.get(name))) for name in names]
    print(f"old: {before.version}\nnew: {after.version}\n")
    table([("figure", "left"), ("old", "right"), ("new", "right"), ("change", "right")], rows)


def opened_registry(registry: str | None) -> Registry | None:
    from undertone.registry import open_registry
    from undertone.settings import Settings

    return open_registry(Settings(registry=registry))


def _manifest(which: str | None, registry: Registry | None) -> Manifest:
    from undertone.model import artefact
    from undertone.registry import SHIPPED_VERSION

    if which in (None, "default"):
        which = SHIPPED_VERSION if registry is None else registry.state().champion
    if which == SHIPPED_VERSION:
        return artefact.read_manifest(artefact.SHIPPED)
    if which == "fast":
        return artefact.read_manifest(artefact.FAST)
    if registry is not None and which in registry.versions():
        return registry.manifest(which)
    return artefact.read_manifest(Path(which))


def _brief(version: str, manifest: Manifest, state: State) -> dict[str, Any]:
    role = {state.champion: "champion", state.challenger: "challenger"}.get(version, "")
    return {
        "version": version,
        "role": role or ("former" if version in state.previous else ""),
        "task": manifest.task,
        "heads": [head.name for head in manifest.heads],
        "bytes": size_bytes(manifest),
        "use": _use(manifest),
        "digest": manifest.digest,
    }


def plain(text: str) -> str:
    """Text that others wrote, for a terminal: nothing in it may steer it."""
    return "".join(c if c.isprintable() else " " for c in text)


def _use(manifest: Manifest) -> str:
    return "any use" if manifest.provenance.shippable else "research only"


def size_bytes(manifest: Manifest) -> int:
    return sum(entry.bytes for entry in manifest.files.values())


def _figures(manifest: Manifest) -> dict[str, Any]:
    """The leaves of the manifest's figures, by their path."""
    found: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}{SEPARATOR}{name}" if path else str(name), inner)
        elif not isinstance(value, list):
            found[path] = value

    walk("", manifest.metrics)
    return found


def _change(old: Any, new: Any) -> str:
    if not isinstance(old, int | float) or not isinstance(new, int | float) or old == new:
        return ""
    return f"{new - old:+,.4g}" if isinstance(new - old, float) else f"{new - old:+,}"
