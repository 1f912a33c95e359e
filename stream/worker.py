"""The stream worker: puts the parts together, runs until told to stop, and stops in order.

``python -m stream.worker`` reads the settings from the environment. Exit code 0 after SIGTERM or Ctrl-C, 1 when
something is missing or broken, with one line on standard error that says what to do.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from aiokafka import AIOKafkaProducer
from faust.types.tuples import TP

from stream import logs
from stream.app import DRAIN_S, WorkerApp, build
from stream.endpoints import Endpoints
from stream.health import Health
from stream.heartbeat import Heartbeat
from stream.outage import Outage
from stream.pipeline import Pipeline
from stream.positions import StorePositions
from stream.publisher import Publisher
from stream.reload import Reload, first_model
from stream.scoring import Lineup, Scoring
from stream.shadow import Shadow
from stream.tenure import Tenure
from stream.watchdog import Check, Watchdog, stuck
from stream.writer import Writer
from undertone import broker
from undertone.entities import Linker
from undertone.errors import UndertoneError
from undertone.settings import Settings
from undertone.shadow_store import ShadowStore
from undertone.store import Store, connect
from undertone.topics import DEAD_LETTERS, SCORED

STOP_S = 20.0
"""A stop that takes longer is cut short: the store's guard makes a hard end safe."""

TICK_S = 0.5
LOOP_DEAD_S = 60.0
TAKE_DEAD_S = 600.0
"""A take of 2,000 long texts on a slow model takes minutes; more than this is a thread that died."""

log = logging.getLogger("stream.worker")


def run(settings: Settings) -> int:
    """Work until SIGTERM or Ctrl-C; returns the exit code. Blocks, and takes over logging and signals."""
    faulthandler.register(signal.SIGUSR1)  # shows where every thread is, to whoever asks why a worker stands still
    errors = logs.configure(settings.log_level, as_json=settings.log_json)
    try:
        return asyncio.run(_Worker(settings, errors).run())
    except UndertoneError as error:
        sys.stderr.write(f"{error}\n")
        return 1


