"""A registry keeps the same promises in a folder and in an object store: who serves, what is refused, what is told."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.model_folders import manifest, tensors, write
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.model.artefact import Head, Provenance
from undertone.registry import SHIPPED_VERSION, Registry, State, log, resolve
from undertone.settings import Settings

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
Damage = Callable[[str, bytes], None]
WHY: Any = {"by": "maria", "reason": "better on rumours", "at": NOON}


@pytest.fixture(params=["folder", "store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry, in each kind of place."""
    yield str(tmp_path / "registry") if request.param == "folder" else "memory://models/here"
    MemoryFileSystem.store.clear()


@pytest.fixture
def registry(url: str, tmp_path: Path) -> Registry:
    return Registry.open(url, tmp_path / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Write a model folder of that version."""

    def made(version: str, **changes: Any) -> Path:
        return write(tmp_path / "made" / version, manifest(version, **changes))

    return made


@pytest.fixture
def full(registry: Registry, model: Callable[..., Path]) -> Registry:
    """A registry with the versions a, b and c."""
    for version in "abc":
        registry.add(model(version))
    return registry


@pytest.fixture
def damage(url: str, tmp_path: Path) -> Damage:
    """Change a file of the registry behind its back, before this machine has fetched it."""

    def change(name: str, data: bytes) -> None:
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        _overwrite(url, name, data)

    return change


def _overwrite(url: str, name: str, data: bytes) -> None:
    if url.startswith("memory://"):
        [found] = MemoryFileSystem().glob(f"/models/here/{name.replace('versions/a/', 'files/a-*/')}")
        MemoryFileSystem().pipe_file(found, data)
    else:
        (Path(url) / name).write_bytes(data)


# Who serves.


def test_an_empty_registry_serves_the_model_that_ships(registry: Registry) -> None:
    assert registry.state() == State(champion=SHIPPED_VERSION)
    assert registry.versions() == []
    assert registry.history() == []
    assert registry.folder(SHIPPED_VERSION) == artefact.SHIPPED
    assert registry.manifest(SHIPPED_VERSION) == artefact.verify(artefact.SHIPPED)


def test_an_added_version_is_whole_and_changes_nothing_for_who_serves(
    registry: Registry, model: Callable[..., Path]
) -> None:
    added = registry.add(model("a"))
    assert registry.versions() == ["a"]
    assert registry.manifest("a") == added == artefact.verify(registry.folder("a"))
    assert registry.state() == State()


def test_a_promoted_version_serves_and_the_history_says_who_when_and_why(full: Registry) -> None:
    state = full.promote("a", **WHY, verdict="gate-7")
    assert state == full.state()
    assert (state.champion, state.revision, state.updated_at, state.previous) == ("a", 1, NOON, ("shipped",))
    [event] = full.history()
    assert (event.action, event.version, event.before, event.revision) == ("promote", "a", "shipped", 1)
    assert (event.by, event.reason, event.at, event.verdict) == ("maria", "better on rumours", NOON, "gate-7")


def test_a_place_creates_an_object_once_and_keeps_the_first(registry: Registry) -> None:
    place = registry._storage
    with place.locked("maria,"):
        place.create("history/000001.json", b"first")
        with pytest.raises(FileExistsError):
            place.create("history/000001.json", b"second")
        assert place.read("history/000001.json", 100) == b"first"
        place.replace("history/000001.json", b"third")
        assert place.read("history/000001.json", 100) == b"third"
        assert place.names("history") == ["000001.json"]
        with pytest.raises(FileNotFoundError):
            place.read("history/000002.json", 100)
        with pytest.raises(ModelError, match=r"000001\.json .*(at most|more than)"):
            place.read("history/000001.json", 4)


def test_a_state_is_one_small_read(full: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    full.promote("a", **WHY)
    place = full._storage
    reads: list[str] = []
    read = place.read

    def counted(name: str, limit: int) -> bytes:
        reads.append(name)
        return read(name, limit)

    monkeypatch.setattr(place, "read", counted)
    assert full.state().champion == "a"
    assert reads == ["state.json"]


def test_rollback_goes_back_one_champion_at_a_time_to_the_one_that_ships(full: Registry) -> None:
    for version in "abc":
        full.promote(version, **WHY)
    assert [full.rollback(**WHY).champion for _ in range(3)] == ["b", "a", "shipped"]
    with pytest.raises(ModelError, match="no champion before shipped; promote a version instead"):
        full.rollback(**WHY)
    assert [event.revision for event in full.history()] == [1, 2, 3, 4, 5, 6]


def test_a_challenger_runs_beside_the_champion_until_it_is_promoted_or_retired(full: Registry) -> None:
    full.promote("a", **WHY)
    state = full.promote("b", **WHY, as_challenger=True, shadow_share=0.2)
    assert (state.champion, state.challenger, state.shadow_share) == ("a", "b", 0.2)
    assert full.promote("c", **WHY).challenger == "b"
    assert full.promote("b", **WHY).challenger == ""
    full.promote("c", **WHY, as_challenger=True)
    assert full.retire_challenger(**WHY).challenger == ""
    with pytest.raises(ModelError, match="no challenger"):
        full.retire_challenger(**WHY)
    with pytest.raises(ModelError, match="b is the champion already"):
        full.promote("b", **WHY, as_challenger=True)
    assert [(one.action, one.version, one.before) for one in full.history()][-2:] == [
        ("challenge", "c", ""),
        ("retire", "c", "c"),
    ]


def test_promoting_the_champion_again_changes_nothing(full: Registry) -> None:
    state = full.promote("a", **WHY)
    assert full.promote("a", **WHY | {"at": NOON + timedelta(hours=1)}) == state
    assert len(full.history()) == 1


# What is refused.


def test_a_damaged_folder_is_not_added(registry: Registry, model: Callable[..., Path]) -> None:
    folder = model("a")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json is half-written"):
        registry.add(folder)
    assert registry.versions() == []


def test_a_version_is_added_again_with_the_same_content_only(registry: Registry, tmp_path: Path) -> None:
    first = write(tmp_path / "first", manifest("a"))
    registry.add(first)
    registry.add(first)
    other = write(tmp_path / "other", manifest("a"), model__safetensors=tensors(data=b"\1" * 8))
    with pytest.raises(ModelError, match=r"Version a is in .* with other content"):
        registry.add(other)
    assert registry.versions() == ["a"]
    assert artefact.verify(registry.folder("a")) == artefact.verify(first)


@pytest.mark.parametrize("version", ["nobody", "../a", "a/b", "", "default", ".lock"])
def test_what_is_no_version_is_refused(full: Registry, version: str) -> None:
    for use in (full.manifest, full.folder, lambda name: full.promote(name, **WHY)):
        with pytest.raises(ModelError, match=r"there are: a, b, c|cannot name a version"):
            use(version)
    assert full.state() == State()


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "tokenizer.json"])
def test_a_tampered_version_is_refused_and_the_champion_serves_on(
    full: Registry, model: Callable[..., Path], damage: Damage, name: str
) -> None:
    full.promote("b", **WHY)
    data = bytearray((model("again") / name).read_bytes())
    data[-1] ^= 1
    damage(f"versions/a/{name}", bytes(data))
    with pytest.raises(ModelError, match=rf"{name} was changed"):
        full.folder("a")
    with pytest.raises(ModelError, match=rf"{name} was changed"):
        full.promote("a", **WHY)
    assert full.state().champion == "b"
    assert artefact.verify(full.folder("b")).version == "b"


def test_a_champion_that_was_tampered_with_can_be_rolled_back(full: Registry, damage: Damage) -> None:
    full.promote("b", **WHY)
    full.promote("a", **WHY)
    damage("versions/a/tokenizer.json", b"{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        full.folder(full.state().champion)
    assert full.rollback(**WHY).champion == "b"


def test_a_rollback_to_a_damaged_version_is_refused(full: Registry, damage: Damage) -> None:
    full.promote("a", **WHY)
    full.promote("b", **WHY)
    damage("versions/a/tokenizer.json", b"{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        full.rollback(**WHY)
    assert full.state().champion == "b"


def test_a_version_under_anothers_name_is_refused(full: Registry, url: str) -> None:
    if url.startswith("memory://"):
        store = MemoryFileSystem()
        store.pipe_file("/models/here/versions/a.json", store.cat_file("/models/here/versions/b.json"))
    else:
        (Path(url) / "versions" / "a").rename(Path(url) / "gone")
        (Path(url) / "versions" / "b").rename(Path(url) / "versions" / "a")
    for use in (full.manifest, full.folder, lambda name: full.promote(name, **WHY)):
        with pytest.raises(ModelError, match="its manifest is that of b"):
            use("a")


def test_a_research_model_needs_leave(registry: Registry, model: Callable[..., Path]) -> None:
    registry.add(model("r", provenance=Provenance("base", "CC-BY-NC-4.0", (), "code", 1, shippable=False)))
    for challenger in (False, True):
        with pytest.raises(ModelError, match=r"licence keeps it to experiments.*--allow-research"):
            registry.promote("r", **WHY, as_challenger=challenger)
    assert registry.state() == State()
    assert registry.promote("r", **WHY, allow_research=True).champion == "r"


def test_a_registry_serves_one_task(full: Registry, model: Callable[..., Path]) -> None:
    full.add(model("intents", task="banking", heads=(Head("topic", ("card", "loan")),)))
    full.promote("a", **WHY)
    for challenger in (False, True):
        with pytest.raises(ModelError, match=r"answers the task 'banking', the champion .* 'finance'"):
            full.promote("intents", **WHY, as_challenger=challenger)
    full.rollback(**WHY)
    assert full.promote("intents", **WHY).task == "banking"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"at": datetime(2026, 11, 25)}, "needs a time zone"),  # noqa: DTZ001
        ({"by": " "}, "who makes a change and why"),
        ({"reason": ""}, "who makes a change and why"),
        ({"reason": "x" * log.OBJECT_LIMIT}, "too long"),
        ({"shadow_share": 0}, "share above 0"),
        ({"shadow_share": 1.5}, "share above 0"),
        ({"shadow_share": float("nan")}, "share above 0"),
    ],
)
def test_a_change_that_the_history_could_not_tell_is_refused(
    full: Registry, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        full.promote("a", **WHY | change)
    assert full.state() == State()
    assert full.history() == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"champion": 1}', b'{"surprise": 1}', b"\xff", b" " * 70_000])
def test_a_damaged_pointer_is_told_and_mended_from_the_history(full: Registry, damage: Damage, data: bytes) -> None:
    full.promote("a", **WHY)
    state = full.promote("b", **WHY)
    damage("state.json", data)
    for use in (full.state, lambda: full.promote("c", **WHY)):
        with pytest.raises(ModelError, match=r"state\.json"):
            use()
    assert full.repair() == state == full.state()


def test_a_damaged_event_is_named_and_nothing_is_built_on_it(full: Registry, damage: Damage) -> None:
    full.promote("a", **WHY)
    full.promote("b", **WHY)
    damage("history/000002.json", msgspec.json.encode(full.history()[0]))
    with pytest.raises(ModelError, match=r"history/000002\.json .* is of revision 1"):
        full.history()
    with pytest.raises(ModelError, match=r"history/000002\.json"):
        full.repair()
    damage("history/000002.json", b"{")
    with pytest.raises(ModelError, match=r"history/000002\.json .* cannot be read"):
        full.history()


def test_a_registry_without_history_cannot_be_repaired(registry: Registry) -> None:
    with pytest.raises(ModelError, match="promote a version instead"):
        registry.repair()


def test_a_decision_on_a_champion_that_is_gone_is_refused(full: Registry) -> None:
    revision = full.promote("a", **WHY).revision
    full.promote("b", **WHY, expected=revision)
    with pytest.raises(ModelError, match="not at revision 1 any more: maria did promote b"):
        full.promote("c", **WHY, expected=revision)
    with pytest.raises(ModelError, match="not at revision 9"):
        full.rollback(**WHY, expected=9)
    assert full.state().champion == "b"


def test_the_settings_say_which_model_is_meant(
    full: Registry, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def meant(model: str, registry: str | None = url) -> Path | str:
        return resolve(Settings(model=model, registry=registry, data=tmp_path / "data"))

    assert meant("trivial") == "trivial"
    assert meant("fast") == artefact.FAST
    assert meant("default", None) == meant("shipped", None) == meant("default") == meant("shipped") == artefact.SHIPPED
    full.promote("b", **WHY)
    assert artefact.verify(Path(meant("default"))).version == "b"
    assert artefact.verify(Path(meant("c"))).version == "c"
    assert meant("made/c") == meant("made/c", None) == Path("made/c")
    assert meant("c", None) == Path("c")


def test_a_registry_is_not_silently_left_for_another_model(
    full: Registry, url: str, damage: Damage, tmp_path: Path
) -> None:
    full.promote("a", **WHY)
    damage("state.json", b"{")
    with pytest.raises(ModelError, match=r"state\.json"):
        resolve(Settings(model="default", registry=url, data=tmp_path / "data"))
