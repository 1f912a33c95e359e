"""What `clean`, `normalise` and `model_input` promise for any text at all."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.text import clean, model_input, normalise

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)  # lone surrogates included
HOSTILE = st.text(
    st.sampled_from("aé\u0301 \t\n\x00\x1b\x85\u200b\u202e\u2066\ufeff\ud800\udfff\ufb01\u3000\ufdfa\U0001f600@$#:.'"),
    max_size=60,
)


@given(ANY_TEXT | HOSTILE)
def test_clean_text_holds_no_control_bidi_or_surrogate_characters(raw: str) -> None:
    cleaned = clean(raw)
    assert {unicodedata.category(character) for character in cleaned}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert not set(cleaned) & set("\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad")
    cleaned.encode()


@given(ANY_TEXT | HOSTILE)
def test_clean_text_is_one_line_without_double_or_outer_spaces(raw: str) -> None:
    cleaned = clean(raw)
    assert cleaned == " ".join(cleaned.split())


@given(ANY_TEXT | HOSTILE, st.integers(0, 40))
def test_cleaning_twice_changes_nothing(raw: str, max_bytes: int) -> None:
    once = clean(raw, max_bytes)
    assert clean(once, max_bytes) == once
    assert unicodedata.is_normalized("NFKC", once)


@given(ANY_TEXT | HOSTILE, st.integers(0, 40))
def test_clean_text_keeps_within_its_bytes(raw: str, max_bytes: int) -> None:
    assert len(clean(raw, max_bytes).encode()) <= max_bytes


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100))
def test_plain_words_pass_unchanged(word: str) -> None:
    assert clean(word) == word


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("one\ttwo\r\nthree\x0bfour", "one two three four"),
        ("nul\x00 and escape\x1b[31m", "nul and escape[31m"),
        ("gross\u202eflip\u202c", "grossflip"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("ｆｕｌｌ　ｗｉｄｔｈ ﬁne", "full width fine"),
        ("cafe\u0301", "café"),
        (" \u2028 ", ""),
    ],
)
def test_clean_by_example(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_the_cap_falls_on_a_character_boundary() -> None:
    assert clean("aé€😀", 10) == "aé€😀"
    assert clean("aé€😀", 9) == "aé€"
    assert clean("aé€😀", 5) == "aé"
    assert clean("é" * 20_000).encode() == ("é" * 8_192).encode()


@given(ANY_TEXT | HOSTILE)
def test_normal_form_is_lower_case_words_only(raw: str) -> None:
    normal = normalise(clean(raw))
    assert normal == " ".join(normal.split())
    assert all(
        character in "$ " or character.isalnum() or unicodedata.category(character).startswith("M")
        for character in normal
    )
    assert not any("A" <= character <= "Z" for character in normal)


@given(st.lists(st.from_regex(r"[A-Za-z0-9$]{1,8}", fullmatch=True), max_size=12), st.data())
def test_case_punctuation_and_links_do_not_make_another_story(words: list[str], data: st.DataObject) -> None:
    noise = st.sampled_from([" ", ", ", "... ", " -- ", " https://t.co/Ab1 ", "!? ", " @desk "])
    noisy = "".join(word.swapcase() + data.draw(noise) for word in words)
    assert normalise(noisy) == normalise(" ".join(words))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RT @desk: $ACME falls 12%", "$acme falls 12"),
        ("rt @desk $ACME falls 12% www.example.com/x", "$acme falls 12"),
        ("$ACME doesn't fall", "$acme doesnt fall"),
        ("$ACME doesn’t fall", "$acme doesnt fall"),
        ("Part 1-2 of snake_case", "part 1 2 of snake case"),
        ("art @desk is not a retweet", "art is not a retweet"),
        ("涨停！", "涨停"),
        ("?!", ""),
    ],
)
def test_normalise_by_example(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_other_numbers_and_other_tickers_stay_other_stories() -> None:
    assert normalise("$ACME falls 12%") != normalise("$ACME falls 13%")
    assert normalise("$ACME falls 12%") != normalise("$INIT falls 12%")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P&amp;G up https://t.co/x", "P&G up http"),
        ("see HTTPS://T.CO/X and www.example.com now", "see http and http now"),
        ("no link & no entity;", "no link & no entity;"),
    ],
)
def test_model_input_by_example(text: str, expected: str) -> None:
    assert model_input(text) == expected
