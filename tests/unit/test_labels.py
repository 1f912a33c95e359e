"""Which labels train: last words, votes, quarantine, caps and the gate, without Kafka and without a clock."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from undertone.errors import SettingsError
from undertone.labels import Arrival, Gate, Limits, Log, Reason, Training, for_training, judge, person, release, review
from undertone.labels.quarantine import disagreeing
from undertone.labels.records import ReleaseArrival
from undertone.labels.words import last_words
from undertone.messages import Label, Sentiment
from undertone.text import normalise

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = T0 + timedelta(days=30)
OPEN = Gate()
NEGATIVE, NEUTRAL, POSITIVE = Sentiment


def label(text: str, by: str, sentiment: Sentiment | None = None, minute: float = 0, **fields: Any) -> Label:
    return judge(text, by=by, at=T0 + timedelta(minutes=minute), sentiment=sentiment, **fields)


def log(*labels: Label, late_s: float = 1, releases: Iterable[ReleaseArrival] = ()) -> Log:
    """The labels as having come a moment after they were given."""
    return Log(tuple(Arrival(one, one.labelled_at + timedelta(seconds=late_s)) for one in labels), tuple(releases))


def answers(training: Training) -> dict[str, str | None]:
    return {row.text: row.sentiment for row in training.rows}


def train(labels: Log, limits: Limits | None = None, gate: Gate = OPEN, **more: Any) -> Training:
    return for_training(labels, gate, limits or Limits(), NOW, **more)


def text(number: int) -> str:
    """A text that is far from every other number's."""
    chance = random.Random(number)
    return " ".join(f"w{chance.randrange(10**9)}" for _ in range(8))


def test_the_last_word_of_a_person_counts_in_whatever_spelling_of_text_and_name() -> None:
    found = train(
        log(
            label("Acme falls!", "Ann", POSITIVE, 5),
            label("ACME falls https://t.co/x", " ann", NEGATIVE, 9),
            label("Acme falls", "ann", NEUTRAL, 1),
        )
    )
    assert [row.sentiment for row in found.rows] == [NEGATIVE]
    assert found.set_aside == ()


def test_a_later_topic_leaves_what_was_said_of_the_sentiment() -> None:
    found = train(
        log(
            label("Acme falls", "ann", NEGATIVE),
            label("Acme falls", "ann", topic="Markets", minute=1),
            label("Acme falls", "ann", entity="Acme", entity_sentiment=NEGATIVE, minute=2),
            label("Acme falls", "ann", entity="Borg", entity_sentiment=POSITIVE, minute=3),
        )
    )
    [row] = found.rows
    assert (row.sentiment, row.topic) == (NEGATIVE, "Markets")
    assert row.entities == (("Acme", NEGATIVE), ("Borg", POSITIVE))


def test_two_different_words_of_one_instant_cancel_each_other() -> None:
    found = train(log(label("Acme falls", "ann", NEGATIVE), label("Acme falls", "ann", POSITIVE)))
    assert found.rows == ()
    assert [one.reason for one in found.set_aside] == [Reason.CONTRADICTS_ITSELF]


def test_most_votes_win_and_a_reviewer_outweighs_two() -> None:
    said = log(
        label("Acme falls", "ann", POSITIVE),
        label("Acme falls", "bob", POSITIVE),
        label("Acme falls", "Carol", NEGATIVE),
    )
    assert answers(train(said)) == {"Acme falls": POSITIVE}
    assert answers(train(said, Limits(reviewers=frozenset({"carol "})))) == {"Acme falls": NEGATIVE}


def test_a_tie_is_set_aside_and_says_who_said_what() -> None:
    found = review(log(label("Acme falls", "ann", POSITIVE), label("Acme falls", "bob", NEGATIVE)), Limits(), NOW)
    assert found.decisions == ()
    [tie] = found.disputed
    assert (tie.reason, tie.about, tie.detail) == (Reason.DISPUTED, "sentiment", "negative: bob; positive: ann")


