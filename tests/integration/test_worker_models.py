"""A new champion under a running worker, on real servers: every message is counted once, whoever scored it."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import xxhash
from typer.testing import CliRunner

from tests import oracle
from tests.house import PATIENCE_S, House, Worker, house, messages
from tests.oracle import OracleResult
from tests.servers import wait_until
from tests.small_models import small_model, tamper
from undertone.cli.application import app
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.entities import Linker
from undertone.registry import Registry
from undertone.scorer import TOPICS, Scorer, load_scorer
from undertone.shadow_store import ShadowStore, total
from undertone.trends import Series

AT = datetime(2026, 1, 5, tzinfo=UTC)
DAY_S = 86_400
OTHER_TOPICS = ("Rates", *TOPICS[3:9], "Crypto")


class Models:
    """A registry with two versions, of which ``first`` is champion."""

    def __init__(self, folder: Path) -> None:
        self.registry = Registry.open(str(folder / "registry"))
        self._folder = folder
        self.add("first", seed=1)
        self.add("second", seed=2)
        self.promote("first")

    def add(self, version: str, *, seed: int, topics: tuple[str, ...] = TOPICS) -> None:
        self.registry.add(small_model(self._folder / "made", version, seed=seed, topics=topics))

    def promote(self, version: str) -> None:
        self.registry.promote(version, by="test", reason="test", at=AT)

    def challenge(self, version: str, share: float) -> None:
        self.registry.promote(version, by="test", reason="test", at=AT, as_challenger=True, shadow_share=share)

    def rollback(self) -> None:
        self.registry.rollback(by="test", reason="test", at=AT)

    def stored(self, version: str) -> Path:
        return self.registry.folder(version)

    def stored_unchecked(self, version: str) -> Path:
        return self._folder / "registry" / "versions" / version

    def scorers(self, *versions: str) -> list[Scorer]:
        return [load_scorer(self.stored(version)) for version in versions or self.registry.versions()]


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedKafka, EmbeddedValkey]]:
    """Nothing here kills a server, so all tests share two, and each begins with empty topics and an empty Redis."""
    with (
        EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as kafka,
        EmbeddedValkey(tmp_path_factory.mktemp("v")) as valkey,
    ):
        yield kafka, valkey


@pytest.fixture
def place(
    servers: tuple[EmbeddedKafka, EmbeddedValkey], models: Models, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[House]:
    kafka, valkey = servers
    given = {"model": "default", "registry": str(tmp_path / "registry"), "reload_s": 0.1}
    with house(kafka.bootstrap, valkey.url, tmp_path, group=request.node.name, **given) as made:
        yield made
    made.empty()


def serving(place: House) -> list[str]:
    """The champion of each live worker, by its heartbeat."""
    return [fields["model"] for fields in place.store.heartbeats().values()]


def wait_until_serving(place: House, version: str, workers: int = 1) -> None:
    wait_until(lambda: serving(place) == [version] * workers, PATIENCE_S, f"{version} serves")
    wait_until(lambda: place.store.model_version() == version, PATIENCE_S, f"Redis says that {version} serves")


def by_model(result: OracleResult) -> Counter[str]:
    """Messages in the windows by model version."""
    found: Counter[str] = Counter()
    for (_, size, _, topic, field, version), n in result.windows.items():
        if size == DAY_S and (topic, field) == ("", "model"):
            found[version] += n
    return found


def assert_exact(place: House, models: Models, *versions: str) -> Counter[str]:
    """Every count is exact, and each counted message stands under one model; returns how many under which.

    `versions` are those that served, if not all in the registry.
    """
    result = place.assert_exact(models.scorers(*versions))
    found = by_model(result)
    assert found.total() == sum(counters["counted"] for counters in result.merged.values())
    return found


def health_url(worker: Worker) -> str:
    wait_until(lambda: "health at " in worker.said(), PATIENCE_S, "the worker says where its health is")
    return worker.said().split("health at ")[1].split("/readyz")[0]


def test_a_promotion_and_a_rollback_in_mid_stream_lose_nothing_and_count_nothing_twice(
    place: House, models: Models
) -> None:
    place.send("news", messages(12_000, seed=31))
    worker = place.worker()
    wait_until(lambda: place.written() > 500, PATIENCE_S, "the first model is at work")
    models.promote("second")
    place.send("news", messages(8_000, seed=32))
    wait_until_serving(place, "second")
    place.send("comments", messages(400, seed=33))
    place.wait_until_written()
    models.rollback()
    wait_until_serving(place, "first")
    place.send("comments", messages(100, seed=34))
    place.wait_until_written()
    assert worker.terminate() == 0
    found = assert_exact(place, models)
    assert found["first"] > 500
    assert found["second"] > 300
    assert "Model second takes over from first" in worker.said()
    assert "Model first takes over from second" in worker.said()


def test_sigkill_around_a_swap_loses_nothing_and_counts_nothing_twice(place: House, models: Models) -> None:
    place.send("news", messages(1_000, seed=35))
    worker = place.worker(UNDERTONE_FAILPOINT="before-swap")
    wait_until(lambda: place.written() > 100, PATIENCE_S, "the first model is at work")
    models.promote("second")
    assert worker.wait() == -9, worker.said()
    worker = place.worker(UNDERTONE_FAILPOINT="after-swap")
    place.wait_until_written()
    models.rollback()
    wait_until_serving(place, "first")
    place.send("news", messages(1_000, seed=36))  # the first take of the model that is back is scored, and lost
    assert worker.wait() == -9, worker.said()
    place.assert_commits_do_not_run_ahead()
    place.worker()
    place.wait_until_written()
    found = assert_exact(place, models)
    assert found["first"] > 1_000


def test_records_that_a_newer_model_scores_again_after_a_crash_are_counted_under_it_alone(
    place: House, models: Models
) -> None:
    place.send("news", messages(600, seed=37))
    assert place.worker(UNDERTONE_FAILPOINT="before-apply:2").wait() == -9
    left = place.written()
    assert left < 600
    models.promote("second")
    place.worker()
    place.wait_until_written()
    scored = Counter((one.position, one.model) for one in place.scored())
    twice = {position for position, model in scored if model == "first"} & {
        position for position, model in scored if model == "second"
    }
    assert twice
    found = assert_exact(place, models)
    assert found["second"] > len(twice) // 2
    assert found["first"] <= left


def test_a_tampered_model_is_refused_and_the_old_one_serves_on(place: House, models: Models) -> None:
    place.send("news", messages(300, seed=38))
    worker = place.worker()
    place.wait_until_written()
    url = health_url(worker)
    models.add("third", seed=3)
    worker.process.send_signal(signal.SIGSTOP)  # it must not look between the promotion and the damage
    models.promote("third")
    tamper(models.stored_unchecked("third"))
    worker.process.send_signal(signal.SIGCONT)

    def beat() -> dict[str, str]:
        return next(iter(place.store.heartbeats().values()), {})

    wait_until(lambda: beat().get("model_refused") == "third", PATIENCE_S, "the heartbeat names what is refused")
    place.send("news", messages(300, seed=39))
    place.wait_until_written()
    assert (beat()["model"], beat()["ready"]) == ("first", "1")
    assert httpx.get(f"{url}/readyz").status_code == 200
    metrics = httpx.get(f"{url}/metrics").text
    assert 'undertone_model_refused_total{role="champion",version="third"} 1.0' in metrics
    assert 'undertone_model_info{role="champion",version="first"} 1.0' in metrics
    models.promote("second")
    wait_until_serving(place, "second")
    wait_until(lambda: beat()["model_refused"] == "", PATIENCE_S, "nothing is refused any more")
    metrics = httpx.get(f"{url}/metrics").text
    assert 'undertone_model_info{role="champion",version="second"} 1.0' in metrics
    assert 'version="first"' not in metrics
    assert worker.said().count("third is refused; first serves on") == 1
    assert set(assert_exact(place, models, "first", "second")) == {"first"}


def test_two_workers_both_take_up_a_model_with_other_topics(place: House, models: Models) -> None:
    models.add("other", seed=4, topics=OTHER_TOPICS)
    workers = [place.worker(), place.worker()]
    wait_until(lambda: len(shares(place)) == 2 and all(shares(place)), PATIENCE_S, "both hold partitions")
    place.send("news", messages(600, seed=40))
    place.send("comments", messages(600, seed=41))
    place.wait_until_written()
    models.promote("other")
    wait_until_serving(place, "other", 2)
    place.send("news", messages(600, seed=42))
    place.send("comments", messages(600, seed=43))
    place.wait_until_written()
    found = assert_exact(place, models)
    assert all("Model other takes over from first" in worker.said() for worker in workers)
    assert min(found["first"], found["other"]) > 900
    # The counts of topics that the new model does not know are still there to be read, beside those of the new ones.
    assert place.store.topics() == (*OTHER_TOPICS, *sorted(set(TOPICS) - set(OTHER_TOPICS)))
    end_ms = place.store.newest_ms("news") + 2 * DAY_S * 1000
    day = place.store.models("news", DAY_S, end_ms - 4 * DAY_S * 1000, end_ms)
    known = [Series(topic, "") for topic in place.store.topics()]
    windows = place.store.windows("news", DAY_S, end_ms - 4 * DAY_S * 1000, end_ms, series=known)
    for start, versions in day.items():
        assert sum(counts.total_messages for counts in windows[start].values()) == sum(versions.values())


def test_the_shadow_compares_the_sample_and_shows_where_they_differ(place: House, models: Models) -> None:
    share = 0.5
    models.challenge("second", share)
    worker = place.worker()
    wait_until(lambda: "runs in shadow" in worker.said(), PATIENCE_S, "the challenger is there")
    for seed in range(50, 54):
        place.send("news", messages(100, seed=seed))
        place.wait_until_written()
    texts = texts_of_sample(place, share)
    first, second = (load_scorer(models.stored(version)) for version in ("first", "second"))
    shadow = ShadowStore(place.store.redis)
    reach = ("news", min(texts.values())[0] - 1, max(texts.values())[0] + 1)

    def found() -> int:
        pairs = shadow.disagreement(*reach)
        return sum(one.compared + one.skipped for hours in pairs.values() for one in hours.values())

    wait_until(lambda: found() >= len(texts), PATIENCE_S, "the sample is compared or skipped")
    ((pair, hours),) = shadow.disagreement(*reach).items()
    assert pair == ("first", "second")
    summed = total(hours.values())
    assert summed.compared + summed.skipped == len(texts)
    assert summed.compared > 0
    examples = shadow.examples(*reach)
    assert examples
    for one in examples:
        _, text = texts[one.position]
        ours, theirs = answer(first, text), answer(second, text)
        assert (one.champion_topic, one.champion_sentiment) == ours
        assert (one.challenger_topic, one.challenger_sentiment) == theirs
        assert ours != theirs
    assert set(assert_exact(place, models)) == {"first"}
    shown = run_cli("models", "shadow", "--redis-url", place.settings.redis_url, "--json")
    assert shown["compared"] == summed.compared
    assert shown["sentiment_differs"] == summed.sentiment_differs
    assert len(shown["examples"]) == 5


def texts_of_sample(place: House, share: float) -> dict[str, tuple[int, str]]:
    """Event time and clean text of each message that must be in the sample, by position, from the log itself."""
    found = {}
    linker = Linker.load()
    for record in oracle.read_log(place.settings.bootstrap_servers, ["news"]):
        verdict, told, _ = oracle.judge(record, -1, linker, place.settings)
        if told is None or verdict == "future":
            continue
        if xxhash.xxh3_64(told.position.encode()).intdigest() / 2**64 < share:
            found[told.position] = told.at_ms, told.text
    return found


def answer(scorer: Scorer, text: str) -> tuple[str, str]:
    scores = scorer.score([text])
    return scorer.topics[scores.topic[0].argmax()], scorer.sentiments[scores.sentiment[0].argmax()]


def run_cli(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    shape: dict[str, Any] = json.loads(result.stdout)
    return shape


def shares(place: House) -> list[int]:
    """How many partitions each live worker holds, by its heartbeat."""
    return [sum(name.startswith("lag:") for name in fields) for fields in place.store.heartbeats().values()]
