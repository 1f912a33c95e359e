"""Where a text names whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.entities import MAX_ENTITIES, Company, Linker
from undertone.text import clean

LINKER = Linker.load()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Facebook slips, $GOOG too; facebook again", [("META", "Facebook"), ("GOOGL", "$GOOG"), ("META", "facebook")]),
        ("AT&amp;T, P&amp;G and &quot;Tesla&quot;", [("T", "AT&amp;T"), ("PG", "P&amp;G"), ("TSLA", "Tesla")]),
        ("https://tesla.com/x www.facebook.com/a then Tesla", [("TSLA", "Tesla")]),
        ("McDonald’s rises 5 % & $ZZZZ", [("MCD", "McDonald’s"), ("ZZZZ", "$ZZZZ")]),
        ("apple pie", []),
        ("", []),
    ],
)
def test_every_mention_is_found_where_it_stands(text: str, found: list[tuple[str, str]]) -> None:
    assert [(symbol, text[start:end]) for symbol, start, end in LINKER.mentions(text)] == found


SPICE = [
    "Tesla",
    "$AAPL",
    "&amp;",
    "AT&amp;T",
    "&#39;",
    "&",
    "https://t.co/Tesla",
    "Apple",
    "pie",
    "’s",
    ",",
    "İ",
    "$zz",
    "Meta",
]


@given(st.lists(st.sampled_from(SPICE) | st.text(max_size=4), max_size=12).map(" ".join).map(clean))
def test_mentions_and_links_know_the_same_companies(text: str) -> None:
    mentions = LINKER.mentions(text)
    if len({symbol for symbol, _, _ in mentions}) < MAX_ENTITIES:
        assert tuple(sorted({symbol for symbol, _, _ in mentions})) == LINKER.link(text)
    for _, start, end in mentions:
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("Northgate falls as Tesla recalls", "northgate", "Northgate"),
        ("Tesla recalls cars", "TSLA", "Tesla"),
        ("Tesla recalls cars", "$tsla", "Tesla"),
        ("Shares of Facebook", "Meta Platforms", "Facebook"),
        ("Fordham and Ford", "Ford", "Ford"),
        ("贵州茅台涨停", "茅台", "茅台"),
        ("C++ (beta) is out", "C++ (beta)", "C++ (beta)"),
    ],
)
def test_an_entity_is_found_by_what_the_text_calls_it_or_by_another_name(text: str, name: str, found: str) -> None:
    span = LINKER.find(text, name)
    assert span is not None
    assert text[slice(*span)] == found
    if name == "Ford":
        assert span[0] == text.rindex("Ford")


@pytest.mark.parametrize("name", ["", "  ", "Nobody", "$MSFT"])
def test_an_entity_that_the_text_does_not_name_is_not_found(name: str) -> None:
    assert LINKER.find("Tesla recalls cars", name) is None


def test_names_of_a_list_of_ones_own_are_found() -> None:
    linker = Linker([Company("NGM", "Northgate Motors", ("Northgate",))])
    assert linker.mentions("Northgate Motors and Northgate") == [("NGM", 0, 16), ("NGM", 21, 30)]
    assert linker.find("Northgate Motors falls", "NGM") == (0, 16)
