"""Texts in, calibrated topic and sentiment probabilities out: one interface, whatever runs beneath.

`OnnxScorer` serves a model folder on CPU. `TrivialScorer` costs a microsecond or two a text, so that tests
and benchmarks can see the pipeline without the model. Nothing here cleans text or knows of messages.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from undertone.errors import ModelError
from undertone.gpu.choice import Device, Precision
from undertone.model import artefact
from undertone.text import model_input

SHIPPED_STUDENT = Path(__file__).resolve().parent / "model" / "student"
SENTIMENTS = ("negative", "neutral", "positive")
NO_TOPIC = "all"  # the one topic of a model that knows none
_NEUTRAL = np.array([0, 1, 0], np.float32)
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


class Mention(NamedTuple):
    """One entity in one text: the characters [start, end) of `text` name it."""

    text: str
    start: int
    end: int


class Scorer(Protocol):
    """Whatever turns texts into `Scores`; a text's scores do not depend on its neighbours in the call."""

    @property
    def topics(self) -> tuple[str, ...]: ...

    @property
    def sentiments(self) -> tuple[str, ...]: ...

    @property
    def version(self) -> str: ...

    def score(self, texts: Sequence[str]) -> Scores: ...

    def score_entities(self, mentions: Sequence[Mention]) -> NDArray[np.float32]:
        """Return the sentiment towards each mention, (mentions, 3); ModelError where the model lacks that head."""
        ...


class OnnxScorer:
    """Runs the ONNX model of a verified folder on CPU, in batches of texts of like length.

    A stream needs a topic and a sentiment of every text. A model of another task may lack one of the heads: all its
    texts then have the one topic `NO_TOPIC`, or are neutral.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        manifest: artefact.Manifest,
        batch_size: int,
    ) -> None:
        self.topics = manifest.labels("topic") or (NO_TOPIC,)
        self.sentiments = manifest.labels("sentiment") or SENTIMENTS
        self.version = manifest.version
        self.manifest = manifest
        self._session = session
        self._takes_span = any(given.name == "span_mask" for given in session.get_inputs())
        self._tokenizer = tokenizer
        self._batch_size = batch_size

    @classmethod
    def load(cls, path: Path, *, threads: int = 1, batch_size: int = 16) -> "OnnxScorer":
        """Load the model folder at `path` after `artefact.verify`. Raises ModelError."""
        manifest = artefact.verify(path)
        if threads == 1:
            # The tokenizer would otherwise spread a batch over all cores.
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            session = onnx_session(path / "model.onnx", threads=threads)
            tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        except Exception as error:  # both libraries raise bare Exception subclasses of their own
            raise ModelError(
                f"Model {path} passed its checksums but does not load: {error}. "
                "Export it again with `undertone train`, or update onnxruntime and tokenizers"
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(manifest.max_tokens)
        return cls(session, tokenizer, manifest, batch_size)

    def score(self, texts: Sequence[str]) -> Scores:
        """Return the scores of `texts`; any number of them, none included."""
        found = self.score_heads(texts)
        topic, sentiment = found.get("topic"), found.get("sentiment")
        if topic is None:
            topic = np.ones((len(texts), 1), np.float32)
        if sentiment is None:
            sentiment = np.tile(_NEUTRAL, (len(texts), 1))
        return Scores(topic, sentiment)

    def score_heads(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the probabilities of each head of a text that the model has, (texts, labels)."""
        encodings = self._tokenizer.encode_batch_fast([model_input(text) for text in texts])
        names = [head.name for head in self.manifest.heads if head.name != "entity"]
        return self._run(names, [encoding.ids for encoding in encodings], None)

    def score_entities(self, mentions: Sequence[Mention]) -> NDArray[np.float32]:
        """Return the sentiment towards each mention, (mentions, 3): negative, neutral, positive.

        A mention whose tokens lie beyond `max_tokens` is judged by the text as a whole.
        """
        if self.manifest.head("entity") is None:
            raise ModelError(
                f"Model {self.version} has no head for the sentiment towards an entity; "
                f"it has {', '.join(head.name for head in self.manifest.heads)}. Use the model that ships"
            )
        ids, spans = encode_mentions(self._tokenizer, mentions)
        return self._run(["entity"], ids, spans)["entity"]

    def _run(
        self, names: Sequence[str], ids: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]] | None
    ) -> dict[str, NDArray[np.float32]]:
        heads = [head for head in self.manifest.heads if head.name in names]
        found = {head.name: np.empty((len(ids), len(head.labels)), dtype=np.float32) for head in heads}
        by_length = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        for start in range(0, len(ids), self._batch_size):
            rows = by_length[start : start + self._batch_size]
            width = len(ids[rows[-1]])
            input_ids = np.zeros((len(rows), width), dtype=np.int64)
            mask = np.zeros((len(rows), width), dtype=np.int64)
            span_mask = mask if spans is None else np.zeros((len(rows), width), dtype=np.int64)
            for place, row in enumerate(rows):
                length = len(ids[row])
                input_ids[place, :length] = ids[row]
                mask[place, :length] = 1
                if spans is not None:
                    first, last = spans[row]
                    span_mask[place, first:last] = 1
            feed = {"input_ids": input_ids, "attention_mask": mask}
            if self._takes_span:
                feed["span_mask"] = span_mask
            for head, logits in zip(heads, self._session.run([head.name for head in heads], feed), strict=True):
                found[head.name][rows] = logits
        return {head.name: _softmax(found[head.name], head.temperature) for head in heads}


