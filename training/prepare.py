"""Step 1: read the labelled sets, keep what may train a model that ships, and hold evaluation rows apart.

Writes `train.parquet`, `calibration.parquet` (a held-out part of train) and `evaluation.parquet`, one row
per distinct text with both labels where both are known, and `prepared.json` with counts and checksums.
No text from here enters the repository.
"""

import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from training.plan import Plan
from undertone.scorer import SENTIMENTS
from undertone.text import clean, normalise

UNKNOWN = -1
PERMISSIVE = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0"})
TWITTER_SENTIMENT_ORDER = (0, 2, 1)  # bearish, bullish, neutral
NEAR_DUPLICATE_JACCARD = 0.8


@dataclass(frozen=True, slots=True)
class Source:
    """A labelled file: where it is, what its licence is and whether it may be trained on at all."""

    name: str
    path: str
    licence: str
    evaluation_only: bool = False


SOURCES = {
    source.name: source
    for source in (
        Source("tweets-sentiment", "twitter_fin_sentiment/sent_train.csv", "MIT"),
        Source("tweets-sentiment-valid", "twitter_fin_sentiment/sent_valid.csv", "MIT", evaluation_only=True),
        Source("tweets-topic", "twitter_fin_topic/train.parquet", "MIT"),
        Source("tweets-topic-valid", "twitter_fin_topic/validation.parquet", "MIT", evaluation_only=True),
        Source("sentfin", "sentfin/SEntFiN.csv", "MIT"),
        Source(
            "phrasebank-50",
            "financial_phrasebank/Sentences_50Agree.txt",
            "CC-BY-NC-SA-3.0",
            evaluation_only=True,
        ),
    )
}


@dataclass(slots=True)
class Row:
    """One labelled text. A label that the source does not give is `UNKNOWN`."""

    text: str
    source: str
    licence: str
    topic: int = UNKNOWN
    sentiment: int = UNKNOWN
    clean: bool = True  # False: this evaluation row nearly repeats a row of its own train file


def prepare(plan: Plan) -> None:
    """Write the three sets of `plan` and their summary."""
    seen = json.loads((plan.data / "_leaks" / "eval_rows_seen_in_train.json").read_text())
    topics = tuple((plan.data / "twitter_fin_topic" / "classes.txt").read_text().split("\n"))
    topics = tuple(topic for topic in topics if topic)

    sentfin_train, sentfin_valid = read_sentfin(plan.data)
    evaluation = [
        *read_tweets_sentiment(plan.data, "tweets-sentiment-valid", seen),
        *read_tweets_topic(plan.data, "tweets-topic-valid", seen),
        *sentfin_valid,
        *read_phrasebank(plan.data),
    ]
    candidates = [
        *read_tweets_sentiment(plan.data, "tweets-sentiment", {}),
        *read_tweets_topic(plan.data, "tweets-topic", {}),
        *sentfin_train,
    ]
    refuse_what_may_not_train(candidates)
    merged = merge_same_texts(candidates)
    unseen = without_near_duplicates(merged, (row.text for row in evaluation))
    calibration = [row for row in unseen if share_of(normalise(row.text), "calibration") < 0.06]
    train = [row for row in unseen if share_of(normalise(row.text), "calibration") >= 0.06]

    plan.prepared.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", train), ("calibration", calibration), ("evaluation", evaluation)):
        pd.DataFrame(rows).to_parquet(plan.prepared / f"{name}.parquet")
    summary = {
        "topics": topics,
        "sentiments": SENTIMENTS,
        "read": Counter(row.source for row in candidates),
        "train": Counter(row.source for row in train),
        "calibration": Counter(row.source for row in calibration),
        "evaluation": Counter(row.source for row in evaluation),
        "dropped": {"same_text": len(candidates) - len(merged), "near_evaluation": len(merged) - len(unseen)},
        "sources": [
            {
                "name": source.name,
                "file": source.path,
                "licence": source.licence,
                "trained_on": not source.evaluation_only,
                "sha256": hashlib.sha256((plan.data / source.path).read_bytes()).hexdigest(),
            }
            for source in SOURCES.values()
        ],
    }
    (plan.prepared / "prepared.json").write_text(json.dumps(summary, indent=2))


def read_tweets_sentiment(data: Path, name: str, seen: dict[str, list[int]]) -> Iterator[Row]:
    source = SOURCES[name]
    repeats = set(seen.get(source.path, ()))
    with (data / source.path).open(newline="", encoding="utf-8") as file:
        for index, row in enumerate(csv.DictReader(file)):
            sentiment = TWITTER_SENTIMENT_ORDER[int(row["label"])]
            yield Row(clean(row["text"]), name, source.licence, sentiment=sentiment, clean=index not in repeats)


