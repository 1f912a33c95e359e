"""Checkpoints of a training step: its state after each epoch, whole or not at all, so that a killed run goes on.

Files are read with `weights_only`, which builds tensors and plain values and runs no code.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.processes import Processes
from training.whole import whole

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"


def checkpoint(path: Path, epoch: int, *parts: Any) -> None:
    """Write the state after an epoch, whole or not at all."""
    states = [part if isinstance(part, dict) else part.state_dict() for part in parts]
    with whole(path) as unfinished:
        torch.save({"epoch": epoch, "states": states}, unfinished)


def restore(path: Path, *parts: Any) -> int:
    """Fill the parts from a checkpoint, if there is one; return the epoch to begin with."""
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True, map_location="cpu")
    for part, state in zip(parts, saved["states"], strict=True):
        if isinstance(part, dict):
            part.update(state)
        else:
            part.load_state_dict(state)
    log.info("going on after epoch %d", saved["epoch"])
    return int(saved["epoch"])


def checkpoint_all(processes: Processes, path: Path, epoch: int, *parts: Any) -> None:
    """Write the state after an epoch once for all processes; `parts` begin with the network and the optimizer.

    Where the optimizer's state is spread over the processes, each writes its own beside the file, which names them.
    """
    if processes.shards_optimizer:
        processes.save_shards(str(_shards(path, epoch)))
        processes.wait()
        parts = parts[2:]
    if processes.first:
        checkpoint(path, epoch, *parts)
        for old in path.parent.glob("shards-*"):
            if old != _shards(path, epoch):
                shutil.rmtree(old)
    processes.wait()


def restore_all(processes: Processes, path: Path, *parts: Any) -> int:
    """Fill the parts of this process as `checkpoint_all` wrote them; return the epoch to begin with."""
    if not processes.shards_optimizer:
        return restore(path, *parts)
    epoch = restore(path, *parts[2:])
    if epoch:
        processes.load_shards(str(_shards(path, epoch)))
    return epoch


def drop(path: Path) -> None:
    """Remove a checkpoint whose step is done."""
    path.unlink(missing_ok=True)
    for shards in path.parent.glob("shards-*"):
        shutil.rmtree(shards)


def save_state(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as safetensors, whole or not at all."""
    with whole(path) as unfinished:
        save_file({name: tensor.contiguous().cpu() for name, tensor in state.items()}, unfinished)


def _shards(path: Path, epoch: int) -> Path:
    return path.parent / f"shards-{epoch}"
