"""Step 3: a small BERT learns to answer as the teacher does, for both tasks on every text.

The loss has three parts: the teacher's softened answers (Hinton et al. 2015: KL at temperature T, times T²),
the true labels where known, and the teacher's pooled vector, which says more than 23 logits.
"""

import json
import logging
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.augment import Augmenter
from training.batches import Batch, batches, encode, load_tokenizer
from training.network import TwoHeads, base_folder, build_student, build_teacher, task_loss
from training.plan import Plan
from training.shrink import shrink
from training.teach import held_out
from training.vocabulary import trim_tokenizer
from undertone.text import model_input

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Targets:
    """What the student is to learn. Row r of variant v is text `texts[v][r]`, variant 0 the text itself."""

    texts: list[list[str]]
    pooled: Tensor  # (variants, rows, teacher width), fp16
    labels: Tensor  # (rows, 2): topic, sentiment; -1 unknown


def distil(plan: Plan) -> None:
    """Train the student of `plan`; writes its weights, its tokenizer and `architecture.json`."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    folder = plan.student_folder
    folder.mkdir(parents=True, exist_ok=True)
    summary = json.loads((plan.prepared / "prepared.json").read_text())
    topics, sentiments = len(summary["topics"]), len(summary["sentiments"])
    teacher = load_teacher(plan, topics, sentiments)
    targets = teacher_targets(plan, teacher)

    tokenizer_file = base_folder(plan.base) / "tokenizer.json"
    teacher_ids = encode(load_tokenizer(tokenizer_file, plan.max_tokens), targets.texts[0])
    used = (piece for row in teacher_ids for piece in row)
    trimmed, kept_pieces = trim_tokenizer(tokenizer_file.read_text(encoding="utf-8"), used, plan.vocabulary)
    (folder / "tokenizer.json").write_text(trimmed, encoding="utf-8")

    architecture = plan.student.bert_config(len(kept_pieces), plan.max_tokens)
    (folder / "architecture.json").write_text(json.dumps(architecture, indent=2))
    student = build_student(architecture, topics, sentiments)
    first, dims = shrink(teacher, plan.student, kept_pieces, plan.max_tokens, teacher_ids[:512])
    student.load_state_dict(first)
    train_student(plan, student, teacher, targets, dims)
    save_file(
        {name: tensor.contiguous() for name, tensor in student.state_dict().items()}, folder / "student.safetensors"
    )


def train_student(plan: Plan, student: TwoHeads, teacher: TwoHeads, targets: Targets, dims: Tensor) -> None:
    tokenizer = load_tokenizer(plan.student_folder / "tokenizer.json", plan.max_tokens)
    ids = [encode(tokenizer, texts) for texts in targets.texts]
    calibration = pd.read_parquet(plan.prepared / "calibration.parquet")
    order = np.random.default_rng(plan.seed)
    optimizer = torch.optim.AdamW(student.parameters(), lr=plan.student_rate, weight_decay=0.01, fused=True)
    steps_per_epoch = -(-len(ids[0]) // plan.student_batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        plan.student_rate,
        total_steps=plan.student_epochs * steps_per_epoch + 1,
        pct_start=0.06,
        anneal_strategy="linear",
    )
    started = time.monotonic()
    for epoch in range(plan.student_epochs):
        student.train()
        drawn = order.integers(len(ids), size=len(ids[0]))  # a variant for each text
        epoch_ids = [ids[variant][row] for row, variant in enumerate(drawn)]
        total = 0.0
        for batch in track(
            batches(epoch_ids, plan.student_batch, order), f"distil, epoch {epoch + 1}", steps_per_epoch
        ):
            rows = torch.from_numpy(batch.rows)
            pooled = targets.pooled[torch.from_numpy(drawn[batch.rows]), rows].float()
            loss = distillation_loss(plan, student, teacher, batch, pooled, targets.labels[rows], dims)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        rate = (epoch + 1) * len(ids[0]) / (time.monotonic() - started)
        log.info(
            "epoch %d: loss %.4f, %.0f texts/s, %s",
            epoch + 1,
            total / steps_per_epoch,
            rate,
            held_out(student, tokenizer, calibration),
        )


def distillation_loss(
    plan: Plan, student: TwoHeads, teacher: TwoHeads, batch: Batch, pooled: Tensor, labels: Tensor, dims: Tensor
) -> Tensor:
    """Return the loss of one batch; `pooled` is what the teacher made of it, (rows, teacher width)."""
    own = student.pooled(batch.input_ids, batch.attention_mask)
    dropped = student.dropout(own)
    loss = 1.0 - nn.functional.cosine_similarity(own, pooled[:, dims]).mean()
    for column, task in enumerate(("topic", "sentiment")):
        logits = getattr(student, task)(dropped)
        with torch.no_grad():
            soft = getattr(teacher, task)(pooled) / plan.temperature
        soft_loss = nn.functional.kl_div(
            (logits / plan.temperature).log_softmax(-1), soft.log_softmax(-1), reduction="batchmean", log_target=True
        )
        loss = loss + (1 - plan.hard_share) * plan.temperature**2 * soft_loss
        loss = loss + plan.hard_share * task_loss(logits, labels[:, column])
    return loss


def load_teacher(plan: Plan, topics: int, sentiments: int) -> TwoHeads:
    teacher = build_teacher(plan.base, topics, sentiments)
    teacher.load_state_dict(load_file(plan.teacher / "teacher.safetensors"))
    return teacher.eval()


def teacher_targets(plan: Plan, teacher: TwoHeads) -> Targets:
    """Return the teacher's view of all texts and their changed copies; kept in a file, as it takes minutes."""
    train = pd.read_parquet(plan.prepared / "train.parquet")
    plain = [model_input(text) for text in train["text"]]
    augment = Augmenter(plain, plan.seed + 1)
    texts = [plain, *([augment(text) for text in plain] for _ in range(plan.variants))]
    labels = torch.tensor(train[["topic", "sentiment"]].to_numpy())
    file = plan.student_folder / "targets.safetensors"
    if not file.exists():
        tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
        pooled = [pooled_of(teacher, encode(tokenizer, variant)) for variant in texts]
        save_file({"pooled": torch.stack(pooled).half()}, file)
    return Targets(texts, load_file(file)["pooled"], labels)


@torch.inference_mode()
def pooled_of(network: TwoHeads, ids: list[list[int]], size: int = 64) -> Tensor:
    """Return the pooled vectors of tokenised texts, (texts, width), in their order."""
    pooled = torch.empty(len(ids), network.topic.in_features)
    for batch in track(batches(ids, size), "teacher's view", -(-len(ids) // size)):
        pooled[torch.from_numpy(batch.rows)] = network.pooled(batch.input_ids, batch.attention_mask)
    return pooled
