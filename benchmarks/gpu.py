"""Print what each engine scores in a second, by batch and length, and how far it is from fp32 PyTorch.

``python -m benchmarks.gpu`` takes a few minutes on one NVIDIA GPU and needs nothing but a checkout with the extras
`train` and `gpu`. What does not install or does not build is left out, with the reason. ``--device cpu --quick`` runs
the same code where there is no GPU; its figures say nothing about one.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_onnx import cuda_session, served_int8
from benchmarks.machine import hardware
from undertone.gpu.engines import ENGINES, TorchEngine, Wanted
from undertone.gpu.graphs import Graphs
from undertone.gpu.parity import Proof, against, probe_of, truth_of
from undertone.gpu.report import Parity
from undertone.gpu.scorer import Batch, Engine, one_line
from undertone.gpu.served import Served
from undertone.model import artefact
from undertone.model.network import build_student

PACKAGES = ("torch", "transformers", "deepspeed", "onnxruntime-gpu", "onnxruntime")
BASELINE = "torch"
AIM = 2.0
MINILM = {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
"""The shape of MiniLM-L6. Its weights are random here: speed does not depend on them."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is measured: every batch with every length, each for so long."""

    batches: tuple[int, ...]
    lengths: tuple[int, ...]
    seconds: float

    def shapes(self) -> Iterator[tuple[int, int]]:
        return ((batch, length) for batch in self.batches for length in self.lengths)


FULL = Grid((32, 128, 512), (16, 32, 64, 128), 0.6)
QUICK = Grid((8, 32), (16, 64), 0.2)


@dataclass(frozen=True, slots=True)
class Line:
    """One engine with one model: texts a second by "batch×length", or why there are none."""

    model: str
    engine: str
    precision: str
    rates: dict[str, float] = field(default_factory=dict)
    parity: Parity | None = None
    left_out: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--engines", default=",".join([*ENGINES, "onnxruntime"]), help="comma separated")
    parser.add_argument("--quick", action="store_true", help="few shapes, and the student alone")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    device = options.device if options.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no GPU here: look at `nvidia-smi`, or give --device cpu")
    engines = options.engines.split(",")
    if unknown := set(engines) - {*ENGINES, "onnxruntime"}:
        parser.error(f"--engines names {', '.join(sorted(unknown))}: valid are {', '.join(ENGINES)}, onnxruntime")
    grid = QUICK if options.quick else FULL
    with redirect_stdout(sys.stderr):  # DeepSpeed logs to standard output
        lines = [line for name in _models(options.quick) for line in _lines(name, device, engines, grid)]
    told = {"hardware": machine(device), "versions": versions(), "lines": [dataclasses.asdict(line) for line in lines]}
    if options.json:
        options.json.write_text(json.dumps({"schema_version": 1} | told, indent=2) + "\n")
    print(f"Measured on: {told['hardware']}; {told['versions']}.\n")
    for name in dict.fromkeys(line.model for line in lines):
        print(table([line for line in lines if line.model == name], grid))
    return 0


def machine(device: str) -> str:
    """The hardware in one line."""
    if device == "cpu":
        return f"CPU only: {hardware()}"
    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}; {hardware()}"


def versions() -> str:
    """The versions of what takes part, as far as it is installed."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _models(quick: bool) -> tuple[str, ...]:
    return ("student",) if quick else ("student", "MiniLM-L6")


def _served(name: str) -> tuple[Served, artefact.Manifest]:
    """The shipped student, or MiniLM's shape with its vocabulary and heads."""
    manifest = artefact.verify(artefact.SHIPPED)
    if name == "student":
        return Served.load(artefact.SHIPPED, manifest), manifest
    torch.manual_seed(1)
    network = build_student(manifest.architecture | MINILM, {head.name: len(head.labels) for head in manifest.heads})
    return Served(network, tuple(head.temperature for head in manifest.heads)), manifest


def _lines(name: str, device: str, engines: Sequence[str], grid: Grid) -> Iterator[Line]:
    served, manifest = _served(name)
    tokens = max(grid.lengths)
    probe = probe_of(served.vocabulary, tokens)
    proof = Proof(probe, truth_of(served, probe))
    precision = "fp16" if device == "cuda" else "fp32"
    wanted = Wanted(torch.device(device), precision, max(grid.batches), tokens)
    # The baseline first. DeepSpeed's kernels last: while they live, nothing else of DeepSpeed can be built.
    for engine_name in sorted(engines, key=lambda one: (one != BASELINE, one == "deepspeed-kernels")):
        print(f"{name}: {engine_name} …", file=sys.stderr)
        if engine_name == "onnxruntime":
            yield _measured(name, "onnxruntime", precision, lambda: cuda_session(served, manifest, device), proof, grid)
            if name == "student":
                yield _measured(name, "onnxruntime-cpu", "int8", lambda: served_int8(manifest), proof, grid)
            continue
        yield from _torch_lines(name, engine_name, served, wanted, proof, grid)
        gc.collect()


