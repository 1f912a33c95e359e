"""Step 5: a small BERT learns to answer as the teachers do, for every question on every text.

The loss has up to four parts: the teachers' softened answers (Hinton et al. 2015: KL at temperature T, times T²,
averaged over an ensemble of teachers), the true labels where known, the first teacher's pooled vector, which says more
than some logits, and the likeness of the texts of a batch to each other as the teacher sees it (Park et al. 2019).
Part of the texts are changed anew in each epoch and keep the answers to the unchanged text.
`docs/experiments.md` says what each is worth.
"""

import hashlib
import json
import logging
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from training.augment import Augmenter, Mentioned
from training.batches import Batch, Encoded, batches, encode, load_tokenizer
from training.checkpoints import CHECKPOINT, checkpoint, drop, restore, save_state
from training.plan import Plan, bert_config
from training.rows import PROSE, Rows, load_rows, load_unlabelled, prose_rows, source_shares
from training.shrink import shrink
from training.teach import fold, held_out, in_words
from training.tracking import Tracking
from training.vocabulary import teacher_ids, trim_tokenizer
from training.whole import whole
from undertone.errors import InputError
from undertone.model import artefact
from undertone.model.network import (
    Network,
    base_folder,
    build_student,
    build_teacher,
    load_student,
    mean_of,
    task_loss,
)

log = logging.getLogger(__name__)

PROSE_SETS = 3
"""Sets of generated sentences that the teacher views; an epoch has as many as one of them, drawn from all."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the student is to learn. Row r of variant v is text `texts[v][r]`, variant 0 the text itself."""

    texts: list[list[Mentioned]]
    pooled: Tensor  # (variants, rows, teacher width), fp16
    soft: dict[str, Tensor]  # by head: the teachers' mean logits, (variants, rows, labels), fp16
    labels: Tensor  # (rows, heads); -1 unknown
    named: Tensor  # (rows,): whether the row asks about an entity
    sources: list[str]


def distil(plan: Plan) -> None:
    """Train the student of `plan`; writes its weights, its tokenizer and `architecture.json`."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    folder = plan.student_folder
    folder.mkdir(parents=True, exist_ok=True)
    teacher = load_teacher(plan)
    targets = teacher_targets(plan, teacher)

    kept = pieces_of(plan, targets.texts[0], folder)
    student, dims = start_student(plan, teacher, kept, targets.texts[0])
    architecture = bert_config(plan.student, len(kept), plan.max_tokens)
    (folder / "architecture.json").write_text(json.dumps(architecture, indent=2))
    calibration = load_rows(plan, "calibration")
    if plan.start is not None:
        student.load_state_dict(load_file(plan.start))
    state = train_student(plan, student, targets, dims, calibration)
    if plan.start is not None and plan.keep_start:
        state = between(state, load_file(plan.start), plan.keep_start)
    save_state(state, folder / "student.safetensors")
    drop(folder / CHECKPOINT)  # after the weights: killed in between, the step goes on from it


def between(after: dict[str, Tensor], before: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return the mean of the weights before and after training, `share` of them those before.

    Two sets of weights of which one came from the other average well: the mean is often better than either, most of
    all on texts of another kind (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    return {name: (1 - share) * tensor + share * before[name] for name, tensor in after.items()}


def pieces_of(plan: Plan, mentions: list[Mentioned], folder: Path) -> list[int]:
    """Write the student's tokenizer into `folder` and return the teacher's id of each of its pieces.

    A student that goes on from another keeps its word pieces. Raises InputError where the base does not have them.
    """
    tokenizer_file = base_folder(plan.base) / "tokenizer.json"
    if plan.start is not None:
        text = plan.start.with_name("tokenizer.json").read_text(encoding="utf-8")
        try:
            kept = teacher_ids(tokenizer_file.read_text(encoding="utf-8"), text)
        except KeyError as error:
            raise InputError(
                f"{plan.start.parent} comes from another base: {plan.base} has no piece {error}"
            ) from error
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        return kept
    encoded = encode(load_tokenizer(tokenizer_file, plan.max_tokens), mentions)
    used = (piece for row in encoded.ids for piece in row)
    trimmed, kept = trim_tokenizer(tokenizer_file.read_text(encoding="utf-8"), used, plan.student.vocabulary)
    (folder / "tokenizer.json").write_text(trimmed, encoding="utf-8")
    return kept


def start_student(plan: Plan, teacher: Network, kept: list[int], mentions: list[Mentioned]) -> tuple[Network, Tensor]:
    """Return the student with its first weights, and the teacher's hidden dimensions that it keeps."""
    tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    student = build_student(bert_config(plan.student, len(kept), plan.max_tokens), plan.task.head_sizes)
    first, dims = shrink(teacher, plan.student, kept, plan.max_tokens, encode(tokenizer, mentions[:512]))
    student.load_state_dict(first)
    return student, dims