class _Worker:
    """One run of a worker, on one event loop."""

    def __init__(self, settings: Settings, errors: logs.Errors) -> None:
        self._settings = settings
        self._errors = errors
        self._wanted_end = asyncio.Event()
        self._failure: BaseException | None = None
        self._reload: Reload | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._wanted_end.set)
        await self._put_together(loop)
        self._endpoints.start()
        self._heartbeat.start()
        self._watchdog.start()
        if self._reload is not None:
            self._reload.start(self._settings.reload_s)
        ticking = asyncio.create_task(self._tick())
        code = await self._serve()
        ticking.cancel()
        if self._reload is not None:
            self._reload.stop()
        self._watchdog.stop()
        self._heartbeat.stop()
        self._endpoints.stop()
        return code

    async def _put_together(self, loop: asyncio.AbstractEventLoop) -> None:
        settings = self._settings
        (scorer, registry, version), store = await asyncio.gather(
            asyncio.to_thread(first_model, settings),
            asyncio.to_thread(_check_servers, settings),
        )
        lineup = Lineup(scorer)
        linker = await asyncio.to_thread(Linker.load, settings.entities_file)
        await asyncio.to_thread(store.write_labels, scorer.topics, scorer.version, int(time.time() * 1000))
        positions = StorePositions(settings, store, ThreadPoolExecutor(1, "positions"), self._fail)
        self._health = Health(lineup, self._ends)
        publisher = Publisher(self._producer, loop)
        self._writer = Writer(settings, Store.open(settings.redis_url), positions, publisher)
        self._scoring = Scoring(lineup, linker, settings.max_text_bytes)
        if registry is not None:
            self._reload = Reload(
                registry,
                version,
                scorer,
                threads=settings.threads,
                device=settings.device,
                precision=settings.precision,
                install=self._take_over,
                refuse=self._health.refuse,
            )
        self._pipeline = Pipeline(
            self._scoring,
            self._writer,
            self._health,
            Shadow(ShadowStore(connect(settings.redis_url)), self._health.registry),
            batches=settings.queue_batches,
            future_ms=settings.future_tolerance_s * 1000,
            fail=self._fail,
            ended=self._begin_anew,
        )
        self._app: WorkerApp = build(
            settings, positions=positions, submit=self._pipeline.submit, drain=self._drain, fail=self._fail
        )
        self._heartbeat = Heartbeat(
            Store.open(settings.redis_url),
            settings.worker,
            lambda: self._health.beat(self._pipeline.under_way, self._errors.count, self._refused()),
            self._held,
            lambda tenure: loop.call_soon_threadsafe(self._begin_anew, tenure),
            lambda: self._scoring.lineup.champion,
        )
        outages = [positions.outage, self._writer.redis, self._writer.kafka, self._heartbeat.outage]
        self._health.failures += [lambda outage=outage: _away(outage) for outage in outages]  # type: ignore[misc]
        self._health.failures.append(self._group_away)
        self._watchdog = Watchdog(self._deaths())
        self._endpoints = Endpoints(self._health, settings.health_host, settings.health_port)

    def _refused(self) -> str:
        return "" if self._reload is None else ",".join(self._reload.refused)

    def _take_over(self, lineup: Lineup) -> None:
        self._scoring.lineup = lineup
        self._health.serve(lineup)

    async def _serve(self) -> int:
        settings = self._settings
        starting = asyncio.create_task(self._app.start())
        crashed = asyncio.create_task(self._app._crashed.wait())
        ending = asyncio.create_task(self._wanted_end.wait())
        log.info(
            "Worker %s reads %s with model %s; health at http://%s:%d/readyz",
            settings.worker,
            " and ".join(settings.streams),
            self._health.model,
            settings.health_host,
            self._endpoints.port,
        )
        await asyncio.wait({starting, crashed, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and starting.exception() is not None:
            self._fail(starting.exception() or RuntimeError("Faust did not start"))
        elif not self._wanted_end.is_set():
            await asyncio.wait({crashed, ending}, return_when=asyncio.FIRST_COMPLETED)
        if crashed.done() and self._failure is None:
            self._failure = self._app.crash_reason or RuntimeError("Faust crashed")
        for task in (starting, crashed, ending):
            task.cancel()
        if self._failure is not None:
            sys.stderr.write(f"The worker ends: {_one_line(self._failure)}\n")
        await self._stop()
        return 0 if self._failure is None else 1

    async def _stop(self) -> None:
        """Write and commit what is in flight, leave the group, let go of the threads."""
        began = time.monotonic()
        try:
            await asyncio.wait_for(self._app.stop(), STOP_S)
        except TimeoutError:
            log.error("The stop took longer than %.0f s and is cut short", STOP_S)
            os._exit(0 if self._failure is None else 1)
        finally:
            self._pipeline.stop()
        log.info("Stopped in %.1f s", time.monotonic() - began)

    async def _drain(self) -> None:
        if self._failure is None:
            await self._pipeline.drain(DRAIN_S)

    def _fail(self, error: BaseException) -> None:
        """End the worker for this reason. From any thread of ours."""
        if self._failure is None:
            self._failure = error
            log.debug("failure", exc_info=error)
        self._app.loop.call_soon_threadsafe(self._wanted_end.set)

    async def _tick(self) -> None:
        while True:
            self._health.tick()
            await asyncio.sleep(TICK_S)

    # The parts below are made before the app is, and reach it when they run.

    def _producer(self) -> AIOKafkaProducer:
        return self._app.producer._ensure_producer()

    def _begin_anew(self, tenure: Tenure) -> None:
        self._app.consumer.end_tenure(tenure)

    def _held(self) -> list[Tenure]:
        consumer = self._app.consumer
        return [tenure for tenure in list(consumer.tenures.values()) if not tenure.ended]

    def _ends(self) -> list[tuple[Tenure, int]]:
        return [(tenure, max(tenure.end_offset, self._highwater(tenure))) for tenure in self._held()]

    def _highwater(self, tenure: Tenure) -> int:
        try:
            return self._app.consumer.highwater(TP(tenure.stream, tenure.partition)) or 0
        except Exception:  # not assigned any more, or not yet known: aiokafka has several ways to say so
            return 0

    def _group_away(self) -> str | None:
        known = self._app.consumer._thread.coordinator_known()
        return None if known else "Kafka's coordinator of the group does not answer"

    def _deaths(self) -> Iterable[Check]:
        thread = self._app.consumer._thread

        def coordinator() -> str | None:
            if self._wanted_end.is_set() or not thread.coordinator_died():
                return None
            return "the coordinator of its consumer group has died inside aiokafka"

        def stalled() -> str | None:
            waiting = self._writer.redis.since is not None or self._writer.kafka.since is not None
            return None if waiting or not self._pipeline.under_way else take()

        take = stuck(lambda: self._pipeline.progressed, TAKE_DEAD_S, "the pipeline")
        loop = stuck(lambda: self._health.ticked, LOOP_DEAD_S, "the event loop")
        return [coordinator, loop, stalled]


def _check_servers(settings: Settings) -> Store:
    """A store that answers, once Kafka and the topics are there too."""
    store = Store.open(settings.redis_url)
    needed = [*settings.streams, DEAD_LETTERS, *([SCORED] if settings.publish_scored else [])]
    kafka = logging.getLogger("kafka")
    level = kafka.level
    kafka.setLevel(logging.CRITICAL)  # the error raised says it in one line
    try:
        broker.check(settings, *needed)
    finally:
        kafka.setLevel(level)
    return store


def _away(outage: Outage) -> str | None:
    return None if outage.since is None else f"{outage.what} does not answer"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UndertoneError) else f"{type(error).__name__}: {text}"


if __name__ == "__main__":
    try:
        sys.exit(run(Settings()))
    except UndertoneError as wrong:
        sys.exit(str(wrong))
