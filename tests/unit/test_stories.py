"""Fingerprints: what is the same story, what is not, and how surely a near copy is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.marks import WORD_DIGITS
from stream.stories import BANDS, LEAST_WORDS, ROWS, SKETCH_SIZE, THRESHOLD, Told, fingerprint, fingerprints
from stream.storybook import Storybook
from undertone.store import Claim

words = st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=8)
sentences = st.lists(words, min_size=1, max_size=40)


def claim(text: str, message_id: str = "a") -> Claim:
    return fingerprint("news-0:1", 1_000, message_id, text)


def key(one: Claim) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    return one.text_hash, one.sketch, one.bands


@given(st.lists(st.sampled_from("acme falls twelve percent as probe widens further".split()), min_size=1, max_size=12))
def test_link_case_and_punctuation_make_no_other_story(text: list[str]) -> None:
    plain = " ".join(text)
    dressed = f"RT @desk: {plain.upper().replace(' ', ', ')}!!! https://t.co/Ab3 @reader"
    assert key(claim(plain)) == key(claim(dressed))


@given(st.lists(sentences.map(" ".join), max_size=12))
def test_claim_of_a_text_does_not_depend_on_its_company(texts: list[str]) -> None:
    told = [Told(f"news-0:{at}", at, str(at), text) for at, text in enumerate(texts)]
    assert fingerprints(told) == [fingerprint(*one) for one in told]


@given(sentences.map(" ".join))
def test_claim_has_the_shape_that_the_script_reads(text: str) -> None:
    one = claim(text)
    assert len(one.id_hash) == len(one.text_hash) == 32
    assert list(one.sketch) == sorted(set(one.sketch))
    assert len(one.sketch) <= SKETCH_SIZE
    assert all(0 <= word < 2**32 for word in one.sketch)
    assert len(one.bands) in (0, BANDS)
    assert bool(one.bands) == bool(one.sketch)


@pytest.mark.parametrize("text", ["", "$AAPL", "buy buy buy buy buy", "$AAPL up 5%", "https://t.co/x @who"])
def test_text_of_few_words_is_compared_exactly_only(text: str) -> None:
    assert claim(text).sketch == ()
    assert claim(text).bands == ()


def test_text_of_just_enough_words_is_compared_by_its_words() -> None:
    assert claim(" ".join("abcdefgh"[:LEAST_WORDS])).bands


def test_messages_of_nothing_but_different_links_are_different_stories() -> None:
    assert claim("https://t.co/one").text_hash != claim("https://t.co/two").text_hash


def test_message_ids_have_their_own_hash() -> None:
    assert claim("x", "a").id_hash != claim("x", "b").id_hash
    assert claim("x", "a").id_hash == claim("y", "a").id_hash


def test_opposite_headlines_are_no_copies() -> None:
    for one, other in [
        ("Copper, nickel rise on global cues", "Copper, nickel soften on global cues"),
        ("Acme beats estimates in third quarter", "Acme misses estimates in third quarter"),
        ("Acme shares fall 5% on weak guidance", "Zenith shares fall 5% on weak guidance"),
        (
            "Acme to close 12 stores in Ohio, 900 people affected",
            "Acme to close 12 stores in Ohio, 600 people affected",
        ),
        ("Japan bans Acme jets from its airspace after crash", "India bans Acme jets from its airspace after crash"),
    ]:
        assert not same_story(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme beats estimates in the third quarter", "Acme tops estimates in the third quarter"),
        ("Acme to shut several stores, cuts hours at others", "Acme Inc to shut several stores, cuts hours at others"),
        ("WSJ: Acme to sell its $5 billion arm in Japan", "RT @WSJ: Acme to sell its $5 billion arm in Japan $ACME"),
        ("Acme sells its $5 billion arm in Japan to rival Zenith", "Acme sells its $5 billion arm in Japan to riv…"),
        (
            "Win the new phone from us, tell a friend about it! 12",
            "Win the new phone from us, tell a friend about it! 735",
        ),
        ("腾讯控股今日公布第三季度业绩，收入增长", "腾讯控股今日公布第三季度业绩，收入大增"),
    ],
)
def test_what_is_said_anew_without_another_fact_is_a_copy(one: str, other: str) -> None:
    assert same_story(one, other)


def same_story(one: str, other: str) -> bool:
    book = Storybook(window_ms=86_400_000, threshold=THRESHOLD, sketch_size=SKETCH_SIZE)
    first, second = book.claim([fingerprint(f"news-0:{n}", n, str(n), text) for n, text in enumerate((one, other))])
    return first.owner == second.owner


def test_headline_with_a_tail_is_a_copy() -> None:
    one = "Acme to cut two thousand jobs as regulators widen probe of its accounts"
    other = one + " - Daily Wire"
    assert jaccard(claim(one), claim(other)) >= THRESHOLD
    assert set(claim(one).bands) & set(claim(other).bands)


def test_near_copies_are_found_as_often_as_the_curve_says() -> None:
    chance = random.Random(7)
    lexicon = [f"w{n}" for n in range(20_000)]
    found, at_threshold = [], []
    for _ in range(400):
        text = chance.sample(lexicon, 30)
        changed = [*text]
        for place in chance.sample(range(0, 30, 3), 3):
            changed[place] = chance.choice(lexicon)
        one, other = claim(" ".join(text)), claim(" ".join(changed))
        similarity = jaccard(one, other)
        if similarity >= THRESHOLD:
            at_threshold.append(similarity)
            found.append(bool(set(one.bands) & set(other.bands)))
    assert len(found) > 300
    assert sum(found) / len(found) >= 0.97
    curve = [1 - (1 - s**ROWS) ** BANDS for s in at_threshold]
    assert abs(sum(found) / len(found) - sum(curve) / len(curve)) < 0.02


def test_bands_find_pairs_below_the_threshold_as_rarely_as_the_curve_says() -> None:
    chance = random.Random(8)
    lexicon = [f"w{n}" for n in range(20_000)]
    found, curve = 0, 0.0
    for _ in range(400):
        text = chance.sample(lexicon, 24)
        one, other = claim(" ".join(text)), claim(" ".join(text[:12] + chance.sample(lexicon, 12)))
        found += bool(set(one.bands) & set(other.bands))
        curve += 1 - (1 - jaccard(one, other) ** ROWS) ** BANDS
    assert abs(found - curve) / 400 < 0.06


def test_unrelated_texts_share_no_band() -> None:
    chance = random.Random(9)
    lexicon = [f"w{n}" for n in range(20_000)]
    bands: set[str] = set()
    for _ in range(500):
        one = claim(" ".join(chance.sample(lexicon, 15)))
        assert not bands & set(one.bands)
        bands |= set(one.bands)


def jaccard(one: Claim, other: Claim) -> float:
    """Exact, since the texts here have fewer than SKETCH_SIZE features; asserts so."""
    assert len(one.sketch) < SKETCH_SIZE
    assert len(other.sketch) < SKETCH_SIZE
    a, b = set(one.sketch), set(other.sketch)
    return len(a & b) / len(a | b)


def test_one_template_filled_in_for_two_companies_is_two_stories() -> None:
    text = "received a new alert from our desk this morning, see more about the trade on our page today"
    acme, other = (
        fingerprint(f"comments-0:{n}", 0, str(n), f"${symbol} {text}", (symbol,))
        for n, symbol in enumerate(("ACME", "OTHR"))
    )
    again = fingerprint("comments-0:3", 0, "3", f"$ACME {text} !!", ("ACME",))
    assert not set(acme.bands) & set(other.bands)
    assert set(acme.bands) == set(again.bands)


def test_text_about_two_companies_meets_a_copy_that_names_one_of_them() -> None:
    text = "outlook dims as chip orders dry up across the whole industry, suppliers say"
    both = fingerprint("news-0:1", 0, "1", text, ("ACME", "OTHR"))
    for place, symbol in enumerate(("ACME", "OTHR")):
        one = fingerprint(f"news-0:{place + 2}", 0, f"a{place}", f"{text} today", (symbol,))
        assert set(one.bands) & set(both.bands)
        book = Storybook(window_ms=86_400_000, threshold=THRESHOLD, sketch_size=SKETCH_SIZE)
        assert [answer.owner for answer in book.claim([both, one])] == ["news-0:1"] * 2


def test_words_of_novelty_are_kept_under_a_company_and_leave_out_common_ones() -> None:
    text = "the plant of Acme is on fire"
    one, other = (fingerprint("news-0:1", 0, "1", text, (symbol,)).words for symbol in ("ACME", "OTHR"))
    assert len(one) == len(other) == 3 * WORD_DIGITS
    assert one != other
    assert fingerprint("news-0:1", 0, "1", "it is on", ()).words == ""
