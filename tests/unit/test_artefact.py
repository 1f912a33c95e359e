"""A model folder is accepted whole or refused by name: damage, additions, links, names, a manifest of another shape."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model_folders import manifest, write
from undertone.errors import ModelError
from undertone.model import artefact
from undertone.scorer import SENTIMENTS, TOPICS

ENTRY = {"sha256": "1" * 64, "bytes": 1}


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the manifest as somebody who knows the format would: with a digest that is right."""
    file = folder / "manifest.json"
    content = json.loads(file.read_text())
    change(content)
    content["digest"] = "0" * 64
    text = json.dumps(content).encode()
    file.write_bytes(text.replace(b"0" * 64, hashlib.sha256(text).hexdigest().encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a whole model folder."""
    return {file.name: file.read_bytes() for file in write(tmp_path_factory.mktemp("small") / "model").iterdir()}


def test_a_written_folder_verifies_and_lists_its_files(folder: Path) -> None:
    found = artefact.verify(folder)
    assert set(found.files) == artefact.REQUIRED_FILES
    for name, entry in found.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry.sha256


def test_writing_leaves_nothing_behind_but_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "model")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_would_be_refused_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx"):
        write(tmp_path / "model", model__onnx=b"not a model")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_version_is_not_written_over(folder: Path) -> None:
    before = artefact.verify(folder)
    with pytest.raises(ModelError, match="exists already"):
        write(folder)
    assert artefact.verify(folder) == before


@pytest.mark.parametrize("name", sorted(artefact.REQUIRED_FILES | {"manifest.json"}))
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        artefact.verify(folder)


@pytest.mark.parametrize("name", sorted(artefact.REQUIRED_FILES))
def test_a_half_written_file_is_named_with_both_sizes(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=rf"{name} is half-written.*{len(data) // 2} bytes, not {len(data)}"):
        artefact.verify(folder)


@pytest.mark.parametrize("name", sorted(artefact.REQUIRED_FILES))
def test_one_flipped_bit_is_found(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=rf"{name} was changed"):
        artefact.verify(folder)


def test_a_half_written_manifest_is_refused(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[: len(text) // 2])
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        artefact.verify(folder)


def test_a_file_that_the_manifest_does_not_list_is_refused(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")
    with pytest.raises(ModelError, match=r"extra\.json is in the folder but not in the manifest"):
        artefact.verify(folder)


def test_a_manifest_that_leaves_out_the_model_is_refused(folder: Path) -> None:
    change_manifest(folder, lambda content: content["files"].pop("model.onnx"))
    with pytest.raises(ModelError, match=r"does not list model\.onnx"):
        artefact.verify(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../model.onnx",
        "/etc/passwd.json",
        "sub/model.onnx",
        "..",
        "a\\b.json",
        "",
        ".hidden.json",
        "manifest.json",
        "é.json",
    ],
)
def test_a_name_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    change_manifest(folder, lambda content: content["files"].update({name: {"sha256": "0" * 63 + "1", "bytes": 1}}))
    with pytest.raises(ModelError, match="not a plain file name"):
        artefact.verify(folder)


def test_a_symbolic_link_is_refused_even_to_the_right_bytes(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (folder / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match=r"tokenizer\.json is a symbolic link"):
        artefact.verify(folder)


@given(st.data())
def test_any_change_of_one_byte_in_any_file_is_refused(small: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(small)), "file")
    content = bytearray(small[name])
    at = data.draw(st.integers(0, len(content) - 1), "at")
    content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]), "byte")
    with tempfile.TemporaryDirectory() as folder:
        for file, whole in small.items():
            Path(folder, file).write_bytes(content if file == name else whole)
        with pytest.raises(ModelError):
            artefact.verify(Path(folder))


def test_a_manifest_without_its_digest_is_refused(folder: Path) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    del content["digest"]
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="its digest is not there"):
        artefact.verify(folder)


def test_a_manifest_that_says_a_thing_twice_is_refused(folder: Path) -> None:
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"task"', '"version": "another",\n  "task"'))
    with pytest.raises(ModelError, match="same key twice"):
        artefact.verify(folder)


def test_a_pipe_a_folder_or_a_link_in_a_files_place_is_refused_at_once(folder: Path) -> None:
    file = folder / "tokenizer.json"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a plain file"):
        artefact.verify(folder)
    file.unlink()
    file.mkdir()
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a plain file"):
        artefact.verify(folder)
    (folder / "manifest.json").rename(folder / "elsewhere.json")
    (folder / "manifest.json").symlink_to("elsewhere.json")
    with pytest.raises(ModelError, match=r"manifest\.json is a symbolic link"):
        artefact.verify(folder)


def test_a_file_that_has_grown_is_not_read_to_its_end(folder: Path) -> None:
    size = (folder / "tokenizer.json").stat().st_size
    os.truncate(folder / "tokenizer.json", 1 << 40)  # takes no room on disk, but would in memory
    with pytest.raises(ModelError, match=rf"tokenizer\.json has {1 << 40} bytes, at most {size} are valid"):
        artefact.verify(folder)


def test_a_copy_is_the_same_and_a_damaged_folder_is_not_copied(folder: Path, tmp_path: Path) -> None:
    assert artefact.copy(folder, tmp_path / "copy") == artefact.verify(folder) == artefact.verify(tmp_path / "copy")
    (folder / "tokenizer.json").write_text("[]")
    with pytest.raises(ModelError, match=r"tokenizer\.json was changed"):
        artefact.copy(folder, tmp_path / "another")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy", "model"]


@pytest.mark.parametrize("version", ["../up", "a/b", "", ".", ".hidden", "shipped", "default", "x" * 101, "a\nb", "é"])
def test_a_name_that_cannot_be_a_folder_or_has_a_meaning_is_no_version(tmp_path: Path, version: str) -> None:
    with pytest.raises(ModelError, match="cannot name a version"):
        write(tmp_path / "model", manifest(version))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.update(schema_version=99), "schema 99"),
        (lambda content: content.update(surprise=1), "surprise"),
        (lambda content: content.pop("heads"), "heads"),
        (lambda content: content.update(max_tokens="many"), "max_tokens"),
        (lambda content: content.update(max_tokens=0), "max_tokens"),
        (lambda content: content["heads"][0].update(name="mood"), "mood"),
        (lambda content: content["heads"][0].update(temperature=0), "temperature"),
        (lambda content: content["heads"][0].update(labels=["one", "one"]), "two or more different labels"),
        (lambda content: content["heads"].extend(content["heads"]), "two heads have the same name"),
        (lambda content: content["files"]["model.onnx"].update(bytes=1 << 50), "bytes"),
        (lambda content: content["files"]["model.onnx"].update(bytes=-1), "bytes"),
        (lambda content: content["files"]["model.onnx"].update(sha256="no"), "sha256"),
        (lambda content: content["files"].update({f"{n}.json": ENTRY for n in range(16)}), "19 files, at most 16"),
        (lambda content: content.update(metrics={"note": "x" * (1 << 20)}), "at most 1048576 are valid"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    change_manifest(folder, change)
    with pytest.raises(ModelError, match=reason):
        artefact.verify(folder)


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="give one that holds"):
        artefact.verify(tmp_path / "nowhere")
    tmp_path.joinpath("empty").mkdir()
    with pytest.raises(ModelError, match=r"git checkout.*undertone train"):
        artefact.verify(tmp_path / "empty")


def test_the_shipped_student_verifies_is_small_and_is_permissively_trained() -> None:
    shipped = artefact.verify(artefact.SHIPPED)
    assert sum(file.stat().st_size for file in artefact.SHIPPED.iterdir()) <= 25_000_000
    assert {source.licence for source in shipped.provenance.sources} == {"MIT"}
    assert shipped.labels("topic") == TOPICS
    assert shipped.labels("sentiment") == SENTIMENTS
