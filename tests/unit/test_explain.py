"""Attributions keep the sums that they promise, and the sentence tells nothing that the model does not say again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.random_student import VOCABULARY, random_student
from tests.training_data import COMPANIES
from undertone.errors import InputError, ModelError
from undertone.explain import METHODS, Explainer, Explanation
from undertone.explain.faithfulness import faithfulness
from undertone.explain.gradients import Gradients
from undertone.explain.question import Question
from undertone.explain.rollout import rollout, token_shares
from undertone.explain.words import words_of
from undertone.model.forward import Forward
from undertone.scorer import SENTIMENTS, Mention, TrivialScorer, load_scorer

PLAIN = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=9).map(" ".join)
EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = [
    "Acme plunges 12% as it warns on profit, although lenders stay calm",
    "Globex beats estimates, raises its dividend; shares surge",
    "Fed to meet on Monday",
    "profit falls, falls and falls again",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_student(tmp_path_factory.mktemp("student") / "one")


@pytest.fixture(scope="module")
def student(folder: Path) -> Explainer:
    return Explainer.load(folder)


@pytest.fixture(scope="module")
def shipped() -> Explainer:
    return Explainer.load("default")


def probability(explainer: Explainer, text: str, label: str) -> float:
    return float(explainer.scorer.score([text]).sentiment[0, SENTIMENTS.index(label)])


@given(text=PLAIN)
@EXAMPLES
def test_occlusion_is_what_the_label_loses_without_the_word(student: Explainer, text: str) -> None:
    found = student.explain(text, method="occlusion")
    words = text.split()
    for number, word in enumerate(found.words):
        without = " ".join(words[:number] + words[number + 1 :])
        lost = probability(student, text, found.label) - probability(student, without, found.label)
        assert word.weight == pytest.approx(lost, abs=1e-5)


@given(word=st.sampled_from(VOCABULARY))
@EXAMPLES
def test_the_text_without_all_its_words_is_the_empty_text(student: Explainer, word: str) -> None:
    for method in ("occlusion", "shapley"):
        found = student.explain(word, method=method)
        lost = probability(student, word, found.label) - probability(student, "", found.label)
        assert found.words[0].weight == pytest.approx(lost, abs=1e-5)


@given(text=PLAIN)
@EXAMPLES
def test_shapley_values_sum_to_what_all_words_add(student: Explainer, text: str) -> None:
    found = student.explain(text, method="shapley")
    added = probability(student, text, found.label) - probability(student, "", found.label)
    assert sum(word.weight for word in found.words) == pytest.approx(added, abs=1e-4)
    assert found == student.explain(text, method="shapley")


def test_shapley_gives_two_words_that_say_the_same_the_same_and_silent_ones_nothing() -> None:
    found = Explainer(TrivialScorer()).explain("loss of nothing plunges")
    weights = {word.word: word.weight for word in found.words}
    assert weights["of"] == weights["nothing"] == 0
    assert weights["loss"] == weights["plunges"] == pytest.approx(0.425)  # (0.9 - 0.05) / 2


@given(text=PLAIN, head=st.sampled_from(["topic", "sentiment"]))
@EXAMPLES
def test_integrated_gradients_are_complete(folder: Path, text: str, head: str) -> None:
    network = Forward.load(folder)
    gradients, ids = Gradients(folder, network.manifest), network.tokenizer.encode(text).ids
    parts, total = gradients.integrated(ids, [0] * len(ids), None, head, 1, steps=64)
    assert parts.sum() == pytest.approx(total, abs=5e-3)


def test_gradients_towards_an_entity_are_complete_too_and_start_at_what_the_scorer_says(
    student: Explainer, folder: Path
) -> None:
    network = Forward.load(folder)
    ids = network.tokenizer.encode("acme plunges globex rally").ids
    gradients = Gradients(folder, network.manifest)
    parts, total = gradients.integrated(ids, [0] * len(ids), (1, 2), "entity", 0, steps=64)
    assert parts.sum() == pytest.approx(total, abs=5e-3)
    full = float(student.scorer.score_entities([Mention("acme plunges globex rally", 0, 4)])[0, 0])
    _, nothing = gradients.integrated(ids, ids, (1, 2), "entity", 0)
    assert nothing == pytest.approx(0, abs=1e-6)
    assert total <= full + 1e-4  # the baseline's probability is not below 0


@given(
    st.integers(1, 3).flatmap(lambda layers: st.integers(1, 8).map(lambda tokens: (layers, 2, tokens, tokens))),
    st.integers(0, 2**32 - 1),
)
def test_rollout_rows_sum_to_one(shape: tuple[int, ...], seed: int) -> None:
    attention = np.random.default_rng(seed).random(shape).astype(np.float32) + 1e-3
    attention /= attention.sum(-1, keepdims=True)
    np.testing.assert_allclose(rollout(attention).sum(1), 1, atol=1e-6)
    for span in (None, (0, 1)):
        assert token_shares(attention, span).sum() == pytest.approx(1, abs=1e-6)


def test_rollout_of_tokens_that_see_only_themselves_stays_with_them() -> None:
    alone = np.tile(np.eye(5, dtype=np.float32), (3, 4, 1, 1))
    np.testing.assert_array_equal(rollout(alone), np.eye(5))


def test_rollout_of_a_text_shares_out_all_the_attention(shipped: Explainer) -> None:
    for text in TEXTS:
        found = shipped.explain(text, method="rollout")
        assert found.rest is not None
        assert sum(word.weight for word in found.words) + found.rest == pytest.approx(1, abs=1e-4)
        assert all(word.weight >= 0 for word in found.words)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_number_of_the_sentence_is_found_again(
    shipped: Explainer, student: Explainer, text: str, method: str
) -> None:
    if method == "gradients":  # the small one: a hundred passes forwards and backwards
        shipped = student
    found = shipped.explain(text, method=method)
    said = found.sentence
    assert said.startswith(f"{found.label.capitalize()} ({probability(shipped, text, found.label):.2f}): ")
    weights = [word.weight for word in found.words]
    # Each `"word" … (number)` before "without" is that word's weight, and the first is the largest.
    told, _, without = said.partition("without ")
    named = re.findall(r'"([^"]+)"(?: \(word (\d+)\))?[^("]*\((−?[\d.]+)\)', told)
    for name, place, number in named:
        weight = float(number.replace("−", "-"))
        [match] = [one for n, one in enumerate(found.words, 1) if one.word == name and (not place or n == int(place))]
        assert match.weight == pytest.approx(weight, abs=0.0051)
    if found.facts.leading:
        assert found.words[found.facts.leading[0]].weight == max(weights)
    if found.facts.against is not None:
        assert weights[found.facts.against] == min(weights) < 0
    # What it would be without the words: cut out by hand, scored again.
    if without:
        claim = re.search(r"it would (still )?be (\w+) \(([\d.]+)\)\.$", without)
        assert claim is not None
        assert found.facts.without is not None
        left = rebuilt(found, found.facts.without.words)
        scores = shipped.scorer.score([left]).sentiment[0]
        assert SENTIMENTS[int(scores.argmax())] == claim[2]
        assert float(scores.max()) == pytest.approx(float(claim[3]), abs=0.0051)
        assert (claim[1] is not None) == (claim[2] == found.label)


def rebuilt(found: Explanation, words: tuple[int, ...]) -> str:
    text = found.text
    for number in sorted(words, reverse=True):
        word = found.words[number]
        text = f"{text[: word.start]}{text[word.end :]}".replace("  ", " ")
    return text.strip().replace(" ,", ",").replace(" ;", ";")


def test_the_sentence_names_the_fewest_words_that_turn_it() -> None:
    one = Explainer(TrivialScorer()).explain("Acme plunges today")
    assert (
        one.sentence == 'Negative (0.90): "plunges" weighs most (0.85); without "plunges" it would be neutral (0.90).'
    )
    two = Explainer(TrivialScorer()).explain("loss at Acme plunges")
    assert two.sentence == (
        'Negative (0.90): "loss" weighs most (0.42), then "plunges" (0.42); '
        'without "loss" and "plunges" it would be neutral (0.90).'
    )


def test_a_word_that_comes_twice_is_told_by_its_number() -> None:
    found = Explainer(TrivialScorer()).explain("loss after loss")
    assert 'without "loss" (word 1) and "loss" (word 3) it would be neutral (0.90)' in found.sentence


def test_nothing_is_said_of_words_that_do_not_matter() -> None:
    explainer = Explainer(TrivialScorer())
    assert explainer.explain("on Monday").sentence == "Neutral (0.90): no single word speaks for it."
    assert explainer.explain("...").sentence == "Neutral (0.90): the text has no words to weigh."


@pytest.mark.parametrize("method", METHODS)
def test_whom_it_is_about_is_not_weighed_but_stays_in_every_text_that_is_tried(student: Explainer, method: str) -> None:
    text = "hooli surges; acme plunges, wonka growth"
    start = text.index("acme")
    found = student.explain(text, head="entity", method=method, span=(start, start + 4))
    assert [word.word for word in found.words] == ["hooli", "surges", "plunges", "wonka", "growth"]
    assert found.sentence.startswith(f"{found.label.capitalize()} towards acme (")
    expected = student.scorer.score_entities([Mention(text, start, start + 4)])[0]
    assert found.probability == pytest.approx(float(expected.max()))
    if found.facts.without is not None:
        left = rebuilt(found, found.facts.without.words)
        again = student.scorer.score_entities([Mention(left, left.index("acme"), left.index("acme") + 4)])[0]
        assert float(again.max()) == pytest.approx(found.facts.without.probability, abs=1e-4)


def test_a_long_text_is_weighed_only_as_far_as_the_model_can_read(student: Explainer) -> None:
    found = student.explain("rally " * 2_000, method="occlusion")
    assert len(found.words) == 40


def test_a_question_that_the_model_cannot_answer_says_why(
    shipped: Explainer, student: Explainer, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="valid are sentiment, topic, entity"):
        shipped.explain("x", head="mood")
    with pytest.raises(InputError, match="valid are shapley, occlusion, rollout, gradients"):
        shipped.explain("x", method="guess")
    with pytest.raises(InputError, match="needs an entity"):
        student.explain("x", head="entity")
    with pytest.raises(ModelError, match="no layers"):
        Explainer(TrivialScorer()).explain("x y", method="rollout")
    topics = Explainer.load(
        random_student(tmp_path / "topics", heads=(Forward.load(student_folder(student)).manifest.heads[0],))
    )
    with pytest.raises(ModelError, match="no head 'sentiment'; it has topic"):
        topics.explain("x")


def student_folder(explainer: Explainer) -> Path:
    folder = explainer._folder
    assert folder is not None
    return folder


def test_without_torch_rollout_goes_and_gradients_say_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "undertone.model.network", raising=False)
    explainer = Explainer.load(folder)
    for method in ("shapley", "occlusion", "rollout"):
        assert explainer.explain("acme plunges", method=method).words
    with pytest.raises(ModelError, match=r"pip install 'undertone\[train\]'; or use --method"):
        explainer.explain("acme plunges", method="gradients")


@given(text=PLAIN, seed=st.integers(0, 100))
@EXAMPLES
def test_an_order_and_its_reverse_are_as_faithful_as_they_are_unfaithful(
    student: Explainer, text: str, seed: int
) -> None:
    question, words = Question(student.scorer, "sentiment"), words_of(text)
    weights = np.random.default_rng(seed).permutation(len(words)).astype(np.float64)
    there = faithfulness(question, Mention(text, 0, 0), words, weights, 0)
    back = faithfulness(question, Mention(text, 0, 0), words, -weights, 0)
    assert there.gap == pytest.approx(-back.gap, abs=1e-5)


def test_the_word_that_decides_is_the_faithful_one_to_put_first() -> None:
    question, text = Question(load_scorer("trivial"), "sentiment"), f"plunges {' '.join(COMPANIES[:4])}"
    words, weights = words_of(text), np.array([1.0, 0, 0, 0, 0])
    right = faithfulness(question, Mention(text, 0, 0), words, weights, 0)
    wrong = faithfulness(question, Mention(text, 0, 0), words, -weights, 0)
    # Five words: the curve falls from .9 to .05 within the first step, or within the last.
    assert right.deletion == pytest.approx((0.475 + 4 * 0.05) / 5, abs=1e-6)
    assert right.insertion == pytest.approx((0.475 + 4 * 0.9) / 5, abs=1e-6)
    assert [right.comprehensiveness, right.sufficiency] == pytest.approx([0.85, 0], abs=1e-6)
    assert [wrong.comprehensiveness, wrong.sufficiency] == pytest.approx([0, 0.85], abs=1e-6)