@pytest.mark.parametrize("dated", [-1, 0, 1])
def test_a_retraction_takes_back_what_came_before_it_or_is_dated_before_it(dated: float) -> None:
    given_ = label("Acme falls", "ann", NEGATIVE)
    taken = label("Acme falls", "ann", retracts=True, minute=dated)
    found = train(Log((Arrival(given_, T0), Arrival(taken, T0 + timedelta(seconds=1)))))
    assert found.rows == ()
    assert [one.reason for one in found.set_aside] == [Reason.RETRACTED]
    again = label("Acme falls", "ann", NEUTRAL, minute=2)
    found = train(Log((Arrival(given_, T0), Arrival(taken, T0), Arrival(again, T0 + timedelta(seconds=2)))))
    assert answers(found) == {"Acme falls": NEUTRAL}


def test_nobody_takes_back_the_word_of_another() -> None:
    found = train(log(label("Acme falls", "ann", NEGATIVE), label("Acme falls", "bob", retracts=True, minute=1)))
    assert answers(found) == {"Acme falls": NEGATIVE}


def test_a_label_dated_ahead_of_its_arrival_is_set_aside_else_it_would_be_the_last_word_for_ever() -> None:
    ahead = label("Acme falls", "ann", POSITIVE, minute=600)
    found = train(Log((Arrival(ahead, T0), Arrival(label("Acme falls", "ann", NEGATIVE), T0))))
    assert answers(found) == {"Acme falls": NEGATIVE}
    assert [one.reason for one in found.set_aside] == [Reason.FUTURE]


def test_what_came_later_than_now_is_not_looked_at() -> None:
    said = log(label("Acme falls", "ann", NEGATIVE), label("Acme falls", "ann", POSITIVE, minute=60))
    assert answers(for_training(said, OPEN, Limits(), T0 + timedelta(minutes=30))) == {"Acme falls": NEGATIVE}


def test_texts_that_are_too_long_empty_or_judged_by_nothing_are_set_aside() -> None:
    bare = Label(id="1", text="Acme falls", labelled_by="ann", labelled_at=T0)
    half = Label(id="2", text="Acme falls", labelled_by="bob", labelled_at=T0, entity="Acme")
    empty = Label(id="3", text="🚀 !!", labelled_by="ann", labelled_at=T0, sentiment=POSITIVE)
    long = label("long " * 100, "ann", POSITIVE)
    found = train(log(bare, half, empty, long), Limits(max_text_bytes=400))
    assert found.rows == ()
    assert found.counts == {"empty-text": 1, "says-nothing": 2, "too-long": 1}


def test_a_topic_that_the_task_does_not_have_is_set_aside_and_the_earlier_one_does_not_come_back() -> None:
    said = log(
        label("Acme falls", "ann", NEGATIVE, topic="Markets"), label("Acme falls", "ann", topic="Market", minute=1)
    )
    [row] = train(said, topics=("Markets",)).rows
    assert (row.sentiment, row.topic) == (NEGATIVE, None)
    assert train(said, topics=("Markets",)).counts == {"unknown-topic": 1}
    assert train(said).rows[0].topic == "Market"


def crowd(contrary: int, *, texts: int = 40, honest: int = 3) -> list[Label]:
    """Everybody judges every text alike but `carl`, who contradicts on the first so many."""
    labels = [label(text(n), f"honest-{who}", NEGATIVE, n) for n in range(texts) for who in range(honest)]
    return labels + [label(text(n), "carl", POSITIVE if n < contrary else NEGATIVE, n) for n in range(texts)]


def test_who_contradicts_the_others_far_too_often_is_quarantined_with_figures() -> None:
    found = review(log(*crowd(contrary=30)), Limits(), NOW)
    assert {one.by for one in found.quarantined} == {("carl",)}
    assert len(found.quarantined) == 40
    assert found.quarantined[0].detail.startswith("agrees with the others on 10 of 40 texts, 90% is usual (p = ")
    assert {one.answer for one in found.decisions} == {"negative"}


def test_good_people_who_differ_now_and_then_are_not_quarantined() -> None:
    found = review(log(*crowd(contrary=8)), Limits(), NOW)
    assert found.quarantined == []


