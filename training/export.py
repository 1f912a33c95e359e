"""Step 4: the trained student becomes a model folder: int8 ONNX, weights, tokenizer, temperatures, manifest.

Writes `candidate/`, which step 5 measures and turns into `model/`.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from scipy.optimize import minimize_scalar
from torch import Tensor

from training.batches import batches, encode, load_tokenizer
from training.graph import Range, write_graph
from training.metrics import classification, softmax
from training.network import TwoHeads, build_student, pack, unpack
from training.plan import Plan
from undertone import registry
from undertone.text import model_input

TASKS = ("topic", "sentiment")
RANGE_TEXTS = 1024
RANGE_TAIL = 1e-5  # the share of activations that may be cut off at either end


def export(plan: Plan) -> None:
    """Write the candidate model folder of `plan`."""
    torch.set_num_threads(plan.threads)
    folder = plan.student_folder
    summary = json.loads((plan.prepared / "prepared.json").read_text())
    architecture = json.loads((folder / "architecture.json").read_text())
    # What ships is what is measured: weights go through their stored precision first.
    packed = pack(load_file(folder / "student.safetensors"))
    student = build_student(architecture, len(summary["topics"]), len(summary["sentiments"]))
    student.load_state_dict(unpack(packed))
    student.eval()
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}

    tokenizer = load_tokenizer(folder / "tokenizer.json", plan.max_tokens)
    train = pd.read_parquet(plan.prepared / "train.parquet")
    sample = train["text"].sample(min(RANGE_TEXTS, len(train)), random_state=plan.seed)
    ranges = activation_ranges(student, encode(tokenizer, [model_input(text) for text in sample]))
    graph = write_graph(state, architecture, ranges)

    calibration = pd.read_parquet(plan.prepared / "calibration.parquet")
    ids = encode(tokenizer, [model_input(text) for text in calibration["text"]])
    served, reference = onnx_logits(graph, ids), onnx_logits(write_graph(state, architecture, None), ids)
    temperatures, metrics = {}, {}
    for task in TASKS:
        truth = calibration[task].to_numpy()
        known = truth >= 0
        temperatures[task] = fit_temperature(truth[known], served[task][known])
        report = classification(truth[known], served[task][known], temperatures[task])
        same = served[task].argmax(1) == reference[task].argmax(1)
        metrics[task] = {
            "rows": report.rows,
            "accuracy": round(report.accuracy, 4),
            "macro_f1": round(report.macro_f1, 4),
            "ece": round(report.ece, 4),
            "int8_agrees_with_fp32": round(float(same.mean()), 4),
        }

    manifest = registry.Manifest(
        schema_version=registry.SCHEMA_VERSION,
        version=f"student-{plan.date:%Y.%m.%d}-{hashlib.sha256(graph).hexdigest()[:8]}",
        topics=tuple(summary["topics"]),
        sentiments=tuple(summary["sentiments"]),
        max_tokens=plan.max_tokens,
        temperatures=registry.Temperatures(**temperatures),
        architecture=architecture,
        provenance=provenance(plan, summary),
        metrics={"held_out_part_of_train": metrics},
        files={},
    )
    files: dict[str, bytes | Path] = {
        "model.onnx": graph,
        "model.safetensors": save(packed),
        "tokenizer.json": folder / "tokenizer.json",
    }
    shutil.rmtree(plan.candidate, ignore_errors=True)
    registry.write(plan.candidate, files, manifest)


@torch.inference_mode()
def activation_ranges(student: TwoHeads, ids: list[list[int]]) -> dict[str, Range]:
    """Return what each encoder layer's input takes over the real tokens of sample texts, tails cut."""
    seen: dict[str, list[Tensor]] = {}
    mask = torch.empty(0)

    def watch(name: str) -> Any:
        def hook(_module: torch.nn.Module, inputs: tuple[Tensor]) -> None:
            seen.setdefault(name, []).append(inputs[0][mask.bool()].flatten()[::7])

        return hook

    hooks = [
        module.register_forward_pre_hook(watch(name))
        for name, module in student.named_modules()
        if isinstance(module, torch.nn.Linear) and name.startswith("encoder.")
    ]
    for batch in batches(ids, 32):
        mask = batch.attention_mask
        student(batch.input_ids, mask)
    for hook in hooks:
        hook.remove()
    ranges = {}
    for name, parts in seen.items():
        values = np.concatenate([part.numpy() for part in parts])
        low, high = np.quantile(values, [RANGE_TAIL, 1 - RANGE_TAIL])
        ranges[name] = Range(min(float(low), 0.0), max(float(high), 0.0))
    return ranges


def onnx_logits(graph: bytes, ids: list[list[int]]) -> dict[str, NDArray[np.float32]]:
    """Return the logits of both tasks for tokenised texts, in their order."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    logits = {output.name: np.empty((len(ids), output.shape[1]), np.float32) for output in session.get_outputs()}
    for batch in batches(ids, 16):
        feed = {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy()}
        for task, value in zip(TASKS, session.run(TASKS, feed), strict=True):
            logits[task][batch.rows] = value
    return logits


def fit_temperature(truth: NDArray[np.integer[Any]], logits: NDArray[np.float32]) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017, section 4.2)."""

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        return float(-np.log(probabilities[np.arange(len(truth)), truth] + 1e-12).mean())

    best = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return round(float(np.exp(best.x)), 4)


def provenance(plan: Plan, summary: Mapping[str, Any]) -> registry.Provenance:
    return registry.Provenance(
        base="sentence-transformers/all-MiniLM-L6-v2" if plan.base == "minilm-l6" else Path(plan.base).name,
        base_licence="Apache-2.0" if plan.base == "minilm-l6" else "unknown",
        sources=tuple(
            registry.TrainedOn(
                source["name"],
                source["file"],
                source["licence"],
                source["sha256"],
                summary["train"].get(source["name"], 0),
            )
            for source in summary["sources"]
            if source["trained_on"]
        ),
        code_version=code_version(),
        seed=plan.seed,
    )


def code_version() -> str:
    """Return the first digits of the SHA-256 over this package's source files."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"training-{digest.hexdigest()[:12]}"