def onnx_session(model: Path | bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """Return a CPU session of a graph that `training.graph` wrote."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The graph is written fused; the higher levels would fuse residual norms into a slower operator.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Waiting threads must not burn a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def encode_mentions(tokenizer: Tokenizer, mentions: Sequence[Mention]) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """Return the ids of each mention's text, and the tokens [first, last) that name the entity.

    The span is followed through `model_input`, which shortens links and resolves HTML entities. Where the text was
    cut before it, the span is the whole text.
    """
    parts = [
        (model_input(text[:start]), model_input(text[start:end]), model_input(text[end:]))
        for text, start, end in mentions
    ]
    encodings = tokenizer.encode_batch([before + name + after for before, name, after in parts])
    spans = []
    for (before, name, _), encoding in zip(parts, encodings, strict=True):
        start, end = len(before), len(before) + len(name)
        inside = [
            token
            for token, (first, last) in enumerate(encoding.offsets)
            if first < end and last > start and last > first
        ]
        spans.append((inside[0], inside[-1] + 1) if inside else (0, len(encoding.ids)))
    return [encoding.ids for encoding in encodings], spans


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

    def score_entities(self, mentions: Sequence[Mention]) -> NDArray[np.float32]:
        """Return the sentiment of each mention's text: words alone do not tell whom they mean."""
        return self.score([mention.text for mention in mentions]).sentiment


def load_scorer(
    name_or_path: str | Path = "default", *, threads: int = 1, device: Device = "cpu", precision: Precision = "auto"
) -> Scorer:
    """Return the scorer of that name or folder: "default" is the student that ships, "trivial" no model.

    `device` and `precision` are those of the settings; see `undertone.gpu`. Raises ModelError where there is no such
    folder or it fails its checks.
    """
    if name_or_path == "trivial":
        return TrivialScorer()
    if device != "cpu":
        from undertone.gpu.scorer import load_for

        return load_for(model_folder(name_or_path), device=device, precision=precision, threads=threads)
    return OnnxScorer.load(model_folder(name_or_path), threads=threads)


def model_folder(name_or_path: str | Path) -> Path:
    """Return the folder that a model's name or path means; whether it is there is for `artefact.verify`."""
    return SHIPPED_STUDENT if name_or_path == "default" else Path(name_or_path)


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
