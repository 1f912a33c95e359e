"""Pages of alerts on a real store: each alert once, whatever fires meanwhile and however many fire at once."""

from __future__ import annotations

import random

import pytest

from tests.api_server import fired, publish
from tests.seed import NOW_MS
from undertone.alert_reading import AlertPlace, AlertReader, WantedAlerts
from undertone.alert_store import AlertStore
from undertone.messages import to_ms
from undertone.store import Store


@pytest.mark.parametrize(("seed", "limit"), [(1, 1), (2, 7), (3, 40)])
def test_pages_hold_each_alert_once_though_others_fire_meanwhile(redis_url: str, seed: int, limit: int) -> None:
    draw = random.Random(seed)
    store = Store.open(redis_url)
    # Few moments, so that more than a page fire in one.
    first = [fired(store, n, NOW_MS + draw.randrange(3)) for n in draw.sample(range(1_000), 130)]
    publish(store, *first)
    reader, after, found = AlertReader(store.redis), None, []
    for turn in range(1_000):
        page = reader.page(WantedAlerts(), after, limit)
        assert len(page.alerts) <= limit
        found += page.alerts
        after = page.after
        if after is None:
            break
        if turn < 3:
            publish(store, *(fired(store, 1_000 + turn * 10 + n, NOW_MS + draw.randrange(4)) for n in range(2)))
    places = [AlertPlace(to_ms(one.fired_at), one.id) for one in found]
    assert places == sorted(set(places), reverse=True)
    assert {one.id for one in first} <= {place.id for place in places}


def test_a_page_reads_only_so_many_alerts_and_says_where_to_go_on(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undertone.alert_reading.MOST_LOOKED_AT", 100)
    store = Store.open(redis_url)
    publish(store, *(fired(store, n, NOW_MS + n) for n in range(150)), fired(store, 999, NOW_MS - 1, rule="rare"))
    reader, rare = AlertReader(store.redis), WantedAlerts(rule="rare")
    first = reader.page(rare, None, 10)
    assert (first.alerts, first.after) == ([], AlertPlace(NOW_MS + 50, "alert-0050"))
    second = reader.page(rare, first.after, 10)
    assert ([one.id for one in second.alerts], second.after) == (["alert-0999"], None)


def test_every_change_of_an_alert_counts_and_a_look_that_finds_nothing_does_not(redis_url: str) -> None:
    store = Store.open(redis_url)
    alerts = AlertStore(store.redis)
    assert alerts.changes() == 0
    one = fired(store, 1, NOW_MS)
    publish(store, one)
    known = alerts.changes()
    assert known > 0
    publish(store)
    assert alerts.changes() == known
    alerts.acknowledge(one.id, "maria", NOW_MS)
    assert alerts.changes() == known + 1
