"""Writes the student as an ONNX graph, node by node: fp32 for reference, int8 for serving.

Not a general exporter: it knows BERT encoders with mean pooling and linear heads. In exchange each node
is chosen: fused attention, residual norms and integer products, as ONNX Runtime runs them fastest on CPU.

Activations are quantised with *fixed* ranges (static, u8), so a text's scores do not depend on what else is
in its batch, as they would with dynamic quantisation. Weights are s8 per output channel, kept to 7 bits: on
AVX2 without VNNI, u8 x s8 products are added in pairs as int16, and 2 x 255 x 64 = 32,640 is the largest
pair of weights that never saturates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # the first with LayerNormalization
FUSED = "com.microsoft"
ENTITY = "entity"
LARGEST_WEIGHT = 63  # 7 bits, symmetric


@dataclass(frozen=True, slots=True)
class Range:
    """What an activation takes, from calibration texts; always contains 0."""

    low: float
    high: float


Ranges = Mapping[str, Range]  # by the name of the linear layer that the activation enters


class _Writer:
    """Collects nodes and initializers; each method adds one operator and returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._codes: dict[str, str] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def quantised(self, value: str, scale: str, zero: str) -> str:
        """Quantise `value` once, however many layers read it (query, key and value read the same)."""
        if value not in self._codes:
            self._codes[value] = self.add("QuantizeLinear", value, scale, zero)
        return self._codes[value]


