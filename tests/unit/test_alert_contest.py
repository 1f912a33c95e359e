from __future__ import annotations

import numpy as np
import pytest

from benchmarks.alerts import baselines, ours
from benchmarks.alerts.grounds import WEEK, Ground, jumped, surged

SERIES = 6


def ground() -> Ground:
    draw = np.random.default_rng(1)
    total = draw.poisson(0.1, (5 * WEEK, SERIES)).astype(float)
    negative = draw.binomial(total.astype(int), 0.1).astype(float)
    return Ground("drawn", negative, total, np.ones(SERIES, np.int64), 4 * WEEK, 4 * WEEK)


def test_what_is_put_in_is_there_and_begins_with_the_judged_part() -> None:
    calm = ground()
    loud, surges = surged(calm, [True], a_day=2, seed=1)
    assert (loud.total - calm.total).sum() == sum(one.size for one in surges) == (loud.negative - calm.negative).sum()
    assert np.array_equal(loud.total[: calm.judge], calm.total[: calm.judge])
    busy, jumps = jumped(calm, a_day=2, seed=1)
    added = busy.negative.sum() - calm.negative.sum(), busy.total.sum() - calm.total.sum()
    assert len(jumps) == 14
    assert added[0] / added[1] == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("method", ["ours", *baselines.METHODS])
def test_a_bar_lets_no_more_alerts_through_than_were_asked_for_and_a_lower_one_does(method: str) -> None:
    loud, _ = surged(ground(), [True], a_day=4, seed=1)
    score = ours.score(loud) if method == "ours" else baselines.score(method, loud.negative)
    for wanted in (0, 3):
        bar = baselines.tuned(score, wanted)
        assert len(baselines.alarms(score, bar)) <= wanted
        below = score[np.isfinite(score) & (score < bar)].max()
        assert len(baselines.alarms(score, float(below))) > wanted


def test_our_test_hears_surges_and_not_jumps_of_volume_with_the_usual_share() -> None:
    loud, surges = surged(ground(), [True], a_day=2, seed=1)
    busy, jumps = jumped(ground(), a_day=2, seed=1)
    heard = {series for _, series in baselines.alarms(ours.score(loud), ours.P_COUNT)}
    disturbed = [slot for slot, _ in baselines.alarms(ours.score(busy), ours.P_COUNT)]
    assert heard >= {one.series for one in surges}
    assert len(disturbed) * 4 < len(jumps)
