"""Finding the system that runs in a data folder, and choosing ports beside others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from undertone import running
from undertone.cli.options import settings
from undertone.errors import SettingsError
from undertone.ports import Ports, is_free


def a_system(pid: int, bootstrap: str = "127.0.0.1:7") -> running.Running:
    return running.Running(
        pid=pid, bootstrap_servers=bootstrap, redis_url="redis://127.0.0.1:8/0", entities_file="e.csv"
    )


def test_what_runs_in_the_folder_or_in_its_demo_is_found(tmp_path: Path) -> None:
    assert running.find(tmp_path) is None
    (tmp_path / "demo").mkdir()
    running.write(tmp_path / "demo", a_system(os.getpid()))
    assert running.find(tmp_path) == a_system(os.getpid())
    running.write(tmp_path, a_system(os.getpid(), "127.0.0.1:9"))
    found = running.find(tmp_path)
    assert found is not None
    assert found.bootstrap_servers == "127.0.0.1:9"
    running.remove(tmp_path)
    running.remove(tmp_path / "demo")
    assert running.find(tmp_path) is None


def test_what_a_dead_process_or_half_a_write_left_is_not_believed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    running.write(tmp_path, a_system(dead.pid))
    assert running.find(tmp_path) is None
    (tmp_path / running.FILE).write_text("{")
    assert running.find(tmp_path) is None


def test_commands_use_what_runs_unless_they_are_told_where_the_servers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    running.write(tmp_path, a_system(os.getpid()))
    found = settings(data=tmp_path)
    assert (found.bootstrap_servers, found.redis_url) == ("127.0.0.1:7", "redis://127.0.0.1:8/0")
    assert found.entities_file == Path("e.csv")
    assert "Using the system that runs" in capsys.readouterr().err
    assert settings(data=tmp_path, bootstrap_servers="kafka:1").bootstrap_servers == "kafka:1"
    monkeypatch.setenv("UNDERTONE_REDIS_URL", "redis://redis:1/0")
    assert settings(data=tmp_path).redis_url == "redis://redis:1/0"


def test_a_port_that_is_taken_is_replaced_unless_it_was_asked_for() -> None:
    chooser = Ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = chooser.choose("127.0.0.1", port, asked=False, variable="UNDERTONE_X_PORT")
        assert other != port
        assert is_free("127.0.0.1", other)
        with pytest.raises(SettingsError, match=f"UNDERTONE_X_PORT={port}"):
            chooser.choose("127.0.0.1", port, asked=True, variable="UNDERTONE_X_PORT")
    assert chooser.choose("127.0.0.1", port, asked=True, variable="UNDERTONE_X_PORT") == port
    chooser.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_two_systems_that_start_at_once_do_not_choose_the_same_port() -> None:
    first, second = Ports(), Ports()
    port = first.choose("127.0.0.1", 0, asked=False, variable="X")
    assert second.choose("127.0.0.1", port, asked=False, variable="X") != port
    first.release()
    assert second.choose("127.0.0.1", port, asked=False, variable="X") == port
    second.release()
