"""The stream of alerts: nothing lost and nothing repeated over any number of connections, and its limits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import NamedTuple

import httpx
import msgspec
import pytest

from tests.api_server import LONG_S, access_log, bearer, fired, publish, serving, story
from tests.seed import HOSTILE, NOW_MS
from tests.servers import wait_until
from undertone import keys
from undertone.api import events, shapes, tail
from undertone.api.service import wall_ms
from undertone.api.tokens import TokenStore
from undertone.messages import Alert
from undertone.store import Store

PATH = "/v1/alerts/stream"


class Event(NamedTuple):
    name: str
    id: str
    data: str


def events_of(answer: httpx.Response) -> Iterator[Event]:
    """Server-sent events as a client reads them; comments are left out."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            yield Event(fields.get("event", ""), fields.get("id", ""), fields["data"])
        fields = {}


def backlog(client: httpx.Client, after: str, **parameters: str) -> list[Event]:
    answer = client.get(PATH, params={"seconds": 0, **parameters}, headers={"Last-Event-ID": after})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(events_of(answer))


def alert_of(event: Event) -> Alert:
    return msgspec.json.decode(event.data, type=shapes.AlertEvent).alert


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.open(redis_url)
    yield store
    store.redis.close()


@pytest.fixture
def client(redis_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setattr(tail, "LOOK_S", 0.02)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    with serving(redis_url) as client:
        yield client


def test_a_client_that_comes_back_gets_what_it_missed_once_and_in_order(client: httpx.Client, store: Store) -> None:
    publish(store, *(fired(store, n, NOW_MS) for n in range(5)))
    seen: list[Event] = []
    with client.stream("GET", PATH, params={"after": "0-0"}) as answer:
        for event in events_of(answer):
            seen.append(event)
            if len(seen) == 3:
                break
    publish(store, *(fired(store, n, NOW_MS) for n in range(5, 9)))
    with client.stream("GET", PATH, headers={"Last-Event-ID": seen[-1].id}) as answer:
        for event in events_of(answer):
            seen.append(event)
            if len(seen) == 9:
                publish(store, fired(store, 9, NOW_MS))  # live now
            if len(seen) == 10:
                break
    assert [alert_of(event).id for event in seen] == [f"alert-{n:04}" for n in range(10)]
    assert len({event.id for event in seen}) == 10
    assert {event.name for event in seen} == {"fired"}


def test_many_clients_that_follow_and_lag_all_get_everything(client: httpx.Client, store: Store) -> None:
    total = tail.PAGE * 3
    with (
        client.stream("GET", PATH, params={"after": "0-0"}) as first,
        client.stream("GET", PATH, params={"after": "0-0"}) as second,
    ):
        for n in range(0, total, 10):
            publish(store, *(fired(store, m, NOW_MS) for m in range(n, n + 10)))
        for answer in (first, second):
            ids = []
            for event in events_of(answer):
                ids.append(alert_of(event).id)
                if len(ids) == total:
                    break
            assert ids == [f"alert-{n:04}" for n in range(total)]


def test_without_a_place_to_begin_only_what_comes_is_told(client: httpx.Client, store: Store) -> None:
    publish(store, fired(store, 1, NOW_MS))
    with client.stream("GET", PATH) as answer:
        publish(store, fired(store, 2, NOW_MS))
        assert alert_of(next(events_of(answer))).id == "alert-0002"


def test_filters_leave_the_rest_out(client: httpx.Client, store: Store) -> None:
    publish(store, fired(store, 1, NOW_MS, entity="AAPL"), fired(store, 2, NOW_MS, entity="TSLA", severity="warning"))
    assert [alert_of(one).entity for one in backlog(client, "0-0", entity="Tesla")] == ["TSLA"]
    assert [alert_of(one).entity for one in backlog(client, "0-0", severity="critical")] == ["AAPL"]
    assert backlog(client, "0-0", rule="volume-surge") == []


def test_a_gap_is_told_when_entries_may_have_been_dropped(client: httpx.Client, store: Store) -> None:
    publish(store, *(fired(store, n, NOW_MS) for n in range(4)))
    ids = [event.id for event in backlog(client, "0-0")]
    store.redis.xtrim(keys.outbox(), minid=ids[2], approximate=False)
    told = backlog(client, ids[0])
    assert (told[0].name, json.loads(told[0].data)) == ("gap", {"after": ids[0], "first": ids[2]})
    assert [event.id for event in told[1:]] == ids[2:]
    assert [event.id for event in backlog(client, ids[2])] == ids[3:]


def test_hostile_text_does_not_break_out_of_its_event(client: httpx.Client, store: Store) -> None:
    texts = [*HOSTILE, "a\nid: 9-9\nevent: forged\n\ndata: {}"]
    made = fired(store, 1, NOW_MS)
    evidence = tuple(story(n, NOW_MS - 1_000, text=text) for n, text in enumerate(texts))
    publish(store, msgspec.structs.replace(made, evidence=evidence, reason=texts[-1]))
    (event,) = backlog(client, "0-0")
    assert event.name == "fired"
    assert [one.text for one in alert_of(event).evidence] == texts


def test_a_quiet_stream_is_kept_alive_by_comments(client: httpx.Client) -> None:
    with client.stream("GET", PATH) as answer:
        lines = answer.iter_lines()
        assert next(lines) == f"retry: {events.RETRY_MS}"
        assert next(line for line in lines if line.startswith(":")) == ": still here"


def test_a_revoked_token_ends_its_stream(client: httpx.Client, redis_url: str) -> None:
    headers = bearer(redis_url, now_ms=wall_ms())
    with client.stream("GET", PATH, headers=headers) as answer:
        tokens = TokenStore(Store.open(redis_url).redis)
        tokens.revoke(tokens.list()[0].id)
        assert list(events_of(answer)) == []  # it ends


def test_one_caller_has_only_so_many_streams_and_a_closed_one_gives_its_place_back(client: httpx.Client) -> None:
    answers = [client.send(client.build_request("GET", PATH), stream=True) for _ in range(events.EACH_CALLER)]
    refused = client.get(PATH)
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:undertone:problem:streams")
    assert int(refused.headers["retry-after"]) > 0
    answers.pop().close()
    wait_until(lambda: client.get(PATH, params={"seconds": 0}).status_code == 200, what="there is a place again")
    for answer in answers:
        answer.close()


def test_a_client_that_takes_nothing_is_cut_off_and_loses_its_place(
    client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SEND_TIMEOUT_S", 0.3)
    long = "x" * 200_000
    for n in range(0, 60, 10):
        publish(store, *(fired(store, m, NOW_MS, reason=long) for m in range(n, n + 10)))
    with access_log() as log, ExitStack() as stalled:
        for _ in range(events.EACH_CALLER):
            one = stalled.enter_context(closing(socket.socket()))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.connect(("127.0.0.1", client.base_url.port or 0))
            one.sendall(f"GET {PATH}?after=0-0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        # A line of the log is written when a stream has ended; no client has closed any.
        wait_until(lambda: len(log) == events.EACH_CALLER, LONG_S, "the server ends all of them")
        assert client.get(PATH, params={"seconds": 0}).status_code == 200


def test_all_callers_together_have_only_so_many_streams(redis_url: str) -> None:
    with serving(redis_url, api_streams=1) as client, client.stream("GET", PATH):
        refused = client.get(PATH)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:undertone:problem:busy")


def test_a_stop_ends_the_streams(redis_url: str) -> None:
    with serving(redis_url) as client:
        answer = client.send(client.build_request("GET", PATH), stream=True)
        assert answer.status_code == 200
    # The server has stopped although a stream was open: its end was awaited when the body above was left.
    answer.close()
