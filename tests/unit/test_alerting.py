from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream.alerting import HOLD_MIN, QUIET_MIN, RESOLVE_MIN, Change, Episode, Episodes, Key, Seen, What, alert_id
from stream.detector import NEGATIVE_SURGE, RULES, VOLUME_SURGE, Reading, Rule
from undertone.messages import AlertState, Severity
from undertone.trends import Series

ACME = Series("", "ACME")
EARNINGS = Series("Earnings", "")
BOTH = Series("Earnings", "ACME")
OTHER = Series("", "BUST")
T = 23_000_000


def reading(
    severity: Severity | None = Severity.WARNING, *, rule: Rule = NEGATIVE_SURGE, wide: int = 5, p: float = 1e-4
) -> Reading:
    return Reading(rule, 0, 900, wide, wide, 0.1, 0.2, p, 1.0, 0.3, 1e-3, severity, wide)


def unseen(*_: object) -> Seen:
    return Seen(frozenset(), 0)


class Stories:
    """Positions of stories by series, under every rule."""

    def __init__(self, **positions: str) -> None:
        self.by_entity = positions
        self.sources = 1

    def __call__(self, rule: Rule, series: Series, window_s: int) -> Seen:
        return Seen(frozenset(self.by_entity.get(series.entity or series.topic, "")), self.sources)


def test_a_condition_fires_once_it_has_held_for_two_looks() -> None:
    episodes = Episodes(RULES)
    assert episodes.step(T, [(ACME, reading())], unseen) == []
    (change,) = episodes.step(T + HOLD_MIN, [(ACME, reading())], unseen)
    assert change.what is What.FIRED
    assert (change.episode.started, change.episode.fired) == (T, T + HOLD_MIN)
    assert change.episode.phase is AlertState.FIRING


def test_a_condition_that_held_for_one_look_is_forgotten() -> None:
    episodes = Episodes(RULES)
    episodes.step(T, [(ACME, reading())], unseen)
    assert episodes.step(T + 1, [(ACME, reading(None))], unseen) == []
    assert episodes.by_key == {}


def fire(episodes: Episodes, wide: int = 5) -> Change:
    episodes.step(T, [(ACME, reading(wide=wide))], unseen)
    (change,) = episodes.step(T + 1, [(ACME, reading(wide=wide))], unseen)
    return change


def test_an_episode_ends_only_after_half_an_hour_under_the_lower_bar() -> None:
    episodes = Episodes(RULES)
    fired = fire(episodes)
    for minute in range(T + 2, T + 100):
        assert episodes.step(minute, [(ACME, reading(None))], unseen) == []
    last = T + 99
    for minute in range(last + 1, last + RESOLVE_MIN):
        assert episodes.step(minute, [], unseen) == []
    (change,) = episodes.step(last + RESOLVE_MIN, [], unseen)
    assert change.what is What.RESOLVED
    assert alert_id("news", change.episode) == alert_id("news", fired.episode)
    assert episodes.by_key == {}


def test_a_new_surge_after_the_end_is_another_alert() -> None:
    episodes = Episodes(RULES)
    first = alert_id("news", fire(episodes).episode)
    episodes.step(T + 1 + RESOLVE_MIN, [], unseen)
    episodes.step(T + 50, [(ACME, reading())], unseen)
    (change,) = episodes.step(T + 51, [(ACME, reading())], unseen)
    assert alert_id("news", change.episode) != first


def test_the_id_depends_on_rule_series_stream_and_first_minute_only() -> None:
    one, two = Episodes(RULES), Episodes(RULES)
    first, second = fire(one, wide=5).episode, fire(two, wide=50).episode
    assert alert_id("news", first) == alert_id("news", second)
    assert alert_id("news", first) != alert_id("comments", first)
    assert len(alert_id("news", first)) == 16


