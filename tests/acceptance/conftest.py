"""One browser and one system for all browser tests, started by the first that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import seed
from tests.acceptance.desk import PATIENCE_S, Desk, redis_address, served, whole_desk
from tests.acceptance.view import ARGS, CHROMIUM, Viewer
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
from undertone.settings import Settings
from undertone.store import Store

expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium on PATH")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def viewer(browser: Browser) -> Iterator[Viewer]:
    """Opens pages, and fails the test if one of them opens a dialog or runs into an error of its own scripts."""
    made = Viewer(browser)
    yield made
    made.close()


@pytest.fixture(scope="session")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The system, after some quiet hours. A test sends news of companies of its own, and leaves it running."""
    folder = tmp_path_factory.mktemp("desk")
    with (
        EmbeddedKafka(folder / "kafka") as kafka,
        EmbeddedValkey(folder / "valkey") as valkey,
        whole_desk(kafka, valkey, folder) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two days of opinion up to a fixed moment, and an alert, in a Valkey that no worker writes to."""
    with EmbeddedValkey(tmp_path_factory.mktemp("seeded")) as valkey:
        store = Store.open(valkey.url)
        seed.seed(store)
        seed.publish(store, seed.alert(store))
        yield store


@pytest.fixture(scope="session")
def seeded_url(seeded: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard of it, that anybody on this machine may use."""
    with served(Settings(redis_url=redis_address(seeded)), tmp_path_factory.mktemp("page")) as url:
        yield url