def test_nobody_is_tested_on_fewer_texts_than_the_limit_says() -> None:
    assert review(log(*crowd(contrary=19, texts=19)), Limits(), NOW).quarantined == []
    assert review(log(*crowd(contrary=20, texts=20)), Limits(), NOW).quarantined != []


def test_the_probability_is_that_of_the_binomial_test() -> None:
    words, _ = last_words(log(*crowd(contrary=30)).labels, Limits())
    found = disagreeing(words, Limits(), {})["carl"]
    assert found.p == pytest.approx(binom.cdf(found.agreed, found.overlaps, found.expected))


def test_where_a_reviewer_has_spoken_others_are_tested_against_the_reviewer_and_not_against_a_crowd() -> None:
    liars = [label(text(n), f"liar-{who}", POSITIVE) for n in range(40) for who in range(5)]
    truth = [label(text(n), "ann", NEGATIVE) for n in range(40)]
    fooled = review(log(*liars, *truth), Limits(), NOW)
    assert {one.by for one in fooled.quarantined} == {("ann",)}
    saved = review(log(*liars, *truth), Limits(reviewers=frozenset({"ann"})), NOW)
    assert {one.by for one in saved.quarantined} == {(f"liar-{who}",) for who in range(5)}
    assert {one.answer for one in saved.decisions} == {"negative"}


def test_two_who_contradict_each_other_are_both_kept_since_nobody_can_tell_who_is_wrong() -> None:
    said = [
        label(text(n), who, sentiment) for n in range(40) for who, sentiment in (("ann", NEGATIVE), ("bob", POSITIVE))
    ]
    found = review(log(*said), Limits(), NOW)
    assert found.quarantined == []
    assert found.decisions == ()
    assert len(found.disputed) == 40


def test_a_release_covers_the_labels_before_it_and_none_after() -> None:
    letter = release("carl", by="ann", at=T0 + timedelta(hours=2), reason="It was a misunderstanding")
    released = ReleaseArrival(letter, letter.released_at)
    before = crowd(contrary=30)
    found = review(log(*before, releases=[released]), Limits(), NOW)
    assert found.quarantined == []
    after = [
        label(text(n), who, POSITIVE if who == "carl" else NEGATIVE, 180 + n)
        for n in range(100, 130)
        for who in ("carl", "honest-1", "honest-2")
    ]
    found = review(log(*before, *after, releases=[released]), Limits(), NOW)
    assert len(found.quarantined) == 30
    assert {one.text for one in found.quarantined} == {text(n) for n in range(100, 130)}


def test_a_release_by_oneself_is_none() -> None:
    letter = msgspec.structs.replace(release("carl", by="ann", at=T0, reason="x"), released_by="Carl")
    own = ReleaseArrival(letter, NOW)
    assert review(log(*crowd(contrary=30), releases=[own]), Limits(), NOW).quarantined != []


def test_a_flood_of_near_identical_texts_is_quarantined_and_its_neighbours_are_not() -> None:
    flood = [
        label(f"Acme Corp will surely rise and rise again very soon now, says {n}", f"bot-{n % 7}", POSITIVE)
        for n in range(21)
    ]
    others = [label(text(n), "ann", NEGATIVE) for n in range(5)]
    found = review(log(*flood, *others), Limits(), NOW)
    assert {one.reason for one in found.quarantined} == {Reason.FLOOD}
    assert len(found.quarantined) == 21
    assert len(found.decisions) == 5
    assert review(log(*flood[1:], *others), Limits(), NOW).quarantined == []


def test_a_day_counts_the_first_texts_of_a_person_by_arrival_and_corrections_are_free() -> None:
    day = [label(text(n), "ann", NEGATIVE, n) for n in range(5)]
    found = train(log(*day, label(text(0), "ann", POSITIVE, 30), label(text(9), "bob", NEGATIVE)), Limits(person_day=3))
    assert set(answers(found)) == {text(1), text(2), text(3), text(9)}  # the corrected word came last
    assert found.counts == {"person-day": 2}
    spread = train(Log(tuple(Arrival(one, T0 + timedelta(days=n)) for n, one in enumerate(day))), Limits(person_day=3))
    assert len(spread.rows) == 5