def train_student(plan: Plan, student: Network, targets: Targets, dims: Tensor, calibration: Rows) -> dict[str, Tensor]:
    """Return the averaged weights of the student after all epochs; goes on from its checkpoint if there is one."""
    tokenizer = load_tokenizer(plan.student_folder / "tokenizer.json", plan.max_tokens)
    encoded = [encode(tokenizer, texts) for texts in targets.texts]
    average = {name: tensor.detach().clone() for name, tensor in student.state_dict().items()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=plan.student.rate, weight_decay=0.01, fused=True)
    shares = source_shares(plan, targets.sources)
    shares[np.array(targets.sources) == PROSE] = 1 / PROSE_SETS
    steps_per_epoch = -(-int(shares.sum()) // plan.student_batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        plan.student.rate,
        total_steps=plan.student_epochs * (steps_per_epoch + 10),
        pct_start=0.06,
        anneal_strategy="linear",
    )
    path = plan.student_folder / CHECKPOINT
    with Tracking(plan.out, "distil", plan.trackers) as tracking:
        for epoch in range(restore(path, student, optimizer, schedule, average), plan.student_epochs):
            order = np.random.default_rng((plan.seed, epoch, 3))
            torch.manual_seed(plan.seed + epoch)  # of dropout
            rows = np.flatnonzero(order.random(len(targets.sources)) < shares)
            drawn, mixed = epoch_texts(plan, targets, encoded, tokenizer, rows, epoch)
            student.train()
            total, started = 0.0, time.monotonic()
            plans = batches(mixed, plan.student_batch, order)
            for batch in track(plans, f"distil, epoch {epoch + 1}", steps_per_epoch):
                places = torch.from_numpy(drawn[batch.rows]), torch.from_numpy(rows[batch.rows])
                loss = distillation_loss(plan, student, batch, targets, places, dims)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                fold(average, student, plan.average, schedule.last_epoch)
                total += loss.item()
            checkpoint(path, epoch + 1, student, optimizer, schedule, average)
            figures = held_out(_filled(student, average), tokenizer, calibration, tuple(plan.task.head_sizes))
            figures["loss"] = total / steps_per_epoch
            tracking.scalars(figures, epoch + 1)
            rate = len(mixed) / (time.monotonic() - started)
            log.info("epoch %d: %.0f texts/s, %s", epoch + 1, rate, in_words(figures))
    return average


def epoch_texts(
    plan: Plan, targets: Targets, encoded: list[Encoded], tokenizer: Tokenizer, rows: NDArray[np.intp], epoch: int
) -> tuple[NDArray[np.int64], Encoded]:
    """Return what the student reads of `rows` in an epoch, and the variant whose answers it is held to, (rows,).

    Some texts are changed anew, and the answers to the unchanged text are theirs: the student learns that the change
    says nothing (as in Xie et al. 2020, "Unsupervised Data Augmentation for Consistency Training").
    """
    order = np.random.default_rng((plan.seed, epoch, 4))
    drawn = order.integers(len(encoded), size=len(rows))
    ids = [encoded[variant].ids[row] for row, variant in zip(rows, drawn, strict=True)]
    spans = [encoded[variant].spans[row] for row, variant in zip(rows, drawn, strict=True)]
    anew = np.flatnonzero(order.random(len(rows)) < plan.changed_anew)
    if len(anew):
        augment = Augmenter(targets.texts[0], plan.seed + 2 + epoch)
        changed = encode(tokenizer, [augment(targets.texts[0][rows[place]]) for place in anew])
        drawn[anew] = 0
        for place, new_ids, new_span in zip(anew, changed.ids, changed.spans, strict=True):
            ids[place], spans[place] = new_ids, new_span
    return drawn, Encoded(ids, spans)


