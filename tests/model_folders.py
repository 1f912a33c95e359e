"""Model folders of a few hundred bytes, right in every detail that is checked but good for nothing."""

import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from undertone.model import artefact
from undertone.model.artefact import Head, Manifest, Provenance


def onnx_model(domain: str = "", *, external: bool = False, nested: bool = False, **model: Any) -> bytes:
    """Return an ONNX file with one operator of `domain`; `model` goes to `helper.make_model`."""
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
    given = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8} | model
    trained = given.pop("training_info", False)
    made = helper.make_model(graph, **given)
    if trained:
        made.training_info.add()
    return bytes(made.SerializeToString())


def tensors(header: dict[str, Any] | bytes | None = None, data: bytes = b"\0" * 8) -> bytes:
    """Return a safetensors file with one tensor of two fp32, or with another header or other data."""
    if header is None:
        header = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def manifest(version: str = "student-test", **changes: Any) -> Manifest:
    made = Manifest(
        schema_version=artefact.SCHEMA_VERSION,
        version=version,
        task="finance",
        heads=(Head("sentiment", ("negative", "neutral", "positive")),),
        max_tokens=16,
        architecture={},
        provenance=Provenance("base", "Apache-2.0", (), "code", 1, shippable=True),
        metrics={},
        files={},
    )
    return msgspec.structs.replace(made, **changes)


def write(folder: Path, named: Manifest | None = None, **changed: bytes) -> Path:
    """Write a model folder; `changed` are files of other content, as in ``model__onnx=b"…"``."""
    files: dict[str, bytes | Path] = {
        "model.onnx": onnx_model(),
        "model.safetensors": tensors(),
        "tokenizer.json": b"{}",
    }
    files |= {name.replace("__", "."): data for name, data in changed.items()}
    artefact.write(folder, files, manifest() if named is None else named)
    return folder
