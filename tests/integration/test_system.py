"""`undertone up` as a person runs it: everything starts, works together, refuses company, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from tests.servers import wait_until
from undertone import broker, running
from undertone.cli.application import app
from undertone.settings import Settings

UP = [sys.executable, "-m", "undertone.cli", "up", "--no-dashboard", "--model", "trivial"]


class Up:
    """One `undertone up` in a folder of its own."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("UNDERTONE_")}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*UP, *flags, "--data", str(data)], cwd=data.parent, env=environment, stdout=output, stderr=output
            )

    def wait(self) -> running.Running:
        wait_until(self._ready, 150, "the system is ready")
        found = running.find(self.data)
        assert found is not None
        return found

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "Ctrl-C" in self.log.read_text()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "data")
    yield made
    if made.process.poll() is None:
        made.process.terminate()
        made.process.wait(90)


def run(*arguments: str, data: Path, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments], env={"UNDERTONE_DATA": str(data)})
    assert result.exit_code == code, result.output
    return result


def health(address: str) -> Any:
    try:
        return httpx.get(f"{address}/v1/health", timeout=5).json()
    except httpx.TransportError:
        return None


def gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_messages_are_counted_refused_sent_again_and_the_system_leaves_nothing(up: Up, tmp_path: Path) -> None:
    system = up.wait()
    run("produce", "Tesla recalls cars", "Ford rises", "--published-at", "2026-01-05T10:00Z", data=up.data)
    found = Settings(bootstrap_servers=system.bootstrap_servers, redis_url=system.redis_url)
    with broker.producer(found) as producer:
        producer.send("news", key=b"k", value=b"\xff not json", headers=[("h", b"1")])

    def windows() -> list[dict[str, Any]]:
        lines = run("trends", "--json", "--to", "2026-01-05T11:00Z", data=up.data).stdout.splitlines()
        counted = [json.loads(line) for line in lines]
        return counted if sum(sum(one["messages"].values()) for one in counted) == 2 else []

    [window] = wait_until(windows, 30, "both messages are counted")
    assert window["messages"] == {"negative": 1, "neutral": 0, "positive": 1}

    def letters() -> list[dict[str, Any]]:
        listed = run("dead-letters", "list", "--json", data=up.data).stdout
        return [json.loads(line) for line in listed.splitlines()]

    [letter] = wait_until(letters, 30, "the foreign bytes are a dead letter")
    assert letter["reason"] == "not-utf8"
    run("dead-letters", "redrive", letter["position"], data=up.data)
    again = wait_until(lambda: letters()[1:], 30, "what was sent again is refused again")
    assert [one["bytes"] for one in again] == [letter["bytes"]]
    assert again[0]["position"] != letter["position"]

    [address] = re.findall(r"The API is at (\S+)", up.log.read_text())
    told = wait_until(lambda: health(address), 30, "the API answers")
    assert told["status"] == "ok"
    second = subprocess.run([*UP, "--data", str(up.data)], capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == 1
    assert f"in use by process {up.process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1

    family = up.family()
    assert len(family) >= 4
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(90) == 0
    wait_until(lambda: gone(family), 10, "every child is gone")
    assert running.find(up.data) is None


def test_two_systems_in_two_folders_do_not_disturb_each_other_and_a_killed_one_takes_its_children_along(
    up: Up, tmp_path: Path
) -> None:
    other = Up(tmp_path / "other", "--no-api")
    try:
        one, two = up.wait(), other.wait()
        assert one.bootstrap_servers != two.bootstrap_servers
        assert one.redis_url != two.redis_url
        family = other.family()
        other.process.kill()
        other.process.wait(20)
        wait_until(lambda: gone(family), 20, "the children of a killed system are gone")
        assert running.find(other.data) is None
        assert up.process.poll() is None
    finally:
        other.process.kill()
        other.process.wait(20)
    third = Up(tmp_path / "other", "--no-api")
    try:
        third.wait()
    finally:
        third.process.terminate()
        assert third.process.wait(90) == 0
