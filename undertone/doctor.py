"""Checks of all that a running system needs, each with what to do when it is not so. Changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from undertone import broker, ports
from undertone.alert_store import AlertStore, Crowd
from undertone.errors import UndertoneError
from undertone.gpu.choice import choose
from undertone.gpu.scorer import GpuScorer, load_for
from undertone.model import artefact
from undertone.registry import resolve
from undertone.scorer import SHIPPED_STUDENT
from undertone.settings import Settings
from undertone.store import Store

LEAST_FREE_GB = 2.0
SKEW_WARN_MS = 1_000
SKEW_BAD_MS = 60_000
"""A clock that is off by more dates records so that messages pass for future or late ones."""


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, and what to do unless it is green."""

    check: str
    colour: Colour
    found: str
    advice: str = ""


def examine(settings: Settings, *, embedded: bool) -> Iterator[Finding]:
    """All findings, one by one as they are made.

    Args:
        settings: What would run.
        embedded: Whether Kafka and Valkey are to be started by us, so that Java and the jars matter.
    """
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_model, _device, _disk, _ports]
    if embedded:
        checks.append(_embedded)
    checks += [_kafka, _redis]
    for check in checks:
        yield from check(settings)


def _model(settings: Settings) -> Iterator[Finding]:
    if settings.model == "trivial":
        yield Finding("model", Colour.YELLOW, "trivial: word lists, no model", "Set UNDERTONE_MODEL=default")
        return
    path = SHIPPED_STUDENT if settings.model == "default" else Path(settings.model)
    try:
        manifest = artefact.verify(path)
    except UndertoneError as error:
        yield Finding("model", Colour.RED, str(error), "Restore the folder, or set UNDERTONE_MODEL to another")
    else:
        yield Finding("model", Colour.GREEN, f"{manifest.version}, {len(manifest.files)} files match their checksums")


def _device(settings: Settings) -> Iterator[Finding]:
    """What scores. Where a GPU can be had, its engines are really built and proved, which takes a minute."""
    if settings.model == "trivial":
        return
    choice = choose(settings.device)
    if not choice.gpu:
        asked = settings.device == "gpu"
        colour = Colour.RED if asked else Colour.YELLOW if choice.lacking else Colour.GREEN
        advice = "Repair that, or set UNDERTONE_DEVICE=cpu" if choice.lacking else ""
        yield Finding("device", colour, f"the CPU scores: {choice.reason}", advice)
        return
    try:
        with _standard_output_kept():
            scorer = load_for(
                Path(resolve(settings)), device=settings.device, precision=settings.precision, threads=settings.threads
            )
    except UndertoneError as error:
        yield Finding("device", Colour.RED, f"{choice.reason}: {error}", "See the model above")
        return
    if isinstance(scorer, GpuScorer):
        yield from engine_findings(scorer)


