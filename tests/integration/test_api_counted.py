"""What the API keeps of counts: windows that take no more messages for an hour, the younger ones not at all."""

from __future__ import annotations

import pytest

from tests.api_server import MINUTE_MS, story, tell
from tests.seed import NOW_MS
from undertone.api.counted import KEPT_MS, Counted
from undertone.reading import Reader
from undertone.store import Store
from undertone.trends import Series, total

HOUR_MS = 3_600_000
COMPLETE_MS = NOW_MS - HOUR_MS
DAY = (NOW_MS // HOUR_MS * HOUR_MS - 23 * HOUR_MS, NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS)
TOPICS = ("Earnings", "Legal | Regulation")


class Clock:
    def __init__(self) -> None:
        self.now_ms = 10 * KEPT_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def store(redis_url: str) -> Store:
    return Store.open(redis_url)


@pytest.mark.parametrize("entity", ["", "AAPL", "TSLA"])
@pytest.mark.parametrize("size_s", [60, 300, 3_600, 86_400])
def test_totals_are_the_windows_added_up(store: Store, size_s: int, entity: str) -> None:
    tell(store, *(story(n, NOW_MS - n * 17 * MINUTE_MS, topic=TOPICS[n % 2]) for n in range(80)))
    series = [Series(topic, entity) for topic in TOPICS]
    start, end = (edge // (size_s * 1000) * size_s * 1000 for edge in (DAY[0], DAY[1] + size_s * 1000 - 1))
    counted = Counted(lambda: Reader(store.redis), Clock())
    plain = store.windows("news", size_s, start, end, series=series)
    for _ in range(2):
        found = counted.totals("news", size_s, start, end, series, COMPLETE_MS)
        assert found == {at: total(cells.values()) for at, cells in plain.items()}
    assert bool(plain) is (entity != "TSLA")


def test_young_windows_are_read_every_time_and_old_ones_once_an_hour(store: Store) -> None:
    old_ms = NOW_MS - 20 * HOUR_MS
    tell(store, story(1, old_ms), story(3, NOW_MS))
    clock = Clock()
    counted = Counted(lambda: Reader(store.redis), clock)

    def messages(at_ms: int) -> int:
        found = counted.totals("news", 300, *DAY, [Series("Earnings", "")], COMPLETE_MS)
        return found[at_ms // 300_000 * 300].total_messages

    assert (messages(old_ms), messages(NOW_MS)) == (1, 1)
    tell(store, story(5, old_ms), story(7, NOW_MS))
    assert (messages(old_ms), messages(NOW_MS)) == (1, 2)
    clock.now_ms += KEPT_MS
    assert (messages(old_ms), messages(NOW_MS)) == (2, 2)
