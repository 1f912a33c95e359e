"""Follows the registry while the worker runs: loads, checks and warms what was promoted, then hands it over ready.

On a thread of its own, so that neither the event loop nor the scorer waits for a file. The scorer takes a new lineup
up between two takes; a take that one model began, it finishes. A model that cannot be fetched, verified, loaded or
used is refused: that is said once for each revision of the registry, the old one serves on, and the worker stays
ready. It is tried again after a while, since a folder may have been half copied.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np

from stream.failpoints import passed
from stream.scoring import PROBE, Lineup, checked
from undertone.errors import ModelError
from undertone.gpu.choice import Device, Precision
from undertone.keys import SEPARATOR
from undertone.registry import Registry, State, open_registry, resolve
from undertone.scorer import SENTIMENTS, Scorer, load_scorer
from undertone.settings import Settings

AGAIN_S = 60.0
"""A refused model is tried again after so long, or at once when the registry's revision changes."""

PROBES = (
    PROBE,
    "",
    "$ACME plunges 12% after it warns on full-year profit 😀 涨停",
    "Lenders are worried that the group misses its targets for the year. " * 40,
)
"""Texts of very different length in one batch: the shortest is nearly all padding."""

log = logging.getLogger(__name__)


class FirstModel(NamedTuple):
    """What a worker begins with. Without a registry to follow, it serves this model until it ends."""

    scorer: Scorer
    registry: Registry | None
    version: str


def first_model(settings: Settings) -> FirstModel:
    """Load the model that the settings mean; the registry's champion, where they mean that, is followed from then on.

    Raises:
        ModelError: if it cannot serve. There is no older model in memory to go on with, so the worker does not start.
    """
    registry = open_registry(settings) if settings.model == "default" else None
    if registry is None:
        return FirstModel(_loaded(resolve(settings), settings.threads, settings.device, settings.precision), None, "")
    version = registry.state().champion
    try:
        scorer = _loaded(registry.folder(version), settings.threads, settings.device, settings.precision)
    except ModelError as error:
        raise ModelError(
            f"{version}, the champion of {registry}, cannot serve: {error}. "
            "Or let the one before it serve again: `undertone models rollback`"
        ) from error
    return FirstModel(scorer, registry, version)


def _loaded(folder: str | Path, threads: int, device: Device, precision: Precision) -> Scorer:
    scorer = load_scorer(folder, threads=threads, device=device, precision=precision)
    check(scorer)
    return scorer


class _Refusal(NamedTuple):
    revision: int
    at_s: float


