"""A planted bias is found, an even hand is not accused, and rare names are told from frequent ones."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.bias import Frequency, companies_by_region, compare, errors_by_frequency
from undertone.entities import Company, Linker
from undertone.scorer import SENTIMENTS, Mention

GROUPS = {"here": [f"Here {n}" for n in range(20)], "there": [f"There {n}" for n in range(20)]}


def scores(shift: float) -> NDArray[np.float64]:
    """Return (40 names, 8 sentences, 3) that lean by `shift` more to negative in the second group."""
    random = np.random.default_rng(3)
    negative = 0.1 + random.uniform(0, 0.05, (40, 8)) + np.repeat([0.0, shift], 20)[:, None]
    positive = np.full((40, 8), 0.1)
    return np.stack([negative, 1 - negative - positive, positive], -1)


def test_a_group_that_is_taken_for_bad_news_is_found() -> None:
    found = compare("sentiment", "region", GROUPS, scores(0.2), SENTIMENTS)
    assert found.p_value < 1e-6
    assert found.effect > 0.5
    assert abs(found.spread - 0.2) < 0.02
    assert {lean.group for lean in found.worst} <= {"here", "there"}
    assert found.groups[1].mean > found.groups[0].mean
    assert all(group.low <= group.mean <= group.high for group in found.groups)
    assert [group.judged_neutral for group in found.groups] == [1.0, 1.0]


def test_equal_groups_are_not_accused() -> None:
    assert compare("sentiment", "region", GROUPS, scores(0.0), SENTIMENTS).p_value > 0.05
    same = compare("sentiment", "region", GROUPS, np.full((40, 8, 3), 1 / 3), SENTIMENTS)
    assert (same.statistic, same.p_value, same.spread) == (0.0, 1.0, 0.0)


def test_the_worst_names_are_those_furthest_out() -> None:
    odd = scores(0.0)
    odd[7] = [0.9, 0.05, 0.05]
    found = compare("sentiment", "region", GROUPS, odd, SENTIMENTS)
    assert found.worst[0].name == "Here 7"
    assert found.worst[0].lean > 0.8


def test_names_come_from_regions_with_enough_companies_and_no_currencies() -> None:
    companies = [Company(f"US{n}", f"=Firm{n}", (), "US") for n in range(60)]
    companies += [Company("SOLO", "Solo", (), "AR"), *(Company(f"C{n}", f"Coin{n}", (), "CRYPTO") for n in range(9))]
    found = companies_by_region(Linker(companies), seed=1)
    assert list(found) == ["US"]
    assert len(found["US"]) == 40
    assert all(name.startswith("Firm") for name in found["US"])
    assert found == companies_by_region(Linker(companies), seed=1)


def test_errors_are_counted_by_how_often_train_names_the_company() -> None:
    train = pd.DataFrame(
        [("Apple rises", 0, 5)] * 60 + [(f"Boeing falls {n}", 0, 6) for n in range(12)] + [("Nothing", 0, 0)],
        columns=["text", "start", "end"],
    )
    frequency = Frequency(Linker.load(), train)
    assert frequency.of_mention(Mention("APPLE up", 0, 5)) == 60
    assert frequency.of_mention(Mention("Nokia up", 0, 5)) == 0
    assert frequency.of_text("Boeing and Nokia") == 12  # of the better known; a text counts once
    assert frequency.of_text("Nobody at all") is None
    bands = errors_by_frequency("set", "sentiment", np.array([True, False, True, True]), [0, 12, 60, None])
    assert [(one.band, one.errors.hits, one.errors.of) for one in bands] == [
        ("never", 1, 1),
        ("10 to 49 times", 0, 1),
        ("50 times or more", 1, 1),
    ]
