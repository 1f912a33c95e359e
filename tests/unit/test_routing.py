"""Who is told of an alert: routes, budgets, mute timings and what is said again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.alerts import START, alert
from undertone.messages import Alert, Severity
from undertone.rules import MuteTiming, Rules
from undertone.rules.file import parse
from undertone.rules.muting import muted
from undertone.rules.routing import Decision, route

DESKS = """\
version: 1
receivers:
  - {name: desk, webhook: {url: "https://a.example"}}
  - {name: ops, webhook: {url: "https://b.example"}}
"""


def rules(routes: str = "", timings: str = "") -> Rules:
    return parse(
        DESKS + (f"routes:\n{routes}\n" if routes else "") + (f"mute_timings:\n{timings}\n" if timings else "")
    )


def told(
    by: Rules,
    one: Alert,
    what: str = "fired",
    *,
    at: datetime = START,
    sent: dict[str, int] | None = None,
    knows: tuple[str, ...] = (),
    quiet: str = "",
    receivers: tuple[str, ...] = (),
) -> dict[str, str]:
    """For each receiver why it is not told; empty where it is."""
    decisions = route(by, one, what, at, sent or {}, knows, receivers, quiet)
    return {one.receiver: one.held for one in decisions}


CRITICAL = {"severity": Severity.CRITICAL}


def test_without_routes_everybody_is_told_of_everything() -> None:
    assert told(rules(), alert(), receivers=("webhook",)) == {"desk": "", "ops": "", "webhook": ""}


def test_the_first_route_that_matches_decides_unless_it_says_continue() -> None:
    by = rules("- {match: {entity: 'AC*'}, to: [desk]}\n- {to: [ops]}")
    assert told(by, alert()) == {"desk": "", "ops": "unrouted"}
    assert told(by, alert(entity="BETA")) == {"desk": "unrouted", "ops": ""}
    going_on = rules("- {match: {entity: 'AC*'}, to: [desk], continue: true}\n- {to: [ops]}")
    assert told(going_on, alert()) == {"desk": "", "ops": ""}


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ("{severity: critical}", False),
        ("{severity: [critical, warning]}", True),
        ("{rule: negative-*, stream: news, topic: Earnings}", True),
        ("{topic: Markets}", False),
        ("{source: source2}", True),
        ("{source: reuters}", False),
        ("{stream: comments}", False),
    ],
)
def test_all_that_a_match_names_must_match(match: str, meant: bool) -> None:
    by = rules(f"- {{match: {match}, to: [desk]}}")
    assert (told(by, alert())["desk"] == "") is meant


def test_a_topic_that_an_alert_does_not_have_is_matched_by_a_star_alone() -> None:
    by = rules("- {match: {topic: '?*'}, to: [desk]}")
    assert told(by, alert(topic=None))["desk"] == "unrouted"


def test_the_receiver_from_settings_is_told_unless_a_route_names_it() -> None:
    by = rules("- {match: {severity: critical}, to: [desk, webhook]}\n- {match: {severity: warning}, to: [ops]}")
    assert told(by, alert(), receivers=("webhook",)) == {"desk": "unrouted", "ops": "", "webhook": "unrouted"}
    elsewhere = rules("- {to: [ops]}")
    assert told(elsewhere, alert(), receivers=("webhook",)) == {"desk": "unrouted", "ops": "", "webhook": ""}


def test_a_spent_budget_holds_what_is_neither_critical_nor_an_escalation() -> None:
    by = rules("- {to: [desk, ops], budget: {per_day: 5}}")
    spent = {"desk": 5, "ops": 4}
    assert told(by, alert(), sent=spent) == {"desk": "budget", "ops": ""}
    assert told(by, alert(**CRITICAL), sent=spent) == {"desk": "", "ops": ""}
    assert told(by, alert(), "escalated", sent=spent, knows=("desk",))["desk"] == ""
    assert told(by, alert(), "grown", sent=spent, knows=("desk",))["desk"] == "budget"


def test_the_end_of_an_alert_is_told_to_those_who_know_it_and_to_nobody_else() -> None:
    by = rules("- {to: [desk, ops], budget: {per_day: 0}, mute: [always]}", "- {name: always}")
    assert told(by, alert(), "resolved", knows=("desk",), quiet="silenced") == {"desk": "", "ops": "untold"}
    assert told(by, alert(), "acknowledged", knows=("desk",)) == {"desk": "muted:always", "ops": "untold"}


def test_the_end_costs_no_budget() -> None:
    by = rules("- {to: [desk]}")
    (costs, *_) = route(by, alert(), "grown", START, {}, ("desk",))
    (free, *_) = route(by, alert(), "resolved", START, {}, ("desk",))
    assert (costs.costs, free.costs) == (True, False)


def test_later_news_is_told_as_a_route_says_but_the_first_that_one_hears_is_always_told() -> None:
    by = rules("- {to: [desk, ops], repeat_on: [escalated]}")
    assert told(by, alert(), "grown", knows=("desk",)) == {"desk": "not-repeated", "ops": ""}
    assert told(by, alert(), "escalated", knows=("desk",)) == {"desk": "", "ops": ""}
    assert told(by, alert(), "resolved", knows=("desk",)) == {"desk": "not-repeated", "ops": "untold"}


def test_what_is_silenced_is_told_to_nobody() -> None:
    assert told(rules(), alert(**CRITICAL), quiet="silenced") == {"desk": "silenced", "ops": "silenced"}


NIGHTS = "- {name: nights, from: '22:00', to: '06:00', zone: Europe/London}"


def test_a_mute_timing_holds_and_critical_pierces_it_only_where_the_route_says_so() -> None:
    night, day = datetime(2026, 7, 1, 23, 0, tzinfo=UTC), datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    by = rules("- {to: [desk], mute: [nights], critical_pierces: true}", NIGHTS)
    assert told(by, alert(), at=night)["desk"] == "muted:nights"
    assert told(by, alert(), at=day)["desk"] == ""
    assert told(by, alert(**CRITICAL), at=night)["desk"] == ""
    strict = rules("- {to: [desk], mute: [nights]}", NIGHTS)
    assert told(strict, alert(**CRITICAL), at=night)["desk"] == "muted:nights"


def test_another_route_may_tell_what_the_first_one_mutes() -> None:
    by = rules("- {to: [desk], mute: [nights], continue: true}\n- {match: {entity: ACME}, to: [desk]}", NIGHTS)
    assert told(by, alert(), at=datetime(2026, 7, 1, 23, 0, tzinfo=UTC))["desk"] == ""


def test_a_timing_keeps_to_the_clock_on_the_wall_when_summer_time_begins() -> None:
    early = MuteTiming(name="early", from_="06:00", to="08:00", zone="Europe/London")
    assert muted(early, datetime(2026, 3, 28, 6, 30, tzinfo=UTC))
    assert muted(early, datetime(2026, 3, 29, 5, 30, tzinfo=UTC))  # 06:30 by the new time
    assert not muted(early, datetime(2026, 3, 29, 7, 30, tzinfo=UTC))


@given(
    begin=st.integers(0, 1439),
    length=st.integers(1, 1439),
    minutes=st.integers(0, 7 * 1440 - 1),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
)
@examples(max_examples=100)
def test_a_timing_is_on_exactly_within_its_hours_of_each_of_its_days(
    begin: int, length: int, minutes: int, days: set[str]
) -> None:
    end = (begin + length) % 1440
    timing = MuteTiming(
        name="t",
        days=tuple(days),  # type: ignore[arg-type]
        from_=f"{begin // 60:02}:{begin % 60:02}",
        to=f"{end // 60:02}:{end % 60:02}" if end else "24:00",
    )
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    spans = [(week.index(day) * 1440 + begin) for day in days]
    expected = any((minutes - span) % (7 * 1440) < length for span in spans)
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert muted(timing, monday + timedelta(minutes=minutes)) == expected


WHAT = ["fired", "grown", "new-tier", "escalated", "resolved"]


@given(
    budget=st.integers(0, 4),
    events=st.lists(
        st.tuples(
            st.sampled_from(["fired", "grown", "new-tier", "escalated", "resolved"]), st.booleans(), st.booleans()
        ),
        max_size=30,
    ),
)
@examples(max_examples=100)
def test_no_more_than_the_budget_is_ever_sent_but_for_what_is_critical_or_escalates(
    budget: int, events: list[tuple[str, bool, bool]]
) -> None:
    by = rules(f"- {{to: [desk], budget: {{per_day: {budget}}}}}")
    sent = plain = 0
    for what, critical, knows in events:
        one = alert(severity=Severity.CRITICAL if critical else Severity.WARNING)
        (decision, _) = route(by, one, what, START, {"desk": sent}, ("desk",) if knows else ())
        sent += decision.send and decision.costs
        plain += decision.send and decision.costs and not critical and what != "escalated"
        if decision.held == "budget":
            assert sent >= budget
    assert plain <= budget


def test_a_decision_is_to_send_where_nothing_holds_it() -> None:
    assert Decision("desk", "", costs=True).send
    assert not Decision("desk", "budget", costs=True).send
