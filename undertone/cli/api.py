"""``undertone api``: serve what is known over HTTP, and hand out the tokens to read it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.group import Commands, group
from undertone.cli.options import EntitiesFile, Json, LogLevel, RedisUrl, settings
from undertone.cli.output import local_time, print_json, table

if TYPE_CHECKING:
    from undertone.api.tokens import Token, TokenStore

api = typer.Typer(
    cls=Commands,
    help="Serve trends, stories and alerts over HTTP as JSON; hand out tokens.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)
token = group("Tokens that let others read.")
api.add_typer(token, name="token")

DEFAULT_DAYS = 365
EVERYTHING = ["read:trends", "read:stories", "read:alerts"]


@api.callback(epilog="Example: undertone api --port 8600")
def serve(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on (default 127.0.0.1). Any but loopback needs a token to exist.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default 8600; 0: any.", show_default=False)] = None,
    redis_url: RedisUrl = None,
    entities_file: EntitiesFile = None,
    log_level: LogLevel = None,
) -> None:
    """Serve trends, stories and alerts over HTTP as JSON, until Ctrl-C; hand out tokens."""
    if context.invoked_subcommand is not None:
        return
    _need_extra()
    from undertone.api.server import run

    run(settings(api_host=host, api_port=port, redis_url=redis_url, entities_file=entities_file, log_level=log_level))


@api.command(epilog="Example: undertone api openapi > openapi.json")
def openapi() -> None:
    """Print the OpenAPI document."""
    _need_extra()
    from undertone.api.app import bare
    from undertone.api.document import text

    print(text(bare()), end="")


@token.command(epilog="Example: undertone api token create grafana --scope read:trends --days 90")
def create(
    name: Annotated[str, typer.Argument(help="Whose or what for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read:trends, read:stories or read:alerts; repeat it (default: all).", show_default=False),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days until it expires.")] = DEFAULT_DAYS,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Make a token and show it, this once: only a salted hash of it is kept."""
    written, made = _tokens(redis_url).create(name, scope or EVERYTHING, _now_ms(), days * 86_400)
    if as_json:
        print_json({"token": written, **_shape(made)})
        return
    print(written)
    typer.echo(f"It cannot be shown again. {made.id} may {', '.join(made.scopes)} for {days} days.", err=True)


@token.command(epilog="Example: undertone api token make > api-token")
def make() -> None:
    """Print a new token for UNDERTONE_API_TOKEN_FILE: a server that reads it there knows it from then on."""
    from undertone.api.tokens import fresh

    print(fresh())


@token.command("list", epilog="Example: undertone api token list --json")
def list_tokens(redis_url: RedisUrl = None, as_json: Json = False) -> None:
    """Show the tokens that can be used, without their secrets."""
    found = _tokens(redis_url).list()
    if as_json:
        for one in found:
            print_json(_shape(one))
        return
    if not found:
        print("No tokens.")
        return
    columns = [(name, "left") for name in ("id", "name", "scopes", "made (UTC)", "expires", "last used")]
    rows = [
        (
            one.id,
            one.name,
            " ".join(one.scopes),
            *(local_time(round(at.timestamp() * 1000)) for at in (one.created_at, one.expires_at)),
            "never" if one.used_at is None else local_time(round(one.used_at.timestamp() * 1000)),
        )
        for one in found
    ]
    table(columns, rows)


@token.command(epilog="Example: undertone api token revoke 0123456789abcdef")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """End a token at once; open streams of it end within 15 seconds."""
    ended = _tokens(redis_url).revoke(token_id)
    if as_json:
        print_json(_shape(ended))
    else:
        print(f"{ended.id} ({ended.name}) is revoked.")


def _tokens(redis_url: str | None) -> TokenStore:
    from undertone.api.tokens import TokenStore
    from undertone.store import Store

    return TokenStore(Store.open(settings(redis_url=redis_url).redis_url).redis)


def _shape(one: Token) -> dict[str, object]:
    return one._asdict()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _need_extra() -> None:
    from importlib.util import find_spec

    from undertone.errors import UndertoneError

    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UndertoneError("The API needs fastapi and uvicorn: install them with: pip install 'undertone[api]'")
