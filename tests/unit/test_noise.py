"""Noise leaves alone what carries the label, and changes what it says it does."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.noise import Swaps, around, kinds_of, link, lower, number, title, typos, upper
from training.robustness import negation_pairs, share_of
from undertone.entities import Linker
from undertone.scorer import Mention

TEXT = "$AAPL: Apple beats estimates, revenue up 12% to $1,250.5 million in 2021 https://t.co/aB1"
SWAPS = Swaps(Linker.load())
WORDS = st.lists(
    st.sampled_from("Acme profit falls 12% to 4.1 mn in 2020 $ACME https://t.co/x1 a".split()), max_size=30
)


def test_typos_change_one_word_in_eight_and_no_ticker_link_or_number() -> None:
    text = (
        " ".join(f"word{letter}" for letter in "abcdefghijklmnop")
        + " plunges surges reports $ACME 1234 https://t.co/abcd"
    )
    plain_words = "plunges surges reports and nothing more happens here today at noon on monday morning again".split()
    text = " ".join([*plain_words, "$ACME", "1234", "https://t.co/abcd"])
    changed = typos(text, Random(1))
    assert changed is not None
    pairs = list(zip(text.split(), changed.split(), strict=True))
    assert sum(old != new for old, new in pairs) in (1, 2)  # a double letter may swap with itself
    assert [new for _, new in pairs[-3:]] == ["$ACME", "1234", "https://t.co/abcd"]
    assert all(old[0] == new[0] and abs(len(old) - len(new)) <= 1 for old, new in pairs)


@given(words=WORDS, seed=st.integers(0, 1000))
def test_every_change_is_seeded_changes_something_and_keeps_one_line(words: list[str], seed: int) -> None:
    text = " ".join(words)
    for forms in kinds_of(SWAPS).values():
        for form in forms:
            changed = form(text, Random(seed))
            assert changed == form(text, Random(seed))
            if changed is not None and form is not typos:
                assert changed != text
            assert changed is None or changed == " ".join(changed.split())


def test_case_changes_letters_alone_and_no_link() -> None:
    for form in (upper, lower, title):
        changed = form(TEXT, Random(0))
        assert changed is not None
        assert changed.lower() == TEXT.lower()
        assert changed.endswith("https://t.co/aB1")
    assert title("it's a buy", Random(0)) == "It's A Buy"
    assert upper("P&amp;G&nbsp;up &#39;now&#39;", Random(0)) == "P&amp;G&nbsp;UP &#39;NOW&#39;"


def test_a_cashtag_and_a_company_give_way_to_others_and_the_rest_stays() -> None:
    tagged, named = SWAPS.cashtag(TEXT, Random(3)), SWAPS.entity(TEXT, Random(3))
    assert tagged is not None
    assert named is not None
    assert "$AAPL" not in tagged
    assert "Apple beats" in tagged
    assert "Apple" not in named
    assert "$AAPL" not in named
    assert named.endswith("beats estimates, revenue up 12% to $1,250.5 million in 2021 https://t.co/aB1")


def test_a_word_that_is_no_company_here_stays() -> None:
    assert SWAPS.entity("Apple pie sells well at the fair", Random(0)) is None
    assert SWAPS.cashtag("A text without tickers, $5 in cash", Random(0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_numbers_grow_together_so_that_what_rose_still_rose(seed: int) -> None:
    changed = number(
        "Profit rose to EUR 13.1 mn from 8.7 mn, 5 of 4 shops, $1,200 at Q2 in 2006 https://t.co/11", Random(seed)
    )
    assert changed is not None
    words = changed.split()
    assert 13.1 < float(words[4]) < 16
    assert 8.7 < float(words[7]) < float(words[4])
    assert int(words[9]) > int(words[11]) > 4
    assert words[13].startswith("$1,")
    assert changed.endswith("at Q2 in 2006 https://t.co/11")


def test_a_text_with_nothing_to_change_gives_none() -> None:
    assert link("No link here", Random(0)) is None
    assert number("Nothing since 2019, &#39;here&#39;", Random(0)) is None
    assert typos("$A up 1", Random(0)) is None
    assert lower("all low", Random(0)) is None


def test_around_a_mention_the_name_stays_in_its_place_and_only_a_swap_renames_it() -> None:
    text = "Shares of Tata Motors and Infosys slump 12% as Tata Motors warns https://t.co/1"
    mention = Mention(text, 10, 21)
    for kind, forms in kinds_of(SWAPS).items():
        for form in forms:
            changed = around(mention, form, SWAPS, Random(2))
            if changed is None:
                assert kind == "cashtag"
                continue
            name = changed.text[changed.start : changed.end]
            assert changed.text != text
            if kind == "entity":
                assert name != "Tata Motors"
                assert changed.text == f"Shares of {name}{text[21:]}"
            else:
                assert name.lower() == "tata motors"


def test_a_negation_differs_from_its_sentence_by_not_alone() -> None:
    pairs = negation_pairs()
    assert {polarity for polarity, _, _ in pairs} == {True, False}
    for _, sentence, negation in pairs:
        assert negation.split().count("not") == 1
        assert [word for word in negation.split() if word != "not"] == sentence.split()


def test_a_share_of_nothing_could_be_anything() -> None:
    assert share_of([]).interval == (0.0, 1.0)
    found = share_of([True] * 3 + [False] * 97)
    assert found.share == 0.03
    assert found.interval[0] < 0.03 < found.interval[1] < 0.09
