"""Step 2: masked language modelling on the task's texts, labels aside, before the teacher is taught.

Writes `pretrained/encoder` in Hugging Face format, which the plan then takes for its base, and `pretrain.json` with the
pseudo-perplexity of held-out texts before and after. With base `scratch` the tokenizer is learnt and the encoder begins
at random weights. Frozen sets are never read.
"""

import json
import logging
import math
import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM

from training.batches import Encoded, batches, encode_texts, load_tokenizer
from training.checkpoints import CHECKPOINT, checkpoint_all, drop, restore_all
from training.masking import IGNORED, Pieces, hide
from training.plan import Plan
from training.processes import Processes
from training.rows import load_rows, load_unlabelled
from training.scratch import write_base
from training.tracking import Tracking
from undertone.model.network import base_folder

log = logging.getLogger(__name__)

HELD_OUT_TEXTS = 128


def pretrains(plan: Plan) -> bool:
    """Whether the plan has this step: asked for, or needed because there is no base."""
    return epochs_of(plan) > 0 or plan.task.base == "scratch"


def epochs_of(plan: Plan) -> int:
    if plan.task.base == "scratch":
        return plan.pretrain_epochs or plan.task.scratch.epochs
    return plan.pretrain_epochs


def pretrain(plan: Plan) -> None:
    """Train the base of `plan` on its texts and write `pretrained/encoder`; checkpoints go beside it."""
    torch.set_num_threads(plan.threads)
    plan.pretrained.mkdir(parents=True, exist_ok=True)
    train = [mention.text for mention in (load_rows(plan, "train") + load_unlabelled(plan)).mentions]
    texts = list(dict.fromkeys(train))  # a text with two companies is two rows
    held_out = list(dict.fromkeys(mention.text for mention in load_rows(plan, "calibration").mentions))
    processes = Processes(plan)
    base = _base(plan, processes, texts)
    tokenizer = load_tokenizer(base / "tokenizer.json", plan.max_tokens)
    pieces = Pieces.of(tokenizer)
    encoded = encode_texts(tokenizer, texts)
    sample = encode_texts(tokenizer, held_out[:HELD_OUT_TEXTS])

    torch.manual_seed(plan.seed)
    network: Any = AutoModelForMaskedLM.from_pretrained(base)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.pretrain_rate, weight_decay=0.01, fused=True)
    steps, epochs = -(-len(encoded) // plan.pretrain_batch), epochs_of(plan)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.pretrain_rate, total_steps=epochs * steps + 1, pct_start=0.06, anneal_strategy="linear"
    )
    model, stepping = processes.prepare(network, optimizer, plan.pretrain_batch)
    path = plan.pretrained / CHECKPOINT
    figures: dict[str, float] = {}
    first = restore_all(processes, path, network, stepping, schedule, figures)
    if not first and processes.first:
        figures["before"] = pseudo_perplexity(network, sample, pieces)
        log.info("held-out pseudo-perplexity before: %.1f", figures["before"])
    with Tracking(plan.out, "pretrain", plan.trackers) if processes.first else nullcontext() as tracking:
        for epoch in range(first, epochs):
            loss = train_epoch(plan, processes, network, model, stepping, schedule, encoded, pieces, epoch)
            checkpoint_all(processes, path, epoch + 1, network, stepping, schedule, figures)
            if tracking is not None:
                figures["after"] = pseudo_perplexity(network, sample, pieces)
                tracking.scalars({"loss": loss, "pseudo-perplexity": figures["after"]}, epoch + 1)
                log.info("epoch %d: loss %.3f, held-out pseudo-perplexity %.1f", epoch + 1, loss, figures["after"])
    if processes.first:
        if first == epochs:  # killed between the last epoch and the end
            figures["after"] = pseudo_perplexity(network, sample, pieces)
        _write(plan, network, tokenizer, {**figures, "texts": len(texts), "held_out": len(sample), "epochs": epochs})
        drop(path)
    processes.wait()