def read_tweets_topic(data: Path, name: str, seen: dict[str, list[int]]) -> Iterator[Row]:
    source = SOURCES[name]
    repeats = set(seen.get(source.path, ()))
    frame = pd.read_parquet(data / source.path)
    for index, (text, label) in enumerate(zip(frame["text"], frame["label"], strict=True)):
        yield Row(clean(text), name, source.licence, topic=int(label), clean=index not in repeats)


def read_sentfin(data: Path) -> tuple[list[Row], list[Row]]:
    """Return (train, valid) headlines whose entities agree on one label; 15 % by hash are valid."""
    source = SOURCES["sentfin"]
    train, valid = [], []
    with (data / source.path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            # The column is a Python dict whose names hold bare apostrophes: only the labels are safe to read.
            labels = set(re.findall(r": ['\"](negative|neutral|positive)['\"]", row["Decisions"]))
            if len(labels) != 1:
                continue
            text = clean(row["Title"])
            sentiment = SENTIMENTS.index(labels.pop())
            if share_of(normalise(text), "sentfin-valid") < 0.15:
                valid.append(Row(text, "sentfin-valid", source.licence, sentiment=sentiment))
            else:
                train.append(Row(text, "sentfin", source.licence, sentiment=sentiment))
    return train, valid


def read_phrasebank(data: Path) -> Iterator[Row]:
    source = SOURCES["phrasebank-50"]
    for line in (data / source.path).read_text(encoding="latin-1").splitlines():
        text, _, label = line.rpartition("@")
        yield Row(clean(text), source.name, source.licence, sentiment=SENTIMENTS.index(label))


def refuse_what_may_not_train(rows: Iterable[Row]) -> None:
    """Raise ValueError on the first row whose licence or role forbids training a model that ships."""
    for row in rows:
        if row.licence not in PERMISSIVE or SOURCES[row.source].evaluation_only:
            raise ValueError(
                f"A row of {row.source!r} (licence {row.licence}) may not train a model that ships; "
                f"valid are train files under {', '.join(sorted(PERMISSIVE))}"
            )


def merge_same_texts(rows: Iterable[Row]) -> list[Row]:
    """Return one row per normalised text, with both labels where known; a tied label becomes unknown."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[normalise(row.text)].append(row)
    merged = []
    for group in groups.values():
        first = group[0]
        first.topic = _majority(row.topic for row in group)
        first.sentiment = _majority(row.sentiment for row in group)
        if first.topic != UNKNOWN or first.sentiment != UNKNOWN:
            merged.append(first)
    return merged


def without_near_duplicates(rows: list[Row], others: Iterable[str]) -> list[Row]:
    """Return the rows whose token Jaccard similarity to every other text is below 0.8.

    Prefix filtering (Chaudhuri et al. 2006): two sets of similarity ≥ t share a token among the
    |x| - ⌈t|x|⌉ + 1 rarest of each, so only those are indexed.
    """
    other_sets = [frozenset(normalise(text).split()) for text in others]
    row_sets = [frozenset(normalise(row.text).split()) for row in rows]
    frequency = Counter(token for tokens in (*other_sets, *row_sets) for token in tokens)

    def rarest(tokens: frozenset[str]) -> list[str]:
        kept = len(tokens) - -(-len(tokens) * 8 // 10) + 1
        return sorted(tokens, key=lambda token: (frequency[token], token))[:kept]

    index: defaultdict[str, list[int]] = defaultdict(list)
    for position, tokens in enumerate(other_sets):
        for token in rarest(tokens):
            index[token].append(position)

    def is_near(tokens: frozenset[str]) -> bool:
        near = {position for token in rarest(tokens) for position in index.get(token, ())}
        return any(
            len(tokens & other_sets[position]) >= NEAR_DUPLICATE_JACCARD * len(tokens | other_sets[position])
            for position in near
        )

    return [row for row, tokens in zip(rows, row_sets, strict=True) if not is_near(tokens)]


def share_of(key: str, purpose: str) -> float:
    """Return a number in [0, 1) that depends on the text alone, so that a split survives new data."""
    digest = hashlib.sha256(f"{purpose}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _majority(labels: Iterable[int]) -> int:
    counts = Counter(label for label in labels if label != UNKNOWN).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return UNKNOWN
    return counts[0][0]
