"""Step 6: the trained student becomes a model folder: int8 ONNX, weights, tokenizer, temperatures, manifest.

Writes `candidate/`, which step 7 measures and turns into `model/`, and `compression.json`: what each step of
compression costs in accuracy and wins in speed and bytes.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from scipy.optimize import minimize_scalar
from torch import Tensor

from training.batches import Encoded, batches, encode, load_tokenizer
from training.compression import FP32, SHIPS, compare
from training.graph import Range
from training.metrics import classification, softmax
from training.plan import Plan
from training.rows import Rows, load_rows, prose_rows, read_summary
from training.task import HEADS
from undertone.model import artefact
from undertone.model.network import Network, build_student, pack, unpack

RANGE_TEXTS = 1024
RANGE_TAIL = 1e-5  # the share of activations that may be cut off at either end


def compress(plan: Plan) -> None:
    """Write the candidate model folder of `plan`."""
    torch.set_num_threads(plan.threads)
    folder = plan.student_folder
    architecture = json.loads((folder / "architecture.json").read_text())
    # What ships is what is measured: weights go through their stored precision first.
    packed = pack(load_file(folder / "student.safetensors"))
    student = build_student(architecture, plan.task.head_sizes)
    student.load_state_dict(unpack(packed))
    student.eval()
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}

    tokenizer = load_tokenizer(folder / "tokenizer.json", plan.max_tokens)
    ranges = activation_ranges(student, encode(tokenizer, range_rows(plan).mentions))
    calibration = load_rows(plan, "calibration")
    scored = compare(plan, state, architecture, ranges, tokenizer, calibration)
    (graph, served), (_, reference) = scored[SHIPS], scored[FP32]
    temperatures = temperatures_of(plan, calibration, served)
    manifest = artefact.Manifest(
        schema_version=artefact.SCHEMA_VERSION,
        version=f"{plan.task.name}-{plan.date:%Y.%m.%d}-{hashlib.sha256(graph).hexdigest()[:8]}",
        task=plan.task.name,
        heads=tuple(
            artefact.Head(head, plan.task.labels(head), temperatures[head]) for head in HEADS if head in plan.task.heads
        ),
        max_tokens=plan.max_tokens,
        architecture=architecture,
        provenance=provenance(plan, read_summary(plan)),
        metrics={"held_out_part_of_train": held_out_figures(plan, calibration, served, reference, temperatures)},
        files={},
    )
    files: dict[str, bytes | Path] = {
        "model.onnx": graph,
        "model.safetensors": save(packed),
        "tokenizer.json": folder / "tokenizer.json",
    }
    shutil.rmtree(plan.candidate, ignore_errors=True)
    artefact.write(plan.candidate, files, manifest)


def range_rows(plan: Plan) -> Rows:
    """Return sample texts for the activations' ranges: of train, and generated sentences where the task has some."""
    train = load_rows(plan, "train")
    chosen = np.random.default_rng(plan.seed).permutation(len(train))[:RANGE_TEXTS]
    return train.take(chosen) + prose_rows(plan, plan.seed).take(np.arange(min(RANGE_TEXTS // 4, plan.task.prose)))


def temperatures_of(plan: Plan, rows: Rows, logits: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
    """Return the temperature of each head; 1 where no row is labelled."""
    temperatures = {}
    for column, head in enumerate(plan.task.head_sizes):
        truth = rows.labels[:, column].numpy()
        known = truth >= 0
        temperatures[head] = fit_temperature(truth[known], logits[head][known]) if known.any() else 1.0
    return temperatures


def held_out_figures(
    plan: Plan,
    rows: Rows,
    served: Mapping[str, NDArray[np.float32]],
    reference: Mapping[str, NDArray[np.float32]],
    temperatures: Mapping[str, float],
) -> dict[str, dict[str, float]]:
    figures = {}
    for column, head in enumerate(plan.task.head_sizes):
        truth = rows.labels[:, column].numpy()
        known = truth >= 0
        if not known.any():
            continue
        report = classification(truth[known], served[head][known], temperatures[head])
        same = served[head].argmax(1) == reference[head].argmax(1)
        figures[head] = {
            "rows": report.rows,
            "accuracy": round(report.accuracy, 4),
            "macro_f1": round(report.macro_f1, 4),
            "ece": round(report.ece, 4),
            "int8_agrees_with_fp32": round(float(same.mean()), 4),
        }
    return figures


@torch.inference_mode()
def activation_ranges(student: Network, encoded: Encoded) -> dict[str, Range]:
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
    for batch in batches(encoded, 32):
        mask = batch.attention_mask
        student.hidden(batch.input_ids, mask)
    for hook in hooks:
        hook.remove()
    ranges = {}
    for name, parts in seen.items():
        values = np.concatenate([part.numpy() for part in parts])
        low, high = np.quantile(values, [RANGE_TAIL, 1 - RANGE_TAIL])
        ranges[name] = Range(min(float(low), 0.0), max(float(high), 0.0))
    return ranges


def fit_temperature(truth: NDArray[np.integer[Any]], logits: NDArray[np.float32]) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017, section 4.2)."""

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        return float(-np.log(probabilities[np.arange(len(truth)), truth] + 1e-12).mean())

    best = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return round(float(np.exp(best.x)), 4)


def provenance(plan: Plan, summary: Mapping[str, Any]) -> artefact.Provenance:
    sources = [
        artefact.TrainedOn(
            source["name"], source["file"], source["licence"], source["sha256"], summary["train"].get(source["name"], 0)
        )
        for source in summary["sources"]
        if source["trained_on"]
    ]
    known = {"minilm-l6": ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0"), "scratch": ("none", "Apache-2.0")}
    base, licence = known.get(plan.task.base, (Path(plan.task.base).name, "unknown"))
    return artefact.Provenance(
        base=base,
        base_licence=licence,
        sources=tuple(sources),
        code_version=code_version(),
        seed=plan.seed,
        shippable=plan.task.shippable,
        parent=artefact.read_manifest(plan.parent).version if plan.parent else "",
    )


def code_version() -> str:
    """Return the first digits of the SHA-256 over this package's source files."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"training-{digest.hexdigest()[:12]}"
