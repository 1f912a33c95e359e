"""Step 5: measure the candidate on every frozen set, write the figures, and make it `model/` with its card.

PhraseBank is a benchmark of transfer: nothing was trained, tuned or chosen on it.
"""

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch

from training.batches import encode, load_tokenizer
from training.card import write_card
from training.distil import load_teacher
from training.metrics import classification, classification_of
from training.network import base_folder
from training.plan import Plan
from training.teach import logits_of
from undertone import registry
from undertone.scorer import OnnxScorer
from undertone.text import model_input

SETS = {  # name: (source of the rows, task)
    "tweets sentiment, clean": ("tweets-sentiment-valid", "sentiment"),
    "tweets topic, clean": ("tweets-topic-valid", "topic"),
    "SEntFiN, own split": ("sentfin-valid", "sentiment"),
    "PhraseBank 50 %, unseen": ("phrasebank-50", "sentiment"),
}


def evaluate(plan: Plan) -> dict[str, Any]:
    """Return the report of the candidate; also writes `evaluation.json`, `model/` and the model card."""
    rows = pd.read_parquet(plan.prepared / "evaluation.parquet")
    scorer = OnnxScorer.load(plan.candidate)
    manifest = registry.verify(plan.candidate)
    rows = rows[rows["clean"]].reset_index(drop=True)
    texts = rows["text"].tolist()

    scorer.score(texts[:64])
    started = time.process_time()
    scores = scorer.score(texts)
    texts_per_second = len(texts) / (time.process_time() - started)  # one thread, so CPU time is its time

    teacher_logits = teacher_view(plan, manifest, texts)
    report: dict[str, Any] = {
        "version": scorer.version,
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
        "texts_per_second_one_core": round(texts_per_second),
        "padding_flips": padding_flips(scorer, texts[:512]),
        "sets": {},
    }
    for name, (source, task) in SETS.items():
        chosen = (rows["source"] == source).to_numpy()
        truth = rows.loc[chosen, task].to_numpy()
        student = classification_of(truth, getattr(scores, task)[chosen])
        teacher = classification(truth, teacher_logits[task][chosen])
        report["sets"][name] = {
            "task": task,
            "student": asdict(student),
            "teacher": {"accuracy": teacher.accuracy, "macro_f1": teacher.macro_f1},
        }
    (plan.out / "evaluation.json").write_text(json.dumps(report, indent=2))

    figures = {
        name: {key: round(figure["student"][key], 4) for key in ("rows", "accuracy", "macro_f1", "ece")}
        for name, figure in report["sets"].items()
    }
    final = msgspec.structs.replace(manifest, metrics={**manifest.metrics, "evaluation": figures})
    shutil.rmtree(plan.model, ignore_errors=True)
    registry.write(plan.model, {name: plan.candidate / name for name in manifest.files}, final)
    summary = json.loads((plan.prepared / "prepared.json").read_text())
    Path(plan.card).write_text(write_card(final, report, summary), encoding="utf-8")
    return report


def teacher_view(plan: Plan, manifest: registry.Manifest, texts: list[str]) -> dict[str, Any]:
    """Return the teacher's logits for the same texts: the ceiling that the student is held against."""
    torch.set_num_threads(plan.threads)
    teacher = load_teacher(plan, len(manifest.topics), len(manifest.sentiments))
    tokenizer = load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)
    topic, sentiment = logits_of(teacher, encode(tokenizer, [model_input(text) for text in texts]))
    return {"topic": topic.numpy(), "sentiment": sentiment.numpy()}


def padding_flips(scorer: OnnxScorer, texts: list[str]) -> dict[str, float]:
    """Return how much a text's scores change between scoring it alone and in batches with others."""
    together = scorer.score(texts)
    alone = [scorer.score([text]) for text in texts]
    difference, flips = 0.0, 0
    for task in ("topic", "sentiment"):
        single = np.concatenate([getattr(score, task) for score in alone])
        many = getattr(together, task)
        difference = max(difference, float(np.abs(single - many).max()))
        flips += int((single.argmax(1) != many.argmax(1)).sum())
    return {"texts": len(texts), "largest_difference": round(difference, 6), "labels_changed": flips}
