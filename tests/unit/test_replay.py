"""Rows as messages: what a column means, event times, order, pace."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.errors import InputError, Rejected
from undertone.feed_files import Layout, Problem
from undertone.messages import Message, decode, to_ms
from undertone.replay import Columns, Due, Feed, between, merged, paced, parse_moment, parse_speed, parse_time


def feed(tmp_path: Path, content: str, name: str = "a.csv", **kinds: object) -> tuple[Feed, list[Problem]]:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    problems: list[Problem] = []
    layout = Layout(columns=tuple(kinds.pop("names", ())))  # type: ignore[arg-type]
    return Feed(path, layout, Columns(**kinds), problems.append), problems  # type: ignore[arg-type]


def messages(found: list[Due]) -> list[Message]:
    return [decode(due.value) for due in found]


def test_columns_are_guessed_from_their_names(tmp_path: Path) -> None:
    line = '{"id":"7","ts_ms":1388531408000,"tickers":["AAPL","GOOG"],"text":"up","lang":"en","rt":true}\n'
    one, problems = feed(tmp_path, line, "tweets.jsonl")
    [message] = messages(one.in_order())
    assert problems == []
    assert (message.id, message.published_ms, message.source) == ("7", 1_388_531_408_000, "tweets")
    assert (message.entities, message.text, message.lang) == (("AAPL", "GOOG"), "up", "en")


def test_named_columns_win_over_guesses(tmp_path: Path) -> None:
    one, _ = feed(
        tmp_path,
        "id,text,seen,said,who\n1,no,2020-01-02T03:04:05Z,yes,me\n",
        columns={"text": "said", "time": "seen", "source": "who"},
    )
    [message] = messages(one.in_order())
    assert (message.text, message.source, message.published_at) == (
        "yes",
        "me",
        datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_rows_are_sorted_by_event_time_and_dates_keep_the_order_of_the_file(tmp_path: Path) -> None:
    one, _ = feed(tmp_path, "2020-01-02,c\n2020-01-01,a\n2020-01-02,d\n2020-01-01,b\n", names=("date", "headline"))
    found = messages(one.in_order())
    assert [message.text for message in found] == ["a", "b", "c", "d"]
    assert [message.published_at.isoformat() for message in found[:2]] == [
        "2020-01-01T00:00:00+00:00",
        "2020-01-01T00:00:01+00:00",
    ]


def test_dates_can_be_spread_over_their_day(tmp_path: Path) -> None:
    one, _ = feed(
        tmp_path, "".join(f"2020-01-01,t{n}\n" for n in range(4)), names=("date", "headline"), spread_dates=True
    )
    assert [message.published_at.hour for message in messages(one.in_order())] == [0, 6, 12, 18]


def test_a_file_that_says_it_is_sorted_is_streamed_and_a_row_out_of_order_refused(tmp_path: Path) -> None:
    one, problems = feed(tmp_path, "time,text\n2020-01-02,b\n2020-01-01,a\n2020-01-03,c\n")
    assert [message.text for message in messages(list(one.as_it_is()))] == ["b", "c"]
    assert [(problem.line, "--sorted" in problem.reason) for problem in problems] == [(3, True)]


def test_ids_that_a_file_lacks_are_the_same_in_every_replay(tmp_path: Path) -> None:
    content = "time,text\n2020-01-01T00:00:00Z,a\n2020-01-01T00:00:00Z,b\n"
    first, again = (messages(feed(tmp_path, content)[0].in_order()) for _ in range(2))
    assert [one.id for one in first] == [one.id for one in again]
    assert len({one.id for one in first}) == 2


def test_each_bad_row_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    content = (
        "time,text\n2020-01-01,good\nyesterday,x\n1969-12-31,x\n2020-01-01,\n,x\n99999-01-01,x\n2020-01-02,good too\n"
    )
    one, problems = feed(tmp_path, content)
    assert [message.text for message in messages(one.in_order())] == ["good", "good too"]
    assert [problem.line for problem in problems] == [3, 4, 5, 6, 7]
    assert all(problem.reason for problem in problems)


def test_columns_that_a_table_lacks_are_said_with_those_it_has(tmp_path: Path) -> None:
    one, _ = feed(tmp_path, "when,words\n2020-01-01,x\n")
    with pytest.raises(InputError, match=r"time: it has when, words.*--time-column"):
        one.in_order()
    one, _ = feed(tmp_path, "time,text\n2020-01-01,x\n", columns={"text": "headline"})
    with pytest.raises(InputError, match=r"no column 'headline': it has time, text"):
        one.in_order()


def test_a_first_json_line_without_the_fields_does_not_end_the_file(tmp_path: Path) -> None:
    one, problems = feed(tmp_path, '{"x":1}\n{"time":"2020-01-01","text":"fine"}\n', "a.jsonl")
    assert [message.text for message in messages(one.in_order())] == ["fine"]
    assert [problem.line for problem in problems] == [1]


def test_files_are_merged_by_event_time(tmp_path: Path) -> None:
    one, _ = feed(tmp_path, "time,text\n2020-01-01,a\n2020-01-03,c\n", "one.csv")
    two, _ = feed(tmp_path, "time,text\n2020-01-02,b\n2020-01-04,d\n", "two.csv")
    assert [message.text for message in messages(list(merged([one, two], already_sorted=False)))] == [*"abcd"]


def test_from_is_in_and_to_is_out_and_the_limit_counts_what_is_left() -> None:
    dues = [Due(at, b"", b"") for at in range(10)]
    assert [due.published_ms for due in between(dues, 2, 8, None)] == [2, 3, 4, 5, 6, 7]
    assert [due.published_ms for due in between(dues, 2, 8, 2)] == [2, 3]


def test_pace_holds_messages_back_by_their_distance_in_event_time() -> None:
    now = [100.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    dues = [Due(at, b"", b"") for at in (0, 60_000, 60_000, 180_000)]
    assert list(paced(dues, 60.0, lambda: now[0], sleep)) == dues
    assert slept == [1.0, 2.0]
    assert list(paced(dues, None, lambda: now[0], sleep)) == dues
    assert slept == [1.0, 2.0]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("2014-02-19T22:03:00Z", "auto", (1_392_847_380_000, False)),
        ("2014-02-19 23:03:00+01:00", "auto", (1_392_847_380_000, False)),
        ("2014-02-19 22:03:00", "auto", (1_392_847_380_000, False)),
        ("2014-02-19", "auto", (1_392_768_000_000, True)),
        ("20140219", "auto", (1_392_768_000_000, True)),
        ("1392847380", "auto", (1_392_847_380_000, False)),
        (1_392_847_380, "auto", (1_392_847_380_000, False)),
        (1_392_847_380_123, "auto", (1_392_847_380_123, False)),
        (1_392_847_380_123_456, "auto", (1_392_847_380_123, False)),
        (1_392_847_380.5, "auto", (1_392_847_380_500, False)),
        ("1392847380000", "ms", (1_392_847_380_000, False)),
        (1_392_847_380_123_456_789, "ns", (1_392_847_380_123, False)),
        (date(2014, 2, 19), "auto", (1_392_768_000_000, True)),
        (datetime(2014, 2, 19, 22, 3), "auto", (1_392_847_380_000, False)),  # noqa: DTZ001  # as Parquet gives it
    ],
)
def test_times_of_every_common_kind_are_understood(value: object, unit: str, expected: tuple[int, bool]) -> None:
    assert parse_time(value, unit) == expected


@pytest.mark.parametrize("value", ["", "soon", "2020-13-01", True, None, ["x"], "-5", "1e400", 10**25])
def test_what_is_no_time_is_rejected_as_one(value: object) -> None:
    with pytest.raises(Rejected) as caught:
        parse_time(value)
    assert caught.value.reason == "bad-date"


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_iso_time_comes_back_to_the_millisecond(moment: datetime) -> None:
    assert parse_time(moment.isoformat())[0] == to_ms(moment)


def test_a_format_of_ones_own_is_used() -> None:
    assert parse_time("19/02/2014 22:03", format="%d/%m/%Y %H:%M") == (1_392_847_380_000, False)
    assert parse_time("19/02/2014", format="%d/%m/%Y") == (1_392_768_000_000, True)


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("60", 60.0), ("1.5x", 1.5)])
def test_speed_is_a_factor_or_max(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan", ""])
def test_a_speed_that_is_none_says_what_is_valid(text: str) -> None:
    with pytest.raises(InputError, match="'max'"):
        parse_speed(text)


def test_a_moment_that_a_person_got_wrong_says_what_is_valid() -> None:
    assert parse_moment("2014-02-19") == 1_392_768_000_000
    with pytest.raises(InputError, match="2014-02-19T22:03:00Z"):
        parse_moment("tomorrow")
