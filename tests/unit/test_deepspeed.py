"""DeepSpeed as far as it runs without a GPU: its engine for real, its kernels by the stand-ins that it has for them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from tests.random_student import random_student
from undertone.gpu.engines import DTYPES, ENGINES, TorchEngine, build
from undertone.gpu.kernels import injected
from undertone.gpu.parity import Proof, probe_of, truth_of
from undertone.gpu.served import Served
from undertone.model import artefact

pytest.importorskip("deepspeed", reason="the extra `gpu` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # DeepSpeed's and TorchInductor's own
    pytest.mark.skipif(torch.cuda.is_available(), reason="DeepSpeed takes the GPU that is here"),
]
TOKENS = 40


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other over tiny tensors take minutes on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def linear(
    given: Tensor, weight: Tensor, bias: Tensor, add_bias: bool, flash: bool, heads: int, transposed: bool, theta: float
) -> Tensor:
    """The one operator for which DeepSpeed has no stand-in in Python."""
    return given @ (weight.t() if transposed else weight) + bias


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from deepspeed.ops.transformer.inference.op_binding.base import BaseOp

    monkeypatch.setattr(BaseOp, "inference_module", SimpleNamespace(linear_layer_fp32=linear))
    yield
    gc.collect()


@pytest.mark.usefixtures("stand_ins")
def test_injected_layers_with_the_students_own_width_and_mask_are_right_on_a_padded_batch(tmp_path: Path) -> None:
    folder = random_student(tmp_path / "student")
    served = Served.load(folder, artefact.verify(folder))
    probe = probe_of(served.vocabulary, TOKENS)
    proof = Proof(probe, truth_of(served, probe))
    engine = TorchEngine(injected(served, torch.float32, TOKENS), torch.device("cpu"))
    assert {type(layer).__name__ for layer in served.network.encoder.encoder.layer} == {"DeepSpeedBERTInference"}
    parity = proof.measure(engine, batch=64)
    assert parity.difference < 1e-3
    assert parity.agreement == 1.0


@pytest.mark.usefixtures("stand_ins")
def test_the_kernels_are_told_the_students_activation(tmp_path: Path) -> None:
    """The stand-ins know GELU alone, so here what the kernels are told must do."""
    from deepspeed.utils.types import ActivationFuncType

    folder = random_student(tmp_path / "student", hidden_act="relu")
    served = Served.load(folder, artefact.verify(folder))
    engine = injected(served, torch.float32, TOKENS)
    told = [layer.config.mlp_act_func_type for layer in served.network.encoder.encoder.layer]
    assert told == [ActivationFuncType.ReLU] * 2
    del engine


@pytest.mark.usefixtures("stand_ins")
def test_one_model_of_a_process_has_the_workspace_for_as_long_as_it_lives(tmp_path: Path) -> None:
    folder = random_student(tmp_path / "student")
    manifest = artefact.verify(folder)
    first = injected(Served.load(folder, manifest), torch.float32, TOKENS)
    report = build(folder, manifest, device="cpu", precision="fp32", batch=64, engines=ENGINES)[1]
    for attempt in report.attempts[:2]:
        assert "another model of this process holds DeepSpeed's only workspace" in attempt.reason
    assert report.serving is not None
    assert report.serving.engine == "torch-compile"
    del first
    gc.collect()
    injected(Served.load(folder, manifest), torch.float32, TOKENS)


def test_without_a_gpu_the_kernels_are_refused_and_deepspeeds_engine_serves(tmp_path: Path) -> None:
    folder = random_student(tmp_path / "student")
    engine, report = build(folder, artefact.verify(folder), device="cpu", precision="auto", batch=64)
    kernels, compiled = report.attempts
    assert (kernels.engine, kernels.serves) == ("deepspeed-kernels", False)
    assert "not been implemented on CPU" in kernels.reason
    assert (compiled.engine, compiled.serves) == ("deepspeed-compile", True)
    assert compiled.parity is not None
    assert compiled.parity.difference < 1e-4
    assert isinstance(engine, TorchEngine)
    assert set(DTYPES) == {"fp32", "fp16", "bf16"}
