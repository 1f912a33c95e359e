"""A model folder is accepted whole or refused by name: damage, additions, links, pickles, foreign operators."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from undertone import registry
from undertone.errors import ModelError
from undertone.model import onnxfile
from undertone.registry import Manifest, Provenance, Temperatures
from undertone.scorer import SENTIMENTS, SHIPPED_STUDENT, TOPICS


def onnx_model(domain: str = "", *, external: bool = False, nested: bool = False) -> bytes:
    weight = numpy_helper.from_array(np.ones((2, 2), np.float32), "weight")
    if external:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../etc/passwd")
    node = helper.make_node("MatMul", ["x", "weight"], ["y"], domain=domain)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [weight],
    )
    if nested:  # the same graph, hidden in the branch of an If
        branch = helper.make_node("If", ["c"], ["z"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([branch], "outer", [], [])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def manifest() -> Manifest:
    return Manifest(
        schema_version=registry.SCHEMA_VERSION,
        version="student-test",
        topics=TOPICS,
        sentiments=SENTIMENTS,
        max_tokens=16,
        temperatures=Temperatures(1.0, 1.0),
        architecture={},
        provenance=Provenance("base", "Apache-2.0", (), "code", 1),
        metrics={},
        files={},
    )


def write(folder: Path, **changed: bytes) -> Path:
    files: dict[str, bytes | Path] = {
        "model.onnx": onnx_model(),
        "model.safetensors": b"\x02\0\0\0\0\0\0\0{}",
        "tokenizer.json": b"{}",
    }
    files |= {name.replace("__", "."): data for name, data in changed.items()}
    registry.write(folder, files, manifest())
    return folder


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


def test_a_written_folder_verifies_and_lists_its_files(folder: Path) -> None:
    found = registry.verify(folder)
    assert set(found.files) == registry.REQUIRED_FILES
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
    before = registry.verify(folder)
    with pytest.raises(ModelError, match="exists already"):
        write(folder)
    assert registry.verify(folder) == before


@pytest.mark.parametrize("name", sorted(registry.REQUIRED_FILES | {"manifest.json"}))
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        registry.verify(folder)


@pytest.mark.parametrize("name", sorted(registry.REQUIRED_FILES))
def test_a_half_written_file_is_named_with_both_sizes(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=rf"{name} is half-written.*{len(data) // 2} bytes, not {len(data)}"):
        registry.verify(folder)


@pytest.mark.parametrize("name", sorted(registry.REQUIRED_FILES))
def test_one_flipped_bit_is_found(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=rf"{name} was changed"):
        registry.verify(folder)


def test_a_half_written_manifest_is_refused(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[: len(text) // 2])
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        registry.verify(folder)


def test_a_file_that_the_manifest_does_not_list_is_refused(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")
    with pytest.raises(ModelError, match=r"extra\.json is in the folder but not in the manifest"):
        registry.verify(folder)


def test_a_manifest_that_leaves_out_the_model_is_refused(folder: Path) -> None:
    change_manifest(folder, lambda content: content["files"].pop("model.onnx"))
    with pytest.raises(ModelError, match=r"does not list model\.onnx"):
        registry.verify(folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd.json", "sub/model.onnx", "..", "a\\b.json", ""])
def test_a_name_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    change_manifest(folder, lambda content: content["files"].update({name: {"sha256": "0", "bytes": 1}}))
    with pytest.raises(ModelError, match="not a plain file name"):
        registry.verify(folder)


def test_a_symbolic_link_is_refused_even_to_the_right_bytes(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (folder / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match=r"tokenizer\.json is a symbolic link"):
        registry.verify(folder)


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.update(schema_version=99), "schema 99"),
        (lambda content: content.update(surprise=1), "surprise"),
        (lambda content: content.pop("temperatures"), "temperatures"),
        (lambda content: content.update(max_tokens="many"), "max_tokens"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    change_manifest(folder, change)
    with pytest.raises(ModelError, match=reason):
        registry.verify(folder)


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="give one that holds"):
        registry.verify(tmp_path / "nowhere")
    tmp_path.joinpath("empty").mkdir()
    with pytest.raises(ModelError, match=r"git checkout.*training\.run"):
        registry.verify(tmp_path / "empty")


def test_the_shipped_student_verifies_is_small_and_is_permissively_trained() -> None:
    shipped = registry.verify(SHIPPED_STUDENT)
    assert sum(file.stat().st_size for file in SHIPPED_STUDENT.iterdir()) <= 25_000_000
    assert {source.licence for source in shipped.provenance.sources} == {"MIT"}
    assert shipped.topics == TOPICS
    assert shipped.sentiments == SENTIMENTS


def test_the_shipped_manifest_round_trips_without_drift() -> None:
    text = (SHIPPED_STUDENT / "manifest.json").read_bytes()
    again = msgspec.json.encode(msgspec.json.decode(text, type=Manifest))
    assert json.loads(again) == json.loads(text)
