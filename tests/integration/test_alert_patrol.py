"""The watch and people at one alert, on a real Valkey; a patrol is driven by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stream.patrol import Patrol
from tests.integration.feed import MINUTE_MS, START_MS, Feed, Story, background, surge
from undertone import keys
from undertone.alert_store import INCIDENT, SILENCED, AlertStore, LeaseLostError, Publication
from undertone.lifecycle import Action
from undertone.messages import Alert, AlertState, Severity, from_ms, to_ms
from undertone.rules import Match, Rules
from undertone.rules.file import shipped
from undertone.silences import silence
from undertone.store import Store

SURGE_MS = START_MS + 86_400_000 + 10 * MINUTE_MS
WALL_MS = 1_772_500_000_000


class House:
    """A stream with a quiet day behind it, watched from ten minutes before the surge on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.alerts = AlertStore(store.redis)
        self.feed = Feed(store)
        self.feed.write(background(1), watermark_ms=SURGE_MS - 10 * MINUTE_MS)
        token = self.lease("before")
        self.alerts.publish(token, "news", SURGE_MS // MINUTE_MS - 10, [], {})
        self.alerts.drop_lease(token)

    def lease(self, name: str = "by-hand") -> str:
        """A lease that nobody has to renew, since here nobody does."""
        token = self.alerts.take_lease(name)
        assert token
        self.store.redis.persist(keys.lease())
        return token

    def watch(self, minutes: int, *, name: str = "by-hand", rules: Rules | None = None, most: int = 60) -> list[Alert]:
        """Look until so many minutes after the surge began; the alerts there are then, oldest first."""
        token = self.lease(name)
        patrol = Patrol(self.store, self.alerts, "news", token, rules)
        while patrol.advance(SURGE_MS + minutes * MINUTE_MS, idle=False, most=most):
            pass
        self.alerts.drop_lease(token)
        return self.alerts.list()[::-1]

    def told(self) -> list[tuple[str, str]]:
        return [(out.what, out.quiet) for out in self.alerts.outgoing("test")[1]]


@pytest.fixture
def house(redis_url: str) -> Iterator[House]:
    store = Store.open(redis_url)
    yield House(store)
    store.redis.close()


def from_one_desk(at_ms: int, entity: str, stories: int, minutes: int, topic: str = "Earnings") -> list[Story]:
    step = minutes * MINUTE_MS // stories
    return [Story(at_ms + n * step, entity, topic=topic) for n in range(stories)]


def test_a_silenced_alert_is_kept_as_such_and_what_is_news_after_the_silence_is_told(house: House) -> None:
    begin, end = from_ms(SURGE_MS), from_ms(SURGE_MS + 20 * MINUTE_MS)
    hold = house.alerts.silences.add(silence(Match(entity="ACME"), begin, end, by="maria", created_at=from_ms(WALL_MS)))
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 6, 10), watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    (alert,) = house.watch(12)
    assert (alert.state, alert.silenced_by) == (AlertState.FIRING, hold.id)
    assert house.told() == [("fired", SILENCED)]
    assert house.alerts.trail(alert.id)[0].after["silenced_by"] == hold.id

    house.feed.write(from_one_desk(SURGE_MS + 21 * MINUTE_MS, "ACME", 20, 10))
    (alert,) = house.watch(35)
    assert alert.silenced_by is None
    assert ("grown", "") in house.told()
    assert ("fired", "") not in house.told()


def test_a_surge_that_no_topic_carries_rings_for_the_stream_as_a_whole_and_is_silenced_as_such(house: House) -> None:
    begin, end = from_ms(SURGE_MS), from_ms(SURGE_MS + 20 * MINUTE_MS)
    matches = Match(rule="negative-surge", stream="news", series="stream")
    hold = house.alerts.silences.add(silence(matches, begin, end, by="maria", created_at=from_ms(WALL_MS)))
    spread = [Story(SURGE_MS + n * MINUTE_MS, "", topic=f"Topic {n % 4}", source=f"desk-{n % 3}") for n in range(12)]
    house.feed.write(spread, watermark_ms=SURGE_MS + 16 * MINUTE_MS)
    (alert,) = house.watch(14)
    assert (alert.topic, alert.entity, alert.about) == (None, None, "all of news")
    assert len({one.topic for one in alert.evidence}) == 4
    assert alert.total_stories >= alert.stories >= 10
    assert alert.silenced_by == hold.id
    (again,) = house.watch(15)  # another watch, which reads the state of the first
    assert again.id == alert.id


def test_what_people_did_outlives_what_the_watch_writes_and_an_escalation_is_told_once(house: House) -> None:
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 8, 10), watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    (alert,) = house.watch(8)
    house.alerts.act(alert.id, Action.COMMENT, "maria", WALL_MS, why="Looking")
    house.alerts.act(alert.id, Action.ASSIGN, "maria", WALL_MS, to="bob")
    house.alerts.act(alert.id, Action.ESCALATE, "maria", WALL_MS, why="We hold it")
    house.feed.write(surge(SURGE_MS + 13 * MINUTE_MS, "ACME", stories=8))  # from four desks: critical by itself
    (after,) = house.watch(40)
    assert to_ms(after.updated_at) > to_ms(alert.updated_at)
    assert (after.severity, after.assigned_to, [one.text for one in after.comments]) == (
        Severity.CRITICAL,
        "bob",
        ["Looking"],
    )
    assert [what for what, _ in house.told()].count("escalated") == 1


