"""Contestants of `benchmarks.gpu` that run on ONNX Runtime: its CUDA provider in half precision, and int8 on CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from undertone.gpu.scorer import Engine, Fetch, Tokens
from undertone.gpu.served import Served
from undertone.model import artefact
from undertone.scorer import onnx_session


class OnnxEngine:
    """Runs a session as an engine; see `undertone.gpu.scorer.Engine`."""

    def __init__(self, session: Any, heads: Sequence[artefact.Head]) -> None:
        self._session = session
        self._heads = heads
        self._inputs = [given.name for given in session.get_inputs()]

    def __call__(self, input_ids: Tokens, attention_mask: Tokens, span_mask: Tokens) -> Fetch:
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "span_mask": span_mask}
        feed = {name: given[name] for name in self._inputs}
        logits = self._session.run([head.name for head in self._heads], feed)
        rows = [_softmax(part / head.temperature) for head, part in zip(self._heads, logits, strict=True)]
        return lambda: np.concatenate(rows, axis=1).astype(np.float32)


def served_int8(manifest: artefact.Manifest) -> Engine:
    """The shipped graph on every core, as a worker without a GPU runs it."""
    return OnnxEngine(onnx_session(artefact.SHIPPED / "model.onnx", threads=0), manifest.heads)


def cuda_session(served: Served, manifest: artefact.Manifest, device: str) -> Engine:
    """The student's graph in fp16 on CUDA, or in fp32 where `device` is the CPU.

    Raises RuntimeError where ONNX Runtime is the build without CUDA.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    from training.graph import write_graph

    state = {name: tensor.numpy() for name, tensor in served.network.state_dict().items()}
    architecture = served.network.encoder.config.to_dict()
    graph = write_graph(state, architecture, [head.name for head in manifest.heads], None)
    if device == "cpu":
        return OnnxEngine(onnx_session(graph, threads=0), manifest.heads)
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise RuntimeError("this onnxruntime has no CUDA provider: pip install onnxruntime-gpu in place of onnxruntime")
    half = convert_float_to_float16(onnx.load_from_string(graph), keep_io_types=True, disable_shape_infer=True)
    session = onnxruntime.InferenceSession(
        half.SerializeToString(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    if "CUDAExecutionProvider" not in session.get_providers():
        raise RuntimeError("ONNX Runtime's CUDA provider does not start: its CUDA and cuDNN are not those of torch")
    return OnnxEngine(session, manifest.heads)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
