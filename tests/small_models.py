"""Model folders that are real and small: verified, loaded and run as any other, made in milliseconds.

A text's labels are a sum of one whole number for each of its bytes, modulo the number of labels. Such a sum does not
depend on its order, so a text's scores are the same bit for bit beside any neighbours, and counts compare exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from undertone.model import artefact
from undertone.model.artefact import Head, Manifest, Provenance
from undertone.scorer import SENTIMENTS, TOPICS

MAX_TOKENS = 512
HEADS = ("topic", "sentiment")


def small_model(
    folder: Path,
    version: str,
    *,
    seed: int,
    topics: Sequence[str] = TOPICS,
    sentiments: Sequence[str] = SENTIMENTS,
    broken: bool = False,
) -> Path:
    """Write a model folder at ``folder / version`` and return it.

    Args:
        folder: Where.
        version: Its name.
        seed: Decides what it answers.
        topics: Labels of the topic head.
        sentiments: Labels of the sentiment head.
        broken: Let every score be no number.
    """
    tokenizer = Tokenizer(BPE(vocab={letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    table = np.random.default_rng(seed).integers(0, 1000, (256, len(HEADS)))
    peak = float("nan") if broken else 3.0
    files: dict[str, bytes | Path] = {
        "model.onnx": _graph(table, (len(topics), len(sentiments)), peak),
        "model.safetensors": save({"table": table}),
        "tokenizer.json": tokenizer.to_str().encode(),
    }
    manifest = Manifest(
        schema_version=artefact.SCHEMA_VERSION,
        version=version,
        task="finance",
        heads=(Head("topic", tuple(topics)), Head("sentiment", tuple(sentiments))),
        max_tokens=MAX_TOKENS,
        architecture={},
        provenance=Provenance("none", "Apache-2.0", (), "test", seed, shippable=True),
        metrics={},
        files={},
    )
    artefact.write(folder / version, files, manifest)
    return folder / version


def tamper(folder: Path) -> None:
    """Change one byte of the graph, as a failing disk or an attacker would."""
    file = folder / "model.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _graph(table: NDArray[np.int64], widths: Sequence[int], peak: float) -> bytes:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),  # (batch, tokens, heads)
        helper.make_node("Unsqueeze", ["attention_mask", "last"], ["weights"]),
        helper.make_node("Mul", ["rows", "weights"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "second"], ["sums"], keepdims=0),  # (batch, heads)
        helper.make_node("Mod", ["sums", "widths"], ["labels"]),
        helper.make_node("Split", ["labels"], [f"{head}_label" for head in HEADS], axis=1, num_outputs=len(HEADS)),
    ]
    constants: dict[str, NDArray[Any]] = {
        "table": table,
        "last": np.array([2], np.int64),
        "second": np.array([1], np.int64),
        "widths": np.array(widths, np.int64),
        "peaks": np.array([0, peak], np.float32),
    }
    for head, width in zip(HEADS, widths, strict=True):
        nodes.append(helper.make_node("Squeeze", [f"{head}_label", "second"], [f"{head}_place"]))
        nodes.append(helper.make_node("OneHot", [f"{head}_place", f"{head}_width", "peaks"], [head]))
        constants[f"{head}_width"] = np.array([width], np.int64)
    axes = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "letters",
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None]) for name in HEADS],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
