"""What makes the gate refuse, on invented answers of two models to the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.model_folders import manifest
from training.alert_replay import Tally, tally
from training.rules import Event, Floor, Floors, Limits, Period, Replay, Rules
from training.verdict import Check, Contest, Flips, Measured, Verdict, judge
from undertone.model.artefact import FileEntry, Manifest

LABELS = ("negative", "neutral", "positive")
ROWS = 3_000
START = datetime(2014, 2, 3, tzinfo=UTC)
REPLAY = Replay(
    "tweets.jsonl",
    "twitter",
    (Period(START, START + timedelta(days=20), counted_from=START + timedelta(days=10)),),
    (
        Event(START + timedelta(days=12), START + timedelta(days=12, hours=6), name="sale", entity="META", must="ring"),
        Event(
            START + timedelta(days=15), START + timedelta(days=15, hours=2), name="spam", entity="AMZN", must="silent"
        ),
    ),
)
LIMITS = Limits(resamples=400)
RULES = Rules(limits=LIMITS, replay=REPLAY)


class Ring(NamedTuple):
    fired_at: datetime
    entity: str


def truth() -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, 3, ROWS)


def answers(wrong: NDArray[np.bool_], confidence: float = 0.8) -> NDArray[np.float64]:
    """Answers that are right but for some rows, sure by `confidence` throughout."""
    guess = np.where(wrong, (truth() + 1) % 3, truth())
    rest = (1 - confidence) / 2
    return np.where(np.eye(3, dtype=bool)[guess], confidence, rest)


def errors(share: float, seed: int = 2) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(ROWS) < share


def model(version: str, size: int = 1000) -> Manifest:
    return msgspec.structs.replace(manifest(version), files={"model.onnx": FileEntry("0" * 64, size)}, digest=version)


def contest(new: NDArray[np.float64], old: NDArray[np.float64] | None, rows: slice = slice(None)) -> Contest:
    return Contest("tweets", "sentiment", LABELS, truth()[rows], new[rows], None if old is None else old[rows])


def verdict(rules: Rules = RULES, **changed: Any) -> Verdict:
    """The verdict on two equal models, but for what `changed` says was measured."""
    same = answers(errors(0.2))
    calm = Tally(rang=("sale",), broken=(), false=20, counted=21)
    flips = Flips("sentiment", errors(0.03, 5), errors(0.03, 5))
    found: dict[str, Any] = {
        "challenger": model("new"),
        "champion": model("old"),
        "missing_heads": (),
        "contests": (contest(same, same),),
        "flips": (flips,),
        "speed": 1.0,
        "alerts": (calm, calm),
    }
    return judge("finance", 7, rules, Measured(**(found | changed)))


def refused(found: Verdict) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def named(found: Verdict, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_an_equal_model_passes_every_check() -> None:
    found = verdict()
    assert found.passed
    assert not found.refusals
    assert len(found.checks) == 12


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_errs_as_often_but_elsewhere_passes(seed: int) -> None:
    new, old = answers(errors(0.2, 10 + seed)), answers(errors(0.2, 20 + seed))
    assert refused(verdict(contests=(contest(new, old),))) in ([], ["macro-F1 over all"])


def test_a_better_model_passes() -> None:
    found = verdict(contests=(contest(answers(errors(0.15)), answers(errors(0.2))),))
    assert not [name for name in refused(found) if not name.startswith("calibration")]


def test_a_model_that_errs_more_is_refused_with_set_figures_and_advice() -> None:
    found = verdict(contests=(contest(answers(errors(0.24), 0.76), answers(errors(0.2))),))
    assert not found.passed
    assert {"macro-F1 · tweets · sentiment", "accuracy · tweets · sentiment", "macro-F1 over all"} <= {*refused(found)}
    words = named(found, "macro-F1 · tweets · sentiment").words
    assert "tweets" in words
    assert "tolerated are 0.005" in words
    assert "Train longer" in words


def test_a_loss_on_few_rows_that_chance_explains_does_not_refuse_the_set() -> None:
    new, old = answers(errors(0.2, 31)), answers(errors(0.2, 32))
    rows = slice(0, 60)
    gap = (new[rows].argmax(1) == truth()[rows]).mean() - (old[rows].argmax(1) == truth()[rows]).mean()
    new, old = (new, old) if gap < 0 else (old, new)
    found = verdict(contests=(contest(new, old, rows),))
    check = named(found, "accuracy · tweets · sentiment")
    assert check.challenger < check.limit
    assert check.passed
    assert "chance explains" in check.words


def test_a_class_that_is_no_longer_seen_is_named() -> None:
    wrong = errors(0.2)
    worse = wrong | ((truth() == 2) & errors(0.3, 8))
    traded = worse & ~((truth() != 2) & errors(0.9, 9))  # as accurate as before: it errs elsewhere less
    found = verdict(contests=(contest(answers(traded), answers(wrong)),))
    assert "recall · tweets · sentiment" in refused(found)
    assert "'positive'" in named(found, "recall · tweets · sentiment").words


def test_a_model_that_is_too_sure_is_refused_for_its_calibration_alone() -> None:
    wrong = errors(0.2)
    found = verdict(contests=(contest(answers(wrong, 0.97), answers(wrong)),))
    assert refused(found) == ["calibration · tweets · sentiment"]
    assert "temperatures" in found.refusals[0]


def test_a_model_that_noise_flips_more_often_is_refused() -> None:
    found = verdict(flips=(Flips("sentiment", errors(0.06, 6), errors(0.03, 5)),))
    assert refused(found) == ["flips under noise · sentiment"]


@pytest.mark.parametrize(
    ("changed", "name", "advice"),
    [
        ({"speed": 0.5}, "speed", "fewer layers"),
        ({"challenger": model("new", 26_000_000)}, "size in bytes", "vocabulary"),
        ({"missing_heads": ("entity",)}, "heads", "entity"),
    ],
)
def test_a_slow_a_large_and_an_incomplete_model_are_refused(changed: dict[str, Any], name: str, advice: str) -> None:
    found = verdict(**changed)
    assert refused(found) == [name]
    assert advice in found.refusals[0]


@pytest.mark.parametrize(
    ("alerts", "name"),
    [
        (Tally(rang=(), broken=(), false=20, counted=20), "true alerts"),
        (Tally(rang=("sale",), broken=("spam",), false=20, counted=21), "silence"),
        (Tally(rang=("sale",), broken=(), false=23, counted=24), "false alerts"),
    ],
)
def test_alerts_that_get_worse_refuse(alerts: Tally, name: str) -> None:
    calm = Tally(rang=("sale",), broken=(), false=20, counted=21)
    assert refused(verdict(alerts=(alerts, calm))) == [name]


def test_a_few_more_false_alerts_are_tolerated() -> None:
    calm = Tally(rang=("sale",), broken=(), false=20, counted=21)
    assert verdict(alerts=(msgspec.structs.replace(calm, false=22), calm)).passed


def test_an_alert_that_the_champion_missed_too_is_not_lost() -> None:
    mute = Tally(rang=(), broken=(), false=3, counted=3)
    assert verdict(alerts=(mute, mute)).passed


def alone(**changed: Any) -> dict[str, Any]:
    """Measurements of a first model."""
    new = answers(errors(0.2))
    flips = Flips("sentiment", errors(0.03, 5), None)
    heard = Tally(rang=("sale",), broken=(), false=20, counted=21)
    first: dict[str, Any] = {"champion": None, "contests": (contest(new, None),), "flips": (flips,), "speed": None}
    return first | {"alerts": (heard, None)} | changed


def floors(accuracy: float) -> Rules:
    return Rules(floors=Floors(sets={"tweets": {"sentiment": Floor(accuracy=accuracy)}}, events=1), replay=REPLAY)


def test_a_first_model_is_held_to_its_floors() -> None:
    assert verdict(floors(0.75), **alone()).passed
    found = verdict(floors(0.9), **alone())
    assert refused(found) == ["accuracy · tweets · sentiment"]
    assert "floor 0.900" in found.refusals[0]


def test_a_first_model_without_floors_must_beat_the_most_frequent_label() -> None:
    assert verdict(**alone()).passed
    one_label = np.tile([0.4, 0.3, 0.3], (ROWS, 1))
    assert "accuracy · tweets · sentiment" in refused(verdict(**alone(contests=(contest(one_label, None),))))


def test_a_first_model_must_ring_for_enough_events() -> None:
    mute = Tally(rang=(), broken=(), false=3, counted=3)
    assert refused(verdict(floors(0.75), **alone(alerts=(mute, None)))) == ["true alerts"]


def test_a_head_that_the_champion_lacks_is_held_to_floors_beside_the_others() -> None:
    same = answers(errors(0.2))
    entity = Contest("headlines", "entity", LABELS, truth(), np.roll(same, 1, axis=1), None)
    found = verdict(contests=(contest(same, same), entity))
    assert refused(found) == ["accuracy · headlines · entity", "calibration · headlines · entity"]


def test_without_any_labelled_row_nothing_passes() -> None:
    assert "heads" in refused(verdict(contests=()))


def test_the_same_measurements_give_the_same_verdict_and_others_another_id() -> None:
    assert verdict() == verdict()
    assert verdict().id != verdict(speed=1.1).id
    assert msgspec.json.decode(msgspec.json.encode(verdict()), type=Verdict) == verdict()


def rings(*at: tuple[float, str]) -> Sequence[Ring]:
    return [Ring(START + timedelta(days=days), entity) for days, entity in at]


def test_alerts_are_true_false_or_neither() -> None:
    found = tally(
        REPLAY,
        rings(
            (5, "META"),  # the baselines have not settled
            (12.1, "META"),  # true
            (12.1, ""),  # of a topic, in the hours of the sale: may tell of it
            (13, "META"),  # too late
            (15.01, "AMZN"),  # must not ring, and is false
            (15.01, "CALM"),
        ),
    )
    assert found == Tally(rang=("sale",), broken=("spam",), false=3, counted=5)


def test_a_limit_can_be_waived() -> None:
    rules = Rules(limits=Limits(bytes=30_000_000, resamples=400), replay=REPLAY)
    assert verdict(rules, challenger=model("new", 26_000_000)).passed
