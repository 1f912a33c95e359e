"""Step 2: fine-tune the teacher, a pre-trained encoder with a topic head and a sentiment head.

A row that lacks one of the two labels trains the other head only (masked loss).
"""

import json
import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.progress import track
from safetensors.torch import save_file
from tokenizers import Tokenizer

from training.augment import Augmenter
from training.batches import batches, encode, load_tokenizer
from training.metrics import classification
from training.network import TwoHeads, base_folder, build_teacher, task_loss
from training.plan import Plan
from undertone.text import model_input

log = logging.getLogger(__name__)


def teach(plan: Plan) -> None:
    """Train the teacher of `plan` and write its weights, after each epoch and at the end."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    order = np.random.default_rng(plan.seed)
    summary = json.loads((plan.prepared / "prepared.json").read_text())
    train = pd.read_parquet(plan.prepared / "train.parquet")
    calibration = pd.read_parquet(plan.prepared / "calibration.parquet")
    texts = [model_input(text) for text in train["text"]]
    labels = torch.tensor(train[["topic", "sentiment"]].to_numpy())  # (rows, 2)

    tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    teacher = build_teacher(plan.base, len(summary["topics"]), len(summary["sentiments"]))
    # The word embeddings stay as they are: rare tickers keep their meaning and a step is a fifth cheaper.
    teacher.encoder.get_input_embeddings().weight.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        [parameter for parameter in teacher.parameters() if parameter.requires_grad],
        lr=plan.teacher_rate,
        weight_decay=0.01,
        fused=True,
    )
    steps = plan.teacher_epochs * -(-len(texts) // plan.teacher_batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.teacher_rate, total_steps=steps + 1, pct_start=0.06, anneal_strategy="linear"
    )
    augment = Augmenter(texts, plan.seed)
    plan.teacher.mkdir(parents=True, exist_ok=True)

    started, done = time.monotonic(), 0
    for epoch in range(plan.teacher_epochs):
        teacher.train()
        # The first epoch sees the texts as they are, the others a changed copy of every second one.
        seen = [augment(text) if epoch and order.random() < 0.5 else text for text in texts]
        plans = batches(encode(tokenizer, seen), plan.teacher_batch, order)
        for batch in track(plans, f"teach, epoch {epoch + 1}", -(-len(texts) // plan.teacher_batch)):
            topic, sentiment = teacher(batch.input_ids, batch.attention_mask)
            truth = labels[batch.rows]
            loss = task_loss(topic, truth[:, 0], smoothing=0.05) + task_loss(sentiment, truth[:, 1], smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            if done % 50 == 0:
                rate = done * plan.teacher_batch / (time.monotonic() - started)
                log.info("step %d of %d, loss %.3f, %.0f texts/s", done, steps, loss.item(), rate)
        log.info("epoch %d: %s", epoch + 1, held_out(teacher, tokenizer, calibration))
        save_teacher(teacher, plan.teacher / f"epoch-{epoch + 1}.safetensors")
    (plan.teacher / f"epoch-{plan.teacher_epochs}.safetensors").replace(plan.teacher / "teacher.safetensors")


def save_teacher(teacher: TwoHeads, path: Path) -> None:
    state = {name: tensor.contiguous() for name, tensor in teacher.state_dict().items()}
    save_file(state, path)


@torch.inference_mode()
def logits_of(network: TwoHeads, ids: list[list[int]], size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (topic, sentiment) logits for tokenised texts, in their order."""
    network.eval()
    topic = torch.empty(len(ids), network.topic.out_features)
    sentiment = torch.empty(len(ids), network.sentiment.out_features)
    for batch in batches(ids, size):
        topic[batch.rows], sentiment[batch.rows] = network(batch.input_ids, batch.attention_mask)
    return topic, sentiment


def held_out(network: TwoHeads, tokenizer: Tokenizer, rows: pd.DataFrame) -> str:
    """Return one line with the figures of both tasks on labelled rows, for the log."""
    ids = encode(tokenizer, [model_input(text) for text in rows["text"]])
    parts = []
    for name, logits in zip(("topic", "sentiment"), logits_of(network, ids), strict=True):
        truth = rows[name].to_numpy()
        known = truth >= 0
        report = classification(truth[known], logits.numpy()[known])
        parts.append(f"{name} accuracy {report.accuracy:.3f} macro-F1 {report.macro_f1:.3f}")
    return ", ".join(parts)
