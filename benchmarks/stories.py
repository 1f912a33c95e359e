"""How well copies are told from news: prints the table of docs/alerts.md, "Stories and entities".

``python -m benchmarks.stories [--data FOLDER] [--curve] [--json]``. A pair's first text opens a story and the second
is claimed after it, through fingerprints, bands and comparison as in the worker. Two samples: the project's own
sentences (:mod:`benchmarks.story_pairs`), and, where the data folder is given, pairs of replayed tweets and headlines
that were labelled by reading: ``benchmarks/labels/stories.csv`` has where they stand and what they are, no text. Those
pairs were drawn evenly over the range of similarity, so that hard ones are far more frequent than in the stream; those
of ``stories_looked.csv`` were looked at while the method was made. Precision is the share of true copies among those
found, recall the share found among true copies; intervals are Wilson's 95 %.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.entities import wilson
from benchmarks.story_pairs import KINDS, Pair, pairs
from stream.stories import SKETCH_SIZE, THRESHOLD, Told, fingerprints
from stream.storybook import Storybook
from undertone.entities import Linker
from undertone.text import clean

MANY = 4_000
WINDOW_MS = 86_400_000
LABELS = Path(__file__).with_name("labels")
TWEETS = Path("replay_stocknet_tweets") / "stocknet_tweets.jsonl.gz"
HEADLINES = Path("replay_reuters_cnbc_guardian")
CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)

Judged = list[tuple[Pair, bool]]


def judge(sample: Iterable[Pair], linker: Linker, threshold: float = THRESHOLD) -> Judged:
    """Each pair, and whether the second text was taken for a copy of the first."""
    judged = []
    for pair in sample:
        told = [
            Told(f"news-0:{place}", place, str(place), text := clean(raw), linker.link(text))
            for place, raw in enumerate((pair.first, pair.second))
        ]
        book = Storybook(window_ms=WINDOW_MS, threshold=threshold, sketch_size=SKETCH_SIZE)
        first, second = book.claim(fingerprints(told))
        judged.append((pair, first.owner == second.owner))
    return judged


def labelled(name: str, folder: Path) -> list[Pair]:
    """The labelled pairs whose texts the data folder has."""
    with (LABELS / name).open(encoding="utf-8", newline="") as lines:
        rows = [(row["first"], row["second"], row["same"] == "1") for row in csv.DictReader(lines)]
    texts = _texts(folder, {place for first, second, _ in rows for place in (first, second)})
    return [
        Pair("tweets" if first.startswith("t") else "headlines", texts[first], texts[second], same)
        for first, second, same in rows
    ]


def _texts(folder: Path, wanted: set[str]) -> dict[str, str]:
    """Texts by place: ``t<tweet id>``, or ``<file>:<row>``, rows from 0."""
    found = {}
    with gzip.open(folder / TWEETS, "rt", encoding="utf-8") as lines:
        for line in lines:
            tweet = json.loads(line)
            if (place := f"t{tweet['id']}") in wanted:
                found[place] = tweet["text"]
    for file in ("reuters", "cnbc", "guardian"):
        with (folder / HEADLINES / f"{file}_headlines.csv").open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.reader(lines)):
                if f"{file}:{number}" in wanted:
                    found[f"{file}:{number}"] = row[1]
    return found


def figures(judged: Judged) -> tuple[int, int, int]:
    """Copies found that are copies, all found, all that are."""
    return (
        sum(pair.same and found for pair, found in judged),
        sum(found for _, found in judged),
        sum(pair.same for pair, _ in judged),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.stories", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the replayed tweets and headlines")
    parser.add_argument("--curve", action="store_true", help="precision and recall at other thresholds too")
    parser.add_argument("--errors", action="store_true", help="print the pairs that were looked at and judged wrongly")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    linker = Linker.load()
    samples = {"own sentences": [*pairs(MANY)]}
    if options.data is not None:
        for name in ("stories", "stories_looked"):
            found = labelled(f"{name}.csv", options.data)
            for kind in ("tweets", "headlines"):
                samples[f"{kind}{', looked at' if 'looked' in name else ''}"] = [p for p in found if p.kind == kind]
    if options.errors:
        for name, sample in samples.items():
            for pair, taken in judge(sample, linker) if "looked" in name else []:
                if pair.same != taken:
                    print(f"{'missed' if pair.same else 'taken'}\n  {pair.first}\n  {pair.second}")
        return 0
    thresholds = CURVE if options.curve else (THRESHOLD,)
    judged = {(name, one): judge(sample, linker, one) for name, sample in samples.items() for one in thresholds}
    if options.json:
        rows = [
            dict(zip(("sample", "threshold", "right", "found", "copies"), (*key, *figures(one)), strict=True))
            for key, one in judged.items()
        ]
        print(json.dumps({"stories": rows}))
        return 0
    console = Console(width=120)
    console.print(_table(judged))
    console.print(_kinds(judged["own sentences", THRESHOLD]))
    return 0


def _table(judged: dict[tuple[str, float], Judged]) -> Table:
    drawn = Table("sample", "pairs", "threshold", "precision", "recall", box=None)
    for (name, threshold), one in judged.items():
        right, found, copies = figures(one)
        drawn.add_row(name, f"{len(one):,}", f"{threshold:.1f}", wilson(right, found), wilson(right, copies))
    return drawn


def _kinds(judged: Judged) -> Table:
    drawn = Table("own sentences", "what it is", "pairs", "judged rightly", box=None)
    many, right = Counter(pair.kind for pair, _ in judged), Counter(p.kind for p, found in judged if p.same == found)
    for kind, (_, same, _) in KINDS.items():
        drawn.add_row(kind, "copy" if same else "news", f"{many[kind]:,}", wilson(right[kind], many[kind]))
    return drawn


if __name__ == "__main__":
    sys.exit(main())
