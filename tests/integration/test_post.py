"""The post on a real Valkey: each receiver gets what its routes say, once, whatever the others and the rules do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis
from typer.testing import CliRunner

from stream.couriers import Courier, Decide, everything
from stream.post import Post
from stream.receivers.addressed import addressed, channel
from tests.alerts import alert
from tests.listener import Listener, status
from tests.servers import wait_until
from undertone import keys
from undertone.alert_store import AlertStore, Outgoing, Publication
from undertone.cli.application import app
from undertone.errors import InputError
from undertone.messages import Alert, Severity
from undertone.rules import Receiver, Webhook
from undertone.rules.file import parse
from undertone.rules.routing import Decision
from undertone.settings import Settings

PATIENCE_S = 60
DAY = "2026-03-02"


@pytest.fixture
def alerts(redis_url: str) -> Iterator[AlertStore]:
    with Redis.from_url(redis_url) as client:
        yield AlertStore(client)


@pytest.fixture
def token(alerts: AlertStore) -> str:
    """A lease that nobody has to renew."""
    found = alerts.take_lease("by-hand")
    assert found
    alerts.redis.persist(keys.lease())
    return found


@pytest.fixture
def listeners() -> Iterator[Callable[[], Listener]]:
    opened: list[Listener] = []

    def one() -> Listener:
        opened.append(Listener())
        return opened[-1]

    yield one
    for listener in opened:
        listener.close()


@pytest.fixture
def posts(alerts: AlertStore, token: str, redis_url: str) -> Iterator[Callable[..., Post]]:
    """Posts whose Kafka is down the whole time, which must be of no account."""
    opened: list[Post] = []

    def one(**settings: Any) -> Post:
        chosen = Settings(redis_url=redis_url, bootstrap_servers="127.0.0.1:1", **settings)
        opened.append(Post(chosen, alerts, token, variables={"SET": "a secret"}.get))
        return opened[-1]

    yield one
    for post in opened:
        post.stop(1)


def tell(alerts: AlertStore, token: str, one: Alert, what: str = "fired", quiet: str = "") -> None:
    """Publish a change of an alert, as the watch does."""
    before = alerts.raw([one.id]).get(one.id)
    assert alerts.publish(token, one.stream, 1, [Publication(one, before, what, quiet)], {}) is None


def numbered(number: int, **changes: Any) -> Alert:
    return alert(id=f"{number:016x}", **changes)


def receivers(**listeners: Listener) -> str:
    line = "- {{name: {}, webhook: {{url: '{}', allow_private: true, timeout_s: 2}}}}\n"
    lines = "".join(line.format(name, one.url) for name, one in listeners.items())
    return f"version: 1\nreceivers:\n{lines}"


def taken(listener: Listener) -> list[str]:
    return [call.headers["Idempotency-Key"] for call in listener.calls]


def until(condition: Callable[[], object], what: str) -> None:
    wait_until(condition, PATIENCE_S, what)


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def command(*words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed(*words).splitlines()]


def test_a_budget_holds_the_rest_of_a_day_counts_it_and_lets_critical_alerts_through(
    alerts: AlertStore,
    token: str,
    redis_url: str,
    listeners: Callable[[], Listener],
    posts: Callable[..., Post],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    desk, ops = listeners(), listeners()
    post = posts()
    rules = receivers(desk=desk, ops=ops)
    rules += "routes: [{to: [desk], budget: {per_day: 2}, continue: true}, {to: [ops]}]"
    post.use(parse(rules))
    for number in range(4):
        tell(alerts, token, numbered(number))
    tell(alerts, token, numbered(4, severity=Severity.CRITICAL))
    until(lambda: len(desk.calls) == 3 and len(ops.calls) == 5, "what is to be delivered")
    assert taken(desk) == [f"{number:016x}-1" for number in (0, 1, 4)]
    until(lambda: alerts.tally("desk", DAY) == {"sent": 3, "held:budget": 2}, "the count")
    assert alerts.deliveries(f"{3:016x}")["desk:1"].startswith("held:budget ")
    until(lambda: alerts.tally("ops", DAY) == {"sent": 5}, "the other's count")

    file = tmp_path / "rules.yaml"
    file.write_text(rules)
    counted = command("rules", "sent", str(file), "--day", DAY, "--json")
    assert counted[0]["receivers"]["desk"] == {"sent": 3, "held:budget": 2}
    assert "held:budget 2" in printed("rules", "sent", str(file), "--day", DAY)
    ends = {one["receiver"]: one["outcome"] for one in command("alerts", "deliveries", f"{3:016x}", "--json")}
    assert ends == {"desk": "held:budget", "ops": "ok"}
    assert "held:budget" in printed("alerts", "deliveries", f"{3:016x}")


def test_what_is_silenced_or_in_a_told_incident_goes_to_nobody(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    desk = listeners()
    post = posts()
    post.use(parse(receivers(desk=desk)))
    tell(alerts, token, numbered(1), quiet="silenced")
    tell(alerts, token, numbered(2))
    until(lambda: taken(desk) == [f"{2:016x}-1"], "the other alert")
    assert alerts.deliveries(f"{1:016x}")["desk:1"].startswith("held:silenced")


def test_a_receiver_that_hangs_holds_no_other_up(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    slow, down, desk = listeners(), listeners(), listeners()
    slow.usual = slow.drip
    down.close()
    post = posts()
    post.use(parse(receivers(slow=slow, down=down, desk=desk)))
    for number in range(3):
        tell(alerts, token, numbered(number))
    until(lambda: len(desk.calls) == 3, "the one that answers")
    assert not [name for name in alerts.deliveries(f"{0:016x}") if not name.startswith("desk")]


def test_changed_rules_add_move_and_remove_receivers_and_lose_nothing(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    desk, moved, late = listeners(), listeners(), listeners()
    desk.usual = status(503)
    post = posts()
    post.use(parse(receivers(desk=desk)))
    tell(alerts, token, numbered(1))
    until(lambda: desk.calls, "an attempt that fails")

    post.use(parse(receivers(desk=moved, late=late)))
    until(lambda: taken(moved) == [f"{1:016x}-1"], "what the first address did not take")
    tell(alerts, token, numbered(2))
    until(lambda: taken(late) == [f"{2:016x}-1"], "the new receiver, which is not told of what was before it")
    until(lambda: len(moved.calls) == 2, "the second alert")

    post.use(parse(receivers(late=late)))
    tell(alerts, token, numbered(3))
    until(lambda: len(late.calls) == 2, "the one that is left")
    assert len(moved.calls) == 2
    post.use(parse(receivers(desk=moved, late=late)))

    def back() -> bool:
        post.tend()
        return len(moved.calls) == 3

    until(back, "what was told while it was away")
    assert taken(moved) == [f"{number:016x}-1" for number in (1, 2, 3)]


def test_rules_whose_secret_is_not_set_are_refused_and_the_old_ones_go_on(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    desk = listeners()
    post = posts()
    post.use(parse(receivers(desk=desk)))
    with pytest.raises(InputError, match="NOT_SET"):
        post.use(parse("version: 1\nreceivers: [{name: ops, webhook: {url_env: NOT_SET}}]"))
    tell(alerts, token, numbered(1))
    until(lambda: desk.calls, "the old receiver")


def test_a_receiver_hears_the_end_of_what_it_was_told_even_when_its_budget_is_spent(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    desk = listeners()
    post = posts(webhook_url=desk.url)
    post.use(parse("version: 1\nroutes: [{to: [webhook], budget: {per_day: 1}}]"))
    tell(alerts, token, numbered(1))
    tell(alerts, token, numbered(2))
    until(lambda: "webhook:1" in alerts.deliveries(f"{2:016x}"), "the second to be held")
    for number in (1, 2):
        tell(alerts, token, numbered(number, notifications=2), "resolved")
    until(lambda: "webhook:2" in alerts.deliveries(f"{2:016x}"), "both ends")
    assert taken(desk) == [f"{1:016x}-1", f"{1:016x}-2"]
    assert alerts.deliveries(f"{2:016x}")["webhook:2"].startswith("held:untold ")
    assert alerts.tally("webhook", DAY)["sent"] == 1


def hook(listener: Listener) -> Any:
    way = Webhook(url=listener.url, allow_private=True)
    return channel(addressed(Receiver(name="desk", webhook=way), lambda _: None), lambda _: "", "")


def counted(name: str) -> Decide:
    """For a receiver that is told of everything, on its budget."""
    return lambda *_: Decision(name, "", costs=True)


class Dying:
    """Delivers, and dies before it can say so."""

    name = "desk"
    at_once = 1

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def deliver(self, out: Outgoing) -> str:
        assert self._inner.deliver(out) == "ok"
        raise SystemExit

    def close(self) -> None:
        self._inner.close()


@pytest.mark.filterwarnings("ignore:Exception in thread courier-desk")
def test_a_courier_that_dies_between_delivery_and_record_is_followed_by_one_with_the_same_key(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    alerts.join("desk")
    tell(alerts, token, numbered(1))
    first = Courier(Dying(hook(desk)), redis_url, token, everything("desk"))
    first.start()
    first.join(PATIENCE_S)
    assert "desk:1" not in alerts.deliveries(f"{1:016x}")

    second = Courier(hook(desk), redis_url, token, everything("desk"))
    second.start()
    until(lambda: "desk:1" in alerts.deliveries(f"{1:016x}"), "the record")
    second.stop()
    second.join(PATIENCE_S)
    assert taken(desk) == [f"{1:016x}-1"] * 2


def test_alerts_go_side_by_side_and_the_notifications_of_one_event_in_order(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    alerts.join("desk")
    others = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        key = handler.headers["Idempotency-Key"]
        if key == f"{1:016x}-1":
            assert others.wait(PATIENCE_S), "the other alerts wait for the first"
        if {f"{2:016x}-1", f"{3:016x}-1"} <= set(taken(desk)):
            others.set()
        status(200)(handler)

    desk.usual = answer
    event = numbered(1)
    for number in (1, 2, 3):
        tell(alerts, token, numbered(number, incident=f"{number:016x}"))
    tell(alerts, token, msgspec.structs.replace(event, notifications=2), "grown")
    tell(alerts, token, numbered(4, incident=event.id))
    courier = Courier(hook(desk), redis_url, token, everything("desk"))
    courier.start()
    until(lambda: not alerts.outgoing("desk")[1], "all that was told")
    courier.stop()
    courier.join(PATIENCE_S)
    assert [key for key in taken(desk) if key[:16] in (f"{1:016x}", f"{4:016x}")] == [
        f"{1:016x}-1", f"{1:016x}-2", f"{4:016x}-1",
    ]  # fmt: skip
    assert sorted(taken(desk)) == sorted({*taken(desk)})


@pytest.mark.filterwarnings("ignore:Exception in thread courier-desk")
def test_what_arrived_behind_one_that_did_not_is_not_sent_again_by_the_next_courier(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    alerts.join("desk")

    class DyingAtTheFirst(Dying):
        at_once = 4

        def deliver(self, out: Outgoing) -> str:
            if out.alert.id == f"{1:016x}":
                until(lambda: all("desk:1" in alerts.deliveries(f"{one:016x}") for one in (2, 3)), "the other records")
                raise SystemExit
            return str(self._inner.deliver(out))

    for number in (1, 2, 3):
        tell(alerts, token, numbered(number))
    first = Courier(DyingAtTheFirst(hook(desk)), redis_url, token, counted("desk"))
    first.start()
    first.join(PATIENCE_S)
    assert not first.is_alive()
    assert len(alerts.outgoing("desk")[1]) == 3

    second = Courier(hook(desk), redis_url, token, counted("desk"))
    second.start()
    until(lambda: not alerts.outgoing("desk")[1], "what was left")
    second.stop()
    second.join(PATIENCE_S)
    assert sorted(taken(desk)) == [f"{number:016x}-1" for number in (1, 2, 3)]
    assert alerts.tally("desk", DAY) == {"sent": 3}


def test_a_budget_is_kept_by_alerts_that_go_side_by_side(
    alerts: AlertStore, token: str, listeners: Callable[[], Listener], posts: Callable[..., Post]
) -> None:
    desk = listeners()
    desk.answers = [status(404)]
    for number in range(1, 8):
        tell(alerts, token, numbered(number))
    alerts.redis.hset(keys.watch_state(), "cursor:webhook", "0-0")
    posts(webhook_url=desk.url).use(parse("version: 1\nroutes: [{to: [webhook], budget: {per_day: 3}}]"))
    until(lambda: not alerts.outgoing("webhook")[1], "all that was told")
    assert len(desk.calls) == 4, "the one that was refused costs nothing"
    assert alerts.tally("webhook", DAY) == {"sent": 3, "refused": 1, "held:budget": 3}


def test_a_courier_whose_lease_is_gone_stops_before_it_records(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    alerts.join("desk")
    tell(alerts, token, numbered(1))
    alerts.drop_lease(token)
    assert alerts.take_lease("another")
    late = Courier(hook(desk), redis_url, token, everything("desk"))
    late.start()
    late.join(PATIENCE_S)
    assert not late.is_alive()
    assert not alerts.deliveries(f"{1:016x}")
    assert alerts.outgoing("desk")[1]


def test_what_could_not_be_delivered_for_too_long_is_given_up_and_recorded_so(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    desk.usual = status(500)
    alerts.join("desk")
    tell(alerts, token, numbered(1))
    courier = Courier(hook(desk), redis_url, token, everything("desk"), expires_ms=0)
    courier.start()
    until(lambda: alerts.deliveries(f"{1:016x}").get("desk:1", "").startswith("expired "), "the record")
    courier.stop()
    courier.join(PATIENCE_S)
    assert alerts.tally("desk", DAY) == {"expired": 1}


def test_a_defect_in_one_notification_does_not_end_the_courier(
    alerts: AlertStore, token: str, redis_url: str, listeners: Callable[[], Listener]
) -> None:
    desk = listeners()
    broken: list[int] = []

    class Broken(Dying):
        def deliver(self, out: Outgoing) -> str:
            if len(broken) < 2:
                broken.append(1)
                raise ZeroDivisionError
            return str(self._inner.deliver(out))

    alerts.join("desk")
    tell(alerts, token, numbered(1))
    courier = Courier(Broken(hook(desk)), redis_url, token, everything("desk"))
    courier.start()
    until(lambda: desk.calls, "the third attempt")
    courier.stop()
    courier.join(PATIENCE_S)
    assert len(broken) == 2


def test_the_same_entry_is_counted_once_however_often_it_is_recorded(alerts: AlertStore, token: str) -> None:
    tell(alerts, token, numbered(1))
    cursor, (out,) = alerts.outgoing("desk")
    for _ in range(2):  # a retry after a lost reply
        alerts.record_delivery(token, "desk", cursor, out, "ok", 5, count="sent")
    assert alerts.tally("desk", DAY) == {"sent": 1}
