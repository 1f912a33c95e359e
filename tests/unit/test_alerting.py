from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream.alerting import (
    HOLD_MIN,
    QUIET_MIN,
    RESOLVE_MIN,
    UPDATE_MIN,
    Change,
    Episode,
    Episodes,
    Key,
    Seen,
    What,
    alert_id,
    incident_id,
)
from stream.detector import NEGATIVE_SURGE, RULES, VOLUME_SURGE, Reading
from stream.incidents import Past
from undertone.messages import AlertState, Severity
from undertone.rules import Rule
from undertone.trends import WHOLE, Series

ACME = Series("", "ACME")
EARNINGS = Series("Earnings", "")
BOTH = Series("Earnings", "ACME")
OTHER = Series("", "BUST")
T = 23_000_000


def reading(
    severity: Severity | None = Severity.WARNING, *, rule: Rule = NEGATIVE_SURGE, wide: int = 5, p: float = 1e-4
) -> Reading:
    return Reading(rule, 0, 900, wide, wide, 0.1, 0.2, p, 1.0, 0.3, 1e-3, severity, wide, precision=20.0)


def unseen(*_: object) -> Seen:
    return Seen(frozenset(), 0)


class Stories:
    """Positions of stories by series, under every rule."""

    def __init__(self, **positions: str) -> None:
        self.by_entity = positions
        self.sources = 1
        self.tier = 0

    def __call__(self, rule: Rule, series: Series, window_s: int) -> Seen:
        return Seen(frozenset(self.by_entity.get(series.entity or series.topic, "")), self.sources, self.tier)


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


def test_growth_is_told_again_once_what_was_there_after_the_quiet_time_has_doubled() -> None:
    episodes = Episodes(RULES)
    fire(episodes, wide=5)
    quiet_until = T + 1 + QUIET_MIN
    assert episodes.step(quiet_until - 1, [(ACME, reading(None, wide=30))], unseen) == []
    assert episodes.step(quiet_until, [(ACME, reading(None, wide=59))], unseen) == []
    (change,) = episodes.step(quiet_until + 1, [(ACME, reading(None, wide=60))], unseen)
    assert (change.what, change.quiet) == (What.GROWN, False)
    later = quiet_until + 1 + QUIET_MIN
    assert episodes.step(later, [(ACME, reading(None, wide=119))], unseen) == []
    assert [one.what for one in episodes.step(later + 1, [(ACME, reading(None, wide=120))], unseen)] == [What.GROWN]


def fired(episodes: Episodes, stories: Stories, *seen: tuple[Series, Reading], at: int = T) -> dict[Series, Change]:
    episodes.step(at, seen, stories)
    return {one.episode.series: one for one in episodes.step(at + 1, seen, stories) if one.what is What.FIRED}


@pytest.mark.parametrize(("expected", "rings"), [(0.1, True), (2.0, False)])
def test_the_stream_as_a_whole_rings_if_it_would_without_the_stories_of_other_alerts(
    expected: float, rings: bool
) -> None:
    stories = Stories(**{"Earnings": "abcdef", "": "abcdefghijkl"})
    whole = reading(wide=12, p=1e-9)._replace(expected=expected)
    found = fired(Episodes(RULES), stories, (WHOLE, whole), (EARNINGS, reading(p=1e-4)))
    assert (WHOLE in found, EARNINGS in found) == (rings, True)


def test_what_ended_a_while_ago_is_not_told_again_by_the_stream() -> None:
    episodes, stories = Episodes(RULES), Stories(**{"Earnings": "abcd", "": "abcdef"})
    assert fired(episodes, stories, (EARNINGS, reading()))
    assert [one.what for one in episodes.step(T + 2 + RESOLVE_MIN, [], stories)] == [What.RESOLVED]
    assert not fired(episodes, stories, (WHOLE, reading(wide=6)), at=T + 3 + RESOLVE_MIN)


