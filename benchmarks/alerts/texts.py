"""The real texts that alerts are measured on, scored once and kept as Parquet in a folder that git ignores.

The texts are not ours to publish: they are read from the data folder, and only figures leave this package.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from stream.judging import judge
from undertone.messages import Message, from_ms, to_ms
from undertone.scorer import Scorer, load_scorer
from undertone.settings import Settings

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UNDERTONE_DATA_SETS", ROOT.parent / "shared" / "data"))
KEPT = ROOT / "runs" / "alerts"
DAY_MS = 86_400_000

SOURCES = 12
"""The tweets of the set have neither author nor source: each gets one of so many at random, by its id."""


def tweets() -> Iterator[Message]:
    """62,000 tweets on 88 stocks, 2014-01 to 2015-06."""
    with gzip.open(DATA / "replay_stocknet_tweets" / "stocknet_tweets.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            yield Message(
                id=row["id"],
                text=row["text"],
                published_at=from_ms(row["ts_ms"]),
                source=f"source-{_draw(row['id'], SOURCES)}",
                entities=tuple(row["tickers"]),
            )


def headlines() -> Iterator[Message]:
    """50,000 headlines of three publishers, 2017-12 to 2020-07, dated by day: spread evenly over 06:00-22:00 UTC."""
    rows: list[tuple[int, str, str]] = []
    for publisher in ("reuters", "cnbc", "guardian"):
        with (DATA / "replay_reuters_cnbc_guardian" / f"{publisher}_headlines.csv").open(newline="") as file:
            for row in csv.reader(file):
                if len(row) == 2 and row[0][:2] == "20" and row[1].strip():
                    date = datetime.strptime(row[0], "%Y-%m-%d").replace(tzinfo=UTC)
                    rows.append((to_ms(date), publisher, row[1].strip()))
    sizes, seen = Counter((day, publisher) for day, publisher, _ in rows), Counter[tuple[int, str]]()
    # The files run backwards: the last row of a day is its first headline.
    for day, publisher, text in reversed(rows):
        place = seen[day, publisher]
        seen[day, publisher] += 1
        at_ms = day + 6 * 3_600_000 + int(16 * 3_600_000 * (place + 0.5) / sizes[day, publisher])
        yield Message(
            id=f"{publisher} {day // DAY_MS} {place}", text=text, published_at=from_ms(at_ms), source=publisher
        )


def negatives() -> pa.Table:
    """Texts that people called bearish, of a set that the model was not trained on, as the model judges them."""

    def messages() -> Iterator[Message]:
        with (DATA / "twitter_fin_sentiment" / "sent_valid.csv").open(newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file) if row["label"] == "0"]
        for n, text in enumerate(texts):
            yield Message(id=f"valid {n}", text=text, published_at=from_ms(n * DAY_MS), source="valid")

    return scored("negatives", messages, default_scorer)


def _draw(name: str, among: int) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") % among


def scored(name: str, messages: Callable[[], Iterator[Message]], scorer: Callable[[], Scorer]) -> pa.Table:
    """The scored messages of a set, from the folder of kept scores if they are there."""
    path = KEPT / f"{name}.parquet"
    if path.is_file():
        return parquet.read_table(path)
    print(f"scoring {name}, once …", file=sys.stderr)
    began, done = time.monotonic(), 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if done % 8192 == 0:
            print(f"  {done:,} texts, {done / (time.monotonic() - began):.0f} texts/s", file=sys.stderr, flush=True)

    table = judge(messages(), scorer(), settings=Settings(), advance=advance)
    KEPT.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return table


def default_scorer() -> Scorer:
    return load_scorer("default")


if __name__ == "__main__":
    scored("headlines", headlines, default_scorer)
    scored("tweets", tweets, default_scorer)