def write_graph(
    state: Mapping[str, NDArray[np.float32]],
    architecture: Mapping[str, Any],
    heads: Sequence[str],
    ranges: Ranges | None,
) -> bytes:
    """Return the ONNX model of a student's weights; int8 where `ranges` are given, fp32 where None.

    Inputs: `input_ids` and `attention_mask`, int64 (batch, tokens); with a head `entity` also `span_mask`, which is 1
    on the tokens that name the entity. Outputs: the logits of each head, (batch, labels), before any temperature.
    """
    writer = _Writer()
    hidden = _embeddings(writer, state, architecture, quantised=ranges is not None)
    key_mask = writer.add("Cast", "attention_mask", to=TensorProto.INT32)
    for layer in range(architecture["num_hidden_layers"]):
        hidden = _layer(writer, state, architecture, ranges, f"encoder.encoder.layer.{layer}", hidden, key_mask)
    pooled = _mean_of_tokens(writer, hidden, "attention_mask")
    names = ["input_ids", "attention_mask"]
    both = ""
    if ENTITY in heads:
        names.append("span_mask")
        both = writer.add("Concat", _mean_of_tokens(writer, hidden, "span_mask"), pooled, axis=-1)
    outputs = []
    for head in heads:  # tiny, so they stay fp32
        weight = writer.constant(f"{head}.weight", state[f"{head}.weight"].T)
        bias = writer.constant(f"{head}.bias", state[f"{head}.bias"])
        writer.nodes.append(helper.make_node("Gemm", [both if head == ENTITY else pooled, weight, bias], [head]))
        outputs.append(helper.make_tensor_value_info(head, TensorProto.FLOAT, ["batch", state[f"{head}.bias"].size]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names]
    graph = helper.make_graph(writer.nodes, "student", inputs, outputs, list(writer.initializers.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="undertone")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _embeddings(
    writer: _Writer, state: Mapping[str, NDArray[np.float32]], architecture: Mapping[str, Any], quantised: bool
) -> str:
    prefix = "encoder.embeddings"
    table = state[f"{prefix}.word_embeddings.weight"]
    if quantised:
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127
        codes = writer.constant("words", np.rint(table / scale).astype(np.int8))
        scales = writer.constant("words.scale", scale.astype(np.float32))
        rows = writer.add("Cast", writer.add("Gather", codes, "input_ids"), to=TensorProto.FLOAT)
        words = writer.add("Mul", rows, writer.add("Gather", scales, "input_ids"))
    else:
        words = writer.add("Gather", writer.constant("words", table), "input_ids")
    # One segment only: its vector is part of each position's.
    positions = state[f"{prefix}.position_embeddings.weight"] + state[f"{prefix}.token_type_embeddings.weight"][0]
    tokens = writer.add("Gather", writer.add("Shape", "input_ids"), writer.constant("second", np.array([1])))
    start = writer.constant("start", np.array([0]))
    placed = writer.add("Slice", writer.constant("positions", positions), start, tokens)
    norm = _norm_weights(writer, state, f"{prefix}.LayerNorm")
    epsilon = architecture["layer_norm_eps"]
    return _add_and_norm(writer, words, placed, norm, epsilon)


def _layer(
    writer: _Writer,
    state: Mapping[str, NDArray[np.float32]],
    architecture: Mapping[str, Any],
    ranges: Ranges | None,
    name: str,
    hidden: str,
    key_mask: str,
) -> str:
    epsilon = architecture["layer_norm_eps"]
    head_width = architecture["hidden_size"] // architecture["num_attention_heads"]

    def linear(inner: str, value: str) -> str:
        return _linear(writer, state, ranges, f"{name}.{inner}", value)

    query, key, value = (linear(f"attention.self.{part}", hidden) for part in ("query", "key", "value"))
    mixed = writer.add(
        "MultiHeadAttention",
        query,
        key,
        value,
        "",
        key_mask,
        domain=FUSED,
        # Fewer than the architecture says, where some were cut out of the weights.
        num_heads=state[f"{name}.attention.self.query.bias"].size // head_width,
    )
    mixed = linear("attention.output.dense", mixed)
    norm = _norm_weights(writer, state, f"{name}.attention.output.LayerNorm")
    hidden = _add_and_norm(writer, mixed, hidden, norm, epsilon)
    inner = linear("intermediate.dense", hidden)
    inner = (
        writer.add("Relu", inner) if architecture["hidden_act"] == "relu" else writer.add("Gelu", inner, domain=FUSED)
    )
    inner = linear("output.dense", inner)
    norm = _norm_weights(writer, state, f"{name}.output.LayerNorm")
    return _add_and_norm(writer, inner, hidden, norm, epsilon)


def _linear(
    writer: _Writer, state: Mapping[str, NDArray[np.float32]], ranges: Ranges | None, name: str, value: str
) -> str:
    weight = state[f"{name}.weight"].T  # (in, out)
    bias = writer.constant(f"{name}.bias", state[f"{name}.bias"])
    if ranges is None:
        return writer.add("Add", writer.add("MatMul", value, writer.constant(f"{name}.weight", weight)), bias)
    span = ranges[name]
    step = max(span.high - span.low, 1e-6) / 255
    zero = np.uint8(np.clip(round(-span.low / step), 0, 255))
    scales = np.maximum(np.abs(weight).max(0), 1e-8) / LARGEST_WEIGHT  # (out,)
    activation_scale = writer.constant(f"{value}.scale", np.array(step, np.float32))
    activation_zero = writer.constant(f"{value}.zero", np.array(zero, np.uint8))
    codes = writer.quantised(value, activation_scale, activation_zero)
    return writer.add(
        "MatMulIntegerToFloat",
        codes,
        writer.constant(f"{name}.weight", np.rint(weight / scales).astype(np.int8)),
        activation_scale,
        writer.constant(f"{name}.weight.scale", scales.astype(np.float32)),
        activation_zero,
        writer.constant(f"{name}.weight.zero", np.zeros(scales.shape, np.int8)),
        bias,
        domain=FUSED,
    )


def _add_and_norm(writer: _Writer, value: str, residual: str, norm: tuple[str, str], epsilon: float) -> str:
    # On CPU the fused SkipLayerNormalization is ten times slower than these two.
    return writer.add("LayerNormalization", writer.add("Add", value, residual), *norm, axis=-1, epsilon=epsilon)


def _mean_of_tokens(writer: _Writer, hidden: str, mask_name: str) -> str:
    mask = writer.add("Cast", mask_name, to=TensorProto.FLOAT)
    axis = writer.constant("token axis", np.array([1]))
    row = writer.add("Unsqueeze", mask, axis)  # (batch, 1, tokens)
    total = writer.add("Squeeze", writer.add("MatMul", row, hidden), axis)  # (batch, width)
    return writer.add("Div", total, writer.add("ReduceSum", mask, axis, keepdims=1))


def _norm_weights(writer: _Writer, state: Mapping[str, NDArray[np.float32]], name: str) -> tuple[str, str]:
    return (
        writer.constant(f"{name}.weight", state[f"{name}.weight"]),
        writer.constant(f"{name}.bias", state[f"{name}.bias"]),
    )