def test_the_stream_covers_nothing_and_calls_once_for_itself_and_its_topics_and_again_for_a_company() -> None:
    episodes = Episodes(RULES)
    stories = Stories(**{"": "abcdefghijkl", "Earnings": "abcd", "ACME": "efg"})
    whole = (WHOLE, reading(wide=12))
    (first,) = fired(episodes, stories, whole).values()
    assert not first.quiet
    found = fired(episodes, stories, whole, (EARNINGS, reading()), (ACME, reading()), at=T + 3)
    assert {series: change.quiet for series, change in found.items()} == {EARNINGS: True, ACME: False}
    assert found[EARNINGS].episode.incident == first.episode.incident
    assert found[ACME].episode.incident == found[ACME].episode.name


def test_the_stream_opens_an_incident_of_its_own_whatever_is_out() -> None:
    episodes = Episodes(RULES)
    stories = Stories(**{"": "abcdefghijkl", "Earnings": "abcd"})
    fired(episodes, stories, (EARNINGS, reading()))
    found = fired(episodes, stories, (EARNINGS, reading()), (WHOLE, reading(wide=12)), at=T + 3)
    assert not found[WHOLE].quiet
    assert found[WHOLE].episode.incident == found[WHOLE].episode.name


def test_the_stream_is_critical_only_if_what_no_other_alert_tells_is() -> None:
    episodes, stories = Episodes(RULES), Stories(**{"Earnings": "abcdef", "": "abcdefghijkl"})
    stories.sources = 3
    whole = reading(Severity.CRITICAL, wide=12, p=1e-9)._replace(expected=0.7)
    found = fired(episodes, stories, (WHOLE, whole), (EARNINGS, reading()))
    assert found == {EARNINGS: found[EARNINGS]}
    found = fired(Episodes(RULES), stories, (WHOLE, whole))
    assert found[WHOLE].episode.severity is Severity.CRITICAL
    found = fired(Episodes(RULES), stories, (WHOLE, whole._replace(expected=0.6)), (EARNINGS, reading()))
    assert found[WHOLE].episode.severity is Severity.WARNING


def test_growth_of_an_alert_that_nobody_was_told_of_is_news_at_once() -> None:
    episodes = Episodes(RULES)
    fire(episodes, wide=5).episode.untold = True  # as the patrol does where a silence held the word
    assert episodes.step(T + 20, [(ACME, reading(None, wide=9))], unseen) == []
    assert [one.what for one in episodes.step(T + 21, [(ACME, reading(None, wide=10))], unseen)] == [What.GROWN]


def test_of_an_incident_that_is_known_as_negative_more_volume_is_no_news() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd")
    episodes.step(T, [(ACME, reading())], stories)
    (fired,) = episodes.step(T + 1, [(ACME, reading())], stories)
    assert not fired.quiet
    negative_alone = {NEGATIVE_SURGE: "abcd", VOLUME_SURGE: "abcdefghijkl"}

    def see(rule: Rule, series: Series, window_s: int) -> Seen:
        return Seen(frozenset(negative_alone[rule]), 1)

    heard = []
    for minute in range(T + 2, T + 2 * QUIET_MIN):
        volume = reading(rule=VOLUME_SURGE, wide=40 + minute - T)
        heard += [
            (one.what, one.quiet)
            for one in episodes.step(minute, [(ACME, reading(None)), (ACME, volume)], see)
            if one.what is not What.UPDATED
        ]
    assert heard == [(What.FIRED, True)]


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


def test_a_topic_does_not_hide_whom_its_stories_are_about_and_people_are_called_once() -> None:
    episodes, stories = Episodes(RULES), Stories(ACME="abcd", Earnings="abcde")
    episodes.step(T, [(EARNINGS, reading())], stories)
    heard = []
    for minute in range(T + 1, T + 4):
        heard += episodes.step(minute, [(EARNINGS, reading()), (ACME, reading())], stories)
    assert [(one.what, one.episode.series, one.quiet) for one in heard] == [
        (What.FIRED, EARNINGS, False),
        (What.FIRED, ACME, True),
    ]
    assert len({incident_id("news", one.episode) for one in heard}) == 1


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


def out(episodes: Episodes, first: str, *, tier: int = 0) -> Stories:
    """One alert about ACME has fired on these stories, at T + 1."""
    stories = Stories(ACME=first)
    stories.tier = tier
    episodes.step(T, [(ACME, reading(wide=len(first)))], stories)
    (change,) = episodes.step(T + 1, [(ACME, reading(wide=len(first)))], stories)
    assert (change.what, change.quiet) == (What.FIRED, False)
    return stories


