"""How well companies are found in texts: prints the table of docs/alerts.md, "Stories and entities".

``python -m benchmarks.entities --data FOLDER [--errors] [--speed] [--json]`` reads, where the folder has them:

* ``sentfin/SEntFiN.csv``: headlines whose entities people annotated. An annotated entity counts where it is, but for a
  legal form, a name of the shipped list; a company that is found counts as right where it was annotated.
* ``replay_stocknet_tweets/stocknet_tweets.jsonl.gz``: tweets with cashtags, which are taken out. A company that is
  found by name counts as right where its cashtag was there, which is a floor: tweets name more than they tag. What was
  tagged counts as named where the text has the first word of the company's name in ``StockTable``.

Texts whose hash is even were looked at while the list was made; figures are of the others. Intervals are Wilson's 95 %.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from xxhash import xxh64_intdigest

from undertone.company_list import unmarked
from undertone.entities import Linker
from undertone.text import clean

HEADLINES = Path("sentfin") / "SEntFiN.csv"
TWEETS = Path("replay_stocknet_tweets") / "stocknet_tweets.jsonl.gz"
STOCKS = Path("replay_stocknet_tweets") / "StockTable"

_DECISION = re.compile(r"'([^{}:]+?)': '(?:positive|negative|neutral)'")
_LEGAL = re.compile(r"[ ,]+(?:Ltd|Limited|Inc|Corp|Corporation|Co|plc)\.?$")
_TAG = re.compile(r"\$[A-Za-z]{1,5}\b")
_LINKS = re.compile(r"https?://\S*|@\w+|\S+\.(?:com|co|ly|me)\b\S*|\w+…")
_NO_LETTERS = re.compile(r"[^a-z&']+")
_GENERAL = frozenset(
    "american at bank bhp china duke first general home international johnson lockheed merck national philip procter"
    " royal toyota united wells the visa walt oil".split()
)
"""First words of a company's name that do not name it alone."""


@dataclass
class Tally:
    """Mentions found and right, found and wrong, and missed, with examples of the last two."""

    right: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    opinions: int = 0
    texts: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str, found: set[str], wanted: set[str], opinions: set[str]) -> None:
        self.texts += 1
        self.right += len(found & wanted)
        self.wrong.update(found - wanted)
        self.missed.update(wanted - found)
        self.opinions += len((wanted - found) & opinions)
        self.examples += [f"+{symbol} {text}" for symbol in found - wanted]
        self.examples += [f"-{symbol} {text}" for symbol in wanted - found]


def wilson(hits: int, trials: int) -> str:
    """A share and its 95 % interval, as text."""
    if not trials:
        return "no cases"
    interval = binomtest(hits, trials).proportion_ci(method="wilson")
    return f"{hits / trials:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def seen(text: str) -> bool:
    """Whether a text belongs to the half that was looked at."""
    return xxh64_intdigest(text.encode()) % 2 == 0


