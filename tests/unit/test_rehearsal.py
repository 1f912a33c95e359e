"""A rehearsal by itself; that it rings as the real system does is in tests/integration/test_rehearsal.py."""

from __future__ import annotations

import random

import numpy as np
import pytest

from stream.alerting import Change, Seen
from stream.baseline import Bools, Ints
from stream.lookout import Lookout
from stream.rehearsal import RehearsedAlert, rehearse
from stream.storybook import similarity
from tests.feeds import DAY_MS, MINUTE_MS, START_MS, quiet_days, surge
from undertone.messages import NEGATIVE_SURGE, Message, from_ms, to_ms
from undertone.scorer import TrivialScorer
from undertone.settings import Settings
from undertone.trends import Counts, Series

SURGE_MS = START_MS + DAY_MS + 10 * MINUTE_MS


def rung(messages: list[Message]) -> list[RehearsedAlert]:
    return rehearse(messages, TrivialScorer(), settings=Settings())


@pytest.fixture(scope="module")
def alerts() -> list[RehearsedAlert]:
    return rung([*quiet_days(1), *surge(SURGE_MS, "BUST")])


def test_a_surge_rings_while_it_lasts_and_says_what_was_counted(alerts: list[RehearsedAlert]) -> None:
    about = [one for one in alerts if one.entity == "BUST"]
    assert about
    assert about[0].rule == NEGATIVE_SURGE
    assert SURGE_MS < to_ms(about[0].fired_at) < SURGE_MS + 30 * MINUTE_MS
    assert 4 <= about[0].stories <= about[0].messages
    assert about[0].p_count < 1e-3


def test_quiet_days_ring_for_nothing(alerts: list[RehearsedAlert]) -> None:
    assert {one.entity for one in alerts} <= {"", "BUST"}
    assert min(to_ms(one.fired_at) for one in alerts) > SURGE_MS


def test_one_text_that_is_copied_a_hundred_times_is_one_story(alerts: list[RehearsedAlert]) -> None:
    text = "Bust plunges after fraud probe widens"
    copies = [
        Message(id=f"copy {n}", text=text, published_at=from_ms(SURGE_MS + n * 1000), source="bots", entities=("BUST",))
        for n in range(100)
    ]
    assert not rung([*quiet_days(1), *copies])


def test_the_order_in_which_messages_are_given_changes_nothing(alerts: list[RehearsedAlert]) -> None:
    messages = [*quiet_days(1), *surge(SURGE_MS, "BUST")]
    random.Random(1).shuffle(messages)
    assert rung(messages) == alerts


def test_nothing_rings_where_nothing_is_said() -> None:
    assert rung([]) == []


class Thorough(Lookout):
    """Lets the detector look at every series at every minute."""

    def _near(self, usual: object, columns: Ints, negative: Ints, total: Ints) -> Bools:
        return np.ones(len(columns), bool)


def told_of(change: Change) -> tuple[object, ...]:
    """What a change says; sums over other columns may round otherwise in the last digits."""
    episode, reading = change.episode, change.reading
    about = (change.what, episode.rule, episode.series, episode.severity)
    if reading is None:
        return about
    tails = (f"{reading.p_count:.9g}", f"{reading.p_share:.9g}", f"{reading.expected:.9g}")
    return (*about, reading.window_s, reading.stories, reading.total, reading.severity, *tails)


@pytest.mark.parametrize("seed", range(2))
def test_looking_closely_only_where_something_may_stand_out_finds_all_that_does(seed: int) -> None:
    draw = np.random.default_rng(seed)
    series = [Series(topic, entity) for topic in ("Macro", "Earnings") for entity in ("", "ACME", "BUST", "CALM")]
    hours: dict[int, dict[Series, Counts]] = {}
    quick, thorough = Lookout(), Thorough()
    changes = 0
    for minute in range(400_000 * 60, 400_000 * 60 + 700):
        rate = 0.3 if minute % 300 > 260 else 0.02
        counts = {}
        for one in series:
            told = tuple(int(n) for n in draw.poisson((rate, 0.02, 0.02)))
            if any(told):
                counts[one] = Counts((told[0], told[1], told[2]), (told[0], told[1], told[2]))
        hour = hours.setdefault(minute // 60, {})
        for one, cell in counts.items():
            hour[one] = hour.get(one, Counts()) + cell
        found = []
        for lookout in (quick, thorough):
            if minute % 60 == 0:
                lookout.hour(minute // 60 - 1, hours.get(minute // 60 - 1, {}))
            lookout.minute(minute, counts)
            found.append(lookout.look(minute, lambda *_: Seen(frozenset(), 3)))
        assert [*map(told_of, found[0])] == [*map(told_of, found[1])]
        changes += len(found[0])
    assert changes


def test_likeness_of_whole_sketches_is_the_share_of_words_in_common() -> None:
    assert similarity((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 8, 9), k=64, threshold=0.66) == 6 / 9
    assert similarity((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 8, 9), k=64, threshold=0.67) is None
    assert similarity((), (), k=64, threshold=0.7) is None
