"""``undertone up``, ``worker``, ``watch`` and ``dashboard``: the whole system, or one part of it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.models import RegistryUrl
from undertone.cli.options import (
    Bootstrap,
    Data,
    EntitiesFile,
    LogLevel,
    Model,
    RedisUrl,
    Threads,
    settings,
)
from undertone.cli.output import notes

if TYPE_CHECKING:
    from undertone.system import System

LOOK_S = 0.5

HealthPort = Annotated[
    int | None, typer.Option("--health-port", help="Of /healthz, /readyz and /metrics; 0: any.", show_default=False)
]
DashboardPort = Annotated[
    int | None, typer.Option("--dashboard-port", help="Of the page (default 8501); 0: any.", show_default=False)
]
ApiPort = Annotated[
    int | None, typer.Option("--api-port", help="Of the read API (default 8600); 0: any.", show_default=False)
]
Webhook = Annotated[
    str | None, typer.Option("--webhook-url", help="Alertmanager v4 webhook for alerts.", show_default=False)
]
RulesFile = Annotated[
    Path | None, typer.Option("--rules", help="What rings and who is told (default: what ships).", show_default=False)
]


def up(
    bootstrap_servers: Bootstrap = None,
    redis_url: RedisUrl = None,
    data: Data = None,
    model: Model = None,
    threads: Threads = None,
    entities_file: EntitiesFile = None,
    webhook_url: Webhook = None,
    rules: RulesFile = None,
    dashboard_port: DashboardPort = None,
    api_port: ApiPort = None,
    health_port: HealthPort = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many workers share the stream.")] = 1,
    dashboard: Annotated[bool, typer.Option(help="Show the page.")] = True,
    api: Annotated[
        bool | None, typer.Option(help="Serve the read API (default: if it is installed).", show_default=False)
    ] = None,
    log_level: LogLevel = None,
) -> None:
    """Run everything until Ctrl-C: worker, watch, page and API, and Kafka and Valkey where no address is given."""
    from undertone.settings import Settings
    from undertone.system import Parts, System

    chosen = Settings(
        bootstrap_servers=bootstrap_servers,
        redis_url=redis_url,
        data=data,
        model=model,
        threads=threads,
        entities_file=entities_file,
        webhook_url=webhook_url,
        rules=None if rules is None else rules.resolve(),
        dashboard_port=dashboard_port,
        api_port=api_port,
        health_port=health_port,
        log_level=log_level,
    )
    given = chosen.model_fields_set
    parts = Parts(
        kafka="bootstrap_servers" not in given,
        valkey="redis_url" not in given,
        dashboard=dashboard,
        api=api_installed() if api is None else api,
        workers=workers,
    )
    say = notes()
    with calm_end():
        prepare_servers(parts.kafka)
        with System(chosen, parts, lambda line: say.print(line, markup=False, soft_wrap=True)) as system:
            with say.status("Starting …"):
                system.start()
            with say.status("Waiting for the worker …"):
                system.wait_ready()
            announce(system)
            while True:
                system.check()
                time.sleep(LOOK_S)


def worker(
    bootstrap_servers: Bootstrap = None,
    redis_url: RedisUrl = None,
    model: Model = None,
    registry: RegistryUrl = None,
    threads: Threads = None,
    entities_file: EntitiesFile = None,
    group: Annotated[str | None, typer.Option(help="Kafka consumer group.", show_default=False)] = None,
    streams: Annotated[str | None, typer.Option(help="Such as news,comments.", show_default=False)] = None,
    health_port: HealthPort = None,
    log_level: LogLevel = None,
) -> None:
    """Score the streams and count them, until SIGTERM. Start more of them to go faster.

    With a registry, a model that is promoted there takes over without a stop.
    """
    from stream.worker import run

    chosen = settings(
        bootstrap_servers=bootstrap_servers,
        redis_url=redis_url,
        model=model,
        registry=registry,
        threads=threads,
        entities_file=entities_file,
        group=group,
        streams=streams,
        health_port=health_port,
        log_level=log_level,
    )
    raise typer.Exit(run(chosen))


def watch(
    bootstrap_servers: Bootstrap = None,
    redis_url: RedisUrl = None,
    webhook_url: Webhook = None,
    rules: RulesFile = None,
    log_level: LogLevel = None,
) -> None:
    """Look for surges and raise alerts, until SIGTERM. Of several, one is in charge and the others wait."""
    from stream.watch import run

    chosen = settings(
        bootstrap_servers=bootstrap_servers,
        redis_url=redis_url,
        webhook_url=webhook_url,
        rules=rules,
        log_level=log_level,
    )
    raise typer.Exit(run(chosen))


def dashboard(
    redis_url: RedisUrl = None,
    bootstrap_servers: Bootstrap = None,
    port: Annotated[int | None, typer.Option("--port", help="Default 8501; 0: any.", show_default=False)] = None,
) -> None:
    """Show the page, until Ctrl-C."""
    from importlib.util import find_spec

    from undertone.errors import UndertoneError

    if find_spec("streamlit") is None:
        raise UndertoneError("The page needs streamlit: install it with: pip install 'undertone[dashboard]'")
    from dashboard import run

    raise typer.Exit(run(settings(redis_url=redis_url, bootstrap_servers=bootstrap_servers, dashboard_port=port)))


def announce(system: System) -> None:
    """Say in a few lines that the system runs, and where."""
    say, chosen = notes(), system.settings
    if system.dashboard_url:
        say.print(f"The page is at [bold]{system.dashboard_url}[/bold]", soft_wrap=True)
    if system.api_url:
        say.print(f"The API is at {system.api_url}", soft_wrap=True)
    say.print(f"Kafka: {chosen.bootstrap_servers}   Redis: {_without_password(chosen.redis_url)}", soft_wrap=True)
    say.print(f"Logs: {chosen.data / 'logs'}   Ctrl-C stops everything.", soft_wrap=True)


def api_installed() -> bool:
    """Whether the extra is there that the read API needs."""
    from importlib.util import find_spec

    return find_spec("fastapi") is not None and find_spec("uvicorn") is not None


def prepare_servers(kafka: bool) -> None:
    """Fetch Kafka's jars where they are not at hand, and show how far that is."""
    if not kafka:
        return
    from undertone.embedded import jars

    say = notes()
    with say.status("Looking for Apache Kafka …") as status:
        jars(status.update)


@contextmanager
def calm_end() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the body as Ctrl-C does; Ctrl-C is how it ends well."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Whoever is impatient may ask again, but not break off the clearing away.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://{tail}" if at else url