class Reload:
    """One for each worker that follows a registry."""

    def __init__(
        self,
        registry: Registry,
        champion: str,
        scorer: Scorer,
        *,
        threads: int,
        device: Device = "cpu",
        precision: Precision = "auto",
        install: Callable[[Lineup], object],
        refuse: Callable[[str, str], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Follow `registry` from its version `champion` on, which `scorer` has loaded.

        Args:
            registry: Where versions are promoted.
            champion: Version that serves now.
            scorer: The same, loaded.
            threads: Of each scorer.
            device: What scores; see `undertone.gpu.choice`.
            precision: On a GPU.
            install: Told, on this thread, of each new lineup, which is ready to serve.
            refuse: Told of role (``champion`` or ``challenger``) and version of what is refused, once a revision.
            clock: Monotonic seconds.
        """
        self._registry = registry
        self._hardware = threads, device, precision
        self._install = install
        self._refuse = refuse
        self._clock = clock
        self._champion = champion
        self._ready = {champion: scorer}
        self._lineup = Lineup(scorer)
        self._refusals: dict[str, _Refusal] = {}
        self._away = False
        self._stopped = threading.Event()

    def start(self, every_s: float) -> None:
        """Look at the registry at once, and then every so many seconds, until stopped."""
        threading.Thread(target=self._run, args=(every_s,), name="reload", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    @property
    def refused(self) -> list[str]:
        """Versions that the registry asks for and that cannot serve. From any thread."""
        return sorted(self._refusals)

    def look(self) -> None:
        """Read the registry's state once and do what it asks. Raises nothing."""
        try:
            state = self._registry.state()
        except Exception as error:  # any file system of any kind is behind it; the model in memory serves on
            if not self._away:
                log.warning("The model registry cannot be read; %s serves on (%s)", self._champion, _words(error))
            self._away = True
            return
        if self._away:
            log.warning("The model registry can be read again")
            self._away = False
        self._follow(state)

    def _run(self, every_s: float) -> None:
        self.look()
        while not self._stopped.wait(every_s):
            self.look()

    def _follow(self, state: State) -> None:
        champion = self._scorer(state.champion, "champion", state.revision)
        if champion is not None:
            self._champion = state.champion
        wanted = state.challenger if state.challenger not in ("", self._champion) else ""
        challenger = self._scorer(wanted, "challenger", state.revision) if wanted else None
        lineup = Lineup(self._ready[self._champion], challenger, state.shadow_share if challenger else 0.0)
        serving = {self._champion, wanted}
        self._ready = {name: scorer for name, scorer in self._ready.items() if name in serving}
        self._refusals = {
            name: one for name, one in self._refusals.items() if name in (state.champion, state.challenger)
        }
        if lineup == self._lineup:
            return
        before, self._lineup = self._lineup, lineup
        if lineup.champion is not before.champion:
            passed("before-swap")
            log.info(
                "Model %s takes over from %s (revision %d of the registry)",
                lineup.champion.version,
                before.champion.version,
                state.revision,
            )
        if challenger is not None and challenger is not before.challenger:
            log.info("Challenger %s runs in shadow on %g of the messages", challenger.version, lineup.share)
        self._install(lineup)

    def _scorer(self, version: str, role: str, revision: int) -> Scorer | None:
        """The scorer of a version, from memory or loaded; None if it is refused."""
        if version in self._ready:
            return self._ready[version]
        known = self._refusals.get(version)
        if known is not None and known.revision == revision and self._clock() - known.at_s < AGAIN_S:
            return None
        try:
            scorer = _loaded(self._registry.folder(version), *self._hardware)
        except Exception as error:  # foreign files, foreign libraries: whatever is wrong, the old model serves on
            if known is None or known.revision != revision:
                log.error("The %s %s is refused; %s serves on: %s", role, version, self._champion, _words(error))
                self._refuse(role, version)
            self._refusals[version] = _Refusal(revision, self._clock())
            return None
        self._ready[version] = scorer
        self._refusals.pop(version, None)
        return scorer


def check(scorer: Scorer) -> None:
    """See that a loaded model can serve a stream, and make its first and largest calls, which are the slowest.

    Topics may differ from those of the model before: windows are keyed by the topic's name. Sentiments may not:
    windows have one counter for each of the three.

    Raises:
        ModelError: says what windows could not be made of.
    """
    if scorer.sentiments != SENTIMENTS:
        raise ModelError(
            f"Model {scorer.version} has the sentiments {', '.join(scorer.sentiments)}; a stream counts "
            f"{', '.join(SENTIMENTS)}, in this order"
        )
    names = (scorer.version, *scorer.topics)
    if not scorer.topics or len(set(scorer.topics)) != len(scorer.topics) or not all(map(_nameable, names)):
        raise ModelError(
            f"Model {scorer.version!r} has topics that cannot name a window: each must be there once, not empty, "
            "without tabs and line breaks"
        )
    scores = checked(scorer, PROBES)
    for head, rows, labels in (("topic", scores.topic, scorer.topics), ("sentiment", scores.sentiment, SENTIMENTS)):
        if rows.shape != (len(PROBES), len(labels)) or not np.allclose(rows.sum(axis=1), 1.0, atol=1e-3):
            raise ModelError(f"Model {scorer.version} gave no probabilities for its {len(labels)} labels of {head}")


def _nameable(name: str) -> bool:
    return bool(name.strip()) and SEPARATOR not in name and name.isprintable()


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ModelError) else f"{type(error).__name__}: {text}"
