"""A stream under watch by rules that change, by models that change, and while it is silent."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.detector import NEGATIVE_SURGE, RULES, VOLUME_SURGE
from stream.episode import Change, Seen, What
from stream.explain import explain
from stream.lookout import Lookout
from stream.rings import KINDS
from stream.silent import Pause
from stream.takeover import Conversion, Takeover
from stream.usual import Fitting
from undertone.messages import AlertState, Severity
from undertone.rules import Rule, Thresholds
from undertone.trends import WHOLE, Counts, Series

HOUR = 480_000
MINUTE = HOUR * 60
EARNINGS, MACRO = Series("Earnings", ""), Series("Macro", "")
ACME = Series("Earnings", "ACME")
SILENT = Rule(
    name="silent",
    kind="feed-silent",
    warning=Thresholds(minutes=30, p_count=1e-4),
    critical=Thresholds(minutes=90, p_count=1e-5),
)
SHIFT = Rule(
    name="shift",
    kind="sentiment-shift",
    series=("topic",),
    min_stories=30,
    warning=Thresholds(p_share=1e-3, change=0.2),
)
TOPICS = msgspec.structs.replace(NEGATIVE_SURGE, series=("topic",))


def see(*_: object) -> Seen:
    return Seen(frozenset(), 0)


def stories(negative: int, total: int | None = None) -> Counts:
    total = negative if total is None else total
    told = (negative, total - negative, 0)
    return Counts(told, told)


def watched(*rules: Rule, days: int = 10, rate: int = 20, share: float = 0.25, bad_days: int = 0) -> Lookout:
    """A lookout with some days of two topics behind it, at HOUR; in the last ``bad_days`` most of Macro is negative."""
    lookout, rng = Lookout(rules), np.random.default_rng(1)
    for hour in range(HOUR - days * 24, HOUR):
        own = 0.7 if hour >= HOUR - bad_days * 24 else share
        total = rng.poisson(rate, 2)
        lookout.hour(
            hour,
            {
                EARNINGS: stories(int(rng.binomial(total[0], share)), int(total[0])),
                MACRO: stories(int(rng.binomial(total[1], own)), int(total[1])),
            },
        )
    for minute in range(MINUTE - 360, MINUTE):
        lookout.minute(minute, {EARNINGS: stories(0, 1)} if minute % 3 == 0 else {})
    return lookout


def pass_minutes(lookout: Lookout, begin: int, end: int, counts: dict[Series, Counts] | None = None) -> list[Change]:
    changes = []
    for minute in range(begin, end):
        lookout.minute(minute, counts or {})
        changes += lookout.look(minute, see)
    return changes


def told(changes: list[Change]) -> list[tuple[What, str, str]]:
    return [(one.what, one.episode.rule, one.episode.topic) for one in changes if one.what is not What.UPDATED]


SURGE = {EARNINGS: stories(9, 10), MACRO: stories(9, 10)}


def test_a_rule_looks_only_where_its_globs_lead() -> None:
    narrow = msgspec.structs.replace(NEGATIVE_SURGE, name="narrow", topics=("Earn*",))
    assert told(pass_minutes(watched(narrow), MINUTE, MINUTE + 4, SURGE)) == [(What.FIRED, "narrow", "Earnings")]
    elsewhere = msgspec.structs.replace(NEGATIVE_SURGE, streams=("news",))
    assert pass_minutes(watched(elsewhere), MINUTE, MINUTE + 4, SURGE) == []


@pytest.mark.parametrize(
    ("series", "entities", "rings"),
    [
        (("topic-entity",), ("*",), [("Earnings", "ACME")]),
        (("entity",), ("AC*",), [("", "ACME")]),
        (("entity",), ("BUST",), []),
        (("topic",), ("ACME",), []),
    ],
)
def test_a_rule_looks_only_at_the_kinds_of_series_and_the_companies_that_it_names(
    series: tuple[str, ...], entities: tuple[str, ...], rings: list[tuple[str, str]]
) -> None:
    rule = msgspec.structs.replace(NEGATIVE_SURGE, series=series, entities=entities)
    counts = {EARNINGS: stories(9, 10), ACME: stories(9, 10)}
    changes = pass_minutes(watched(rule), MINUTE, MINUTE + 4, counts)
    assert [(one.episode.topic, one.episode.entity) for one in changes if one.what is What.FIRED] == rings


def test_a_changed_rule_holds_from_the_next_minute_and_its_episode_goes_on() -> None:
    deaf = msgspec.structs.replace(NEGATIVE_SURGE, topics=("Nothing",))
    lookout = watched(deaf)
    assert pass_minutes(lookout, MINUTE, MINUTE + 3, SURGE) == []
    lookout.use([TOPICS])
    changes = pass_minutes(lookout, MINUTE + 3, MINUTE + 5, SURGE)
    assert [what for what, *_ in told(changes)] == [What.FIRED] * 2
    lookout.use([msgspec.structs.replace(TOPICS, min_stories=5)])
    assert told(pass_minutes(lookout, MINUTE + 5, MINUTE + 9, SURGE)) == []
    assert all(one.open for one in lookout.episodes.by_key.values())


def test_the_alerts_of_a_rule_that_is_gone_end_at_the_next_look() -> None:
    lookout = watched(TOPICS)
    pass_minutes(lookout, MINUTE, MINUTE + 3, SURGE)
    lookout.use([SILENT])
    changes = pass_minutes(lookout, MINUTE + 3, MINUTE + 4)
    ended = [one for one in changes if one.what is What.RESOLVED]
    assert {(one.episode.rule, one.episode.phase) for one in ended} == {(TOPICS.name, AlertState.RESOLVED)}
    assert len(ended) == 2
    assert told(pass_minutes(lookout, MINUTE + 4, MINUTE + 5)) == []


def test_episodes_of_a_rule_that_was_dropped_while_nobody_watched_end_too() -> None:
    before = watched(NEGATIVE_SURGE)
    pass_minutes(before, MINUTE, MINUTE + 3, SURGE)
    lookout = Lookout([VOLUME_SURGE], known=before.episodes.by_key.values())
    assert {what for what, *_ in told(pass_minutes(lookout, MINUTE + 3, MINUTE + 4))} == {What.RESOLVED}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([*RULES, None]), max_size=4), st.integers(0, 3))
def test_rules_may_change_at_any_minute(choices: list[Rule | None], at: int) -> None:
    lookout = watched(*RULES, days=2)
    minute = MINUTE
    for rule in choices:
        pass_minutes(lookout, minute, minute + at, SURGE)
        minute += at
        lookout.use([] if rule is None else [rule])
    pass_minutes(lookout, minute, minute + 2, SURGE)
    assert {one.rule for one in lookout.episodes.by_key.values()} <= {one.name for one in lookout.rules}


def test_a_shift_over_days_rings_once_and_says_what_it_saw() -> None:
    lookout = watched(SHIFT, days=21, bad_days=3)
    changes = pass_minutes(lookout, MINUTE, MINUTE + 130)
    assert told(changes) == [(What.FIRED, "shift", "Macro")]
    (fired,) = [one for one in changes if one.what is What.FIRED]
    assert fired.reading is not None
    alert = explain("comments", MINUTE, fired, stories=[], messages=0, models=["m"], before=None)
    assert alert.window_s == 3 * 86_400
    assert alert.share == pytest.approx(0.7, abs=0.05)
    assert alert.expected_low < alert.expected < alert.expected_high < alert.stories
    assert "of the last 3 days are negative where 25% is usual" in alert.reason
    assert lookout.messages(MACRO, fired.reading) == fired.reading.stories


def test_a_shift_is_looked_for_only_once_a_week_is_known_before_it() -> None:
    assert pass_minutes(watched(SHIFT, days=9, bad_days=3), MINUTE, MINUTE + 3) == []


def test_a_silent_feed_rings_once_grows_critical_and_ends_when_it_speaks() -> None:
    lookout = watched(SILENT)
    pass_minutes(lookout, MINUTE, MINUTE + 5, {EARNINGS: stories(0, 1)})
    changes = [one for minutes in range(240) for one in lookout.hush(Pause(MINUTE + 5, minutes))]
    assert [one.what for one in changes] == [What.FIRED, What.ESCALATED]
    assert changes[-1].episode.severity is Severity.CRITICAL
    fired = changes[0]
    assert fired.reading is not None
    alert = explain("comments", fired.episode.fired, fired, stories=[], messages=0, models=["m"], before=None)
    assert (alert.topic, alert.entity, alert.stories) == (None, None, 0)
    assert alert.reason.startswith(f"Nothing has come for {alert.window_s // 60} min, in which ")
    assert lookout.messages(WHOLE, fired.reading) == 0
    assert told(pass_minutes(lookout, MINUTE + 5, MINUTE + 200)) == []
    (ended,) = pass_minutes(lookout, MINUTE + 200, MINUTE + 201, {EARNINGS: stories(0, 1)})
    assert (ended.what, ended.episode.phase) == (What.RESOLVED, AlertState.RESOLVED)


def test_a_silence_that_a_person_has_ended_is_not_told_of_again() -> None:
    lookout = watched(SILENT)
    pass_minutes(lookout, MINUTE, MINUTE + 1)
    assert lookout.hush(Pause(MINUTE + 1, 60))
    lookout.episodes.close((SILENT.name, *WHOLE))
    assert lookout.hush(Pause(MINUTE + 1, 200)) == []


def test_the_hours_of_a_silence_are_not_taken_for_quiet_ones() -> None:
    silent, learnt = watched(SILENT), watched()
    silent.hush(Pause(MINUTE, 300))
    for lookout in (silent, learnt):
        for hour in range(HOUR, HOUR + 5):
            pass_minutes(lookout, hour * 60, hour * 60 + 60)
            lookout.hour(hour, {})
        pass_minutes(lookout, MINUTE + 300, MINUTE + 301, {EARNINGS: stories(0, 1)})
        lookout.hour(HOUR + 4, {})  # read again for late messages
    usable = [lookout.rings.history(HOUR + 6)[2][-6:-1].any() for lookout in (silent, learnt)]
    assert usable == [False, True]


def test_a_feed_that_is_silent_every_night_is_told_of_once_at_most() -> None:
    lookout, rang = Lookout([SILENT]), []
    for day in range(10):
        morning = HOUR + 24 * day
        for hour in range(morning, morning + 24):
            lookout.hour(hour - 1, {EARNINGS: stories(5, 20)} if (hour - 1 - HOUR) % 24 < 16 else {})
            said = {EARNINGS: stories(0, 1)} if hour < morning + 16 else {}
            pass_minutes(lookout, hour * 60, hour * 60 + 1, said)
        rang.append(bool(lookout.hush(Pause((morning + 16) * 60, 8 * 60 - 1))))
    assert rang.index(True) == 1  # of the first day no night is known
    assert not any(rang[2:])


def test_a_model_that_finds_twice_as_many_negative_stories_does_not_ring_where_the_shadow_foretold_it() -> None:
    """Of two streams that look alike, one is told that a new model has begun to count."""

    def counts(minute: int) -> dict[Series, Counts]:
        if minute % 3:
            return {}
        one = stories(int(minute // 3 * 11 % 20 < 11), 1)
        return {EARNINGS: one, MACRO: one}

    def rings(*takeovers: Takeover) -> int:
        lookout = watched(TOPICS, days=14)
        lookout.succeed(takeovers)
        changes = []
        for hour in range(HOUR, HOUR + 7):
            for minute in range(hour * 60, hour * 60 + 60):
                lookout.minute(minute, counts(minute))
                changes += lookout.look(minute, see)
            lookout.hour(hour, {EARNINGS: stories(11, 20), MACRO: stories(11, 20)})
        return len([one for one in changes if one.what is What.FIRED])

    assert rings() >= 2
    assert rings(Takeover(HOUR, "a", "b", Conversion(1.0, 0.4))) == 0


def test_memory_is_bounded_however_many_companies_a_feed_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.rings.MOST_SERIES", 64)
    lookout = watched(NEGATIVE_SURGE, days=2)
    for minute in range(MINUTE, MINUTE + 26 * 60):
        if minute % 60 == 0:
            lookout.hour(minute // 60 - 1, {EARNINGS: stories(0, 1), Series("Earnings", f"E{minute}"): stories(0, 1)})
        lookout.minute(minute, {EARNINGS: stories(0, 1), Series("Earnings", f"E{minute}"): stories(0, 1)})
        if minute % 20 == 0:
            lookout.look(minute, see)
        assert len(lookout.rings) <= 64
    assert lookout.rings.refused > 0
    lookout.look(MINUTE + 26 * 60, see)
    assert EARNINGS in lookout.rings.names
    assert told(pass_minutes(lookout, MINUTE + 26 * 60, MINUTE + 26 * 60 + 4, SURGE))


@pytest.mark.parametrize("stepwise", [True, False])
def test_the_daily_fit_is_spread_over_an_hour_and_holds_from_the_next(
    stepwise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookout = watched(NEGATIVE_SURGE, SHIFT, days=14)
    fitted_for, begun = [], list[tuple[Any, ...]]()

    def begin(*given: Any) -> Fitting:
        begun.append(given)
        return Fitting(*given)

    monkeypatch.setattr("stream.usual.Fitting", begin)
    for hour in range(HOUR, HOUR + 27):
        minutes = range(hour * 60, hour * 60 + 60) if stepwise and hour == HOUR + 24 else [hour * 60]
        for minute in minutes:
            lookout.minute(minute, {EARNINGS: stories(0, 1)})
            lookout.look(minute, see)
        assert lookout._fitted is not None
        fitted_for.append(lookout._fitted.hour - HOUR)
        lookout.hour(hour, {EARNINGS: stories(2, 10)})
    assert fitted_for == [-24] + [0] * 24 + [24] * 2
    found = lookout._fitted
    assert found is not None
    assert np.array_equal(found.totals.base, Fitting(*begun[-1]).finish().totals.base)


def test_a_series_that_was_forgotten_is_as_one_that_was_never_met() -> None:
    """Whoever remembers that it has been spoken of, before the weeks that count, expects the same."""
    remembering, new = (watched(NEGATIVE_SURGE, days=10) for _ in range(2))
    remembering.rings.column(ACME)
    for lookout in (remembering, new):
        pass_minutes(lookout, MINUTE, MINUTE + 2, SURGE)
    ours, theirs = (lookout._baselines(HOUR) for lookout in (remembering, new))
    columns = [remembering.rings.column(one) for one in new.rings.names[KINDS:]]
    assert np.array_equal(ours.totals.base[:, columns], theirs.totals.base[:, KINDS:])
    assert np.array_equal(ours.totals.base[:, remembering.rings.column(ACME)], theirs.totals.base[:, 2])


def test_no_surge_is_looked_for_in_the_first_hours_of_a_stream() -> None:
    lookout = Lookout([NEGATIVE_SURGE])
    for hour in range(HOUR, HOUR + 4):
        changes = pass_minutes(lookout, hour * 60, hour * 60 + 60, SURGE)
        assert bool(changes) is (hour == HOUR + 3)
        lookout.hour(hour, {EARNINGS: stories(30, 60), MACRO: stories(30, 60)})
