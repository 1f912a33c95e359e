"""The demo's stream: believable in what an alert looks at, the same for the same seed, and about nobody real."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pytest

from undertone.demo_stream import SURGE_MS, DemoStream, Item, company_name, entities_csv, timeline
from undertone.demo_words import COMPANIES, NEWS, SLOTS, SURGE_COMPANY, SURGE_SLOTS
from undertone.entities import Linker
from undertone.messages import decode
from undertone.scorer import TOPICS

NOW_MS = 1_790_000_000_000
TIMES = timeline(NOW_MS)


@pytest.fixture(scope="module")
def history() -> list[Item]:
    return list(DemoStream("test").between(TIMES.start, TIMES.live))


@pytest.fixture(scope="module")
def live() -> list[Item]:
    return list(DemoStream("test").between(TIMES.live, TIMES.end, TIMES.surge))


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> Linker:
    path: Path = tmp_path_factory.mktemp("demo") / "companies.csv"
    path.write_text(entities_csv(), encoding="utf-8")
    return Linker.load(path)


def test_the_same_run_gives_the_same_messages_and_another_run_other_ids(history: list[Item]) -> None:
    assert list(DemoStream("test").between(TIMES.start, TIMES.live)) == history
    other = list(DemoStream("other").between(TIMES.start, TIMES.live))
    assert not {one.message.id for one in other} & {one.message.id for one in history}


def test_every_message_is_one_that_a_worker_takes_in_order_of_time(history: list[Item], live: list[Item]) -> None:
    for part in (history, live):
        times = [decode(item.message.encode()).published_ms for item in part]
        assert times == sorted(times)
    assert {item.stream for item in history} == {"news", "comments"}
    assert TIMES.start <= history[0].message.published_ms < history[-1].message.published_ms < TIMES.live


def test_the_surge_lies_whole_inside_the_live_part() -> None:
    assert TIMES.live < TIMES.surge < TIMES.surge + SURGE_MS <= TIMES.end == NOW_MS


def test_no_company_is_talked_of_more_than_others_on_quiet_days(history: list[Item], linker: Linker) -> None:
    counts = Counter(symbol for item in history for symbol in linker.link(item.message.content))
    assert counts.keys() == {symbol for symbol, _, _ in COMPANIES}
    assert max(counts.values()) < 2 * min(counts.values())


def test_the_surge_is_about_one_company_and_told_in_many_ways(live: list[Item], linker: Linker) -> None:
    bad = [
        item
        for item in live
        if item.message.published_ms >= TIMES.surge and SURGE_COMPANY in linker.link(item.message.content)
    ]
    assert len(bad) > 80
    assert len({item.message.content for item in bad}) > 50
    assert len({item.message.source for item in bad}) >= 5


def test_most_quiet_texts_are_told_once_and_some_are_copied(history: list[Item]) -> None:
    copies = len(history) - len({item.message.content for item in history})
    assert 0.02 < copies / len(history) < 0.15


def test_every_text_is_filled_in(history: list[Item], live: list[Item]) -> None:
    assert not [item for item in [*history, *live] if re.search(r"[{}]", item.message.content)]


def test_the_templates_cover_the_topics_of_the_default_task() -> None:
    assert NEWS.keys() == {*TOPICS}
    assert all(polarity for polarities in NEWS.values() for polarity in polarities)
    assert all(words for words in (*SLOTS.values(), *SURGE_SLOTS.values()))


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
