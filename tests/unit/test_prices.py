"""How a price moved after an alert, from a file: what counts as before and after, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.errors import InputError
from undertone.prices import LONGEST_GAP, Prices

FIRED = datetime(2014, 2, 19, 22, 3, tzinfo=UTC)


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(text)
    return path


def test_daily_prices_are_those_of_the_close(tmp_path: Path) -> None:
    rows = "Date,Symbol,Close\n2014-02-18,FB,67.3\n2014-02-19,FB,68.06\n2014-02-20,FB,69.63\n2014-02-26,FB,69.26\n"
    prices = Prices.load(written(tmp_path, rows))
    [hour, later] = prices.moves("fb", FIRED)
    assert (hour.before, hour.after) == (68.06, 69.63)
    assert hour.change == pytest.approx(0.02307, abs=1e-5)
    assert later.end.date().isoformat() == "2014-02-26"


def test_minute_prices_give_a_move_for_each_horizon(tmp_path: Path) -> None:
    rows = "time,ticker,price\n2014-02-19T22:00:00Z,FB,68\n2014-02-19T23:05:00+00:00,FB,66\n2014-02-20 22:10:00,FB,69\n"
    moves = Prices.load(written(tmp_path, rows)).moves("FB", FIRED)
    assert [move.after for move in moves] == [66, 69]


def test_nothing_is_said_of_what_the_file_does_not_hold(tmp_path: Path) -> None:
    prices = Prices.load(written(tmp_path, "date,symbol,price\n2014-02-10,FB,68\n2014-03-19,FB,70\n"))
    assert prices.moves("FB", FIRED) == []
    assert prices.moves("MSFT", FIRED) == []
    assert prices.moves("FB", FIRED - timedelta(days=365)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,symbol\n2014-02-19,FB\n", "no column of the price"),
        ("date,symbol,price\n2014-02-19,FB,68\n19.2.14,FB,68\n", "prices.csv:3"),
        ("date,symbol,price\n2014-02-19,FB,much\n", "prices.csv:2"),
        ("date,symbol,price\n2014-02-19,FB,-1\n", "is no price"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Prices.load(written(tmp_path, text))


@given(st.lists(st.integers(0, 20 * 86_400), min_size=1, max_size=30), st.integers(0, 20 * 86_400))
def test_a_move_begins_at_or_before_the_alert_and_ends_at_or_after_its_horizon(seconds: list[int], fired: int) -> None:
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    prices = Prices([("A", origin + timedelta(seconds=one), 1.0 + one) for one in seconds])
    at = origin + timedelta(seconds=fired)
    for move in prices.moves("A", at):
        assert move.begin <= at
        assert move.end >= at + timedelta(hours=1)
        assert at - move.begin <= LONGEST_GAP
        assert not any(move.begin < origin + timedelta(seconds=one) <= at for one in seconds)