def also(episodes: Episodes, stories: Stories, series: Series, minute: int, said: Reading) -> Change:
    """Another series rings beside ACME's alert, and fires at `minute` + 1."""
    going_on = (ACME, reading(None, wide=len(stories.by_entity["ACME"])))
    assert episodes.step(minute, [going_on, (series, said)], stories) == []
    (change,) = episodes.step(minute + 1, [going_on, (series, said)], stories)
    assert (change.what, change.episode.series) == (What.FIRED, series)
    return change


def test_an_alert_on_half_of_the_stories_of_another_joins_its_incident_and_calls_nobody() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef")
    stories.by_entity["Earnings"] = "abcwxyz"
    change = also(episodes, stories, EARNINGS, T + 2, reading(wide=7))
    lead = episodes.by_key["negative-surge", "", "ACME"]
    assert change.quiet
    assert incident_id("news", change.episode) == incident_id("news", lead) == alert_id("news", lead)
    assert alert_id("news", change.episode) != alert_id("news", lead)


def test_an_alert_with_stories_of_its_own_is_an_incident_of_its_own() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef")
    stories.by_entity["Earnings"] = "afwxyz"
    change = also(episodes, stories, EARNINGS, T + 2, reading(wide=6))
    assert not change.quiet
    assert incident_id("news", change.episode) == alert_id("news", change.episode)


def test_one_that_joins_is_told_if_it_is_worse_or_twice_as_large_or_better_founded() -> None:
    for said, tier, minute in (
        (reading(Severity.CRITICAL, wide=7), 3, T + 2),
        (reading(wide=12), 3, T + 1 + QUIET_MIN),
        (reading(wide=7), 2, T + 2),
    ):
        episodes = Episodes(RULES)
        stories = out(episodes, "abcdef", tier=3)
        stories.by_entity["Earnings"] = "abcwxyz"
        stories.sources, stories.tier = 3, tier
        change = also(episodes, stories, EARNINGS, minute, said)
        assert not change.quiet
        assert change.episode.incident == episodes.by_key["negative-surge", "", "ACME"].name


def test_one_that_joined_in_silence_ends_in_silence_and_is_told_when_it_escalates() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef")
    stories.by_entity["Earnings"] = "abcwxyz"
    also(episodes, stories, EARNINGS, T + 2, reading(wide=7))
    kept = [msgspec.json.encode(one) for one in episodes.by_key.values()]
    ended = episodes.step(T + 3 + RESOLVE_MIN, [(ACME, reading(None, wide=6))], stories)
    assert [(one.what, one.quiet) for one in ended] == [(What.RESOLVED, True)]

    episodes = Episodes(RULES, [msgspec.json.decode(one, type=Episode) for one in kept])
    stories.sources = 3
    (change,) = episodes.step(T + 4, [(EARNINGS, reading(Severity.CRITICAL, wide=8))], stories)
    assert (change.what, change.quiet) == (What.ESCALATED, False)
    assert not change.episode.untold


def test_a_series_that_rings_again_on_the_stories_of_an_alert_that_is_over_joins_its_incident() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef")
    over = T + 1 + RESOLVE_MIN
    (ended,) = episodes.step(over, [], stories)
    (past,) = [msgspec.json.decode(msgspec.json.encode(one), type=Past) for one in episodes.past]
    episodes = Episodes(RULES, past=[past])
    episodes.step(over + 1, [(ACME, reading(wide=6))], stories)
    (change,) = episodes.step(over + 2, [(ACME, reading(wide=6))], stories)
    assert (change.what, change.quiet) == (What.FIRED, True)
    assert change.episode.incident == ended.episode.name
    assert alert_id("news", change.episode) != alert_id("news", ended.episode)


def test_an_alert_that_is_over_is_forgotten_when_its_stories_are_old() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef")
    episodes.step(T + 1 + RESOLVE_MIN, [], stories)
    episodes.step(T + 500, [], stories)
    assert episodes.past == []


