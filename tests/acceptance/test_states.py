"""What a page shows when there is little to show: empty, stopped, stale, without its store, without Kafka."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import expect

from tests import seed
from tests.acceptance.desk import free_port, served
from tests.acceptance.view import Viewer, is_whole
from undertone import keys
from undertone.embedded import EmbeddedValkey
from undertone.settings import Settings
from undertone.store import Store

STALE_MS = 1_210_000


def test_a_page_tells_empty_stopped_stale_and_a_lost_store_apart(
    viewer: Viewer, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    kafka_away = f"127.0.0.1:{free_port()}"
    settings = Settings(redis_url=own_valkey.url, bootstrap_servers=kafka_away)
    with served(settings, tmp_path) as url:
        page = viewer.open(url)
        expect(page.get_by_text("Nothing has been counted yet")).to_be_visible()
        expect(page.get_by_text("Waiting for the first message")).to_be_visible()
        is_whole(page)

        store = Store.open(own_valkey.url)
        seed.seed(store)
        expect(page.locator(".ut-watch")).to_be_visible()  # by itself
        expect(page.get_by_text("Nobody is watching")).to_be_visible()
        for stream, count in seed.PARTITIONS.items():
            for number in range(count):
                store.redis.hset(
                    keys.partition_state(stream, number), "updated_ms", time.time_ns() // 1_000_000 - STALE_MS
                )
        expect(page.get_by_text("No new data for 20 min")).to_be_visible()
        store.redis.delete(keys.worker("worker-1"), keys.workers())
        expect(page.get_by_text("No worker is running")).to_be_visible()
        is_whole(page)

        page.goto(url + "models?view=labels")
        expect(page.get_by_text("Kafka is not answering")).to_be_visible()
        is_whole(page)
        page.goto(url + "trends?range=6h")
        expect(page.locator(".ut-rank").first).to_be_visible()
        own_valkey.kill()
        expect(page.get_by_text("Store away for")).to_be_visible()
        expect(page.get_by_text("This page shows what was read")).to_be_visible()
        expect(page.locator(".ut-rank").first).to_be_visible()
        is_whole(page)
        own_valkey.start()
        expect(page.get_by_text("Store away for")).to_have_count(0)
        assert page.url.endswith("?range=6h")