def train_epoch(
    plan: Plan,
    processes: Processes,
    network: Any,
    model: Any,
    optimizer: Any,
    schedule: Any,
    encoded: Encoded,
    pieces: Pieces,
    epoch: int,
) -> float:
    """Return the mean loss of one epoch, in nats a hidden piece."""
    torch.manual_seed(plan.seed + epoch + processes.rank * 1_000_003)  # of dropout
    order = np.random.default_rng((plan.seed, epoch, 5))
    network.train()
    total, started, steps = 0.0, time.monotonic(), -(-len(encoded) // plan.pretrain_batch)
    drawn = batches(encoded, plan.pretrain_batch, order)
    for batch in track(drawn, f"pretrain, epoch {epoch + 1}", steps, disable=not processes.first):
        # Hidden before the batch is shared, so that every process knows how many pieces the whole batch asks for.
        shown, labels = hide(
            batch.input_ids, batch.attention_mask, pieces, order, whole_words=plan.pretrain_whole_words
        )
        rows = slice(processes.rank, None, processes.count)
        part, asked = labels[rows].to(processes.device), int((labels != IGNORED).sum())
        own = processes.share(batch)
        inputs = shown[rows] if len(part) else shown[:1]
        part = part if len(part) else torch.full_like(inputs, IGNORED).to(processes.device)
        logits = model(input_ids=inputs.to(processes.device), attention_mask=own.attention_mask).logits
        loss = masked_loss(logits, part, asked) * processes.count
        if processes.step(loss, network, optimizer):
            schedule.step()
        total += loss.item()
    log.info("epoch %d: %.0f texts/s", epoch + 1, len(encoded) / (time.monotonic() - started))
    return total / steps


def masked_loss(logits: Tensor, labels: Tensor, asked: int) -> Tensor:
    """Return the cross-entropy of the pieces asked for, summed and divided by `asked`."""
    summed = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return summed / max(1, asked)


@torch.inference_mode()
def pseudo_perplexity(network: Any, encoded: Encoded, pieces: Pieces, size: int = 128) -> float:
    """Return exp of the mean loss of each piece as it alone is hidden (Salazar et al. 2020, eq. 2); nan for no text."""
    network.eval()
    device = next(network.parameters()).device
    hidden, truth, places = [], [], []
    for ids in encoded.ids:
        for place, piece in enumerate(ids):
            if not pieces.special[piece]:
                hidden.append([*ids[:place], pieces.mask, *ids[place + 1 :]])
                truth.append(piece)
                places.append(place)
    if not hidden:
        return math.nan
    total = 0.0
    for batch in batches(Encoded(hidden, [(0, 0)] * len(hidden)), size):
        logits = network(input_ids=batch.input_ids.to(device), attention_mask=batch.attention_mask.to(device)).logits
        rows = torch.arange(len(batch.rows), device=device)
        at = torch.tensor([places[row] for row in batch.rows], device=device)
        wanted = torch.tensor([truth[row] for row in batch.rows], device=device)
        total += nn.functional.cross_entropy(logits[rows, at].float(), wanted, reduction="sum").item()
    return math.exp(total / len(hidden))


def _base(plan: Plan, processes: Processes, texts: list[str]) -> Path:
    """Return the folder of the encoder to begin with; that of a task without a base is made first."""
    if plan.task.base != "scratch":
        return base_folder(plan.task.base)
    folder = plan.pretrained / "start"
    if not folder.is_dir() and processes.first:
        shutil.rmtree(plan.pretrained / "start.unfinished", ignore_errors=True)
        write_base(folder, texts, plan.task.scratch, plan.max_tokens, plan.seed)
    processes.wait()
    return folder


def _write(plan: Plan, network: Any, tokenizer: Tokenizer, figures: dict[str, float]) -> None:
    (plan.pretrained / "pretrain.json").write_text(json.dumps(figures, indent=2))
    unfinished = plan.pretrained / "encoder.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    network.base_model.cpu().save_pretrained(unfinished)
    tokenizer.no_truncation()
    tokenizer.save(str(unfinished / "tokenizer.json"))
    unfinished.rename(plan.pretrained / "encoder")
    shutil.rmtree(plan.pretrained / "start", ignore_errors=True)
