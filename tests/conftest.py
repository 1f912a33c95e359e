"""The servers, started once a session by the first test that asks, or for one test that kills them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis

from tests.servers import Topics
from undertone.embedded import EmbeddedKafka, EmbeddedValkey

HERE = Path(__file__).parent

# A busy machine is slow, and that is not a defect of what a property test looks at.
hypothesis_settings.register_profile("undertone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("undertone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if kind in ("integration", "acceptance"):
            item.add_marker(kind)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker for the whole session. A test makes topics of its own on it, and lets it live."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the whole session; `redis_url` empties it."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def bootstrap(kafka: EmbeddedKafka) -> str:
    return kafka.bootstrap


@pytest.fixture
def topics(kafka: EmbeddedKafka) -> Topics:
    return Topics(kafka.bootstrap)


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The address of an empty Valkey."""
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        client.config_resetstat()
        client.script_flush()
    return valkey.url


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A started broker for one test, which may kill it."""
    with EmbeddedKafka(tmp_path / "kafka") as server:
        yield server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A started Valkey for one test, which may kill it."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server
