"""What people do to alerts, on a real Valkey: who did what is recorded with the change, and nothing is told twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase

import pytest

from stream.labelling import carry_labels
from tests.alerts import alert, evidence
from tests.servers import wait_until
from undertone import broker, keys
from undertone.alert_store import SILENCED, AlertStore, Publication
from undertone.client import connect
from undertone.errors import BrokerError, InputError
from undertone.false_alarm import Verdicts, corrections
from undertone.labels import log
from undertone.lifecycle import Action
from undertone.messages import Alert, AlertState, Sentiment, Severity, encode, from_ms, to_ms
from undertone.rules import Match
from undertone.settings import Settings
from undertone.silences import silence

WALL_MS = 1_772_500_000_000
ALERT = alert(evidence=(evidence(1, "Acme sinks on results"), evidence(2, "Acme cuts its forecast")), notifications=1)


@pytest.fixture
def alerts(redis_url: str) -> Iterator[AlertStore]:
    """Holds one alert that fires."""
    client = connect(redis_url)
    store = AlertStore(client)
    publish(store, ALERT)
    yield store
    client.close()


def publish(store: AlertStore, after: Alert, before: Alert | None = None, what: str = "fired") -> None:
    token = store.take_lease("desk-1")
    assert token is not None
    expected = None if before is None else encode(before)
    assert store.publish(token, after.stream, 0, [Publication(after, expected, what)], {}) is None
    store.drop_lease(token)


def told(store: AlertStore) -> list[tuple[str, int, str]]:
    return [(out.what, out.notification, out.quiet) for out in store.outgoing("test")[1]]


def test_each_act_is_recorded_with_who_when_why_and_what_it_changed(alerts: AlertStore) -> None:
    alerts.act(ALERT.id, Action.ACKNOWLEDGE, "maria", WALL_MS, why="Looking")
    alerts.act(ALERT.id, Action.ASSIGN, "maria", WALL_MS + 1, to="bob")
    alerts.act(ALERT.id, Action.COMMENT, "bob", WALL_MS + 2, why="The company\ndenies it")
    alerts.act(ALERT.id, Action.ESCALATE, "bob", WALL_MS + 3, why="We hold it")
    alerts.act(ALERT.id, Action.RESOLVE, "bob", WALL_MS + 4, why="Sold")

    trail = alerts.trail(ALERT.id)[::-1]
    assert [(one.action, one.by, one.why) for one in trail] == [
        ("fired", "watch:desk-1", ALERT.reason),
        ("acknowledged", "maria", "Looking"),
        ("assigned", "maria", ""),
        ("commented", "bob", "The company denies it"),
        ("escalated", "bob", "We hold it"),
        ("resolved", "bob", "Sold"),
    ]
    assert [to_ms(one.at) for one in trail[1:]] == [WALL_MS + n for n in range(5)]
    assert (trail[1].before, trail[1].after) == (
        {"state": "firing", "acknowledged_by": None},
        {"state": "acknowledged", "acknowledged_by": "maria"},
    )
    assert trail[4].after == {"severity": "critical"}
    assert told(alerts) == [("fired", 1, ""), ("acknowledged", 2, ""), ("escalated", 3, ""), ("resolved", 4, "")]
    after = alerts.get(ALERT.id)
    assert after is not None
    assert (after.severity, after.state, after.assigned_to) == (Severity.CRITICAL, AlertState.RESOLVED, "bob")


def test_what_changes_nothing_or_is_refused_leaves_no_record_and_tells_nobody(alerts: AlertStore) -> None:
    alerts.act(ALERT.id, Action.RESOLVE, "maria", WALL_MS)
    before = (alerts.trail(), told(alerts), alerts.raw([ALERT.id]))
    alerts.act(ALERT.id, Action.RESOLVE, "bob", WALL_MS + 1)
    with pytest.raises(InputError, match="is resolved"):
        alerts.act(ALERT.id, Action.ACKNOWLEDGE, "bob", WALL_MS + 2)
    with pytest.raises(InputError, match="undertone alerts list"):
        alerts.act("nothing", Action.ACKNOWLEDGE, "bob", WALL_MS + 3)
    assert (alerts.trail(), told(alerts), alerts.raw([ALERT.id])) == before


def test_times_of_an_alert_stay_event_time_whatever_the_clock_of_the_person_says(alerts: AlertStore) -> None:
    looked = to_ms(ALERT.updated_at) // 60_000 + 7
    token = alerts.take_lease("desk-1")
    assert token is not None
    alerts.publish(token, ALERT.stream, looked - 1, [], {})
    for skew_ms in (-(10**12), 10**12):
        alerts.act(ALERT.id, Action.ACKNOWLEDGE, "maria", WALL_MS + skew_ms)
        after = alerts.act(ALERT.id, Action.UNACKNOWLEDGE, "maria", WALL_MS + skew_ms)
        assert to_ms(after.updated_at) == looked * 60_000
    assert to_ms(alerts.resolve(ALERT.id, "maria", WALL_MS).resolved_at or ALERT.fired_at) == looked * 60_000


def test_two_people_who_act_at_once_both_get_their_word_in(alerts: AlertStore, monkeypatch: pytest.MonkeyPatch) -> None:
    other = AlertStore(alerts.redis)
    evaluated = alerts.evaluated

    def meanwhile(stream: str) -> int | None:
        monkeypatch.undo()  # once
        other.act(ALERT.id, Action.COMMENT, "bob", WALL_MS, why="First")
        return evaluated(stream)

    monkeypatch.setattr(alerts, "evaluated", meanwhile)
    after = alerts.act(ALERT.id, Action.COMMENT, "maria", WALL_MS, why="Second")
    assert [(one.by, one.text) for one in after.comments] == [("bob", "First"), ("maria", "Second")]
    assert [one.action for one in alerts.trail()] == ["commented", "commented", "fired"]


def test_a_silence_holds_what_people_do_too_but_not_the_end(alerts: AlertStore) -> None:
    at = ALERT.updated_at
    hold = silence(Match(entity="ACME"), at, at + timedelta(hours=1), by="maria", created_at=from_ms(WALL_MS))
    assert alerts.silences.add(hold) == alerts.silences.add(hold)
    alerts.act(ALERT.id, Action.ESCALATE, "bob", WALL_MS, why="We hold it")
    alerts.resolve(ALERT.id, "bob", WALL_MS)
    assert told(alerts)[1:] == [("escalated", 2, SILENCED), ("resolved", 3, "")]
    assert [one.action for one in alerts.trail()] == ["resolved", "escalated", "silenced", "fired"]


def test_a_silence_that_is_ended_early_is_over_and_the_record_says_who_ended_it(alerts: AlertStore) -> None:
    at = ALERT.updated_at
    hold = alerts.silences.add(
        silence(Match(), at, at + timedelta(hours=1), by="maria", why="Upkeep", created_at=from_ms(WALL_MS))
    )
    alerts.silences.end(hold.id, "bob", at + timedelta(minutes=1), "Done early")
    assert [one.ends_at for one in alerts.silences.list()] == [at + timedelta(minutes=1)]
    with pytest.raises(InputError, match="nothing to end"):
        alerts.silences.end(hold.id, "bob", at + timedelta(minutes=2))
    with pytest.raises(InputError, match="silence list"):
        alerts.silences.end("nothing", "bob", at)
    ended, added, _ = alerts.trail()
    assert (added.action, added.by, added.why, added.silence) == ("silenced", "maria", "Upkeep", hold.id)
    assert (ended.action, ended.by, ended.why) == ("silence-ended", "bob", "Done early")


def test_a_silence_long_over_goes_when_another_comes(alerts: AlertStore) -> None:
    def made(days: int) -> str:
        begin = from_ms(WALL_MS) + timedelta(days=days)
        return alerts.silences.add(silence(Match(), begin, begin + timedelta(hours=1), by="maria", created_at=begin)).id

    old, late, new = made(0), made(20), made(40)
    assert {one.id for one in alerts.silences.list()} == {late, new}
    assert old not in {one.id for one in alerts.silences.list()}


def test_texts_of_a_false_alarm_become_labels_on_kafka_once_for_each_text_and_person(
    alerts: AlertStore, bootstrap: str, redis_url: str
) -> None:
    settings = Settings(bootstrap_servers=bootstrap, redis_url=redis_url)
    broker.create_topics(settings)
    known = len(log.read(settings).labels)
    verdicts = Verdicts(alerts.redis)

    def wrong(by: str, sentiment: Sentiment, positions: tuple[str, ...] = ()) -> None:
        labels = corrections(ALERT, by=by, at=from_ms(WALL_MS), sentiment=sentiment, positions=positions, why="Old")
        alerts.act(ALERT.id, Action.WRONG, by, WALL_MS, why="Old", labels=labels)

    wrong("maria", Sentiment.NEUTRAL)
    assert verdicts.waiting() == 2
    unreachable = Settings(bootstrap_servers="127.0.0.1:1", redis_url=redis_url)
    with pytest.raises(BrokerError):
        verdicts.carry(unreachable, "first")
    assert verdicts.waiting() == 2
    wrong("Maria", Sentiment.POSITIVE)  # has said so before
    assert verdicts.carry(settings, "second") == 2
    wrong("bob", Sentiment.POSITIVE, ("news-0:2",))
    assert verdicts.carry(settings, "third") == 1
    assert verdicts.carry(settings, "fourth") == 0

    found = [one.label for one in log.read(settings).labels][known:]
    assert [(one.labelled_by, one.position, one.sentiment) for one in found] == [
        ("maria", "news-0:1", Sentiment.NEUTRAL),
        ("maria", "news-0:2", Sentiment.NEUTRAL),
        ("bob", "news-0:2", Sentiment.POSITIVE),
    ]
    assert {one.text for one in found} == {one.text for one in ALERT.evidence}
    assert all(one.was is not None and one.was.sentiment is Sentiment.NEGATIVE for one in found)
    assert all(ALERT.id in one.comment and one.source == "alert" for one in found)
    after = alerts.get(ALERT.id)
    assert after is not None
    assert after.state is AlertState.RESOLVED
    assert after.wrong_by == ("maria", "bob")


def test_labels_that_a_command_left_behind_are_carried_by_the_watch(
    alerts: AlertStore, bootstrap: str, redis_url: str
) -> None:
    settings = Settings(bootstrap_servers=bootstrap, redis_url=redis_url)
    broker.create_topics(settings)
    labels = corrections(ALERT, by="carol", at=from_ms(WALL_MS), sentiment=Sentiment.NEUTRAL)
    alerts.act(ALERT.id, Action.WRONG, "carol", WALL_MS, labels=labels)
    stop = threading.Event()
    carrier = threading.Thread(target=carry_labels, args=(settings, stop))
    carrier.start()
    try:
        wait_until(lambda: Verdicts(alerts.redis).waiting() == 0, 60, "the labels are sent")
    finally:
        stop.set()
        carrier.join(30)
    assert not carrier.is_alive()
    found = [one.label.position for one in log.read(settings).labels if one.label.labelled_by == "carol"]
    assert found == ["news-0:1", "news-0:2"]


def test_while_one_program_carries_labels_another_does_not(alerts: AlertStore) -> None:
    labels = corrections(ALERT, by="maria", at=from_ms(WALL_MS), sentiment=Sentiment.NEUTRAL)
    alerts.act(ALERT.id, Action.WRONG, "maria", WALL_MS, labels=labels)
    alerts.redis.set(keys.verdicts_lease(), "another 1", px=10_000)
    assert Verdicts(alerts.redis).carry(Settings(bootstrap_servers="127.0.0.1:1"), "mine") == 0
    assert Verdicts(alerts.redis).waiting() == 2


def test_every_key_that_people_make_is_bounded_and_listed(alerts: AlertStore) -> None:
    labels = corrections(ALERT, by="maria", at=from_ms(WALL_MS), sentiment=Sentiment.NEUTRAL)
    alerts.act(ALERT.id, Action.WRONG, "maria", WALL_MS, labels=labels)
    at = ALERT.updated_at
    alerts.silences.add(silence(Match(), at, at + timedelta(hours=1), by="maria", created_at=at))
    alerts.redis.set(keys.verdicts_lease(), "one 1", px=10_000)
    names = [bytes(name).decode() for name in alerts.redis.scan_iter("ut:{alerts}:*")]
    kinds = {name.split(":")[2] for name in names}
    assert kinds >= {"alert", "audit", "silences", "judged", "verdicts", "verdicts-lease", "outbox"}
    for name in names:
        (pattern,) = [one for one in keys.PATTERNS if fnmatchcase(name, one.glob)]
        assert alerts.redis.type(name) == pattern.type.encode()
        assert 0 < int(alerts.redis.ttl(name)) <= pattern.ttl_s
