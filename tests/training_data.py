"""Invented data with the layout of the real ones and a tiny encoder, so that the whole cycle runs in seconds."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace as replace_plan
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch
from transformers import BertConfig, BertModel

from training.plan import Plan
from training.task import Student, Task, load_task
from undertone.scorer import SENTIMENTS, TOPICS

WORDS = {
    0: "plunges fraud lawsuit loss weak downgrade slump recall".split(),
    1: "meeting report monday schedule notes update says holds".split(),
    2: "surges record profit strong upgrade rally beats growth".split(),
}
COMPANIES = "acme globex initech umbrella hooli vandelay wonka stark wayne tyrell".split()


def invented(rng: random.Random, sentiment: int) -> str:
    words = rng.choices(WORDS[sentiment], k=4) + rng.choices(COMPANIES, k=2) + [str(rng.randrange(10**6))]
    rng.shuffle(words)
    return f"$ACME {' '.join(words)} https://t.co/{rng.randrange(10**6)}"


def write_data(folder: Path) -> Path:
    """Fill a folder with the layout of the real data and texts of our own."""
    rng = random.Random(7)
    names = "twitter_fin_sentiment twitter_fin_topic sentfin financial_phrasebank stockemotions _leaks".split()
    for name in names:
        (folder / name).mkdir(parents=True)
    for name, rows in (("sent_train", 48), ("sent_valid", 16)):
        with (folder / "twitter_fin_sentiment" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            # The source's order is bearish, bullish, neutral.
            writer.writerows([invented(rng, (0, 2, 1)[row % 3]), row % 3] for row in range(rows))
    (folder / "twitter_fin_topic" / "classes.txt").write_text("\n".join(TOPICS))
    for name, rows in (("train", 48), ("validation", 20)):
        frame = pd.DataFrame(
            {"text": [invented(rng, row % 3) for row in range(rows)], "label": [row % 20 for row in range(rows)]}
        )
        frame.to_parquet(folder / "twitter_fin_topic" / f"{name}.parquet")
    with (folder / "sentfin" / "SEntFiN.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["S No.", "Title", "Decisions", "Words"])
        for row in range(40):
            writer.writerow([row, invented(rng, row % 3), f"{{'Acme': '{SENTIMENTS[row % 3]}'}}", 8])
        for row in range(40, 52):
            text = f"Acme {invented(rng, 0)} Globex {invented(rng, 2)}"
            writer.writerow([row, text, "{'Acme': 'negative', 'Globex': 'positive'}", 1])
    (folder / "financial_phrasebank" / "Sentences_50Agree.txt").write_text(
        "\n".join(f"{invented(rng, row % 3)}@{SENTIMENTS[row % 3]}" for row in range(12)), encoding="latin-1"
    )
    with (folder / "stockemotions" / "test_stockemo.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["original", "senti_label"])
        writer.writerows([invented(rng, row % 2 * 2), ("bearish", "bullish")[row % 2]] for row in range(8))
    leaks = {"twitter_fin_sentiment/sent_valid.csv": [0, 1]}
    (folder / "_leaks" / "eval_rows_seen_in_train.json").write_text(json.dumps(leaks))
    return folder


def write_base(folder: Path) -> Path:
    """Write a tiny untrained encoder in Hugging Face format."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789$:/.-@,'%"
    words = [word for group in WORDS.values() for word in group] + COMPANIES
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "http", *letters, *(f"##{c}" for c in letters), *words]
    description = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": place,
                "content": piece,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for place, piece in enumerate(pieces[:5])
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": None,
        "truncation": None,
        "padding": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: place for place, piece in enumerate(pieces)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(description))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


def tiny_task(name: str = "finance", **changed: Any) -> Task:
    """Return a task that ships, with a student of a few hundred weights and little prose."""
    student = Student(from_layers=(0, 2), width=16, heads=2, inner=24, vocabulary=110)
    return msgspec.structs.replace(load_task(name), student=student, prose=12, **changed)


def tiny_plan(data: Path, base: Path, out: Path, **changed: Any) -> Plan:
    """Return a plan that runs in seconds on the invented data."""
    plan = Plan(
        tiny_task(base=str(base)),
        data,
        out,
        date(2026, 1, 1),
        threads=1,
        max_tokens=32,
        teacher_epochs=2,
        student_epochs=2,
        variants=1,
    )
    return replace_plan(plan, **changed)
