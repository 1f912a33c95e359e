"""The model registry: which versions there are, which one is champion, and who made it so.

A registry is a folder or an fsspec URL (`s3://bucket/models`). It holds `versions/` (models, never changed),
`history/000001.json` onwards (one object a change, created by exactly one writer) and `state.json`, the pointer that
readers follow. Where nothing was promoted yet, the champion is "shipped", the model that comes with Undertone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from undertone.model import artefact
from undertone.registry.log import Action, Event, State
from undertone.registry.registry import Registry
from undertone.registry.storage import SHIPPED_VERSION

if TYPE_CHECKING:
    from undertone.settings import Settings

__all__ = ["SHIPPED_VERSION", "Action", "Event", "Registry", "State", "open_registry", "resolve"]


def open_registry(settings: Settings) -> Registry | None:
    """Return the registry that the settings name, which fetches into their data folder; None where they name none."""
    return None if settings.registry is None else Registry.open(settings.registry, settings.data / "models")


def resolve(settings: Settings) -> Path | Literal["trivial"]:
    """Return the folder of the model that the settings mean, fetched from the registry where it is there.

    "default" is the registry's champion, or the model that ships where no registry is set; "fast" the smaller model
    that ships; any other word a version of the registry, or else a model folder. What loads the folder checks it.

    Raises:
        ModelError: the registry is damaged or out of reach, or its version is.
    """
    name = settings.model
    if name == "trivial":
        return "trivial"
    if name == "fast":
        return artefact.FAST
    registry = open_registry(settings)
    if registry is None:
        return artefact.SHIPPED if name in ("default", SHIPPED_VERSION) else Path(name)
    if name == "default":
        return registry.folder(registry.state().champion)
    if name == SHIPPED_VERSION or (artefact.is_version(name) and name in registry.versions()):
        return registry.folder(name)
    return Path(name)
