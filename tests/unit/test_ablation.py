"""Trials of an ablation differ in what they say and in nothing else, and are not run twice."""

import pytest

from tests.training_data import tiny_plan, write_base, write_data
from training.ablation import TRIALS, ablate, evaluation_rows, part_of
from training.distil import load_teacher, teacher_targets
from training.plan import Plan
from training.prepare import prepare
from training.rows import PROSE
from training.teach import teach


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("ablation")
    plan = tiny_plan(write_data(folder / "data"), write_base(folder / "base"), folder / "run")
    prepare(plan)
    teach(plan)
    return plan


def test_an_ablation_gives_figures_of_each_trial_and_goes_on_where_it_stopped(taught: Plan) -> None:
    first = ablate(taught, 60, TRIALS[:1])
    both = ablate(taught, 60, TRIALS[:2])
    assert both[0] == first[0]
    assert [result["name"] for result in both] == [trial.name for trial in TRIALS[:2]]
    assert both[0]["held out"].keys() == {"topic", "sentiment", "entity"}
    assert set(both[0]) == {"name", *evaluation_rows(taught)}


def test_trials_draw_the_same_texts(taught: Plan) -> None:
    targets = teacher_targets(taught, load_teacher(taught))
    whole = part_of(taught, targets, 60, TRIALS[0])
    plain = part_of(taught, targets, 60, next(trial for trial in TRIALS if trial.without_prose))
    assert len(whole.sources) == 60
    assert PROSE in whole.sources
    assert plain.texts[0] == [
        text for text, source in zip(whole.texts[0], whole.sources, strict=True) if source != PROSE
    ]
    bare = part_of(taught, targets, 60, next(trial for trial in TRIALS if trial.variants == 0))
    assert bare.texts == whole.texts[:1]
