"""The two places of a registry: a folder with its lock, and a store with what was fetched from it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.model_folders import manifest, tensors, write
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.registry import Registry, remote, storage

WHY: Any = {"by": "maria", "reason": "better on rumours", "at": datetime(2026, 11, 25, 12, tzinfo=UTC)}


@pytest.fixture(autouse=True)
def clean_memory() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], Path]:
    """Write a model folder of that version."""
    return lambda version: write(tmp_path / "made" / version, manifest(version))


@pytest.fixture
def near(tmp_path: Path, model: Callable[[str], Path]) -> Path:
    """The folder of a registry with the champion a and the version b."""
    registry = Registry.open(str(tmp_path / "near"))
    for version in "ab":
        registry.add(model(version))
    registry.promote("a", **WHY)
    return tmp_path / "near"


@pytest.fixture
def distant(tmp_path: Path, model: Callable[[str], Path]) -> Registry:
    """A registry in a store, with the version a."""
    registry = Registry.open("memory://distant", tmp_path / "cache")
    registry.add(model("a"))
    return registry


def test_a_fetched_version_is_not_fetched_again(distant: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = distant.folder("a")
    monkeypatch.setattr(remote.RemoteStorage, "_fetch", None)
    assert distant.folder("a") == folder


def test_a_fetched_version_that_was_damaged_is_fetched_again(distant: Registry) -> None:
    folder = distant.folder("a")
    (folder / "tokenizer.json").write_bytes(b"{")
    assert artefact.verify(distant.folder("a")).version == "a"


def test_a_fetch_that_was_killed_leaves_nothing_that_is_taken_for_a_model(
    distant: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = tmp_path / "cache" / ".a-0.12345678.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "model.onnx").write_bytes(b"half")
    folder = distant.folder("a")
    assert [entry.name for entry in (tmp_path / "cache").iterdir() if entry.name != ".lock"] == [folder.name]


def test_the_cache_keeps_the_versions_fetched_last(tmp_path: Path, model: Callable[[str], Path]) -> None:
    registry = Registry.open("memory://many", tmp_path / "cache")
    versions = [f"v{number}" for number in range(remote.MOST_FETCHED + 2)]
    for age, version in enumerate(versions):
        registry.add(model(version))
        os.utime(registry.folder(version), (age, age))
    kept = {entry.name.rpartition("-")[0] for entry in (tmp_path / "cache").iterdir() if entry.name != ".lock"}
    assert kept == set(versions[2:])


def test_two_registries_with_the_same_version_name_do_not_share_what_was_fetched(
    distant: Registry, tmp_path: Path
) -> None:
    other = Registry.open("memory://elsewhere", tmp_path / "cache")
    other.add(write(tmp_path / "other", manifest("a"), model__safetensors=tensors(data=b"\1" * 8)))
    assert distant.folder("a") != other.folder("a")


def test_a_remote_file_that_is_gone_or_too_large_is_named(distant: Registry, tmp_path: Path) -> None:
    store = MemoryFileSystem()
    [file] = store.glob("/distant/files/a-*/tokenizer.json")
    store.pipe_file(file, b"{" * 100)
    with pytest.raises(ModelError, match=r"tokenizer\.json is refused: it has more than"):
        distant.folder("a")
    store.rm(file)
    with pytest.raises(ModelError, match=r"tokenizer\.json is gone. Add the model again"):
        distant.folder("a")
    distant.add(tmp_path / "made" / "a")
    distant.folder("a")


def test_a_change_whose_reply_was_lost_and_that_is_sent_again_is_no_conflict_with_itself(
    distant: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_object = MemoryFileSystem.pipe_file

    def twice(self: MemoryFileSystem, path: str, value: bytes, **more: Any) -> None:
        write_object(self, path, value, **more)
        write_object(self, path, value, **more)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", twice)
    assert distant.promote("a", **WHY).champion == "a"
    assert len(distant.history()) == 1


def test_a_store_that_does_not_answer_is_an_error_that_says_so(
    distant: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("no route to host")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", broken)
    with pytest.raises(ModelError, match=r"memory://distant does not answer: RuntimeError: no route to host"):
        distant.state()


def test_links_in_a_folder_registry_are_refused(near: Path) -> None:
    registry = Registry.open(str(near))
    (near / "versions" / "link").symlink_to("a")
    with pytest.raises(ModelError, match="symbolic link"):
        registry.folder("link")
    (near / "state.json").rename(near / "elsewhere.json")
    (near / "state.json").symlink_to("elsewhere.json")
    with pytest.raises(ModelError, match=r"state\.json is a symbolic link"):
        registry.state()


def test_a_registry_that_cannot_be_written_says_so(tmp_path: Path, model: Callable[[str], Path]) -> None:
    (tmp_path / "file").write_text("")
    registry = Registry.open(str(tmp_path / "file" / "registry"))
    with pytest.raises(ModelError, match="cannot be written"):
        registry.add(model("a"))


def test_a_full_disk_is_an_error_and_leaves_the_champion(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    registry = Registry.open(str(near))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"cannot be written.*No space left"):
        registry.promote("b", **WHY)
    assert registry.state().champion == "a"
    assert [entry.name for entry in near.rglob(".*")] == [".lock"]


def test_a_writer_waits_for_the_lock_and_then_says_who_holds_it(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LOCK_WAIT_S", 0.0)
    one, other = Registry.open(str(near)), Registry.open(str(near))
    with (
        one._storage.locked("maria,"),
        pytest.raises(ModelError, match=rf"registry .*near has been held by maria, process {os.getpid()} on"),
    ):
        other.promote("b", **WHY)
    assert other.promote("b", **WHY).champion == "b"


@pytest.mark.parametrize(("url", "words"), [("nosuch://x", "Protocol not known: nosuch"), ("dask://x", "pip install")])
def test_an_address_that_cannot_be_opened_says_what_is_valid(url: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as found:
        Registry.open(url)
    assert "s3://bucket/models" in str(found.value)


def test_a_file_url_is_a_folder(tmp_path: Path, model: Callable[[str], Path]) -> None:
    Registry.open(f"file://{tmp_path}/registry").add(model("a"))
    assert Registry.open(str(tmp_path / "registry")).versions() == ["a"]
