"""The turnstile before a receiver: how many try it at once, and what a failure changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stream import turnstile
from stream.turnstile import Turnstile
from tests.servers import wait_until

AT_ONCE = 4
PATIENCE_S = 30


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(turnstile, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(turnstile, "LONGEST_RETRY_S", 0.002)
    with ThreadPoolExecutor(8) as found:
        yield found


@pytest.fixture
def gate(pool: ThreadPoolExecutor) -> Iterator[Turnstile]:
    """Closed in the end, so that nobody waits at it for ever."""
    found = Turnstile(AT_ONCE)
    yield found
    found.close()


def test_so_many_try_at_once_and_the_next_when_one_has_ended(gate: Turnstile, pool: ThreadPoolExecutor) -> None:
    assert all(gate.enter(0) for _ in range(AT_ONCE))
    fifth = pool.submit(gate.enter, 0)
    assert not fifth.done()
    gate.leave(delivered=True)
    assert fifth.result(PATIENCE_S)


def test_while_a_receiver_takes_nothing_one_tries_it_at_a_time(gate: Turnstile, pool: ThreadPoolExecutor) -> None:
    inside, most = [0], [0]
    lock = threading.Lock()
    assert gate.enter(0)
    gate.leave(delivered=False)

    def fail() -> None:
        for failures in range(3):
            assert gate.enter(failures)
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.001)
            with lock:
                inside[0] -= 1
            gate.leave(delivered=False)

    for one in [pool.submit(fail) for _ in range(6)]:
        one.result(PATIENCE_S)
    assert most == [1]


def test_after_a_success_all_may_try_again() -> None:
    gate = Turnstile(AT_ONCE)
    assert gate.enter(0)
    gate.leave(delivered=False)
    assert gate.enter(0)
    gate.leave(delivered=True)
    assert all(gate.enter(0) for _ in range(AT_ONCE))


def test_another_way_to_the_receiver_ends_all_waiting() -> None:
    gate = Turnstile(1)
    assert gate.enter(0)
    gate.leave(delivered=False)
    entered = threading.Event()

    def wait() -> None:
        assert gate.enter(30)  # for longer than this test may take
        entered.set()

    thread = threading.Thread(target=wait)
    thread.start()

    def opened() -> bool:
        gate.open(AT_ONCE)  # it may not have begun to wait when it was opened before
        return entered.is_set()

    wait_until(opened, PATIENCE_S, "the one that waited")
    thread.join(PATIENCE_S)


def test_nobody_is_let_in_any_more_once_it_is_closed() -> None:
    gate = Turnstile(1)
    gate.enter(0)
    waiting: list[bool] = []
    thread = threading.Thread(target=lambda: waiting.append(gate.enter(0)))
    thread.start()
    gate.close()
    thread.join(PATIENCE_S)
    assert waiting == [False]
