"""Which way of explaining is the most faithful: prints the table of docs/explain.md.

``python -m benchmarks.faithfulness [--data FOLDER] [--model MODEL] [--texts N] [--head sentiment]``; the data folder
(default: ``$UNDERTONE_DATA_SETS``) holds ``twitter_fin_sentiment/sent_valid.csv``, whose texts the model has not seen.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undertone.errors import UndertoneError
from undertone.explain import DEFAULT_METHOD, METHODS, Explainer
from undertone.explain.faithfulness import Faithfulness, faithfulness
from undertone.explain.question import Question
from undertone.feed_files import Layout, Row, read
from undertone.scorer import Mention
from undertone.text import clean

TEXTS = Path("twitter_fin_sentiment") / "sent_valid.csv"
CHANCE = "by chance"
FEWEST_WORDS = 5
SEED = 1


def sample(file: Path, many: int) -> list[str]:
    """Texts of a file, by chance but the same each time, none shorter than FEWEST_WORDS."""
    rows = (row for row in read(file, Layout()) if isinstance(row, Row))
    texts = [text for row in rows if len((text := clean(str(row.fields["text"]))).split()) >= FEWEST_WORDS]
    chosen = np.random.default_rng(SEED).permutation(len(texts))[:many]
    return [texts[place] for place in chosen]


def measure(explainer: Explainer, texts: Sequence[str], head: str, method: str) -> tuple[list[Faithfulness], float]:
    """The figures of each text, and the milliseconds that weighing one takes."""
    question, rng = Question(explainer.scorer, head), np.random.default_rng(SEED)
    found, spent = [], 0.0
    if method != CHANCE:
        explainer.explain(texts[0], head=head, method=method)  # loads what the method needs
    for text in texts:
        mention = Mention(text, 0, 0)
        words = explainer.words(mention)
        label = int(question.answers([mention])[0].argmax())
        began = time.perf_counter()
        if method == CHANCE:
            weights = rng.random(len(words))
        else:
            weights = explainer.weights(question, mention, words, label, method).words
        spent += time.perf_counter() - began
        found.append(faithfulness(question, mention, words, weights, label))
    return found, spent / len(texts) * 1_000


def line(method: str, found: Sequence[Faithfulness], ms: float) -> str:
    gaps = np.array([one.gap for one in found])
    half = 1.96 * gaps.std(ddof=1) / np.sqrt(len(gaps))
    columns = ("insertion", "deletion", "comprehensiveness", "sufficiency")
    means = [float(np.mean([getattr(one, column) for one in found])) for column in columns]
    cells = [f"{gaps.mean():.3f} ± {half:.3f}", *(f"{mean:.3f}" for mean in means), f"{ms:.0f}"]
    return f"| {method} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faithfulness", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("UNDERTONE_DATA_SETS"), help="folder of the data sets"
    )
    parser.add_argument("--model", default="default", help="default, or a model folder")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--head", default="sentiment", choices=("sentiment", "topic"))
    parser.add_argument("--method", action="append", choices=[*METHODS, CHANCE], help="may be given more than once")
    options = parser.parse_args()
    if options.data is None:
        sys.exit("Where are the texts? Give --data FOLDER or set UNDERTONE_DATA_SETS to the folder of the data sets")
    try:
        explainer, texts = Explainer.load(options.model), sample(options.data / TEXTS, options.texts)
        print(f"Model {explainer.scorer.version}, head {options.head}, {len(texts)} texts of {TEXTS.name}.\n")
        print("| method | insertion − deletion | insertion | deletion | comprehensiveness | sufficiency | ms a text |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for method in options.method or [*METHODS, CHANCE]:
            shown = f"**{method}**" if method == DEFAULT_METHOD else method
            print(line(shown, *measure(explainer, texts, options.head, method)), flush=True)
    except UndertoneError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