def headlines(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """SEntFiN's titles and the entities that people named in them."""
    with (folder / HEADLINES).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield clean(row["Title"]), _DECISION.findall(row["Decisions"])


def annotated(linker: Linker, looked: bool) -> Callable[[Path], Tally]:
    exact, folded = _names(linker)

    def measure(folder: Path) -> Tally:
        tally = Tally()
        for title, entities in headlines(folder):
            if seen(title) == looked:
                bare = {_LEGAL.sub("", clean(entity)) for entity in entities}
                wanted = {exact.get(one) or folded.get(one.lower()) or "" for one in bare} - {""}
                tally.add(title, set(linker.link(title)), wanted, _opinions(linker, title))
        return tally

    return measure


def _names(linker: Linker) -> tuple[dict[str, str], dict[str, str]]:
    """The list's names → symbol: those that count as written only, and those that count whatever their case."""
    exact, folded = dict[str, str](), dict[str, str]()
    for company in linker.companies:
        for alias in company.names:
            name = unmarked(alias)
            if company.symbol != "-" and not alias.startswith("$"):
                exact[name.written] = company.symbol
                if not name.exact:
                    folded[name.written.lower()] = company.symbol
    return exact, folded


def _opinions(linker: Linker, text: str) -> set[str]:
    return {one.symbol for one in linker.findings(text) if "opinion" in one.why}


def tagged(linker: Linker, looked: bool) -> Callable[[Path], Tally]:
    def measure(folder: Path) -> Tally:
        words = _first_words(folder, linker)
        tally = Tally()
        with gzip.open(folder / TWEETS, "rt", encoding="utf-8") as lines:
            for line in lines:
                tweet = json.loads(line)
                text = clean(tweet["text"])
                if seen(text) != looked:
                    continue
                bare = _TAG.sub(" ", text)
                tags = {linker.symbol(ticker) for ticker in tweet["tickers"]} | {*linker.link(" ".join(_tags(text)))}
                low = f" {_NO_LETTERS.sub(' ', _LINKS.sub(' ', bare.lower()))} "
                named = {symbol for symbol in tags if (word := words.get(symbol)) and f" {word} " in low}
                found = set(linker.link(bare))
                tally.add(text, found, named | (found & tags), _opinions(linker, bare))
        return tally

    return measure


def _tags(text: str) -> list[str]:
    return [tag.upper() for tag in _TAG.findall(text)]


def _first_words(folder: Path, linker: Linker) -> dict[str, str]:
    found = {}
    with (folder / STOCKS).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            words = re.sub(r"[^a-z& ]+", " ", row["Company"].lower()).split()
            many = 2 if words[0] in _GENERAL or len(words[0]) < 3 else 1
            found[linker.symbol(row["Symbol"])] = " ".join(words[:many])
    return found


def speed(linker: Linker, texts: Sequence[str]) -> float:
    """Microseconds that linking one text takes, best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for text in texts:
            linker.link(text)
        best = min(best, time.perf_counter() - began)
    return best / len(texts) * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.entities", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--looked", action="store_true", help="of the half that was looked at")
    parser.add_argument("--errors", action="store_true", help="print what was wrong, of the half that was looked at")
    parser.add_argument("--speed", action="store_true", help="time it too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    looked = options.looked or options.errors
    linker = Linker.load()
    measures = {"headlines (SEntFiN)": annotated(linker, looked), "tweets without cashtags": tagged(linker, looked)}
    tallies = {}
    for name, measure in measures.items():
        try:
            tallies[name] = measure(options.data)
        except FileNotFoundError as error:
            print(f"{name}: {error.filename} is not there", file=sys.stderr)
    if options.errors:
        for tally in tallies.values():
            print(*tally.examples, sep="\n")
        return 0
    _print(tallies, linker, as_json=options.json)
    if options.speed:
        texts = [title for title, _ in headlines(options.data)]
        print(f"{speed(linker, texts):.2f} µs a headline")
    return 0


def _print(tallies: dict[str, Tally], linker: Linker, *, as_json: bool) -> None:
    companies = sum(company.symbol != "-" for company in linker.companies)
    if as_json:
        rows = {
            name: {
                "texts": tally.texts,
                "right": tally.right,
                "wrong": tally.wrong.total(),
                "missed": tally.missed.total(),
                "missed_opinions": tally.opinions,
            }
            for name, tally in tallies.items()
        }
        print(json.dumps({"companies": companies, **rows}))
        return
    drawn = Table("texts of", "texts", "found", "precision", "recall", "recall but for opinions", box=None)
    for name, tally in tallies.items():
        found, wanted = tally.right + tally.wrong.total(), tally.right + tally.missed.total()
        drawn.add_row(
            name,
            f"{tally.texts:,}",
            f"{found:,}",
            wilson(tally.right, found),
            wilson(tally.right, wanted),
            wilson(tally.right, wanted - tally.opinions),
        )
    console = Console(width=140)
    console.print(f"{companies:,} companies")
    console.print(drawn)


if __name__ == "__main__":
    sys.exit(main())