def test_backdating_does_not_get_round_the_cap_of_a_day() -> None:
    flood = [label(text(n), "ann", NEGATIVE, minute=-1440 * n) for n in range(10)]
    found = train(Log(tuple(Arrival(one, T0) for one in flood)), Limits(person_day=3))
    assert len(found.rows) == 3


def test_a_source_has_a_cap_by_day_whoever_speaks_through_it() -> None:
    said = [label(text(n), f"person-{n}", NEGATIVE, n, source="page") for n in range(10)]
    found = train(log(*said, label(text(10), "ann", NEGATIVE, source="desk")), Limits(source_day=4))
    assert len(found.rows) == 5
    assert found.counts == {"source-day": 6}


def test_nobody_is_the_only_witness_of_more_than_a_share_of_what_trains() -> None:
    prolific = [label(text(n), "ann", NEGATIVE, n) for n in range(100)]
    others = [label(text(1000 + n), f"person-{n}", NEGATIVE) for n in range(70)]
    seconded = [label(text(n), "bob", NEGATIVE, 200) for n in range(10)]
    found = train(log(*prolific, *others, *seconded), Limits(share_free=0))
    mine = [row for row in found.rows if row.by == ("ann",)]
    assert len(mine) == int(0.3 * len(found.rows)) == 34  # 34 of 114
    assert {row.text for row in mine} == {text(n) for n in range(66, 100)}  # the newest
    assert sum(row.by == ("ann", "bob") for row in found.rows) == 10
    assert found.counts == {"person-share": 56}


def test_one_person_alone_may_begin_and_a_reviewer_may_give_all() -> None:
    alone = log(*(label(text(n), "ann", NEGATIVE, n) for n in range(60)))
    assert len(train(alone, Limits(share_free=50)).rows) == 50
    assert len(train(alone, Limits(share_free=50, reviewers=frozenset({"ann"}), person_day=1)).rows) == 60


def test_a_persons_topics_do_not_push_out_what_others_said_of_the_same_texts() -> None:
    said = [label(text(n), "ann", NEGATIVE) for n in range(20)] + [label(text(n), "bob", NEGATIVE) for n in range(20)]
    topics = [label(text(n), "carl", topic="Markets", minute=n) for n in range(20)]
    found = train(log(*said, *topics), Limits(share_free=0))
    assert len(found.rows) == 20
    assert sum(row.topic is not None for row in found.rows) == 6


def test_gate_texts_and_their_near_repeats_never_leave() -> None:
    gate = Gate.of(["Acme Corp cuts its forecast for the year after weak sales"])
    said = log(
        label("ACME Corp cuts its forecast for the year, after weak sales https://t.co/x", "ann", NEGATIVE),
        label("Acme Corp cuts its forecast for the year after very weak sales", "ann", NEGATIVE),
        label("Acme Corp opens a plant", "ann", POSITIVE),
    )
    found = train(said, gate=gate)
    assert set(answers(found)) == {"Acme Corp opens a plant"}
    assert found.counts == {"gate": 2}


def test_licences_and_witnesses_travel_with_the_row() -> None:
    found = train(
        log(
            label("Acme falls", "ann", NEGATIVE, licence="CC-BY-NC-SA-3.0", source="import"),
            label("Acme falls", "bob", NEGATIVE, 3, source="page"),
            label("Acme falls", "carl", POSITIVE, 4, source="page"),
        )
    )
    [row] = found.rows
    assert row.licences == ("", "CC-BY-NC-SA-3.0")
    assert (row.by, row.sources) == (("ann", "bob"), ("import", "page"))
    assert row.labelled_at == T0 + timedelta(minutes=3)