def test_growth_is_told_again_only_when_doubled_and_not_too_soon() -> None:
    episodes = Episodes(RULES)
    fire(episodes, wide=5)
    assert episodes.step(T + 3, [(ACME, reading(wide=30))], unseen) == []
    changes = episodes.step(T + 1 + QUIET_MIN, [(ACME, reading(wide=10))], unseen)
    assert [one.what for one in changes] == [What.GROWN]
    later = episodes.step(T + 1 + 3 * QUIET_MIN, [(ACME, reading(wide=19))], unseen)
    assert What.GROWN not in [one.what for one in later]


def test_a_warning_escalates_once_and_at_once_when_the_sources_are_there() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abc")
    fire(episodes, wide=5)
    assert episodes.step(T + 2, [(ACME, reading(Severity.CRITICAL, wide=6))], stories) == []
    stories.sources = 3
    (change,) = episodes.step(T + 3, [(ACME, reading(Severity.CRITICAL, wide=7))], stories)
    assert (change.what, change.episode.severity) == (What.ESCALATED, Severity.CRITICAL)
    assert episodes.step(T + 4, [(ACME, reading(Severity.CRITICAL, wide=8))], stories) == []


def test_entity_topic_and_both_on_the_same_stories_are_one_notification() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", Earnings="abcde")
    surprising = {ACME: 1e-6, EARNINGS: 1e-4, BOTH: 1e-9}
    ringing = [(series, reading(p=p)) for series, p in surprising.items()]
    episodes.step(T, ringing, stories)
    changes = episodes.step(T + 1, ringing, stories)
    assert [one.episode.series for one in changes] == [BOTH]
    assert episodes.by_key["negative-surge", "", "ACME"].phase is AlertState.PENDING


def test_a_series_with_stories_of_its_own_is_told_beside_another() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", BUST="wxyz")
    ringing = [(ACME, reading()), (OTHER, reading())]
    episodes.step(T, ringing, stories)
    assert {one.episode.series for one in episodes.step(T + 1, ringing, stories)} == {ACME, OTHER}


def test_two_companies_in_the_same_stories_are_one_notification() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", BUST="abcde")
    ringing = [(ACME, reading(p=1e-9)), (OTHER, reading())]
    episodes.step(T, ringing, stories)
    assert [one.episode.series for one in episodes.step(T + 1, ringing, stories)] == [ACME]


def test_a_covered_series_that_gets_news_of_its_own_is_told_later() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", Earnings="abcde")
    ringing = [(ACME, reading(p=1e-9)), (EARNINGS, reading(wide=5))]
    episodes.step(T, ringing, stories)
    episodes.step(T + 1, ringing, stories)
    stories.by_entity["Earnings"] = "abcdefghijkl"
    changes = episodes.step(T + 2, [(ACME, reading()), (EARNINGS, reading(wide=12))], stories)
    assert [one.episode.series for one in changes] == [EARNINGS]


def test_what_covered_a_series_may_end_without_its_old_stories_being_told() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", Earnings="abcd")
    both = [(ACME, reading(p=1e-9)), (EARNINGS, reading())]
    episodes.step(T, both, stories)
    episodes.step(T + 1, both, stories)
    told = [
        change.what
        for minute in range(T + 2, T + 120)
        for change in episodes.step(minute, [(EARNINGS, reading())], stories)
    ]
    assert told == [What.RESOLVED]


def test_a_volume_alert_does_not_hide_that_a_surge_is_negative_but_the_reverse_is_covered() -> None:
    stories = Stories(ACME="abcd")
    episodes = Episodes(RULES)
    volume, negative = reading(rule=VOLUME_SURGE, p=1e-12), reading()
    episodes.step(T, [(ACME, volume)], stories)
    episodes.step(T + 1, [(ACME, volume), (ACME, negative)], stories)
    changes = episodes.step(T + 2, [(ACME, volume), (ACME, negative)], stories)
    assert [one.episode.rule for one in changes] == [NEGATIVE_SURGE.name]
    at_once = Episodes(RULES)
    at_once.step(T, [(ACME, volume), (ACME, negative)], stories)
    changes = at_once.step(T + 1, [(ACME, volume), (ACME, negative)], stories)
    assert [one.episode.rule for one in changes] == [NEGATIVE_SURGE.name]


