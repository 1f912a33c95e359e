"""Step 4: fine-tune the teacher, a pre-trained encoder with one head for each question of the task.

A row that lacks a label trains the other heads only (masked loss). What is kept is not the last weights but their
exponential moving average (Polyak and Juditsky 1992), which generalises better for the price of a copy.

Every epoch draws from seeds of its own and ends with a checkpoint, so a run that was killed goes on with the epoch
that it was in and ends with the same weights as one that was not. Several processes share each batch; they compute
what one would, up to rounding and dropout.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from training import adapters
from training.augment import Augmenter
from training.batches import Encoded, batches, encode, load_tokenizer
from training.checkpoints import CHECKPOINT, checkpoint_all, drop, restore_all, save_state
from training.metrics import classification
from training.plan import Plan
from training.processes import Processes
from training.rows import Rows, load_rows, prose_rows, source_shares
from training.tracking import Tracking
from undertone.model.network import Network, base_folder, build_teacher

log = logging.getLogger(__name__)

AfterEpoch = Callable[[int, dict[str, float]], None]


@dataclass(slots=True)
class Moving:
    """What moves while a network is trained. `model` and `optimizer` are what to call, as the processes need it."""

    network: Network
    model: Any
    optimizer: Any
    schedule: torch.optim.lr_scheduler.OneCycleLR
    average: dict[str, Tensor]


def teach(plan: Plan, after_epoch: AfterEpoch | None = None) -> None:
    """Train the teacher of `plan` and write `teacher.safetensors`; checkpoints go beside it.

    `after_epoch` is told each epoch's number, from 1, and its figures on the held-out part; what it raises ends the
    step, which can be gone on with later.
    """
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    plan.teacher.mkdir(parents=True, exist_ok=True)
    train, calibration = load_rows(plan, "train"), load_rows(plan, "calibration")
    tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    processes = Processes(plan)
    moving = begin(plan, processes, train)
    path = plan.teacher / CHECKPOINT
    first = restore_all(processes, path, moving.network, moving.optimizer, moving.schedule, moving.average)
    moving.average = {name: tensor.to(processes.device) for name, tensor in moving.average.items()}
    with Tracking(plan.out, "teach", plan.trackers) if processes.first else nullcontext() as tracking:
        for epoch in range(first, plan.teacher_epochs):
            rows = epoch_of(plan, train, epoch)
            train_epoch(plan, processes, moving, encode(tokenizer, rows.mentions), rows, epoch)
            checkpoint_all(
                processes, path, epoch + 1, moving.network, moving.optimizer, moving.schedule, moving.average
            )
            if tracking is not None:
                network = averaged(plan, moving.average).to(processes.device)
                figures = held_out(network, tokenizer, calibration, tuple(plan.task.head_sizes))
                tracking.scalars(figures, epoch + 1)
                log.info("epoch %d: %s", epoch + 1, in_words(figures))
                if after_epoch is not None:
                    after_epoch(epoch + 1, figures)
    if processes.first:
        # The adapters' place in the weights is known to this step alone.
        state = averaged(plan, moving.average).state_dict() if plan.lora_rank else moving.average
        save_state(state, plan.teacher / "teacher.safetensors")
        drop(path)
    processes.wait()


def begin(plan: Plan, processes: Processes, train: Rows) -> Moving:
    """Return the untrained teacher of `plan` with its optimizer, its rates and its average."""
    teacher = build_teacher(plan.base, plan.task.head_sizes)
    if plan.teacher_start is not None:
        teacher.load_state_dict(load_file(plan.teacher_start))
    # The word embeddings stay as they are: rare tickers keep their meaning and a step is a fifth cheaper.
    teacher.encoder.get_input_embeddings().weight.requires_grad_(False)
    if plan.lora_rank:
        adapters.attach(teacher, plan.lora_rank)
    average = adapters.state_of(teacher)
    optimizer = torch.optim.AdamW(rate_groups(plan, teacher), weight_decay=0.01, fused=True)
    epoch_rows = int(source_shares(plan, train.sources).sum()) + plan.task.prose
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=plan.teacher_epochs * -(-epoch_rows // plan.teacher_batch) + 10 * plan.teacher_epochs,
        pct_start=0.06,
        anneal_strategy="linear",
    )
    model, stepping = processes.prepare(teacher, optimizer, plan.teacher_batch)
    return Moving(teacher, model, stepping, schedule, average)


def epoch_of(plan: Plan, train: Rows, epoch: int) -> Rows:
    """Return the rows of one epoch: by their sources' shares, half of them changed, and generated sentences."""
    order = np.random.default_rng((plan.seed, epoch, 1))
    chosen = np.flatnonzero(order.random(len(train)) < source_shares(plan, train.sources))
    augment = Augmenter(train.mentions, plan.seed + epoch)
    # The first epoch sees the texts as they are.
    changed = (order.random(len(chosen)) < 0.5) & (epoch > 0)
    mentions = [
        augment(train.mentions[row]) if change else train.mentions[row]
        for row, change in zip(chosen, changed, strict=True)
    ]
    return Rows(mentions, train.labels[chosen], [train.sources[row] for row in chosen]) + prose_rows(
        plan, plan.seed + epoch
    )


