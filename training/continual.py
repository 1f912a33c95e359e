"""Go on from the champion with fresh labels, without forgetting: replay of older rows, and the champion's own answers.

An epoch holds every fresh row, and older rows so that these are the share `replay` of it. Beside the true labels the
champion's softened answers are held to, on old rows and new (learning without forgetting, Li and Hoiem 2016). Writes
what `distil` writes, so that compress, evaluate and the gate go on as after it, and `continual.json`: what was gained
on fresh rows that were held out, and what was forgotten on older ones.
"""

import json
import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from tokenizers import Tokenizer
from torch import Tensor, nn

from training.batches import Batch, batches, encode, load_tokenizer
from training.checkpoints import CHECKPOINT, checkpoint, restore, save_state
from training.plan import Plan
from training.prepare import share_of
from training.rows import Rows, load_rows, prose_rows
from training.teach import fold, held_out, in_words, logits_of
from training.tracking import Tracking
from undertone.errors import InputError
from undertone.model import artefact
from undertone.model.network import Network, load_student, mean_of, task_loss
from undertone.text import normalise

log = logging.getLogger(__name__)

HELD_OUT_SHARE = 0.15  # of the fresh rows


def continual(plan: Plan) -> None:
    """Train the student of `plan` from its parent's weights; writes weights, tokenizer and `architecture.json`.

    Raises InputError where the plan names no parent, the parent answers other questions, or no label is fresh.
    """
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    champion = load_champion(plan)
    fresh, old = parted(plan, load_rows(plan, "train"))
    if not len(fresh):
        raise InputError("No row of the prepared data is fresh: give exported labels with --labels, and prepare again")
    held = np.array([share_of(normalise(row.text), "continual") < HELD_OUT_SHARE for row in fresh.mentions])
    learnt, unseen = fresh.take(np.flatnonzero(~held)), fresh.take(np.flatnonzero(held))
    fresh_calibration, old_calibration = parted(plan, load_rows(plan, "calibration"))
    folder = plan.student_folder
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_file = _parent(plan) / "tokenizer.json"
    (folder / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    (folder / "architecture.json").write_text(json.dumps(artefact.verify(_parent(plan)).architecture, indent=2))
    tokenizer = load_tokenizer(tokenizer_file, plan.max_tokens)

    state = train(plan, champion, tokenizer, learnt, old + prose_rows(plan, plan.seed + 1000))
    after = deepcopy(champion)
    after.load_state_dict(state)
    report: dict[str, Any] = compare(plan, champion, after, tokenizer, old_calibration, unseen + fresh_calibration)
    report |= {"fresh_rows": len(learnt), "old_rows": len(old), "parent": artefact.verify(_parent(plan)).version}
    log.info("gain %s; forgotten %s", in_words(report["gain"]), in_words(report["forgotten"]))
    (folder / "continual.json").write_text(json.dumps(report, indent=2))
    save_state(state, folder / "student.safetensors")
    (folder / CHECKPOINT).unlink(missing_ok=True)


def load_champion(plan: Plan) -> Network:
    """Return the network of the plan's parent, in eval mode. Raises InputError where it answers other questions."""
    manifest = artefact.verify(_parent(plan))
    answers = {head.name: head.labels for head in manifest.heads}
    wanted = {head: plan.task.labels(head) for head in plan.task.heads}
    if answers != wanted:
        raise InputError(
            f"{manifest.version} answers {_named(answers)}, the task {plan.task.name!r} asks {_named(wanted)}, or the "
            "labels differ: go on from a model of the same task, or train anew without --continual"
        )
    if manifest.max_tokens < plan.max_tokens:
        raise InputError(
            f"{manifest.version} reads {manifest.max_tokens} tokens, the plan {plan.max_tokens}: "
            f"give --max-tokens {manifest.max_tokens}"
        )
    return load_student(_parent(plan), manifest)


def parted(plan: Plan, rows: Rows) -> tuple[Rows, Rows]:
    """Return (fresh rows, older ones)."""
    names = {source.name for source in plan.fresh}
    fresh = np.array([source in names for source in rows.sources], np.bool_)
    return rows.take(np.flatnonzero(fresh)), rows.take(np.flatnonzero(~fresh))


def train(plan: Plan, champion: Network, tokenizer: Tokenizer, fresh: Rows, old: Rows) -> dict[str, Tensor]:
    """Return the averaged weights after all epochs; goes on from the checkpoint if there is one."""
    rows = fresh + old
    encoded = encode(tokenizer, rows.mentions)
    answers = {head: torch.from_numpy(logits) for head, logits in logits_of(champion, encoded).items()}
    student = deepcopy(champion)
    average = {name: tensor.detach().clone() for name, tensor in student.state_dict().items()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=plan.continual_rate, weight_decay=0.01, fused=True)
    size = plan.student_batch
    steps = -(-len(drawn_rows(plan, len(fresh), len(old), 0)) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        plan.continual_rate,
        total_steps=plan.continual_epochs * steps + 1,
        pct_start=0.1,
        anneal_strategy="linear",
    )
    path = plan.student_folder / CHECKPOINT
    with Tracking(plan.out, "continual", plan.trackers) as tracking:
        for epoch in range(restore(path, student, optimizer, schedule, average), plan.continual_epochs):
            torch.manual_seed(plan.seed + epoch)  # of dropout
            chosen = drawn_rows(plan, len(fresh), len(old), epoch)
            part = encode(tokenizer, [rows.mentions[row] for row in chosen])
            order = np.random.default_rng((plan.seed, epoch, 7))
            student.train()
            total = 0.0
            for batch in track(batches(part, size, order), f"continual, epoch {epoch + 1}", steps):
                at = torch.from_numpy(chosen[batch.rows])
                loss = loss_of(plan, student, batch, rows.labels[at], {head: answers[head][at] for head in answers})
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                fold(average, student, min(plan.average, 0.98), schedule.last_epoch)
                total += loss.item()
            checkpoint(path, epoch + 1, student, optimizer, schedule, average)
            tracking.scalars({"loss": total / steps}, epoch + 1)
            log.info("epoch %d: loss %.3f", epoch + 1, total / steps)
    return average


def drawn_rows(plan: Plan, fresh: int, old: int, epoch: int) -> NDArray[np.int64]:
    """Return the rows of an epoch, of `fresh` and then `old` ones: all that are fresh, and others for their share."""
    if not 0 <= plan.replay < 1:
        raise InputError(f"The share of older rows in an epoch is at least 0 and below 1, was: {plan.replay}")
    wanted = min(old, round(fresh * plan.replay / (1 - plan.replay)))
    draw = np.random.default_rng((plan.seed, epoch, 6))
    return np.concatenate([np.arange(fresh), fresh + draw.permutation(old)[:wanted]])


def loss_of(plan: Plan, student: Network, batch: Batch, labels: Tensor, answers: dict[str, Tensor]) -> Tensor:
    """Return the loss of a batch: of the true labels, and of the champion's answers, (rows, labels), at temperature T.

    As in `distil`, the second part is times T² (Hinton et al. 2015), and `keep` weighs it.
    """
    states = student.hidden(batch.input_ids, batch.attention_mask)
    pooled, span = mean_of(states, batch.attention_mask), mean_of(states, batch.span_mask)
    logits = student.heads(student.dropout(pooled), student.dropout(span))
    loss = torch.zeros(())
    for column, head in enumerate(plan.task.head_sizes):
        loss = loss + task_loss(logits[head], labels[:, column])
        kept = nn.functional.kl_div(
            (logits[head] / plan.temperature).log_softmax(-1),
            (answers[head] / plan.temperature).log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        loss = loss + plan.keep * plan.temperature**2 * kept
    return loss


def compare(
    plan: Plan, before: Network, after: Network, tokenizer: Tokenizer, old: Rows, fresh: Rows
) -> dict[str, dict[str, float]]:
    """Return macro-F1 by head on `old` and on `fresh` rows: before, after, `gain` and what was `forgotten`."""
    heads = tuple(plan.task.head_sizes)
    figures = {
        f"{name} {when}": _macro_f1(held_out(network, tokenizer, rows, heads)) if len(rows) else {}
        for name, rows in (("old", old), ("fresh", fresh))
        for when, network in (("before", before), ("after", after))
    }
    return figures | {
        "gain": _less(figures["fresh after"], figures["fresh before"]),
        "forgotten": _less(figures["old before"], figures["old after"]),
    }


def _macro_f1(figures: dict[str, float]) -> dict[str, float]:
    return {name.removesuffix(" macro-F1"): value for name, value in figures.items() if name.endswith(" macro-F1")}


def _less(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {head: round(one[head] - other[head], 4) for head in one}


def _named(heads: Mapping[Any, tuple[str, ...]]) -> str:
    return ", ".join(f"{head} ({len(labels)})" for head, labels in sorted(heads.items()))


def _parent(plan: Plan) -> Path:
    if plan.parent is None:
        raise InputError("Continual training goes on from a champion: name its model folder")
    return plan.parent