@pytest.mark.parametrize("wrong", [{"person_share": 1.5}, {"flood_texts": 0}, {"person_day": -1}, {"overlaps": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"cannot be used: valid is"):
        Limits(**wrong)


# Any log at all: few people, few texts, few moments, so that everything meets.
TEXTS = [text(n) for n in range(4)] + [text(3) + " more", text(3) + " yet"]
PEOPLE = ("ann", "bob", "Bob", "carl", "reviewer")
STRICT = Limits(
    reviewers=frozenset({"reviewer"}),
    person_day=2,
    source_day=4,
    person_share=0.4,
    source_share=0.6,
    share_free=1,
    flood_texts=2,
    overlaps=2,
    p_disagrees=0.2,
)
given_labels = st.builds(
    lambda text, by, sentiment, minute, source, retracts: label(
        text, by, sentiment, minute, source=source, retracts=retracts
    ),
    st.sampled_from(TEXTS),
    st.sampled_from(PEOPLE),
    st.sampled_from(Sentiment),
    st.integers(0, 3),
    st.sampled_from(("page", "desk")),
    st.sampled_from((False, False, False, True)),
)
arrivals = st.builds(
    lambda one, later: Arrival(one, one.labelled_at + timedelta(hours=later)), given_labels, st.integers(0, 40)
)
logs = st.lists(arrivals, max_size=30)


@given(logs, st.randoms())
def test_the_order_and_the_repetition_of_records_change_nothing(labels: list[Arrival], chance: random.Random) -> None:
    expected = train(Log(tuple(labels)), STRICT)
    again = labels + chance.sample(labels, len(labels) // 2)
    chance.shuffle(again)
    found = train(Log(tuple(again)), STRICT)
    assert found.rows == expected.rows
    assert sorted(found.set_aside) == sorted(expected.set_aside)


@given(logs)
def test_nothing_is_invented_every_answer_is_somebodys_and_every_word_is_somewhere(labels: list[Arrival]) -> None:
    found = train(Log(tuple(labels)), STRICT)
    said = {(normalise(one.label.text), one.label.sentiment) for one in labels if not one.label.retracts}
    assert {(normalise(row.text), row.sentiment) for row in found.rows} <= said
    texts = {normalise(row.text) for row in found.rows} | {normalise(one.text) for one in found.set_aside}
    assert texts == {normalise(one.label.text) for one in labels if not one.label.retracts}


@settings(max_examples=200)
@given(logs)
def test_no_cap_is_ever_exceeded(labels: list[Arrival]) -> None:
    found = train(Log(tuple(labels)), STRICT)
    people: defaultdict[str, int] = defaultdict(int)
    sources: defaultdict[str, int] = defaultdict(int)
    for row in found.rows:
        who = {person(name) for name in row.by}
        if not who & STRICT.reviewers:
            if len(who) == 1:
                people[who.pop()] += 1
            if len(row.sources) == 1:
                sources[row.sources[0]] += 1
    assert max(people.values(), default=0) <= max(1, 0.4 * len(found.rows))
    assert max(sources.values(), default=0) <= max(1, 0.6 * len(found.rows))
    days: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in review(Log(tuple(labels)), STRICT, NOW).decisions:
        for word in one.witnesses:
            if word.person != "reviewer":
                days[word.person, word.day].add(one.key)
                days["source " + word.label.source, word.day].add(one.key)
    assert all(len(texts) <= (4 if name.startswith("source") else 2) for (name, _), texts in days.items())


@given(logs, st.sampled_from(TEXTS), st.sampled_from(PEOPLE))
def test_what_is_taken_back_never_trains(labels: list[Arrival], taken: str, who: str) -> None:
    back = Arrival(label(taken, who, retracts=True, minute=600), T0 + timedelta(days=3))
    found = train(Log((*labels, back)), Limits())
    for row in found.rows:
        if normalise(row.text) == normalise(taken):
            assert person(who) not in {person(name) for name in row.by}


@given(logs, st.sets(st.sampled_from(TEXTS), max_size=3))
def test_no_gate_text_and_no_near_repeat_ever_leaves(labels: list[Arrival], frozen: set[str]) -> None:
    found = train(Log(tuple(labels)), gate=Gate.of(frozen))
    for row in found.rows:
        words = set(normalise(row.text).split())
        for one in frozen:
            others = set(normalise(one).split())
            assert len(words & others) / len(words | others) < 0.8
