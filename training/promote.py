"""Step 9: a model that passed the gate goes into the registry and becomes its champion, with the verdict in history."""

from datetime import datetime
from pathlib import Path

from training.verdict import Verdict
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.registry import SHIPPED_VERSION, Registry, State


def promote(
    registry_url: str,
    folder: Path,
    verdict: Verdict,
    *,
    by: str,
    at: datetime,
    force: str = "",
    allow_research: bool = False,
    as_challenger: bool = False,
) -> State:
    """Add a model folder to a registry and promote it; returns the registry's new state.

    Args:
        registry_url: A folder or an fsspec URL.
        folder: The model folder that was judged.
        verdict: What the gate said of it.
        by: Who promotes.
        at: When; needs a time zone.
        force: Why a refused or unfitting verdict is overruled; goes into the history with the refusal.
        allow_research: Take a model whose sources' licences keep it to experiments.
        as_challenger: Let it run in shadow beside the champion instead of replacing it.

    Raises:
        ModelError: the verdict is a refusal, or of another model or champion, and is not overruled; or the registry
            refuses the model, or has changed in between.
    """
    registry = Registry.open(registry_url)
    manifest = artefact.verify(folder)
    before = registry.state()
    objections = _objections(verdict, manifest, registry, before)
    if objections and not force.strip():
        raise ModelError(
            f"{manifest.version} is not promoted: {'; '.join(objections)}. Mend that and run `undertone train gate` "
            "again, or overrule it with --force and a reason, which the history keeps"
        )
    reason = "; ".join((f"passed the gate against {verdict.champion or 'its floors'}", *verdict.left_out))
    if objections:
        reason = f"forced: {force.strip()} (the gate: {'; '.join(objections)})"
    registry.add(folder)
    return registry.promote(
        manifest.version,
        by=by,
        reason=_shortened(reason),
        at=at,
        allow_research=allow_research,
        as_challenger=as_challenger,
        verdict=verdict.id,
        expected=before.revision,
    )


def _objections(verdict: Verdict, manifest: artefact.Manifest, registry: Registry, state: State) -> list[str]:
    """Return why the verdict does not let this model replace this champion; nothing where it does."""
    found = []
    if (verdict.challenger, verdict.challenger_digest) != (manifest.version, manifest.digest):
        found.append(f"the verdict {verdict.id} is of {verdict.challenger} or of other bytes")
    champion = registry.manifest(state.champion)
    # Where nothing was promoted yet, a model of another task than the shipped one's is the first of its kind.
    follows = state.champion != SHIPPED_VERSION or champion.task == manifest.task
    if follows and (verdict.champion, verdict.champion_digest) != (champion.version, champion.digest):
        found.append(f"it was judged against {verdict.champion or 'no champion'}, and {champion.version} serves now")
    found += verdict.refusals
    return found


def _shortened(reason: str, most: int = 2000) -> str:
    return reason if len(reason) <= most else reason[: most - 1] + "…"
