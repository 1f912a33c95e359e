"""The supervisor on real processes: they come back, they end in order, and they never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import wait_until
from undertone import supervisor as module
from undertone.supervisor import Program, ProgramFailed, Supervisor

FOREVER = "import signal; signal.pause()"
Make = Callable[..., Supervisor]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Supervisor] = []

    def one(tell: Callable[[str], None] = lambda _line: None) -> Supervisor:
        made.append(Supervisor(tmp_path / "logs", tmp_path, tell))
        return made[-1]

    yield one
    for supervisor in made:
        supervisor.stop()


def python(name: str, code: str, stop_timeout_s: float = 15) -> Program:
    return Program(name, [sys.executable, "-c", code], None, stop_timeout_s)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_is_killed_comes_back_and_it_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.01)
    told: list[str] = []
    supervisor = make(told.append)
    supervisor.start(python("sleeper", FOREVER))
    before = supervisor.pids()["sleeper"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: supervisor.pids().get("sleeper", before) != before, what="a new process")
    assert told
    assert "The sleeper ended with exit code -9" in told[0]
    supervisor.check()


def test_a_program_that_never_stays_up_is_given_up_with_the_end_of_its_log(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.01)
    supervisor = make()
    supervisor.start(python("broken", "raise SystemExit('no such setting')"))

    def failed() -> str:
        try:
            supervisor.check()
        except ProgramFailed as error:
            return str(error)
        return ""

    text = wait_until(failed, what="giving up")
    assert "broken does not stay up (exit code 1" in text
    assert "no such setting" in text
    assert supervisor.log("broken").read_text().count("no such setting") == module.FALSE_STARTS


def test_programs_end_in_the_opposite_order_of_their_start(make: Make, tmp_path: Path) -> None:
    supervisor = make()
    code = (
        "import pathlib, signal, sys\n"
        "def end(*_):\n"
        "    with open('ends', 'a') as file: file.write(sys.argv[1] + '\\n')\n"
        "    raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path('up-' + sys.argv[1]).touch()\n"
        "signal.pause()\n"
    )
    for name in ("first", "second"):
        supervisor.start(Program(name, [sys.executable, "-c", code, name]))
    wait_until(lambda: (tmp_path / "up-first").exists() and (tmp_path / "up-second").exists(), what="both are up")
    supervisor.stop()
    assert (tmp_path / "ends").read_text().split() == ["second", "first"]
    assert supervisor.pids() == {}


def test_a_program_that_will_not_end_is_killed_with_its_helpers(make: Make, tmp_path: Path) -> None:
    supervisor = make()
    code = (
        "import pathlib, signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
        "pathlib.Path('helper').write_text(str(child.pid))\n"
        "signal.pause()\n"
    )
    supervisor.start(python("stubborn", code, stop_timeout_s=0.2))
    text = wait_until(lambda: (tmp_path / "helper").exists() and (tmp_path / "helper").read_text(), what="the helper")
    stubborn = supervisor.pids()["stubborn"]
    supervisor.stop()
    wait_until(lambda: gone(stubborn) and gone(int(text)), what="both are gone")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_programs_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys\n"
        "from undertone.supervisor import Program, Supervisor\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "supervisor = Supervisor(here, here, print)\n"
        f"supervisor.start(Program('child', [sys.executable, '-c', {FOREVER!r}]))\n"
        "print(supervisor.pids()['child'], flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    wait_until(lambda: gone(child), what="the child is gone")
