"""Two writers at once, and writers killed at every step: one wins, and a champion serves on."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.model_folders import manifest, write
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.registry import Registry, storage

WHY: Any = {"by": "maria", "reason": "better on rumours", "at": datetime(2026, 11, 25, 12, tzinfo=UTC)}


@pytest.fixture(autouse=True)
def clean_memory() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], Path]:
    """Write a model folder of that version."""
    return lambda version: write(tmp_path / "made" / version, manifest(version))


class Between:
    """A storage that lets somebody else act once, right before an event is created."""

    def __init__(self, inner: storage.Storage, act: Callable[[], object]) -> None:
        self._inner, self._act = inner, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create(self, name: str, data: bytes) -> None:
        if name.startswith("history"):
            self._act()
        self._inner.create(name, data)


def test_of_two_changes_in_the_same_instant_one_loses_on_a_store_without_locks(
    model: Callable[[str], Path], tmp_path: Path
) -> None:
    one = Registry.open("memory://race", tmp_path / "cache")
    for version in "ab":
        one.add(model(version))
    other = Registry(Between(one._storage, lambda: one.promote("a", **WHY)))
    with pytest.raises(ModelError, match="not at revision 0 any more: maria did promote a"):
        other.promote("b", **WHY)
    assert one.state().champion == "a"
    assert [event.version for event in one.history()] == ["a"]


def test_a_slow_writer_that_points_back_mends_it_itself(model: Callable[[str], Path], tmp_path: Path) -> None:
    one = Registry.open("memory://slow", tmp_path / "cache")
    for version in "ab":
        one.add(model(version))
    slow = Registry.open("memory://slow", tmp_path / "cache")
    replace = slow._storage.replace

    def late(name: str, data: bytes) -> None:
        slow._storage.replace = replace  # type: ignore[method-assign]
        one.promote("b", **WHY)
        replace(name, data)

    slow._storage.replace = late  # type: ignore[method-assign]
    slow.promote("a", **WHY)
    assert one.state() == one.history()[-1].state
    assert one.state().champion == "b"


PROMOTES = """
    import sys
    from datetime import UTC, datetime
    from undertone.errors import ModelError
    from undertone.registry import Registry
    registry = Registry.open(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        registry.promote(sys.argv[2], by=sys.argv[2], reason="race", at=datetime.now(UTC), expected=0)
    except ModelError as error:
        print(error)
    else:
        print("won")
"""


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_two_processes_that_promote_at_once_one_wins(tmp_path: Path, model: Callable[[str], Path]) -> None:
    registry = Registry.open(str(tmp_path / "registry"))
    versions = ["a", "b", "c", "d"]
    for version in versions:
        registry.add(model(version))
    children = [child(PROMOTES, str(registry), version) for version in versions]
    for one in children:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in children:  # all are started before the first is waited for
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60)[0].strip() for one in children]
    won = said.index("won")
    assert said.count("won") == 1
    assert all("not at revision 0 any more" in text for text in said if text != "won"), said
    assert registry.state().champion == versions[won]
    assert [event.version for event in registry.history()] == [versions[won]]


@pytest.fixture
def before(tmp_path: Path, model: Callable[[str], Path]) -> Path:
    """A folder registry of the versions a, b and c, with the champion a, which b was before."""
    registry = Registry.open(str(tmp_path / "before"))
    for version in "abc":
        registry.add(model(version))
    registry.promote("b", **WHY)
    registry.promote("a", **WHY)
    return tmp_path / "before"


KILLED = """
    # Changes copies of a registry, each killed one step later than the one before, until a change is done.
    import os, shutil, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from undertone.registry import Registry

    seed, here, folder, action = sys.argv[1:]
    left, armed = 0, False

    def step(event, arguments):
        global left
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if armed and (writes or event in ("os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir")):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)
    for number in range(1000):
        place = Path(here) / str(number)
        shutil.copytree(seed, place)
        child = os.fork()
        if child == 0:
            left, armed = number, True
            registry = Registry.open(str(place))
            if action == "add":
                registry.add(Path(folder))
            elif action == "promote":
                registry.promote("b", by="x", reason="y", at=datetime.now(UTC))
            else:
                registry.rollback(by="x", reason="y", at=datetime.now(UTC))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.exit(os.WEXITSTATUS(status))
"""


def killed_at_every_step(tmp_path: Path, registry: Path, folder: Path, action: str) -> list[Path]:
    """Return a copy of the registry for each step at which it was killed, the last one whole."""
    (tmp_path / "killed").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), registry, tmp_path / "killed", folder, action],
        timeout=120,
        check=True,
    )
    assert done.returncode == 0
    return sorted((tmp_path / "killed").iterdir(), key=lambda place: int(place.name))


def test_adding_killed_at_any_step_leaves_a_whole_version_or_none(
    tmp_path: Path, before: Path, model: Callable[[str], Path]
) -> None:
    places = killed_at_every_step(tmp_path, before, model("new"), "add")
    found = set()
    for place in places:
        registry = Registry.open(str(place))
        assert registry.state().champion == "a"
        found.add(tuple(registry.versions()))
        for version in registry.versions():
            registry.folder(version)
        registry.add(tmp_path / "made" / "new")
        assert registry.versions() == ["a", "b", "c", "new"]
        assert [entry.name for entry in place.rglob(".*")] == [".lock"]
    assert found == {("a", "b", "c"), ("a", "b", "c", "new")}
    assert len(places) >= 8


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_a_change_killed_at_any_step_leaves_the_champion_and_the_next_one_goes_through(
    tmp_path: Path, before: Path, action: str
) -> None:
    seen = []
    for place in killed_at_every_step(tmp_path, before, before, action):
        registry = Registry.open(str(place))
        champion = registry.state().champion
        artefact.verify(registry.folder(champion))
        events = registry.history()
        seen.append((len(events), champion))
        # Whoever comes next finishes what was logged, and then goes on with what it wants itself.
        state = registry.promote("c", **WHY, as_challenger=True)
        assert state == registry.state() == registry.history()[-1].state
        assert [event.revision for event in registry.history()] == list(range(1, len(events) + 2))
        assert state.champion == events[-1].state.champion
        assert [entry.name for entry in place.rglob(".*")] == [".lock"]
    assert list(dict.fromkeys(seen)) == [(2, "a"), (3, "a"), (3, "b")]  # before, logged, pointed to


class Killed(BaseException):
    """Stands for the end of a process: no handler of ours catches it."""


def test_a_store_writer_killed_at_any_write_leaves_the_champion_serving(
    tmp_path: Path, model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_object = MemoryFileSystem.pipe_file
    left = 0

    def dying(self: MemoryFileSystem, path: str, *rest: Any, **more: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        write_object(self, path, *rest, **more)

    folders = [model("a"), model("b")]
    champions = []
    for number in range(100):
        url = f"memory://killed/{number}"
        registry = Registry.open(url, tmp_path / "cache")
        registry.add(folders[0])
        registry.promote("a", **WHY)
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", dying)
        left = number
        try:
            registry.add(folders[1])
            registry.promote("b", **WHY)
            survived = True
        except Killed:
            survived = False
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", write_object)
        again = Registry.open(url, tmp_path / "cache")
        champions.append(again.state().champion)
        for version in again.versions():
            artefact.verify(again.folder(version))
        again.add(folders[1])
        assert again.promote("b", **WHY).champion == again.state().champion == "b"
        if survived:
            break
    assert champions == ["a"] * (len(champions) - 1) + ["b"]
    assert len(champions) == 3 + 1 + 1 + 1 + 1  # three files, the manifest, the event, the pointer, and alive
