"""When a turn is due, what a schedule remembers, and who may train where."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers import wait_until
from training.lock import sole_trainer
from training.schedule import Schedule, State, decide, parse_every, read_state, write_state
from undertone.errors import BrokerError, BusyError, InputError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


class Turn:
    """A turn that ends with a code when it is let go, or at a signal."""

    def __init__(self, code: int = 0, *, waits: bool = False) -> None:
        self.code, self.go = code, threading.Event()
        if not waits:
            self.go.set()

    def wait(self) -> int:
        self.go.wait()
        return self.code

    def send_signal(self, number: int, /) -> None:
        self.code = -number
        self.go.set()


class Bench:
    """A schedule with a clock and a count that the test moves by hand."""

    def __init__(self, out: Path, min_labels: int = 500) -> None:
        self.now, self.labels = NOON, 0
        self.turns: list[Path] = []
        self.said: list[str] = []
        self.next = Turn()
        self.asked: list[datetime | None] = []
        self.schedule = Schedule(
            out, WEEK, min_labels, count=self.count, start=self.start, now=lambda: self.now, say=self.said.append
        )

    def count(self, since: datetime | None) -> int:
        self.asked.append(since)
        return self.labels

    def start(self, folder: Path) -> Turn:
        self.turns.append(folder)
        return self.next


@pytest.mark.parametrize(("text", "span"), [("45m", timedelta(minutes=45)), ("7d", WEEK), ("1w", WEEK)])
def test_a_span_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_every(text) == span


@pytest.mark.parametrize("text", ["", "7", "0d", "d", "-1d", "1y", "7 days"])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="12h or 7d"):
        parse_every(text)


def test_a_turn_waits_for_labels_and_then_for_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.labels = 499
    assert not bench.schedule.look()
    assert bench.said == ["499 of 500 fresh labels"]
    bench.labels = 500
    assert bench.schedule.look()
    assert [folder.name for folder in bench.turns] == ["turn-20260101-120000"]
    bench.now += WEEK - timedelta(seconds=1)
    assert not bench.schedule.look()
    bench.now += timedelta(seconds=1)
    assert bench.schedule.look()
    assert bench.asked[-1] == NOON  # labels that came before the first turn are not fresh for the second
    assert len(bench.turns) == 2


def test_a_schedule_that_was_killed_goes_on_with_the_turn_that_it_was_in(tmp_path: Path) -> None:
    write_state(tmp_path, State(NOON, None, "turn-1"))
    bench = Bench(tmp_path)
    assert bench.schedule.look()
    assert bench.turns == [tmp_path / "turn-1"]
    assert read_state(tmp_path).turn == ""
    assert read_state(tmp_path).labels_until == NOON


def test_a_killed_turn_is_gone_on_with_and_a_broken_one_three_times(tmp_path: Path) -> None:
    bench = Bench(tmp_path, min_labels=0)
    bench.next = Turn(-signal.SIGKILL)
    for _ in range(5):
        bench.schedule.look()
    bench.next = Turn(1)
    for _ in range(3):
        bench.schedule.look()
    assert len(set(bench.turns)) == 1
    assert len(bench.turns) == 8
    state = read_state(tmp_path)
    assert state.turn == ""
    assert state.labels_until is None  # its labels are for the next turn
    assert state.outcome == "given up: failed with exit code 1"


def test_a_turn_that_the_gate_refused_is_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path, min_labels=0)
    bench.next = Turn(3)
    bench.schedule.look()
    assert read_state(tmp_path).outcome == "refused by the gate"
    assert read_state(tmp_path).turn == ""


def test_a_count_that_cannot_be_had_is_said_and_asked_for_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def unreachable(since: datetime | None) -> int:
        raise BrokerError("Kafka cannot be reached")

    bench.schedule._count = unreachable
    assert not bench.schedule.look()
    assert bench.said == ["could not look: Kafka cannot be reached"]


def test_a_damaged_memory_is_said(tmp_path: Path) -> None:
    (tmp_path / "schedule.json").write_text("{")
    with pytest.raises(InputError, match="remove it"):
        read_state(tmp_path)


def test_nothing_is_due_before_its_time_however_many_labels_there_are() -> None:
    assert not decide(NOON, State(began_at=NOON), WEEK, 10**9, 1).run
    assert decide(NOON + WEEK, State(began_at=NOON), WEEK, 1, 1).run


def test_the_scheduler_looks_by_itself_runs_one_turn_at_a_time_and_stops_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.next = Turn(waits=True)
    looking = threading.Thread(target=bench.schedule.run, args=(timedelta(milliseconds=20),), daemon=True)
    looking.start()
    try:
        wait_until(lambda: len(bench.said) >= 3, what="three looks without enough labels")
        assert bench.turns == []
        bench.labels = 500
        wait_until(lambda: bench.turns, what="a turn")
    finally:
        bench.schedule.stop()
        looking.join()
    assert len(bench.turns) == 1
    wait_until(lambda: "cut off" in bench.said[-1], what="the turn's end")
    assert read_state(tmp_path).turn == bench.turns[0].name


def _hold(out: Path, held: str) -> None:
    with sole_trainer(out, "process 1 on elsewhere"):
        Path(held).touch()
        threading.Event().wait()


def test_of_two_trainers_the_second_is_told_who_is_at_it_until_that_one_dies(tmp_path: Path) -> None:
    held = tmp_path / "held"
    first = multiprocessing.get_context("fork").Process(target=_hold, args=(tmp_path / "out", str(held)))
    first.start()
    try:
        wait_until(held.is_file, what="the first trainer")
        with (
            pytest.raises(BusyError, match=r"held by process 1 on elsewhere.*--wait"),
            sole_trainer(tmp_path / "out", "me"),
        ):
            pass
    finally:
        first.kill()  # no handler runs: the system alone lets go of the lock
        first.join()
    with sole_trainer(tmp_path / "out", "me"):
        assert (tmp_path / "out" / "trainer.owner").read_text() == "me\n"
    assert not (tmp_path / "out" / "trainer.owner").exists()
