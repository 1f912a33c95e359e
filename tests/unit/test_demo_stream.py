"""The demo's stream: believable in what an alert looks at, the same for the same seed, and about nobody real."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from undertone.demo.broken import BROKEN
from undertone.demo.past import PAST
from undertone.demo.prices import prices_csv
from undertone.demo.rhythm import DAY_MS, hourly, is_weekend, mood
from undertone.demo.stream import SURGE_MS, DemoStream, Item, Timeline, company_name, entities_csv, timeline
from undertone.demo.surge import SURGE, SURGE_COMPANY
from undertone.demo.words import COMPANIES, NEWS, SLOTS
from undertone.entities import Linker
from undertone.errors import Rejected
from undertone.messages import decode, from_ms
from undertone.prices import Prices
from undertone.scorer import TOPICS

NOW_MS = 1_790_000_000_000
TIMES = timeline(NOW_MS)
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def history() -> list[Item]:
    return list(DemoStream("test", TIMES.shift).between(TIMES.start, TIMES.live, TIMES.past))


@pytest.fixture(scope="module")
def live() -> list[Item]:
    return list(DemoStream("test", TIMES.shift).between(TIMES.live, TIMES.end, [TIMES.bad]))


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> Linker:
    path: Path = tmp_path_factory.mktemp("demo") / "companies.csv"
    path.write_text(entities_csv(), encoding="utf-8")
    return Linker.load(path)


def about(items: list[Item], company: str, linker: Linker, begins: int, minutes: int) -> list[Item]:
    return [
        item
        for item in items
        if begins <= item.at_ms < begins + minutes * MINUTE_MS and company in linker.link(item.message.content)
    ]


def test_the_same_run_gives_the_same_messages_and_another_run_other_ids() -> None:
    a_day = (TIMES.live - DAY_MS, TIMES.live)
    first = list(DemoStream("test").between(*a_day))
    assert list(DemoStream("test").between(*a_day)) == first
    other = list(DemoStream("other").between(*a_day))
    assert not {one.message.id for one in other} & {one.message.id for one in first}


def test_messages_are_sent_in_order_and_all_but_a_few_are_published_then(history: list[Item], live: list[Item]) -> None:
    for part in (history, live):
        assert [item.at_ms for item in part] == sorted(item.at_ms for item in part)
        late = [item for item in part if decode(item.message.encode()).published_ms != item.at_ms]
        assert len(late) < 0.01 * len(part)
        assert all(item.message.published_ms < item.at_ms for item in late)
    assert {item.stream for item in history} == {"news", "comments"}
    assert TIMES.start <= history[0].at_ms < history[-1].at_ms < TIMES.live


def test_some_messages_are_delivered_twice(history: list[Item]) -> None:
    again = len(history) - len({item.message.id for item in history})
    assert 0 < again < 0.01 * len(history)


def test_the_surge_lies_whole_inside_the_live_part() -> None:
    assert TIMES.live < TIMES.surge < TIMES.surge + SURGE_MS <= TIMES.end == NOW_MS


def test_a_month_has_a_message_each_minute_of_busy_hours_and_quiet_weekends(history: list[Item]) -> None:
    there = [item.at_ms + TIMES.shift for item in history]
    weekend = sum(map(is_weekend, there))
    weekdays = Counter(at_ms // DAY_MS for at_ms in there if not is_weekend(at_ms))
    assert 14_000 < len(history) < 20_000
    assert 0 < weekend < 0.1 * len(history)
    assert max(weekdays.values()) > 600
    assert hourly(5 * DAY_MS) < hourly(5 * DAY_MS + 14 * 3_600_000)


def test_every_company_is_talked_of_and_none_drowns_the_others_on_quiet_days(linker: Linker) -> None:
    quiet = DemoStream("test", TIMES.shift).between(TIMES.start, TIMES.live)
    counts = Counter(symbol for item in quiet for symbol in linker.link(item.message.content))
    assert counts.keys() == {symbol for symbol, _, _ in COMPANIES}
    assert max(counts.values()) < 5 * min(counts.values())


def test_moods_differ_by_company_and_move_with_time() -> None:
    day = [mood("test", "HLDN", at * DAY_MS) for at in range(30)]
    assert max(day) > 0.2 > -0.2 > min(day)
    assert mood("test", "HLDN", 0) != mood("test", "VRDA", 0)
    assert mood("test", "HLDN", 0) == mood("test", "HLDN", 0)


def test_the_surge_is_about_one_company_and_told_in_many_ways(live: list[Item], linker: Linker) -> None:
    bad = about(live, SURGE_COMPANY, linker, TIMES.surge, SURGE.minutes)
    assert len(bad) > 80
    assert len({item.message.content for item in bad}) > 50
    assert len({item.message.source for item in bad}) >= 5


@pytest.mark.parametrize("place", range(len(PAST)))
def test_each_past_event_is_told_of_its_company(history: list[Item], linker: Linker, place: int) -> None:
    begins, episode = TIMES.past[place]
    told = about(history, episode.company, linker, begins, episode.minutes)
    assert len(told) > 40
    assert len({item.message.content for item in told}) > 25
    assert not is_weekend(begins + TIMES.shift)


def test_past_events_do_not_overlap_and_a_short_history_has_those_that_fit() -> None:
    ends = [event.begins + event.episode.minutes * MINUTE_MS for event in TIMES.past]
    assert len(TIMES.past) == len(PAST)
    assert all(end < event.begins for end, event in zip(ends, TIMES.past[1:], strict=False))
    assert len({event.episode.company for event in (*TIMES.past, TIMES.bad)}) == len(PAST) + 1
    short = timeline(NOW_MS, 2)
    assert short.live - short.start == 2 * DAY_MS
    assert all(short.start < event.begins < short.live for event in short.past)
    assert len(short.past) < len(PAST)


def test_whenever_a_demo_starts_its_events_lie_in_its_history() -> None:
    for hours in range(0, 24 * 8, 5):
        times: Timeline = timeline(NOW_MS + hours * 3_600_000)
        assert hourly(times.end + times.shift) == hourly(4 * DAY_MS + 14 * 3_600_000)
        assert len(times.past) == len(PAST)
        assert all(event.begins + event.episode.minutes * MINUTE_MS < times.live for event in times.past)


def test_most_quiet_texts_are_told_once_and_some_are_copied(history: list[Item]) -> None:
    copies = len(history) - len({item.message.content for item in history})
    assert 0.02 < copies / len(history) < 0.15


def test_no_worker_can_use_what_is_broken() -> None:
    reasons = set()
    for one in BROKEN:
        try:
            message = decode(one.value)
        except Rejected as refused:
            reasons.add(refused.reason)
        else:
            assert not message.content.strip()
            reasons.add("empty-text")
    assert len(reasons) == len(BROKEN)


def test_a_price_falls_with_the_news_of_its_company(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(prices_csv("test", TIMES), encoding="utf-8")
    prices = Prices.load(file)
    for begins, episode in TIMES.past:
        at = from_ms(begins)
        _, before = prices.between(episode.company, at - timedelta(days=4), at + timedelta(seconds=1))[-1]
        _, after = prices.between(episode.company, at, at + timedelta(hours=4))[-1]
        assert after / before - 1 == pytest.approx(episode.price, abs=0.04)


def test_an_hour_after_the_alert_its_price_is_known_and_lower(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(prices_csv("test", TIMES), encoding="utf-8")
    fired = from_ms(TIMES.surge) + timedelta(minutes=20)
    [move] = Prices.load(file).moves(SURGE_COMPANY, fired)
    assert move.end <= from_ms(TIMES.end)
    assert -0.12 < move.change < 0


def test_every_text_is_filled_in(history: list[Item], live: list[Item]) -> None:
    assert not [item for item in [*history, *live] if re.search(r"[{}]", item.message.content)]


def test_the_templates_cover_the_topics_of_the_default_task() -> None:
    assert NEWS.keys() == {*TOPICS}
    assert all(polarity for polarities in NEWS.values() for polarity in polarities)
    assert all(words for one in (SURGE, *PAST) for words in (*SLOTS.values(), *one.slots.values()))


def test_the_companies_are_not_in_the_shipped_list() -> None:
    shipped = Linker.load()
    real = {company.symbol for company in shipped.companies}
    assert not real & {symbol for symbol, _, _ in COMPANIES}
    assert not [name for _, name, _ in COMPANIES if shipped.link(name)]
    assert company_name(SURGE_COMPANY) == "Halden Motors"


def test_the_entities_file_has_the_columns_that_the_linker_reads() -> None:
    rows = list(csv.DictReader(io.StringIO(entities_csv())))
    assert [row["symbol"] for row in rows] == [symbol for symbol, _, _ in COMPANIES]
    assert {row["region"] for row in rows} == {"demo"}
