"""Texts in, calibrated topic and sentiment probabilities out: one interface, whatever runs beneath.

`OnnxScorer` serves a model folder on CPU. `TrivialScorer` costs a microsecond or two a text, so that tests
and benchmarks can see the pipeline without the model. Nothing here cleans text or knows of messages.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from undertone import registry
from undertone.errors import ModelError
from undertone.text import model_input

SHIPPED_STUDENT = Path(__file__).resolve().parent / "model" / "student"
SENTIMENTS = ("negative", "neutral", "positive")
TOPICS = (
    "Analyst Update",
    "Fed | Central Banks",
    "Company | Product News",
    "Treasuries | Corporate Debt",
    "Dividend",
    "Earnings",
    "Energy | Oil",
    "Financials",
    "Currencies",
    "General News | Opinion",
    "Gold | Metals | Materials",
    "IPO",
    "Legal | Regulation",
    "M&A | Investments",
    "Macro",
    "Markets",
    "Politics",
    "Personnel Change",
    "Stock Commentary",
    "Stock Movement",
)  # the default task: the 20 classes of the Twitter Financial News Topic set, in its order


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one batch, in the order of its texts; every row sums to 1."""

    topic: NDArray[np.float32]  # (texts, topics)
    sentiment: NDArray[np.float32]  # (texts, 3): negative, neutral, positive


class Scorer(Protocol):
    """Whatever turns texts into `Scores`; a text's scores do not depend on its neighbours in the call."""

    @property
    def topics(self) -> tuple[str, ...]: ...

    @property
    def sentiments(self) -> tuple[str, ...]: ...

    @property
    def version(self) -> str: ...

    def score(self, texts: Sequence[str]) -> Scores: ...


class OnnxScorer:
    """Runs the ONNX model of a verified folder on CPU, in batches of texts of like length."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        manifest: registry.Manifest,
        batch_size: int,
    ) -> None:
        self.topics = manifest.topics
        self.sentiments = manifest.sentiments
        self.version = manifest.version
        self._temperatures = manifest.temperatures
        self._session = session
        self._tokenizer = tokenizer
        self._batch_size = batch_size

    @classmethod
    def load(cls, path: Path, *, threads: int = 1, batch_size: int = 16) -> "OnnxScorer":
        """Load the model folder at `path` after `registry.verify`. Raises ModelError."""
        manifest = registry.verify(path)
        if threads == 1:
            # The tokenizer would otherwise spread a batch over all cores.
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The graph is written fused; the higher levels would fuse residual norms into a slower operator.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        # Waiting threads must not burn a core.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                str(path / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        except Exception as error:  # both libraries raise bare Exception subclasses of their own
            raise ModelError(
                f"Model {path} passed its checksums but does not load: {error}. "
                "Export it again with `python -m training.run`, or update onnxruntime and tokenizers"
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(manifest.max_tokens)
        return cls(session, tokenizer, manifest, batch_size)

    def score(self, texts: Sequence[str]) -> Scores:
        """Return the scores of `texts`; any number of them, none included."""
        encodings = self._tokenizer.encode_batch_fast([model_input(text) for text in texts])
        ids = [encoding.ids for encoding in encodings]
        topic = np.empty((len(ids), len(self.topics)), dtype=np.float32)
        sentiment = np.empty((len(ids), len(self.sentiments)), dtype=np.float32)
        by_length = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        for start in range(0, len(ids), self._batch_size):
            rows = by_length[start : start + self._batch_size]
            width = len(ids[rows[-1]])
            input_ids = np.zeros((len(rows), width), dtype=np.int64)
            mask = np.zeros((len(rows), width), dtype=np.int64)
            for place, row in enumerate(rows):
                length = len(ids[row])
                input_ids[place, :length] = ids[row]
                mask[place, :length] = 1
            topic[rows], sentiment[rows] = self._session.run(
                ["topic", "sentiment"], {"input_ids": input_ids, "attention_mask": mask}
            )
        return Scores(_softmax(topic, self._temperatures.topic), _softmax(sentiment, self._temperatures.sentiment))


class TrivialScorer:
    """A deterministic stand-in for a model: word lists decide the sentiment, a checksum the topic.

    A text with a word of the negative list is negative, else with one of the positive list positive, else
    neutral, at probability .9. The topic is CRC-32 of the text modulo the number of topics, at .81.
    """

    topics = TOPICS
    sentiments = SENTIMENTS
    version = "trivial-1"

    def score(self, texts: Sequence[str]) -> Scores:
        topic = [zlib.crc32(text.encode("utf-8", "replace")) % len(TOPICS) for text in texts]
        sentiment = []
        for text in texts:
            words = text.lower().split()
            sentiment.append(0 if not _NEGATIVE.isdisjoint(words) else 2 if not _POSITIVE.isdisjoint(words) else 1)
        return Scores(_TRIVIAL_TOPIC[np.array(topic, np.intp)], _TRIVIAL_SENTIMENT[np.array(sentiment, np.intp)])


def load_scorer(name_or_path: str | Path = "default", *, threads: int = 1) -> Scorer:
    """Return the scorer of that name or folder: "default" is the student that ships, "trivial" no model.

    Raises ModelError where there is no such folder or it fails its checks.
    """
    if name_or_path == "trivial":
        return TrivialScorer()
    path = SHIPPED_STUDENT if name_or_path == "default" else Path(name_or_path)
    return OnnxScorer.load(path, threads=threads)


def _softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    scaled = logits / np.float32(temperature)
    scaled -= scaled.max(axis=-1, keepdims=True, initial=-np.inf)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled


def _peaked(classes: int, peak: float) -> NDArray[np.float32]:
    rest = (1.0 - peak) / (classes - 1)
    return np.where(np.eye(classes, dtype=bool), np.float32(peak), np.float32(rest))


_NEGATIVE_WORDS = """
miss misses missed fall falls fell drop drops plunge plunges plunged slump slumps cut cuts downgrade
downgrades downgraded loss losses lawsuit fraud probe recall recalls bankruptcy default warns warning weak
crash crashes layoffs breach outage halts bearish sell selloff
"""
_POSITIVE_WORDS = """
beat beats rise rises rose gain gains jump jumps surge surges surged rally rallies upgrade upgrades upgraded
profit profits record strong growth raises raised wins bullish buy soars soared
"""
_NEGATIVE = frozenset(_NEGATIVE_WORDS.split())
_POSITIVE = frozenset(_POSITIVE_WORDS.split())
_TRIVIAL_TOPIC = _peaked(len(TOPICS), 0.81)
_TRIVIAL_SENTIMENT = _peaked(len(SENTIMENTS), 0.9)