@contextmanager
def _standard_output_kept() -> Iterator[None]:
    """Let what DeepSpeed and its kernels print go to standard error: a script may read what the doctor finds."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def engine_findings(scorer: GpuScorer) -> Iterator[Finding]:
    """Which engine serves, and one finding for each that was tried and does not."""
    report = scorer.report
    if scorer.degraded:
        yield Finding(
            "device", Colour.RED, f"the CPU scores: {scorer.degraded}", "Repair that, or set UNDERTONE_DEVICE=cpu"
        )
    else:
        serving, *more = [attempt for attempt in report.attempts if attempt.serves]
        found = ", ".join([str(serving), *(attempt.engine for attempt in more)])
        where = f"{report.device}, {report.precision}, up to {report.batch} texts at once"
        yield Finding("device", Colour.GREEN, f"{where}: {found}")
    for attempt in report.attempts:
        if not attempt.serves:
            yield Finding("engine", Colour.YELLOW, str(attempt), "Fine if the speed is enough; see docs/gpu.md")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.absolute()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    colour = Colour.GREEN if free_gb >= LEAST_FREE_GB else Colour.RED
    advice = "" if colour is Colour.GREEN else f"Free {LEAST_FREE_GB:g} GB there, or set UNDERTONE_DATA"
    yield Finding("disk", colour, f"{free_gb:.1f} GB free for {settings.data}", advice)


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, host, port in (
        ("dashboard_port", "127.0.0.1", settings.dashboard_port),
        ("health_port", settings.health_host, settings.health_port),
    ):
        if port == 0 or ports.is_free(host, port):
            yield Finding(name, Colour.GREEN, f"{port or 'any'} is free")
        else:
            advice = f"Fine if that is Undertone itself; else set UNDERTONE_{name.upper()} to a free port, or 0"
            yield Finding(name, Colour.YELLOW, f"{port} is taken", advice)


def _embedded(_settings: Settings) -> Iterator[Finding]:
    from undertone.embedded import jars, java
    from undertone.embedded.valkey import valkey_server

    try:
        yield Finding("java", Colour.GREEN, str(java()))
    except UndertoneError as error:
        yield Finding("java", Colour.RED, str(error), "Install Java 17 or later, or pip install 'undertone[embedded]'")
    try:
        yield Finding("kafka jars", Colour.GREEN, f"{len(jars())} jars at hand")
    except UndertoneError as error:
        yield Finding("kafka jars", Colour.RED, str(error), "Check the network, or use a Kafka of your own")
    try:
        yield Finding("valkey", Colour.GREEN, str(valkey_server()))
    except UndertoneError as error:
        yield Finding("valkey", Colour.RED, str(error), "pip install 'undertone[embedded]', or use a Redis of your own")


def _kafka(settings: Settings) -> Iterator[Finding]:
    try:
        states = broker.topic_states(settings)
    except UndertoneError as error:
        yield Finding("kafka", Colour.RED, str(error), "Start it (`undertone up` has its own) or correct the address")
        return
    yield Finding("kafka", Colour.GREEN, f"answers at {settings.bootstrap_servers}")
    missing = [state.name for state in states if not state.actual]
    other = [state for state in states if state.actual not in (0, state.wanted)]
    if missing:
        yield Finding("topics", Colour.RED, f"missing: {', '.join(missing)}", "Run: undertone topics create")
    elif other:
        found = ", ".join(f"{state.name} has {state.actual} partitions, not {state.wanted}" for state in other)
        yield Finding("topics", Colour.YELLOW, found, "Set UNDERTONE_PARTITIONS to what is there, or make them anew")
    else:
        yield Finding("topics", Colour.GREEN, f"all {len(states)} with the right partitions")


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        client = Store.open(settings.redis_url).redis
        before = time.time()
        seconds, micros = client.time()
        now = (before + time.time()) / 2
        policy = _configured(client, "maxmemory-policy")
        aof = _configured(client, "appendonly")
    except (UndertoneError, RedisError) as error:
        yield Finding("redis", Colour.RED, str(error), "Start it (`undertone up` has its own) or correct the address")
        return
    yield Finding("redis", Colour.GREEN, "answers")
    yield _clock(abs(seconds + micros / 1e6 - now) * 1000)
    yield _policy("redis memory", policy, "noeviction", "CONFIG SET maxmemory-policy noeviction")
    yield _policy("redis appendonly", aof, "yes", "CONFIG SET appendonly yes")
    for stream in settings.streams:
        yield from _crowded(stream, AlertStore(client).crowd(stream))


def _crowded(stream: str, crowd: Crowd) -> Iterator[Finding]:
    """Whether the watch has room for what a stream speaks of; nothing where nobody watches it."""
    if crowd.refused:
        found = f"{stream}: {crowd.series} series, and {crowd.refused} counts of others found no place"
        yield Finding("watch", Colour.YELLOW, found, "Name fewer companies: see UNDERTONE_ENTITIES_FILE")
    elif crowd.series:
        yield Finding("watch", Colour.GREEN, f"{stream}: {crowd.series} series")


def _configured(client: Any, name: str) -> str | None:
    """A setting of Redis; None where this user may not ask, as with most hosted ones."""
    try:
        return str(client.config_get(name).get(name))
    except RedisError:
        return None


def _policy(check: str, found: str | None, wanted: str, command: str) -> Finding:
    if found is None:
        return Finding(check, Colour.YELLOW, "cannot be asked for", f"Make sure that it is {wanted!r}")
    if found == wanted:
        return Finding(check, Colour.GREEN, found)
    advice = f"Run: redis-cli {command}; and write it into its config file"
    return Finding(check, Colour.RED, f"{found}, which loses counts", advice)


def _clock(skew_ms: float) -> Finding:
    found = f"{skew_ms:.0f} ms from Redis' clock"
    advice = "" if skew_ms < SKEW_WARN_MS else "Set both clocks by NTP"
    colour = Colour.GREEN if skew_ms < SKEW_WARN_MS else Colour.YELLOW if skew_ms < SKEW_BAD_MS else Colour.RED
    return Finding("clock", colour, found, advice)
