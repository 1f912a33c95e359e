"""Whether the CPU or a GPU is to score, asked as cheaply as can be: without a driver, torch is not even imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

Device = Literal["auto", "cpu", "gpu"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]

DRIVER_NODES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""Device files of NVIDIA's driver: on Linux and in containers, and on Windows' Linux."""
NEEDED = ("torch", "transformers")
INSTALL = "pip install 'undertone[gpu]'"


class Choice(NamedTuple):
    """What scores, and why. `lacking` says what keeps a GPU that was asked for, or is there, from scoring."""

    gpu: bool
    reason: str
    lacking: str = ""


def choose(device: Device) -> Choice:
    """Decide what scores. ``auto`` takes a GPU where one can be used; ``gpu`` wants one and says what is missing."""
    if device == "cpu":
        return Choice(False, "UNDERTONE_DEVICE=cpu")
    if device == "auto" and not any(node.exists() for node in DRIVER_NODES):
        return Choice(False, "no NVIDIA driver on this machine")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return _lacking(f"{' and '.join(missing)} cannot be imported: {INSTALL}")
    import torch

    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        return _lacking(f"torch {torch.__version__}, {built}, finds no GPU: look at `nvidia-smi`")
    return Choice(True, torch.cuda.get_device_name())


def _lacking(what: str) -> Choice:
    return Choice(False, what, what)
