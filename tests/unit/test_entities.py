"""Which companies a text names, and which it only seems to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.entities import MAX_ENTITIES, Company, Linker
from undertone.errors import InputError

LINKER = Linker.load()


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Facebook to acquire WhatsApp for $16 billion", ["META"]),
        ("facebook and GOOGLE slip", ["GOOGL", "META"]),
        ("Apple's event; Johnson & Johnson, AT&T and P&G rise", ["AAPL", "JNJ", "PG", "T"]),
        ("Boeing's 737 MAX is grounded", ["BA"]),
        ("McDonald’s and Macy's and Wendy’s", ["M", "MCD", "WEN"]),
        ("Bank of America Merrill Lynch", ["BAC"]),
        ("Tata Motors, HDFC Bank; Alibaba IPO", ["BABA", "HDB", "TTM"]),
        ("#Tesla (Nvidia), “Netflix”…", ["NFLX", "NVDA", "TSLA"]),
        ("AT&amp;T cuts prices", ["T"]),
        ("Telefónica and Nestlé", ["NSRGY", "TEF"]),
        ("nothing of note", []),
        ("", []),
    ],
)
def test_names_and_aliases_are_found(text: str, symbols: list[str]) -> None:
    assert LINKER.link(text) == tuple(symbols)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("$AAPL $fb, $GOOG.", ["AAPL", "GOOGL", "META"]),
        ("$BRK.A and $brk-b", ["BRK.B"]),
        ("$RDS-B", ["SHEL"]),
        ("$GE.Then they fell, $AAPL-up", ["AAPL", "GE"]),
        ("$ZZZZ $HEI.A are not listed", ["HEI.A", "ZZZZ"]),
        ("$zzzz is no symbol, nor is $TOOLONG, nor US$ 5, nor $5bn, nor A$AP, nor $$AAPL", []),
        ("(RE$PECT) MAKE$", []),
    ],
)
def test_cashtags_are_linked_to_one_stable_symbol(text: str, symbols: list[str]) -> None:
    assert LINKER.link(text) == tuple(symbols)


@pytest.mark.parametrize(
    "text",
    [
        "an apple a day, apple pie and the Big Apple",
        "Apple pie on the menu",
        "analysts raise their price target, Target price now 50",
        "gap up, a pay gap; mind the gap",
        "visa rules tighten, student visa",
        "Amazon rainforest burns",
        "metadata, metaverse, pineapple, Fordham, Intelligence",
        "@Facebook read https://www.facebook.com/tesla and pic.twitter.com/google",
        "Dow Jones up; Times Square",
        "Goldman Sachs analyst says so",
    ],
)
def test_words_that_only_look_like_names_are_left_alone(text: str) -> None:
    assert LINKER.link(text) == ()


def test_longest_of_overlapping_names_wins() -> None:
    linker = Linker([Company("A", "Acme"), Company("B", "Acme Bank"), Company("C", "Bank of Nowhere")])
    assert linker.link("Acme Bank of Nowhere") == ("B",)
    assert linker.link("Acme, Bank of Nowhere") == ("A", "C")


def test_name_found_within_a_longer_word_does_not_hide_another() -> None:
    linker = Linker([Company("A", "Acme Ban"), Company("B", "Bank One")])
    assert linker.link("Acme Bank One") == ("B",)


def test_given_entities_are_normalised_and_kept() -> None:
    given_ones = ["FB", "$goog", "tesla", "Wells Fargo", "Ministry of Magic", "TSLA", ""]
    assert LINKER.link("", given_ones) == ("GOOGL", "META", "Ministry of Magic", "TSLA", "WFC")


def test_given_entity_cannot_break_a_field_of_a_window() -> None:
    (entity,) = LINKER.link("", ["a\tb\nc\u202e\x00" + "x" * 500])
    assert not set(entity) & set("\t\n\u202e\x00")
    assert len(entity) <= 64


def test_entities_of_one_message_are_bounded_given_ones_first() -> None:
    cashtags = " ".join(f"${chr(65 + n)}{chr(65 + n)}Q" for n in range(20))
    found = LINKER.link(f"Tesla {cashtags}", ["MSFT"])
    assert len(found) == MAX_ENTITIES
    assert "MSFT" in found
    assert "TSLA" not in found


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_text_gives_sorted_distinct_symbols_without_tabs(text: str, names: list[str]) -> None:
    found = LINKER.link(text, names)
    assert list(found) == sorted(set(found))
    assert all(name and "\t" not in name for name in found)


@given(st.text(st.characters(categories=("Lu", "Ll", "Zs", "Po"), max_codepoint=0x2FF), max_size=30))
def test_letters_that_change_length_in_lower_case_do_not_shift_names(prefix: str) -> None:
    assert "NVDA" in LINKER.link(f"İß {prefix} \u2014 Nvidia, Inc")


def test_shipped_list_is_large_and_canonical() -> None:
    assert len({company.symbol for company in LINKER.companies}) > 500
    canonical = {"FB": "META", "GOOG": "GOOGL", "BRK.A": "BRK.B", "PCLN": "BKNG", "UTX": "RTX", "TOT": "TTE"}
    assert {old: LINKER.symbol(old) for old in canonical} == canonical


# A user's own list.


def written(folder: Path, *rows: str, header: str = "symbol,name,aliases,region") -> Path:
    path = folder / "entities.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_own_list_extends_and_overrides(tmp_path: Path) -> None:
    own = written(
        tmp_path, "ACME,Acme Corp,Acme|=WIDGET|$ACM,US", "", "AAPL,Cupertino,,US", 'TSLA2,"Tesla",,US', "-,,acme fair,"
    )
    linker = Linker.load(own)
    assert linker.link("acme and WIDGET, a widget at the acme fair, $ACM") == ("ACME",)
    assert linker.link("Cupertino, not Apple Inc") == ("AAPL",)
    assert linker.link("Tesla") == ("TSLA2",)
    assert linker.link("Microsoft") == ("MSFT",)
    assert linker.link("a widget at the acme fair") == ()


def test_own_list_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "entities.csv"
    path.write_bytes(b"\xef\xbb\xbfsymbol,name,aliases,region\r\nACME,Acme,,US\r\n")
    assert Linker.load(path).link("Acme") == ("ACME",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ACME,Acme", "2 columns"),
        ("ACME,Acme,,US,more", "5 columns"),
        ("acme,Acme,,US", "symbol is 'acme'"),
        ("A\tB,Acme,,US", "symbol is"),
        ("ACME,,,US", "name of ACME is missing"),
        ("ACME,Acme,x,US", "'x' of ACME is too short"),
        ("ACME,Acme,--,US", "'--' of ACME is too short"),
        ("FIRST,Another,,US", "FIRST is listed twice"),
        ("ACME,Acme,first company,US", "'first company' of ACME belongs to FIRST already"),
        ("ACME,Acme,$FIRST,US", "'$FIRST' of ACME belongs to FIRST already"),
        ('ACME,"Acme,,US', "unexpected end of data"),
    ],
)
def test_bad_row_is_named_by_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    own = written(tmp_path, "FIRST,First Company,,US", row)
    with pytest.raises(InputError) as caught:
        Linker.load(own)
    assert str(caught.value).startswith(f"{own} line 3: ")
    assert reason in str(caught.value)


def test_wrong_header_says_what_is_valid(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: .*valid is 'symbol,name,aliases,region'"):
        Linker.load(written(tmp_path, header="ticker,company"))


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv cannot be read: No such file"):
        Linker.load(tmp_path / "absent.csv")
    path = tmp_path / "entities.csv"
    path.write_bytes(b"symbol,name,aliases,region\nACME,Acm\xe9,,US\n")
    with pytest.raises(InputError, match="not UTF-8"):
        Linker.load(path)