def test_a_person_and_the_watch_who_escalate_at_once_tell_of_it_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 8, 10), watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    (alert,) = house.watch(8)
    publish = house.alerts.publish
    faster = AlertStore(house.store.redis)

    def meanwhile(token: str, stream: str, minute: int, publications: Sequence[Publication], *rest: Any) -> Any:
        if any(one.what == "escalated" for one in publications):
            faster.act(alert.id, Action.ESCALATE, "maria", WALL_MS, why="We hold it")
            met.append(minute)
        return publish(token, stream, minute, publications, *rest)

    met: list[int] = []
    monkeypatch.setattr(house.alerts, "publish", meanwhile)
    house.feed.write(surge(SURGE_MS + 13 * MINUTE_MS, "ACME", stories=8), watermark_ms=SURGE_MS + 30 * MINUTE_MS)
    (after,) = house.watch(30)
    assert len(met) == 1
    assert after.severity is Severity.CRITICAL
    assert [(one.action, one.by) for one in house.alerts.trail(alert.id) if one.action == "escalated"] == [
        ("escalated", "maria")
    ]
    assert [what for what, _ in house.told()].count("escalated") == 1


def test_an_acknowledgement_that_is_taken_back_is_followed(house: House) -> None:
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 8, 10), watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    (alert,) = house.watch(8)
    house.alerts.act(alert.id, Action.ACKNOWLEDGE, "maria", WALL_MS)
    (after,) = house.watch(14)
    assert after.state is AlertState.ACKNOWLEDGED
    house.alerts.act(alert.id, Action.UNACKNOWLEDGE, "maria", WALL_MS)
    house.feed.write([], watermark_ms=SURGE_MS + 30 * MINUTE_MS)
    (after,) = house.watch(30)
    assert (after.state, after.acknowledged_by) == (AlertState.FIRING, None)


def test_alerts_that_share_half_of_their_stories_are_one_incident_and_call_once(house: House) -> None:
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 8, 4), watermark_ms=SURGE_MS + 5 * MINUTE_MS)
    (first,) = house.watch(5)
    others = [Story(SURGE_MS + 5 * MINUTE_MS + n * 20_000, f"E{n}") for n in range(8)]
    house.feed.write(others, watermark_ms=SURGE_MS + 12 * MINUTE_MS)
    alerts = house.watch(12)
    assert len(alerts) > 1
    assert {one.incident for one in alerts} == {first.incident} == {first.id}
    called, *spared = [quiet for what, quiet in house.told() if what == "fired"]
    assert (called, {*spared}) == ("", {INCIDENT})


def test_a_better_tier_of_source_is_told(house: House) -> None:
    rules = msgspec.structs.replace(shipped(), source_tiers={"wire": 1})
    house.feed.write(from_one_desk(SURGE_MS, "ACME", 8, 10), watermark_ms=SURGE_MS + 11 * MINUTE_MS)
    (alert,) = house.watch(11, rules=rules)
    assert alert.tier == 2
    house.feed.write([Story(SURGE_MS + 12 * MINUTE_MS, "ACME", source="wire")], watermark_ms=SURGE_MS + 22 * MINUTE_MS)
    (alert,) = house.watch(22, rules=rules)
    assert alert.tier == 1
    assert [what for what, _ in house.told()].count("new-tier") == 1


def everything(house: House) -> list[bytes]:
    """All that is told and kept of alerts, byte for byte, but for what people's clocks and Redis' own say."""
    outbox = house.alerts.outgoing("test")[1]
    return [out.raw for out in outbox] + list(house.alerts.raw(one.id for one in house.alerts.list()).values())


def run_through(house: House, name: str, most: int) -> list[bytes]:
    house.feed.write(surge(SURGE_MS, "ACME", stories=20, minutes=30))
    house.feed.write(from_one_desk(SURGE_MS + 5 * MINUTE_MS, "BUST", 9, 12, topic="Macro"))
    house.feed.write([], watermark_ms=SURGE_MS + 120 * MINUTE_MS)
    house.watch(120, name=name, most=most)
    return everything(house)


def test_the_same_log_gives_the_same_alerts_byte_for_byte_whoever_watches_and_in_whatever_steps(house: House) -> None:
    first = run_through(house, "one", 60)
    assert len(first) >= 4  # two alerts, told and kept
    house.store.redis.flushall()
    assert run_through(House(house.store), "two", 7) == first


def test_two_watchers_at_once_give_one_alert_and_the_one_that_lost_its_lease_writes_nothing(house: House) -> None:
    house.feed.write(surge(SURGE_MS, "ACME", stories=20), watermark_ms=SURGE_MS + 30 * MINUTE_MS)
    token = house.lease("slow")
    slow = Patrol(house.store, house.alerts, "news", token)
    slow.advance(SURGE_MS - 2 * MINUTE_MS, idle=False)
    house.store.redis.delete(keys.lease())  # it hung for longer than the lease lasts
    assert AlertStore(house.store.redis).keep_lease(token) is False

    fast = Patrol(house.store, house.alerts, "news", house.lease("fast"))
    fast.advance(SURGE_MS + 20 * MINUTE_MS, idle=False)
    written = everything(house)
    with pytest.raises(LeaseLostError):
        slow.advance(SURGE_MS + 20 * MINUTE_MS, idle=False)
    assert everything(house) == written
    assert len(house.alerts.list()) == 1
    assert [what for what, _ in house.told()].count("fired") == 1


def test_stories_dated_in_the_future_ring_when_their_time_comes_and_not_before(house: House) -> None:
    house.feed.write(surge(SURGE_MS + 60 * MINUTE_MS, "ACME", stories=20))
    assert house.watch(59) == []
    (alert,) = house.watch(80)
    assert alert.fired_at > from_ms(SURGE_MS) + timedelta(minutes=60)
