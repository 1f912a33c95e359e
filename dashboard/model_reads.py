"""Reads of the model registry and of manifests, kept for a while: who serves, since when, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from dashboard.kept import kept
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.artefact import Manifest
from undertone.registry import SHIPPED_VERSION, Event, Registry, State, open_registry
from undertone.settings import Settings

KEPT_S: Final = 10
EVENTS: Final = 100
EVALUATION: Final = "evaluation"
HELD_OUT: Final = "held_out_part_of_train"


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves by the registry; without one the model that ships. ``events`` are the newest first."""

    state: State
    versions: tuple[str, ...]
    events: tuple[Event, ...]
    champion: Manifest
    challenger: Manifest | None

    @property
    def crowned(self) -> Event | None:
        """The change that made the champion what it is, None if it always was."""
        return next((one for one in self.events if one.action in ("promote", "rollback")), None)


class Bin(msgspec.Struct, frozen=True):
    """Texts of which the model was about as sure: how sure, and how often right."""

    rows: int
    confidence: float
    accuracy: float


class ByClass(NamedTuple):
    """Figures by class, in the order of the labels; ``confusion`` is (truth, guess)."""

    support: Sequence[int]
    precision: Sequence[float]
    recall: Sequence[float]
    f1: Sequence[float]
    confusion: Sequence[Sequence[int]]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One question on one set. What a manifest does not hold is None: it is not made up."""

    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    precision: list[float] | None = None
    recall: list[float] | None = None
    f1: list[float] | None = None
    support: list[int] | None = None
    confusion: list[list[int]] | None = None
    reliability: list[Bin] | None = None

    def by_class(self, classes: int) -> ByClass | None:
        """The figures by class, None unless all are there for so many classes."""
        found = (self.support, self.precision, self.recall, self.f1, self.confusion)
        if any(one is None or len(one) != classes for one in found) or any(
            len(row) != classes for row in self.confusion or ()
        ):
            return None
        return ByClass(*(one or () for one in found))  # type: ignore[arg-type]


Judged = dict[tuple[str, str], Figures]
"""Figures by set and head."""


def serving(settings: Settings) -> Serving:
    """Who serves.

    Raises:
        ModelError: if the registry or the manifest of who serves is damaged or out of reach.
    """
    return _serving(settings.registry or "", str(settings.data))


@kept(KEPT_S, most=4)
def _serving(registry: str, data: str) -> Serving:
    opened = open_registry(Settings(registry=registry or None, data=data))
    if opened is None:
        return Serving(State(), (), (), artefact.read_manifest(artefact.SHIPPED), None)
    state, reached = opened.state(), opened.history()
    events = tuple(one for one in reversed(reached) if one.revision <= state.revision)[:EVENTS]
    return Serving(state, tuple(opened.versions()), events, opened.manifest(state.champion), _challenger(opened, state))


def _challenger(opened: Registry, state: State) -> Manifest | None:
    try:
        return opened.manifest(state.challenger) if state.challenger else None
    except ModelError:  # the page goes on: who serves is what matters
        return None


def changed(settings: Settings) -> None:
    """Read anew what an action has just changed."""
    _serving.drop(settings.registry or "", str(settings.data))


def judged(manifest: Manifest) -> Judged:
    """The figures that a manifest holds, the held-out part of the training data last."""
    found: Judged = {}
    evaluation = manifest.metrics.get(EVALUATION)
    sets = dict(evaluation) if isinstance(evaluation, dict) else {}
    sets[HELD_OUT] = manifest.metrics.get(HELD_OUT)
    for name, heads in sets.items():
        for head, figures in heads.items() if isinstance(heads, dict) else ():
            try:
                found[str(name), str(head)] = msgspec.convert(figures, Figures)
            except msgspec.ValidationError:
                continue
    return found


def name_of(version: str, manifest: Manifest) -> str:
    """A version as people know it: the one that ships by the version in its manifest."""
    return manifest.version if version == SHIPPED_VERSION else version
