"""Names that are also words, banks that speak of others, and Chinese names: where each counts."""

from __future__ import annotations

import pytest

from undertone.company_list import unmarked
from undertone.entities import Company, Linker

LINKER = Linker.load()


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("Target cuts prices before the holidays", "TGT"),
        ("Retailer Target misses estimates", "TGT"),
        ("Gap to close 200 stores", "GPS"),
        ("Visa profit beats estimates", "V"),
        ("Ford recalls 300,000 trucks", "F"),
        ("Will Ford raise its dividend", "F"),
        ("Shares of Shell slip", "SHEL"),
        ("Why Delta Shares Fell", "DAL"),
        ("Square's revenue doubles", "SQ"),
    ],
)
def test_word_counts_as_a_company_where_business_stands_near(text: str, symbol: str) -> None:
    assert LINKER.link(text) == (symbol,)


@pytest.mark.parametrize(
    "text",
    [
        "Target: one more mile before dinner",
        "Mind the Gap between rich and poor",
        "Harrison Ford reports an injury",
        "A Visa for spouses",
        "Shell found on the beach",
        "Paris Hilton launches an app",
        "Protesters gather at Union Square, police say",
        "Ford Foundation names a chief",
        "the carnival closes; a target falls",
    ],
)
def test_word_without_business_or_within_another_name_is_no_company(text: str) -> None:
    assert LINKER.link(text) == ()


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Danaher price target raised to $87 by analysts at Deutsche Bank", ("DHR",)),
        ("Goldman Sachs upgrades Tesla", ("TSLA",)),
        ("Oil will recover by summer: Nomura", ()),
        ("Morgan Stanley raises its price target for Boeing", ("BA",)),
        ("Goldman Sachs cuts 3,000 jobs", ("GS",)),
        ("Deutsche Bank falls on capital fears", ("DB",)),
        ("Regulators fine Citigroup", ("C",)),
    ],
)
def test_bank_counts_as_the_subject_and_not_as_the_source_of_an_opinion(text: str, symbols: tuple[str, ...]) -> None:
    assert LINKER.link(text) == symbols


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("腾讯控股今日大涨,贵州茅台(600519.SH)跌停", ("600519.SS", "TCEHY")),
        ("阿里巴巴與騰訊合作", ("BABA", "TCEHY")),
        ("苹果公司发布iPhone,特斯拉降价", ("AAPL", "TSLA")),
        ("消息称Huawei与比亚迪洽谈", ("BYDDY", "HUAWEI")),
        ("中国移动支付市场增长", ()),
        ("新浪财经讯:苹果期货上涨", ()),
        ("中国银行业监管收紧", ()),
    ],
)
def test_chinese_names_need_no_spaces_around_them(text: str, symbols: tuple[str, ...]) -> None:
    assert LINKER.link(text) == symbols


def test_marks_may_stand_together() -> None:
    assert unmarked("=%Citi") == ("Citi", True, False, True)
    assert unmarked("~Gap") == ("Gap", True, True, False)


def test_refused_name_hides_the_shorter_one_in_it() -> None:
    linker = Linker([Company("A", "%Acme Bank", ("%Acme",)), Company("B", "Northgate")])
    assert linker.link("Acme Bank upgrades Northgate") == ("B",)


def test_each_candidate_says_why_it_counts_or_does_not() -> None:
    found = LINKER.findings("Apple pie for Tesla; Citi upgrades $FB, apple")
    assert [(one.symbol, one.counts) for one in found] == [
        ("-", False),
        ("TSLA", True),
        ("C", False),
        ("META", True),
        ("AAPL", False),
    ]
    assert ["phrase" in found[0].why, "opinion" in found[2].why, found[3].why, "written" in found[4].why] == [
        True,
        True,
        "cashtag",
        True,
    ]


def test_findings_that_count_are_what_is_linked() -> None:
    for text in (
        "Apple pie at Tesla, Target cuts prices",
        "Goldman Sachs upgrades Boeing; Ford Foundation",
        "腾讯 $QQQX",
    ):
        assert tuple(sorted({one.symbol for one in LINKER.findings(text) if one.counts})) == LINKER.link(text)
