"""The flags that many commands share, and how flags, environment and a running system become settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from undertone.settings import Settings

_SERVERS = "Servers"

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        metavar="HOST:PORT,…",
        help="Kafka brokers.  env: UNDERTONE_BOOTSTRAP_SERVERS",
        show_default=False,
        rich_help_panel=_SERVERS,
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        help="redis://, rediss:// or unix://.  env: UNDERTONE_REDIS_URL",
        show_default=False,
        rich_help_panel=_SERVERS,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Folder of the embedded servers and the logs (default .undertone).  env: UNDERTONE_DATA",
        show_default=False,
        rich_help_panel=_SERVERS,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="'default' (the registry's champion, else the one that ships), 'fast' (a smaller one that ships), "
        "'trivial' (word lists), a version or a model folder.  env: UNDERTONE_MODEL",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="Threads of the scorer (default 1).", show_default=False)
]
EntitiesFile = Annotated[
    Path | None,
    typer.Option("--entities-file", help="CSV that extends the shipped company list.", show_default=False),
]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="DEBUG, INFO, WARNING or ERROR.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with a schema_version, for scripts.")]
Stream = Annotated[str, typer.Option("--stream", help="news or comments.")]


def settings(**flags: Any) -> Settings:
    """Settings from flags (None: not given), the environment and ``.env``; see :class:`undertone.settings.Settings`.

    Where neither says where the servers are and a system runs in the data folder, its servers are meant.

    Raises:
        SettingsError: names the variable, the value and what is valid.
    """
    from undertone import running
    from undertone.settings import Settings

    chosen = Settings(**flags)
    if chosen.model_fields_set & {"bootstrap_servers", "redis_url"}:
        return chosen
    found = running.find(chosen.data)
    if found is None:
        return chosen
    print(f"Using the system that runs in {chosen.data}: Kafka {found.bootstrap_servers}", file=sys.stderr)
    theirs = {"bootstrap_servers": found.bootstrap_servers, "redis_url": found.redis_url}
    if found.entities_file and "entities_file" not in chosen.model_fields_set:
        theirs["entities_file"] = found.entities_file
    return Settings(**{**flags, **theirs})