def _torch_lines(
    name: str, engine_name: str, served: Served, wanted: Wanted, proof: Proof, grid: Grid
) -> Iterator[Line]:
    made: list[TorchEngine] = []

    def make() -> Engine:
        made.append(TorchEngine(ENGINES[engine_name](served, wanted), wanted.device))
        return made[0]

    yield _measured(name, engine_name, wanted.precision, make, proof, grid)
    if made and wanted.device.type == "cuda":

        def graphed() -> Engine:
            return TorchEngine(Graphs(made[0].run, most_rows=wanted.batch), wanted.device)

        yield _measured(name, f"{engine_name}+graphs", wanted.precision, graphed, proof, grid)


def _measured(name: str, engine_name: str, precision: str, make: Any, proof: Proof, grid: Grid) -> Line:
    """Build an engine, prove it and time it; whatever it raises is why it is left out."""
    try:
        engine: Engine = make()
        parity = proof.measure(engine, max(grid.batches))
        rates = {f"{rows}×{tokens}": _rate(engine, rows, tokens, grid.seconds) for rows, tokens in grid.shapes()}
    except (Exception, SystemExit) as error:  # DeepSpeed calls exit() where it could raise
        return Line(name, engine_name, precision, left_out=one_line(error))
    wrong = against(parity, precision) if precision in ("fp32", "fp16") else ""
    return Line(name, engine_name, precision, rates, parity, wrong)


def _rate(engine: Engine, rows: int, tokens: int, seconds: float) -> float:
    """Texts a second through an engine as the scorer uses it: arrays in, arrays out, one batch ahead."""
    random = np.random.default_rng(rows * tokens)
    ids = random.integers(5, 1_000, (rows, tokens))
    full = np.ones((rows, tokens), np.int64)
    batch = Batch(ids, full, full)
    for _ in range(3):
        engine(*batch)()
    under_way = engine(*batch)
    began, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds or calls < 3:
        following = engine(*batch)
        under_way()
        under_way, calls = following, calls + 1
    under_way()
    return rows * calls / spent


def table(lines: Sequence[Line], grid: Grid) -> str:
    """One model's lines as a Markdown table, with each engine's ratio to PyTorch as it is, the mean over all shapes."""
    shapes = [f"{rows}×{tokens}" for rows, tokens in grid.shapes()]
    baseline = next((line.rates for line in lines if line.engine == BASELINE and line.rates), {})
    header = ["engine", "precision", *shapes, "÷ torch", "difference", "same labels"]
    out = [f"{lines[0].model}, texts/s by batch×tokens:", "", "| " + " | ".join(header) + " |"]
    out.append("|---|---|" + "---:|" * (len(header) - 2))
    for line in lines:
        if not line.rates or line.parity is None:
            continue
        ratio = f"{_ratio(line.rates, baseline):.2f}" if baseline else ""
        figures = [f"{line.rates[shape]:,.0f}" for shape in shapes]
        parity = [f"{line.parity.difference:.4f}", f"{line.parity.agreement:.1%}"]
        out.append("| " + " | ".join([line.engine, line.precision, *figures, ratio, *parity]) + " |")
    out.append("")
    out += [f"* {line.engine}: {line.left_out}" for line in lines if line.left_out]
    ratios = [_ratio(line.rates, baseline) for line in lines if _counts(line) and baseline]
    if ratios:
        out.append(f"* DeepSpeed ÷ torch eager {lines[0].precision}: {max(ratios):.2f} (aim on a GPU: ≥ {AIM:g})")
    return "\n".join(out) + "\n"


def _counts(line: Line) -> bool:
    return line.engine.startswith("deepspeed") and bool(line.rates) and not line.left_out


def _ratio(rates: dict[str, float], baseline: dict[str, float]) -> float:
    """The geometric mean of the ratios."""
    return math.exp(statistics.fmean(math.log(rates[shape] / baseline[shape]) for shape in rates))


if __name__ == "__main__":
    sys.exit(main())
