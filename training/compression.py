"""What each step of compression costs and wins: precision, vocabulary, attention heads, layers.

Each variant is cut from the trained student, not trained again, and measured on the held-out part of train beside the
fp32 graph, by turns on one core. Which cuts ship is decided by people who read the table in `docs/experiments.md`.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from training.batches import Encoded, batches, encode
from training.graph import Ranges, write_graph
from training.metrics import classification
from training.plan import Plan
from training.rows import Rows, load_rows
from training.vocabulary import trim_tokenizer
from undertone.model.network import WORDS
from undertone.scorer import onnx_session

State = Mapping[str, NDArray[np.float32]]
Logits = dict[str, NDArray[np.float32]]
FP32, SHIPS = "fp32", "int8, static ranges"
ROUNDS = 3
SPEED_ROWS = 512


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to serve a student: its graph, and the rows as its tokenizer cuts them."""

    name: str
    graph: bytes
    encoded: Encoded


@dataclass(frozen=True, slots=True)
class Outcome:
    """`macro_f1` by head; `agrees` is the share of rows whose labels are all those of the fp32 graph."""

    name: str
    macro_f1: dict[str, float]
    agrees: float
    bytes: int
    texts_per_second: float  # one core, without tokenising; median of the rounds


def compare(
    plan: Plan, state: State, architecture: Mapping[str, Any], ranges: Ranges, tokenizer: Tokenizer, rows: Rows
) -> dict[str, tuple[bytes, Logits]]:
    """Measure each variant on `rows` and write `compression.json` beside the candidate, the fp32 graph first.

    Returns the graph of each variant and its logits of the rows, by its name.
    """
    found = list(variants(plan, state, architecture, ranges, tokenizer, rows))
    speeds = texts_per_second(found)
    reference: Logits = {}
    outcomes, scored = [], {}
    for variant in found:
        logits = logits_of_graph(variant.graph, variant.encoded)
        reference = reference or logits
        scored[variant.name] = variant.graph, logits
        outcomes.append(
            Outcome(
                variant.name,
                macro_f1(plan, rows, logits),
                round(float(np.mean([logits[head].argmax(1) == reference[head].argmax(1) for head in logits])), 4),
                len(variant.graph),
                speeds[variant.name],
            )
        )
    # Half of it does no harm: the step is not done before the candidate is there, and then this is written again.
    path = plan.of_tier("compression").with_suffix(".json")
    path.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    return scored


