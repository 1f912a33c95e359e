"""Contestant: the scorer alone on one core, fed as the worker feeds it. Prints texts per second."""

from __future__ import annotations

import argparse
import time

from benchmarks.load import texts
from undertone.scorer import load_scorer
from undertone.text import clean


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("count", type=int)
    parser.add_argument("take", type=int)
    options = parser.parse_args()
    scorer = load_scorer(options.model, threads=1)
    cleaned = [clean(text) for text in texts(options.count)]
    first = options.count // 10
    scorer.score(cleaned[:first])
    began = time.perf_counter()
    for start in range(first, options.count, options.take):
        scorer.score(cleaned[start : start + options.take])
    print((options.count - first) / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