def test_an_alert_ended_by_hand_is_silent_until_its_series_has_been_quiet() -> None:
    episodes = Episodes(RULES)
    change = fire(episodes)
    episodes.close((change.episode.rule, "", "ACME"))
    for minute in range(T + 2, T + 200):
        assert episodes.step(minute, [(ACME, reading(Severity.CRITICAL, wide=minute - T))], unseen) == []
    assert episodes.step(T + 200 + RESOLVE_MIN, [], unseen) == []
    assert episodes.by_key == {}


@pytest.mark.parametrize("stop", range(2, 60, 7))
def test_a_machine_read_back_from_its_state_goes_on_as_if_it_had_not_stopped(stop: int) -> None:
    def readings(minute: int) -> list[tuple[Series, Reading]]:
        at = minute - T
        return [(ACME, reading(wide=5 + at))] if at < 20 or at > 55 else []

    def walk(restart: bool) -> list[tuple[int, What, str]]:
        episodes, told = Episodes(RULES), []
        for minute in range(T, T + 70):
            if restart and minute == T + stop:
                kept = [msgspec.json.encode(one) for one in episodes.by_key.values()]
                episodes = Episodes(RULES, [msgspec.json.decode(one, type=Episode) for one in kept])
            told += [
                (minute, one.what, alert_id("news", one.episode))
                for one in episodes.step(minute, readings(minute), unseen)
            ]
        return told

    assert walk(restart=True) == walk(restart=False)


SERIES = (ACME, EARNINGS, BOTH, OTHER)


class AnyHistory(RuleBasedStateMachine):
    """Whatever the detector says: one fired and at most one resolved for each id, notifications numbered in order."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes = Episodes(RULES)
        self.minute = T
        self.told: dict[str, list[tuple[What, int]]] = defaultdict(list)

    @rule(
        ringing=st.dictionaries(
            st.tuples(st.sampled_from(RULES), st.sampled_from(SERIES)),
            st.tuples(st.sampled_from([None, *Severity]), st.integers(1, 100), st.floats(1e-12, 1e-3)),
            max_size=6,
        ),
        gap=st.integers(1, 20),
        positions=st.dictionaries(st.sampled_from(["ACME", "BUST", "Earnings"]), st.text("abcdefgh", max_size=6)),
        sources=st.integers(0, 4),
    )
    def look(
        self,
        ringing: dict[tuple[Rule, Series], tuple[Severity | None, int, float]],
        gap: int,
        positions: dict[str, str],
        sources: int,
    ) -> None:
        stories = Stories(**positions)
        stories.sources = sources
        self.minute += gap
        found = [
            (series, reading(severity, rule=which, wide=wide, p=p))
            for (which, series), (severity, wide, p) in ringing.items()
        ]
        for change in self.episodes.step(self.minute, found, stories):
            if change.what is not What.UPDATED:
                self.told[alert_id("news", change.episode)].append((change.what, change.episode.notifications))

    @precondition(lambda self: any(one.open for one in self.episodes.by_key.values()))
    @rule(data=st.data())
    def end_by_hand(self, data: st.DataObject) -> None:
        open_keys: list[Key] = [key for key, one in self.episodes.by_key.items() if one.open]
        self.episodes.close(data.draw(st.sampled_from(open_keys)))

    @rule()
    def restart(self) -> None:
        kept = [msgspec.json.encode(one) for one in self.episodes.by_key.values()]
        self.episodes = Episodes(RULES, [msgspec.json.decode(one, type=Episode) for one in kept])

    @invariant()
    def every_alert_has_one_beginning_and_one_end(self) -> None:
        for changes in self.told.values():
            whats = [what for what, _ in changes]
            assert whats[0] is What.FIRED
            assert whats.count(What.FIRED) == 1
            assert whats.count(What.ESCALATED) <= 1
            assert What.RESOLVED not in whats[:-1]
            assert [number for _, number in changes] == list(range(1, len(changes) + 1))


AnyHistory.TestCase.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
TestAnyHistory = AnyHistory.TestCase