def rate_groups(plan: Plan, teacher: Network) -> list[dict[str, Any]]:
    """Return parameters with a rate that falls from the heads down to the embeddings (Howard and Ruder 2018)."""
    depth = teacher.encoder.config.num_hidden_layers
    groups: dict[int, list[nn.Parameter]] = {}
    for name, parameter in teacher.named_parameters():
        if not parameter.requires_grad:
            continue
        parts = name.split(".")
        if "layer" in parts:
            below = depth - 1 - int(parts[parts.index("layer") + 1])
        else:
            below = depth if "embeddings" in parts else 0
        groups.setdefault(below, []).append(parameter)
    return [
        {"params": groups[below], "lr": plan.teacher_rate * plan.teacher_rate_decay**below} for below in sorted(groups)
    ]


def train_epoch(plan: Plan, processes: Processes, moving: Moving, encoded: Encoded, rows: Rows, epoch: int) -> None:
    torch.manual_seed(plan.seed + epoch + processes.rank * 1_000_003)  # of dropout
    order = np.random.default_rng((plan.seed, epoch, 2))
    moving.network.train()
    schedule = moving.schedule
    started, seen = time.monotonic(), 0
    steps = -(-len(rows) // plan.teacher_batch)
    drawn = batches(encoded, plan.teacher_batch, order)
    for batch in track(drawn, f"teach, epoch {epoch + 1}", steps, disable=not processes.first):
        own = processes.share(batch)
        logits = moving.model(own.input_ids, own.attention_mask, own.span_mask)
        whole = rows.labels[torch.from_numpy(batch.rows)]
        truth = rows.labels[torch.from_numpy(own.rows)]
        losses = [
            processes.loss(logits[head], truth, whole, column, plan.smoothing)
            for column, head in enumerate(plan.task.head_sizes)
        ]
        loss = torch.stack(losses).sum()
        if processes.step(loss, moving.network, moving.optimizer):
            schedule.step()
            fold(moving.average, moving.network, plan.average, schedule.last_epoch)
        seen += len(batch.rows)
        if schedule.last_epoch % 100 == 0 and processes.first:
            rate = seen / (time.monotonic() - started)
            log.info(
                "step %d, %d of %d texts, loss %.3f, %.0f texts/s", schedule.last_epoch, seen, len(rows), loss, rate
            )


@torch.no_grad()
def fold(average: dict[str, Tensor], network: Network, decay: float, step: int) -> None:
    """Move the average towards the present weights; it forgets faster at first, so that the start leaves no trace."""
    decay = min(decay, step / (step + 10))
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            average[name].lerp_(parameter.to(average[name].dtype), 1 - decay)


def averaged(plan: Plan, average: dict[str, Tensor]) -> Network:
    """Return the teacher with those weights, its adapters merged, in eval mode."""
    network = build_teacher(plan.base, plan.task.head_sizes)
    if plan.lora_rank:
        adapters.attach(network, plan.lora_rank)
    network.load_state_dict(average)
    return adapters.merged(network).eval()


@torch.inference_mode()
def logits_of(network: Network, encoded: Encoded, size: int = 64) -> dict[str, NDArray[np.float32]]:
    """Return the logits of each head for tokenised texts, (texts, labels), in their order."""
    network.eval()
    device = next(network.parameters()).device
    found: dict[str, NDArray[np.float32]] = {}
    for batch in (batch.to(device) for batch in batches(encoded, size)):
        for head, logits in network(batch.input_ids, batch.attention_mask, batch.span_mask).items():
            found.setdefault(head, np.empty((len(encoded), logits.shape[1]), np.float32))[batch.rows] = (
                logits.float().cpu().numpy()
            )
    return found


def held_out(network: Network, tokenizer: Tokenizer, rows: Rows, heads: tuple[str, ...]) -> dict[str, float]:
    """Return accuracy and macro-F1 of each head on labelled rows."""
    found = logits_of(network, encode(tokenizer, rows.mentions))
    figures: dict[str, float] = {}
    for column, head in enumerate(heads):
        truth = rows.labels[:, column].numpy()
        known = truth >= 0
        if known.any():
            report = classification(truth[known], found[head][known])
            figures |= {f"{head} accuracy": report.accuracy, f"{head} macro-F1": report.macro_f1}
    return figures


def in_words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
