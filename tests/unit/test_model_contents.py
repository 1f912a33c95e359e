"""A file of a model folder holds what its name says, and nothing that runs code or leaves the folder."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from tests.model_folders import onnx_model, tensors, write
from undertone.errors import ModelError
from undertone.model import onnxfile


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
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "a": np.zeros((0, 3), np.float32),
        "b": np.ones((2, 3), np.int8),
        "c": np.ones(1, np.float16),
    }
    write(tmp_path / "model", model__safetensors=save(arrays, metadata={"note": "kept"}))


@pytest.mark.parametrize("data", [b"", b"[1]", b"{'a': 1}", b'{"a": 1, "a": 2}', b'{"a": ' * 100_000, b"\xff\xfe{}"])
def test_json_that_is_none_or_says_a_thing_twice_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json (is not JSON|does not hold)"):
        write(tmp_path / "model", tokenizer__json=data)