def distillation_loss(
    plan: Plan, student: Network, batch: Batch, targets: Targets, places: tuple[Tensor, Tensor], dims: Tensor
) -> Tensor:
    """Return the loss of one batch, a scalar; `places` are the variant and the row of each of its texts."""
    variants, rows = places
    states = student.hidden(batch.input_ids, batch.attention_mask)
    own, span = mean_of(states, batch.attention_mask), mean_of(states, batch.span_mask)
    pooled = targets.pooled[variants, rows].float()[:, dims]
    loss = plan.pooled_weight * (1.0 - nn.functional.cosine_similarity(own, pooled).mean())
    if plan.relation_weight:
        loss = loss + plan.relation_weight * nn.functional.mse_loss(_likeness(own), _likeness(pooled))
    logits = student.heads(student.dropout(own), student.dropout(span))
    for column, head in enumerate(plan.task.head_sizes):
        asked = targets.named[rows] if head == "entity" else torch.ones_like(targets.named[rows])
        if not bool(asked.any()):
            continue
        soft = targets.soft[head][variants, rows][asked].float() / plan.temperature
        soft_loss = nn.functional.kl_div(
            (logits[head][asked] / plan.temperature).log_softmax(-1),
            soft.log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        loss = loss + (1 - plan.hard_share) * plan.temperature**2 * soft_loss
        loss = loss + plan.hard_share * task_loss(logits[head], targets.labels[rows, column])
    return loss


def _likeness(vectors: Tensor) -> Tensor:
    """Return the cosine of each pair of rows, (rows, rows)."""
    unit = nn.functional.normalize(vectors, dim=-1)
    return unit @ unit.T


def _filled(network: Network, state: dict[str, Tensor]) -> Network:
    """Return a copy of a student with other weights, in eval mode."""
    copy = deepcopy(network)
    copy.load_state_dict(state)
    return copy.eval()


def load_teacher(plan: Plan) -> Network:
    """Return the trained teacher of the plan's own run, in eval mode."""
    teacher = build_teacher(plan.base, plan.task.head_sizes)
    teacher.load_state_dict(load_file(plan.teacher / "teacher.safetensors"))
    return teacher.eval()


def load_other(plan: Plan, folder: Path) -> tuple[Network, Tokenizer]:
    """Return a further teacher in eval mode, and its tokenizer.

    Raises InputError where it is a model whose labels are not the task's.
    """
    if not (folder / "manifest.json").is_file():
        other = build_teacher(plan.base, plan.task.head_sizes)
        other.load_state_dict(load_file(folder / "teacher.safetensors"))
        return other.eval(), load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    manifest = artefact.verify(folder)
    for head in manifest.heads:
        if head.name not in plan.task.heads or head.labels != plan.task.labels(head.name):
            raise InputError(
                f"Model {manifest.version} cannot teach {plan.task.name}: its {head.name} has other labels"
            )
    return load_student(folder, manifest), load_tokenizer(folder / "tokenizer.json", plan.max_tokens)


def teacher_targets(plan: Plan, teacher: Network) -> Targets:
    """Return the teachers' view of all texts and their changed copies; kept in files, as it takes minutes."""
    rows = load_rows(plan, "train") + load_unlabelled(plan)
    for number in range(PROSE_SETS):
        rows += prose_rows(plan, plan.seed + 1000 + number)
    augment = Augmenter(rows.mentions, plan.seed + 1)
    texts = [rows.mentions, *([augment(mention) for mention in rows.mentions] for _ in range(plan.variants))]
    tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    encoded = [encode(tokenizer, variant) for variant in texts]
    view = load_view(plan, teacher, encoded, "teacher")
    soft = {head: view[head].float() for head in plan.task.head_sizes}
    for place, other in enumerate(plan.teachers):
        network, other_tokenizer = load_other(plan, other.folder)
        again = [encode(other_tokenizer, variant) for variant in texts]
        more = load_view(plan, network, again, f"teacher-{place + 1}")
        for head, weight in other.weights.items():
            soft[head] = (1 - weight) * soft[head] + weight * more[head].float()
    soft = {head: logits.half() for head, logits in soft.items()}
    named = torch.tensor([mention.end > mention.start for mention in rows.mentions])
    return Targets(texts, view["pooled"], soft, rows.labels, named, rows.sources)


def load_view(plan: Plan, teacher: Network, encoded: list[Encoded], name: str) -> dict[str, Tensor]:
    """Return `pooled` and the logits of each head, (variants, rows, …), fp16; made a variant at a time, then kept."""
    plan.views.mkdir(parents=True, exist_ok=True)
    variants = []
    for number, variant in enumerate(encoded):
        path = plan.views / f"{name}-{number}.safetensors"
        of = hashlib.sha256(repr((variant.ids, variant.spans)).encode()).hexdigest()
        if not path.is_file():
            with whole(path) as unfinished:
                title = f"teacher's view, {number + 1} of {len(encoded)}"
                save_file(view_of(teacher, variant, title), unfinished, metadata={"texts": of})
        with safe_open(path, "pt") as view:
            if (view.metadata() or {}).get("texts") != of:
                raise InputError(f"{path} was made for other texts: delete {plan.views} and distil again")
        variants.append(load_file(path))
    return {part: torch.stack([found[part] for found in variants]) for part in variants[0]}


@torch.inference_mode()
def view_of(network: Network, encoded: Encoded, title: str, size: int = 64) -> dict[str, Tensor]:
    """Return `pooled`, (texts, width), and the logits of each head, (texts, labels), fp16, in the texts' order."""
    found = {"pooled": torch.empty(len(encoded), network.width, dtype=torch.float16)}
    for batch in track(batches(encoded, size), title, -(-len(encoded) // size)):
        rows = torch.from_numpy(batch.rows)
        states = network.hidden(batch.input_ids, batch.attention_mask)
        pooled = mean_of(states, batch.attention_mask)
        found["pooled"][rows] = pooled.half()
        for head, logits in network.heads(pooled, mean_of(states, batch.span_mask)).items():
            empty = torch.empty(len(encoded), logits.shape[1], dtype=torch.float16)
            found.setdefault(head, empty)[rows] = logits.half()
    return found