def test_a_better_tier_of_source_is_told_once_and_a_worse_one_never() -> None:
    episodes = Episodes(RULES)
    stories = out(episodes, "abcdef", tier=3)
    told = []
    for minute in range(T + 2, T + 40):
        stories.tier = 3 if minute < T + 12 else 1 if minute < T + 25 else 2
        told += [
            (one.what, minute)
            for one in episodes.step(minute, [(ACME, reading(wide=6))], stories)
            if one.what is not What.UPDATED
        ]
    ((what, minute),) = told
    assert what is What.NEW_TIER
    assert T + 12 <= minute <= T + 12 + UPDATE_MIN


SERIES = (ACME, EARNINGS, BOTH, OTHER)


class AnyHistory(RuleBasedStateMachine):
    """Whatever the detector says: one fired and at most one resolved for each id, notifications numbered in order."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes = Episodes(RULES)
        self.minute = T
        self.told: dict[str, list[tuple[What, int]]] = defaultdict(list)
        self.heard: dict[str, list[Change]] = defaultdict(list)
        self.incidents: dict[str, str] = {}

    @rule(
        ringing=st.dictionaries(
            st.tuples(st.sampled_from(RULES), st.sampled_from(SERIES)),
            st.tuples(st.sampled_from([None, *Severity]), st.integers(1, 100), st.floats(1e-12, 1e-3)),
            max_size=6,
        ),
        gap=st.integers(1, 20),
        positions=st.dictionaries(st.sampled_from(["ACME", "BUST", "Earnings"]), st.text("abcdefgh", max_size=6)),
        sources=st.integers(0, 4),
        tier=st.integers(0, 3),
    )
    def look(
        self,
        ringing: dict[tuple[Rule, Series], tuple[Severity | None, int, float]],
        gap: int,
        positions: dict[str, str],
        sources: int,
        tier: int,
    ) -> None:
        stories = Stories(**positions)
        stories.sources, stories.tier = sources, tier
        self.minute += gap
        found = [
            (series, reading(severity, rule=which, wide=wide, p=p))
            for (which, series), (severity, wide, p) in ringing.items()
        ]
        for change in self.episodes.step(self.minute, found, stories):
            name, incident = alert_id("news", change.episode), incident_id("news", change.episode)
            if change.what is not What.UPDATED:
                self.told[name].append((change.what, change.episode.notifications))
            if not change.quiet and change.what is not What.UPDATED:
                self.heard[incident].append(change)
            assert self.incidents.setdefault(name, incident) == incident, "an alert stays in its incident"

    @precondition(lambda self: any(one.open for one in self.episodes.by_key.values()))
    @rule(data=st.data())
    def end_by_hand(self, data: st.DataObject) -> None:
        open_keys: list[Key] = [key for key, one in self.episodes.by_key.items() if one.open]
        self.episodes.close(data.draw(st.sampled_from(open_keys)))

    @precondition(lambda self: any(one.open for one in self.episodes.by_key.values()))
    @rule(data=st.data(), worse=st.booleans())
    def follow_a_person(self, data: st.DataObject, worse: bool) -> None:
        """As the patrol does when somebody has acknowledged an alert, or made it critical."""
        episode = data.draw(st.sampled_from([one for one in self.episodes.by_key.values() if one.open]))
        episode.phase = AlertState.ACKNOWLEDGED
        if worse:
            episode.severity = Severity.CRITICAL

    @rule()
    def restart(self) -> None:
        kept = [msgspec.json.encode(one) for one in self.episodes.by_key.values()]
        past = [msgspec.json.encode(one) for one in self.episodes.past]
        self.episodes = Episodes(
            RULES,
            [msgspec.json.decode(one, type=Episode) for one in kept],
            [msgspec.json.decode(one, type=Past) for one in past],
        )

    @invariant()
    def every_incident_begins_with_an_alert_that_is_told_and_is_named_after(self) -> None:
        for name, incident in self.incidents.items():
            assert self.incidents[incident] == incident
            assert self.heard[incident], name
            assert self.heard[incident][0].what is What.FIRED
            assert alert_id("news", self.heard[incident][0].episode) == incident

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
