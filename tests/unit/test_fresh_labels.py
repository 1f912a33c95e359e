"""Exported labels as sources of a run: parted by licence, kept in its folder, refused where they may not train."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training_data import tiny_task
from training.fresh import rows_of_file, sources_in, take_in
from training.sources import UNKNOWN, read
from training.task import OWN
from undertone.errors import InputError

ROWS: list[dict[str, str | None]] = [
    {"text": "Acme falls", "sentiment": "negative", "topic": "Earnings", "licence": None},
    {"text": "Globex up, Acme down", "entity": "Acme", "entity_sentiment": "negative", "licence": ""},
    {"text": "Hooli holds", "sentiment": "neutral", "licence": "MIT"},
]


def test_labels_become_rows_with_all_that_they_say(tmp_path: Path) -> None:
    task = tiny_task()
    sources = take_in(tmp_path, task, ROWS)
    assert {source.name: source.licence for source in sources} == {"labels": OWN, "labels-MIT": "MIT"}
    own = read(task, next(source for source in sources if source.name == "labels"), tmp_path / "nowhere", {})
    assert [(row.text, row.sentiment, row.entity, row.text[row.start : row.end]) for row in own] == [
        ("Acme falls", 0, UNKNOWN, ""),
        ("Globex up, Acme down", UNKNOWN, 0, "Acme"),
    ]
    assert task.labels("topic")[own[0].topic] == "Earnings"


def test_a_run_keeps_the_labels_that_it_began_with(tmp_path: Path) -> None:
    task = tiny_task()
    before = take_in(tmp_path, task, ROWS)
    assert take_in(tmp_path, task, [{"text": "Later", "sentiment": "positive"}]) == before
    assert sources_in(tmp_path, task) == before


def test_a_label_whose_licence_may_not_train_what_ships_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    borrowed: dict[str, str | None] = {"text": "Borrowed", "sentiment": "positive", "licence": "MIT; CC-BY-NC-4.0"}
    rows = [*ROWS, borrowed]
    with pytest.raises(InputError, match=r"CC-BY-NC-4\.0"):
        take_in(tmp_path, tiny_task(), rows)
    assert sources_in(tmp_path, tiny_task()) == ()
    assert {one.licence for one in take_in(tmp_path, tiny_task(shippable=False), rows)} == {
        OWN,
        "MIT",
        "CC-BY-NC-4.0+MIT",
    }


def test_no_label_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels list"):
        take_in(tmp_path, tiny_task(), [])


def test_a_file_with_a_broken_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "Acme falls", "sentiment": "negative"}\n{"text": \n')
    with pytest.raises(InputError, match=r"labels\.jsonl:2"):
        rows_of_file(path)
