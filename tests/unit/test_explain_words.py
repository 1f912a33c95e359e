"""Words of a text, the text without some of them, and the tokens of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.random_student import word_pieces
from undertone.explain.words import NO_WORD, Span, cut, token_words, words_of
from undertone.scorer import Mention
from undertone.text import clean, model_input

PLAIN = st.lists(st.text("abcXYZ019$%", min_size=1, max_size=8), min_size=1, max_size=12)
TRICKY = st.text(
    st.sampled_from("ab Z$%-+.,;:()&amp;#39“”'涨停🚀\u0301/—…w@") | st.characters(codec="utf-8", max_codepoint=0xFFFF),
    max_size=60,
)


def words_in(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Acme plunges, lenders wait.", ["Acme", "plunges", "lenders", "wait"]),
        ("$TSLA -5% (+3 bp) €12", ["$TSLA", "-5%", "+3", "bp", "€12"]),
        ("“Apple's” full-year loss—again… 🚀🚀 !!!", ["Apple's", "full-year", "loss", "again", "🚀🚀"]),
        ("P&amp;G https://t.co/x?a=1, www.acme.com.", ["P&amp;G", "https://t.co/x?a=1,", "www.acme.com."]),
        ("贵州茅台，涨停", ["贵", "州", "茅", "台", "涨", "停"]),
        ("- ... ,", []),
        ("", []),
    ],
)
def test_a_word_is_what_stands_between_spaces_without_its_punctuation(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@given(PLAIN, st.data())
def test_a_text_without_some_words_is_the_others_in_order(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    kept = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    gone = [span for span, stays in zip(words_of(text), kept, strict=True) if not stays]
    assert cut(Mention(text, 0, 0), gone).text == " ".join(w for w, stays in zip(words, kept, strict=True) if stays)


@given(TRICKY.map(clean), st.data())
def test_a_mention_is_followed_through_every_cut(text: str, data: st.DataObject) -> None:
    spans = words_of(text)
    if not spans:
        return
    named = data.draw(st.sampled_from(spans))
    gone = [span for span in spans if span != named and data.draw(st.booleans())]
    left = cut(Mention(text, *named), gone)
    assert left.text[left.start : left.end] == text[named.start : named.end]
    assert len(left.text) <= len(text)


@given(TRICKY.map(clean))
def test_every_word_gets_the_tokens_that_spell_it(text: str) -> None:
    words, shown = words_of(text), model_input(text)
    encoding = word_pieces().encode(shown)
    owners = token_words(text, shown, words, encoding.offsets)
    for number, (start, end) in enumerate(words):
        spelt = [shown[a:b] for (a, b), owner in zip(encoding.offsets, owners, strict=True) if owner == number]
        form = model_input(text[start:end])
        assert all(part in form for part in spelt)
    assert owners[0] == owners[-1] == NO_WORD


def test_a_link_and_what_follows_it_keep_their_places() -> None:
    text = "see https://t.co/abcdef acme &amp; globex plunges"
    words, shown = words_of(text), model_input(text)
    encoding = word_pieces().encode(shown)
    owners = token_words(text, shown, words, encoding.offsets)
    named = [
        encoding.tokens[token]
        for token, owner in enumerate(owners)
        if owner >= 0 and owner != words_in(text).index("see")
    ]
    assert named == ["http", "acme", "&", "globex", "plunges"]
    assert [text[slice(*words[owner])] for owner in owners if owner != NO_WORD][-1] == "plunges"


def test_words_are_cut_in_any_order_and_with_the_space_before_them() -> None:
    spans = [Span(5, 12), Span(0, 4)]
    assert cut(Mention("Acme plunges, lenders wait", 14, 21), spans) == Mention(", lenders wait", 2, 9)
