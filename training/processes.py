"""Where a network trains: one CPU, one GPU, or several processes that share each batch; and in which precision.

Thin over Hugging Face `accelerate`, which reads how many processes there are from its launcher. Alone and in fp32 on a
CPU it changes no bit of what plain PyTorch computes.
"""

import os
from typing import Any

import torch
from accelerate import Accelerator, DistributedType  # type: ignore[import-untyped]
from torch import Tensor, nn

from training.batches import Batch
from training.plan import Plan
from undertone.errors import InputError
from undertone.model.network import task_loss

PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
DEVICES = ("auto", "cpu", "cuda")


def rank() -> int:
    """Return the number of this process among those that the launcher started; 0 where there is one."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return how many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class Processes:
    """The processes that train one network together, seen from one of them."""

    def __init__(self, plan: Plan) -> None:
        """Raises InputError where the device is not there, or cannot do the precision."""
        if plan.device not in DEVICES:
            raise InputError(f"Device {plan.device!r} is not known: valid are {', '.join(DEVICES)}")
        if plan.precision not in PRECISIONS:
            raise InputError(f"Precision {plan.precision!r} is not known: valid are {', '.join(PRECISIONS)}")
        cuda = torch.cuda.is_available()
        if plan.device == "cuda" and not cuda:
            raise InputError("Device 'cuda' was asked for, and PyTorch sees no CUDA device: give --device cpu")
        on_cpu = plan.device == "cpu" or not cuda
        if plan.precision == "fp16" and on_cpu:
            raise InputError("Precision 'fp16' needs a GPU; a CPU trains in fp32, or in bf16 where it is quick at it")
        self._accelerator = Accelerator(cpu=on_cpu, mixed_precision=PRECISIONS[plan.precision])
        self.device: torch.device = self._accelerator.device
        self.first: bool = self._accelerator.is_main_process
        self.rank: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes

    @property
    def shards_optimizer(self) -> bool:
        """Whether each process holds a part of the optimizer's state alone (DeepSpeed ZeRO)."""
        return bool(self._accelerator.distributed_type == DistributedType.DEEPSPEED)

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer, batch: int) -> tuple[Any, Any]:
        """Return what to call instead of the two; the network itself stays what it was and holds the weights."""
        network.to(self.device)
        plugin = getattr(self._accelerator.state, "deepspeed_plugin", None)
        if plugin is not None:
            plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = max(1, batch // self.count)
            # The launcher has no loader to read it from: batches are cut here.
            plugin.deepspeed_config["train_batch_size"] = max(1, batch // self.count) * self.count
        prepared = self._accelerator.prepare(network, optimizer)
        return prepared[0], prepared[1]

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch: at least one, which counts for nothing where there are too few."""
        if self.count == 1:
            return batch.to(self.device)
        own = slice(self.rank, None, self.count) if self.rank < len(batch.rows) else slice(0, 1)
        return Batch(batch.rows[own], batch.input_ids[own], batch.attention_mask[own], batch.span_mask[own]).to(
            self.device
        )

    def loss(self, logits: Tensor, own: Tensor, whole: Tensor, place: int, smoothing: float = 0.0) -> Tensor:
        """Return this process's part of a head's loss, such that the mean over processes is the whole batch's loss.

        `own` are the labels of its rows (rows, heads), `whole` those of the whole batch, `place` the head's column.
        """
        labels = own[:, place]
        if self.count > 1 and self.rank >= len(whole):
            labels = torch.full_like(labels, -1)
        loss = task_loss(logits, labels.to(logits.device), smoothing)
        known = int((whole[:, place] >= 0).sum())
        if self.count == 1 or not known:
            return loss
        return loss * (int((labels >= 0).sum()) * self.count / known)

    def step(self, loss: Tensor, network: Any, optimizer: Any, norm: float = 1.0) -> bool:
        """Move the weights by one step with the gradient cut to `norm`; False where fp16 overflowed and nothing moved.

        DeepSpeed steps inside its own backward and cuts as its configuration says.
        """
        if not self.shards_optimizer:
            optimizer.zero_grad()
        self._accelerator.backward(loss)
        if self._accelerator.sync_gradients and not self.shards_optimizer:
            self._accelerator.clip_grad_norm_(network.parameters(), norm)
        optimizer.step()
        return not self._accelerator.optimizer_step_was_skipped

    def wait(self) -> None:
        """Return once every process is here."""
        self._accelerator.wait_for_everyone()

    def save_shards(self, folder: str) -> None:
        """Write every process's part of the optimizer's state below `folder`."""
        self._accelerator.save_state(folder)

    def load_shards(self, folder: str) -> None:
        self._accelerator.load_state(folder)