def variants(
    plan: Plan, state: State, architecture: Mapping[str, Any], ranges: Ranges, tokenizer: Tokenizer, rows: Rows
) -> Iterator[Variant]:
    """Yield the variants, fp32 first; those with a cut are int8 with static ranges, as what ships is."""
    heads = tuple(plan.task.head_sizes)
    encoded = encode(tokenizer, rows.mentions)
    reference = write_graph(state, architecture, heads, None)
    yield Variant(FP32, reference, encoded)
    yield Variant("int8, dynamic ranges", dynamic_int8(reference), encoded)
    yield Variant(SHIPS, write_graph(state, architecture, heads, ranges), encoded)
    used = [piece for row in encode(tokenizer, load_rows(plan, "train").mentions).ids for piece in row]
    for share in (0.75, 0.5, 0.25):
        size = int(architecture["vocab_size"] * share)
        trimmed, kept = trim_tokenizer(tokenizer.to_str(), used, size)
        smaller = {**state, WORDS: state[WORDS][kept]}
        cut = Tokenizer.from_str(trimmed)
        cut.no_padding()
        cut.enable_truncation(plan.max_tokens)
        yield Variant(
            f"{len(kept):,} word pieces",
            write_graph(smaller, {**architecture, "vocab_size": len(kept)}, heads, ranges),
            encode(cut, rows.mentions),
        )
    total = architecture["num_attention_heads"]
    for kept_heads in sorted({-(-total * 3 // 4), -(-total // 2)} - {total}, reverse=True):
        yield Variant(
            f"{kept_heads} of {total} attention heads",
            write_graph(without_heads(state, architecture, kept_heads), architecture, heads, ranges),
            encoded,
        )
    layers = architecture["num_hidden_layers"]
    if layers > 1:
        fewer = {**architecture, "num_hidden_layers": layers - 1}
        yield Variant(f"{layers - 1} of {layers} layers", write_graph(state, fewer, heads, ranges), encoded)


def dynamic_int8(graph: bytes) -> bytes:
    """Return an fp32 graph with dynamic int8 products, as ONNX Runtime's own tool makes them."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(graph)
        # 7 bits of weight for the same reason as in `training/graph.py`.
        # The type is given, since shape inference knows nothing of the fused operators.
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            before, after, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True, extra_options=options
        )
        return bytes(onnx.load(after).SerializeToString())


def without_heads(state: State, architecture: Mapping[str, Any], kept: int) -> dict[str, NDArray[np.float32]]:
    """Return weights with the `kept` strongest attention heads of each layer.

    A head's strength is the Frobenius norm of what its values and its part of the output projection come to.
    """
    width = architecture["hidden_size"] // architecture["num_attention_heads"]
    smaller = dict(state)
    for layer in range(architecture["num_hidden_layers"]):
        name = f"encoder.encoder.layer.{layer}.attention"
        values = state[f"{name}.self.value.weight"].reshape(-1, width, architecture["hidden_size"])  # (heads, …)
        outputs = state[f"{name}.output.dense.weight"].reshape(architecture["hidden_size"], -1, width)
        strength = [
            float(np.linalg.norm(outputs[:, head] @ values[head]))
            for head in range(architecture["num_attention_heads"])
        ]
        chosen = np.sort(np.argsort(strength)[::-1][:kept])
        channels = (chosen[:, None] * width + np.arange(width)).ravel()
        for part in ("query", "key", "value"):
            for kind in ("weight", "bias"):
                smaller[f"{name}.self.{part}.{kind}"] = state[f"{name}.self.{part}.{kind}"][channels]
        smaller[f"{name}.output.dense.weight"] = state[f"{name}.output.dense.weight"][:, channels]
    return smaller


def logits_of_graph(graph: bytes, encoded: Encoded) -> dict[str, NDArray[np.float32]]:
    """Return the logits of each head for tokenised texts, in their order."""
    session = onnx_session(graph, threads=1)
    outputs = session.get_outputs()
    wanted = [given.name for given in session.get_inputs()]
    logits = {output.name: np.empty((len(encoded), output.shape[1]), np.float32) for output in outputs}
    for batch in batches(encoded, 16):
        feed = {name: getattr(batch, name).numpy() for name in wanted}
        for output, value in zip(outputs, session.run(None, feed), strict=True):
            logits[output.name][batch.rows] = value
    return logits


def macro_f1(plan: Plan, rows: Rows, logits: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
    """Return macro-F1 by head over the rows that carry its label."""
    figures = {}
    for column, head in enumerate(plan.task.head_sizes):
        truth = rows.labels[:, column].numpy()
        known = truth >= 0
        if known.any():
            figures[head] = round(classification(truth[known], logits[head][known]).macro_f1, 4)
    return figures


def texts_per_second(found: list[Variant]) -> dict[str, float]:
    """Return the median speed of each variant on one core, all measured by turns: a busy machine slows all alike."""
    seconds: dict[str, list[float]] = {variant.name: [] for variant in found}
    sessions = {variant.name: onnx_session(variant.graph, threads=1) for variant in found}
    for _ in range(ROUNDS):
        for variant in found:
            part = variant.encoded[:SPEED_ROWS]
            session = sessions[variant.name]
            wanted = [given.name for given in session.get_inputs()]
            feeds = [{name: getattr(batch, name).numpy() for name in wanted} for batch in batches(part, 16)]
            started = time.process_time()
            for feed in feeds:
                session.run(None, feed)
            seconds[variant.name].append((time.process_time() - started) / len(part))
    return {name: round(1 / float(np.median(spent)), 1) for name, spent in seconds.items()}
