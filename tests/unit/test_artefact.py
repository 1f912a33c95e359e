"""A model folder is accepted whole or refused by name: damage, additions, links, pickles, foreign operators."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from tests.model_folders import manifest, onnx_model, tensors, write
from undertone.errors import ModelError
from undertone.model import artefact, onnxfile
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


def test_a_pickle_is_refused_by_its_name_and_by_its_bytes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.pkl is never loaded"):
        write(tmp_path / "name", weights__pkl=b"\x80\x04.")
    with pytest.raises(ModelError, match=r"model\.safetensors holds a pickle"):
        write(tmp_path / "bytes", model__safetensors=b"\x80\x04N.")
    with pytest.raises(ModelError, match=r"model\.safetensors holds a pickle"):
        write(tmp_path / "zip", model__safetensors=b"PK\x03\x04 as torch.save writes it")


@pytest.mark.parametrize("nested", [False, True])
def test_onnx_with_external_data_is_refused(tmp_path: Path, nested: bool) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx keeps tensors in other files"):
        write(tmp_path / "model", model__onnx=onnx_model(external=True, nested=nested))


@pytest.mark.parametrize("nested", [False, True])
def test_onnx_with_foreign_operators_is_refused(tmp_path: Path, nested: bool) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx needs operators of evil\.example"):
        write(tmp_path / "model", model__onnx=onnx_model("evil.example", nested=nested))


def test_every_cut_of_an_onnx_file_is_a_clear_error_or_a_shorter_model() -> None:
    data = onnx_model(nested=True)
    whole = onnxfile.scan(data)
    assert whole.has_graph
    for end in range(len(data)):
        try:
            onnxfile.scan(data[:end])
        except ValueError:
            continue
        onnx.ModelProto().ParseFromString(data[:end])  # what we take for whole messages, protobuf does too


def sparse_everywhere() -> bytes:
    """An attribute of two sparse tensors, the second of which points out of the folder."""
    inside = numpy_helper.from_array(np.ones(1, np.float32), "inside")
    outside = TensorProto(name="outside", dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "indices")
    both = [onnx.SparseTensorProto(values=values, indices=indices, dims=[1]) for values in (inside, outside)]
    node = helper.make_node("Constant", [], ["y"])
    node.attribute.add(name="many", type=onnx.AttributeProto.SPARSE_TENSORS, sparse_tensors=both)
    model = helper.make_model(helper.make_graph([node], "g", [], []), ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sparse_everywhere(), "keeps tensors in other files"),
        (onnx_model(functions=[onnx.FunctionProto(name="f", domain="")]), "defines operators of its own"),
        (onnx_model(training_info=True), "carries training graphs"),
        (onnx_model(ir_version=99), "IR version 99, valid are 7 to 14"),
        (onnx_model(opset_imports=[helper.make_opsetid("", 99)]), "wants opset 99 of ai.onnx"),
        (onnx_model(opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 2)]), "opset 2"),
        (onnx_model(opset_imports=[]), "says no opset"),
        (b"\x08\x08", "has no graph"),
        (onnx_model() + b"\x00\x01", "field number"),
        (onnx_model() + b"\x0b", "wire type 3"),
        (b"", "has no graph"),
    ],
)
def test_onnx_that_serving_has_no_use_for_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=rf"model\.onnx .*{reason}"):
        write(tmp_path / "model", model__onnx=data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "longer than the file"),
        (b"\xff" * 16, "longer than the file"),
        (tensors(b"no json"), "not a whole safetensors file"),
        (tensors(b"[]", b""), "not an object"),
        (tensors(b'{"a":1,"a":1}', b""), "same key twice"),
        (tensors(b"[" * 100_000), "nested too deep"),
        (tensors({"w": {"dtype": "F32", "shape": [2]}}), "lacks dtype"),
        (tensors({"w": {"dtype": "PY", "shape": [2], "data_offsets": [0, 8]}}), "unknown type 'PY'"),
        (tensors({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}), "impossible shape"),
        (tensors({"w": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}), "impossible shape"),
        (tensors({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}), "not its shape times its type"),
        (tensors({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}), "take 16 bytes, the file has 8"),
        (tensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}), "overlap or leave a gap"),
        (tensors({k: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for k in "ab"}), "overlap or leave a gap"),
    ],
)
def test_tensors_that_are_not_where_they_say_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=rf"model\.safetensors .*{reason}"):
        write(tmp_path / "model", model__safetensors=data)


def test_what_the_safetensors_library_writes_is_accepted(tmp_path: Path) -> None:
    arrays = {"a": np.zeros((0, 3), np.float32), "b": np.ones((2, 3), np.int8), "c": np.float16([1.5])}
    write(tmp_path / "model", model__safetensors=save(arrays, metadata={"note": "kept"}))


@pytest.mark.parametrize("data", [b"", b"[1]", b"{'a': 1}", b'{"a": 1, "a": 2}', b'{"a": ' * 100_000, b"\xff\xfe{}"])
def test_json_that_is_none_or_says_a_thing_twice_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json (is not JSON|does not hold)"):
        write(tmp_path / "model", tokenizer__json=data)


@given(st.data())
def test_any_change_of_one_byte_in_any_file_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place) / "model")
        file = data.draw(st.sampled_from(sorted(folder.iterdir())), "file")
        content = bytearray(file.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1), "at")
        content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]), "byte")
        file.write_bytes(content)
        with pytest.raises(ModelError):
            artefact.verify(folder)


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
