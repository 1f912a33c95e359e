"""The engines that can run a student, fastest first, and the choice of the first that proves right.

Needs torch, and so is imported late. DeepSpeed is imported later still: an engine that cannot be had is an attempt
with its reason, never an error.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from undertone.gpu.choice import Precision
from undertone.gpu.graphs import Graphs
from undertone.gpu.kernels import check_workspace_is_free, injected
from undertone.gpu.parity import Proof, against, probe_of, truth_of
from undertone.gpu.report import Attempt, EngineReport
from undertone.gpu.scorer import Engine, Fetch, Tokens, one_line, out_of_memory
from undertone.gpu.served import Served
from undertone.model.artefact import Manifest

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
LEAST_BATCH = 16

Run = Callable[[Tensor, Tensor, Tensor], Tensor]


class TorchEngine:
    """Takes arrays to the device of a module that runs there, and its answer back; see `scorer.Engine`."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run = run
        self.device = device

    @torch.inference_mode()
    def __call__(self, input_ids: Tokens, attention_mask: Tokens, span_mask: Tokens) -> Fetch:
        given = torch.stack([torch.from_numpy(part) for part in (input_ids, attention_mask, span_mask)])
        try:
            answer = self.run(*given.to(self.device, non_blocking=True).unbind())
        except RuntimeError as error:
            if self.device.type == "cuda" and out_of_memory(error):
                torch.cuda.empty_cache()
            raise
        return lambda: answer.float().cpu().numpy()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an engine is built for: a device, a precision, and the largest batch that it will see."""

    device: torch.device
    precision: str
    batch: int  # most texts
    tokens: int  # most of a text

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.precision]


def deepspeed_kernels(served: Served, wanted: Wanted) -> Run:
    """DeepSpeed's own CUDA kernels in place of the encoder's layers."""
    _check_accelerator(wanted.device)
    return injected(copy.deepcopy(served), wanted.dtype, wanted.tokens)


def deepspeed_compile(served: Served, wanted: Wanted) -> Run:
    """DeepSpeed's engine around the unchanged module, compiled by TorchInductor."""
    _check_accelerator(wanted.device)
    import deepspeed

    check_workspace_is_free()
    engine: nn.Module = deepspeed.init_inference(
        copy.deepcopy(served), dtype=wanted.dtype, replace_with_kernel_inject=False, tensor_parallel={"tp_size": 1}
    )
    engine.compile(compile_kwargs={"dynamic": True})
    return engine


def torch_compile(served: Served, wanted: Wanted) -> Run:
    """PyTorch alone, compiled by TorchInductor."""
    module = torch_eager(served, wanted)
    module.compile(dynamic=True)
    return module


def torch_eager(served: Served, wanted: Wanted) -> nn.Module:
    """PyTorch alone, as it is."""
    return copy.deepcopy(served).to(wanted.device, wanted.dtype)


Make = Callable[[Served, Wanted], Run]
ENGINES: Mapping[str, Make] = {
    "deepspeed-kernels": deepspeed_kernels,
    "deepspeed-compile": deepspeed_compile,
    "torch-compile": torch_compile,
    "torch": torch_eager,
}
"""In the order in which they are tried."""


def build(
    path: Path,
    manifest: Manifest,
    *,
    device: str,
    precision: Precision,
    batch: int,
    engines: Mapping[str, Make] = ENGINES,
) -> tuple[Engine | None, EngineReport]:
    """Return the first engine for the verified model folder at `path` that answers as fp32 PyTorch does.

    Args:
        path: The model folder.
        manifest: Its manifest.
        device: ``cuda`` or ``cpu``.
        precision: ``auto`` is fp16 on a GPU and fp32 on a CPU.
        batch: Most texts in one call; the report says how many fit.
        engines: What is tried, in this order.

    Returns:
        The engine, or None where every one failed, and the report with all reasons.
    """
    if precision == "auto":
        precision = "fp16" if device == "cuda" else "fp32"
    wanted = Wanted(torch.device(device), precision, batch, manifest.max_tokens)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    try:
        served = Served.load(path, manifest)
        probe = probe_of(served.vocabulary, wanted.tokens)
        proof = Proof(probe, truth_of(served, probe))
    except Exception as error:  # a folder whose graph serves may still lack what PyTorch needs
        attempt = Attempt("torch", f"the weights make no network: {one_line(error)}")
        return None, EngineReport(name, precision, 0, (attempt,))
    attempts = []
    chosen: Engine | None = None
    for engine_name, make in engines.items():
        engine, attempt, fits = _try(engine_name, partial(make, served), wanted, proof)
        attempts.append(attempt)
        if engine is not None:
            chosen, wanted = engine, fits
            if wanted.device.type == "cuda":
                chosen, attempt = _with_graphs(engine, wanted, proof)
                attempts.append(attempt)
            break
    return chosen, EngineReport(name, precision, wanted.batch, tuple(attempts))


def _try(
    name: str, make: Callable[[Wanted], Run], wanted: Wanted, proof: Proof
) -> tuple[TorchEngine | None, Attempt, Wanted]:
    """Build and prove one engine, with half the batch for as long as memory runs out."""
    while True:
        engine, parity, short = None, None, False
        try:
            engine = TorchEngine(make(wanted), wanted.device)
            parity = proof.measure(engine, wanted.batch)
            reason = against(parity, wanted.precision)
        except (Exception, SystemExit) as error:  # DeepSpeed calls exit() where it could raise
            reason, short = one_line(error), out_of_memory(error)
        if not reason:
            return engine, Attempt(name, parity=parity), wanted
        engine = None  # it holds memory, and DeepSpeed's workspace
        gc.collect()
        if wanted.device.type == "cuda":
            torch.cuda.empty_cache()
        if not short or wanted.batch <= LEAST_BATCH:
            return None, Attempt(name, reason, parity), wanted
        wanted = replace(wanted, batch=wanted.batch // 2)


def _with_graphs(engine: TorchEngine, wanted: Wanted, proof: Proof) -> tuple[Engine, Attempt]:
    """Replay the engine from CUDA graphs, if that gives the same answers; launching kernels costs more than they do."""
    graphed = TorchEngine(Graphs(engine.run, most_rows=wanted.batch), wanted.device)
    try:
        parity = proof.measure(graphed, wanted.batch)
    except Exception as error:
        return engine, Attempt("cuda-graphs", one_line(error))
    reason = against(parity, wanted.precision)
    return (engine if reason else graphed), Attempt("cuda-graphs", reason, parity)


def _check_accelerator(device: torch.device) -> None:
    """DeepSpeed picks its device by itself, once a process."""
    from deepspeed.accelerator import get_accelerator

    if get_accelerator().device_name() != device.type:
        raise RuntimeError(
            f"DeepSpeed runs on {get_accelerator().device_name()} here, not on {device.type}: "
            f"set DS_ACCELERATOR={device.type}"
        )
