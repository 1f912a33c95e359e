"""``undertone models``, the commands that change who serves, and the history of such changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.models import RegistryUrl, models, opened_registry, plain, size_bytes
from undertone.cli.options import Json
from undertone.cli.output import print_json, table

if TYPE_CHECKING:
    from datetime import datetime

    from undertone.registry import Registry, State

__all__ = ["models"]

Version = Annotated[str, typer.Argument(metavar="VERSION", help="One of `undertone models list`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
By = Annotated[str | None, typer.Option("--by", help="Who (default: you).", show_default=False)]
Research = Annotated[
    bool, typer.Option("--allow-research", help="Take a model whose sources' licences keep it to experiments.")
]
Verdict = Annotated[str, typer.Option("--verdict", help="Id of the gate's verdict.", show_default=False)]
Expected = Annotated[
    int | None,
    typer.Option("--expected", min=0, help="Refuse if the registry is not at this revision.", show_default=False),
]


@models.command(epilog="Example: undertone models add runs/student-3/model --registry /srv/models")
def add(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A model folder.")],
    registry: RegistryUrl = None,
    as_json: Json = False,
) -> None:
    """Copy a model folder into the registry, checked; nothing changes for who serves."""
    manifest = _required(registry).add(path)
    if as_json:
        print_json({"version": manifest.version, "digest": manifest.digest, "bytes": size_bytes(manifest)})
    else:
        print(f"{manifest.version} is in the registry. To let it serve: undertone models promote {manifest.version}")


@models.command(
    epilog='Example: undertone models promote student-2026.11.30-77aa01c2 --registry /srv/models --reason "gate passed"'
)
def promote(
    version: Version,
    reason: Reason,
    by: By = None,
    allow_research: Research = False,
    verdict: Verdict = "",
    expected: Expected = None,
    registry: RegistryUrl = None,
    as_json: Json = False,
) -> None:
    """Make a version the champion, which workers take up as they run. "shipped" is the one that ships."""
    state = _required(registry).promote(
        version,
        by=by or _you(),
        reason=reason,
        at=_now(),
        allow_research=allow_research,
        verdict=verdict,
        expected=expected,
    )
    _tell(state, as_json)


@models.command(
    epilog='Example: undertone models challenge student-2026.11.30-77aa01c2 --share 0.1 --reason "watch it first"'
)
def challenge(
    version: Version,
    reason: Reason,
    share: Annotated[
        float | None,
        typer.Option("--share", help="Share of the texts that it sees (at first 0.05).", show_default=False),
    ] = None,
    by: By = None,
    allow_research: Research = False,
    verdict: Verdict = "",
    expected: Expected = None,
    registry: RegistryUrl = None,
    as_json: Json = False,
) -> None:
    """Let a version run in shadow beside the champion: it sees a share of the texts, its scores are only compared."""
    state = _required(registry).promote(
        version,
        by=by or _you(),
        reason=reason,
        at=_now(),
        allow_research=allow_research,
        as_challenger=True,
        shadow_share=share,
        verdict=verdict,
        expected=expected,
    )
    _tell(state, as_json)


@models.command(epilog='Example: undertone models retire --reason "no better than the champion"')
def retire(
    reason: Reason, by: By = None, expected: Expected = None, registry: RegistryUrl = None, as_json: Json = False
) -> None:
    """Let no challenger run in shadow any more."""
    opened = _required(registry)
    _tell(opened.retire_challenger(by=by or _you(), reason=reason, at=_now(), expected=expected), as_json)


@models.command(epilog='Example: undertone models rollback --registry /srv/models --reason "alerts went quiet"')
def rollback(
    reason: Reason, by: By = None, expected: Expected = None, registry: RegistryUrl = None, as_json: Json = False
) -> None:
    """Make the champion before this one champion again."""
    _tell(_required(registry).rollback(by=by or _you(), reason=reason, at=_now(), expected=expected), as_json)


@models.command(epilog="Example: undertone models history --limit 5 --json")
def history(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 50,
    registry: RegistryUrl = None,
    as_json: Json = False,
) -> None:
    """Show who changed what, when and why, newest first."""
    import msgspec

    opened = _required(registry)
    reached = opened.state().revision
    events = opened.history()[::-1][:limit]
    if as_json:
        for event in events:
            shape = msgspec.to_builtins(event)
            del shape["state"]
            print_json({"revision": event.revision, "in_force": event.revision <= reached, **shape})
        return
    if not events:
        print("No changes yet: the model that ships is the champion.")
        return
    columns = [("revision", "right"), ("at (UTC)", "left"), ("what", "left"), ("from", "left"), ("by", "left")]
    rows = [
        (
            event.revision,
            f"{_utc(event.at):%Y-%m-%d %H:%M}",
            f"{event.action} {event.version}" + ("" if event.revision <= reached else " (not in force yet)"),
            event.before,
            plain(event.by),
            plain(event.reason + (f" [{event.verdict}]" if event.verdict else "")),
        )
        for event in events
    ]
    table([*columns, ("why", "left")], rows)


@models.command(epilog="Example: undertone models repair --registry /srv/models")
def repair(registry: RegistryUrl = None, as_json: Json = False) -> None:
    """Write a damaged state.json anew from the history."""
    _tell(_required(registry).repair(), as_json)


def _required(registry: str | None) -> Registry:
    from undertone.errors import InputError

    opened = opened_registry(registry)
    if opened is None:
        raise InputError("No registry is named: give --registry FOLDER or a URL, or set UNDERTONE_REGISTRY")
    return opened


def _tell(state: State, as_json: bool) -> None:
    import msgspec

    if as_json:
        print_json(msgspec.to_builtins(state))
        return
    shadow = f"; {state.challenger} in shadow on {state.shadow_share:.0%} of the texts" if state.challenger else ""
    print(f"Revision {state.revision}: {state.champion} serves{shadow}.")


def _you() -> str:
    import getpass

    return getpass.getuser()


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _utc(at: datetime) -> datetime:
    from datetime import UTC

    return at.astimezone(UTC)
