"""Asks one model why: weighs a text's words by the method wanted, tries the facts out, and says them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undertone.errors import InputError, ModelError
from undertone.explain.explanation import Explanation, Word
from undertone.explain.gradients import Gradients
from undertone.explain.occlusion import occlusion
from undertone.explain.question import Question
from undertone.explain.rollout import token_shares
from undertone.explain.sentence import facts_of, sentence_of
from undertone.explain.shapley import shapley
from undertone.explain.words import NO_WORD, Span, token_words, words_of
from undertone.model.forward import Forward
from undertone.scorer import Mention, Scorer, encode_mentions, load_scorer, model_folder
from undertone.text import model_input

METHODS = ("shapley", "occlusion", "rollout", "gradients")
DEFAULT_METHOD = "shapley"
"""The most faithful one of those that need no torch: `python -m benchmarks.faithfulness`, docs/explain.md."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight for each word, and what fell elsewhere (see `Explanation.rest`)."""

    words: NDArray[np.float64]
    rest: float | None = None


class Explainer:
    """Explains what a scorer says. The methods beyond occlusion also read the model's folder, on first use."""

    def __init__(self, scorer: Scorer, folder: Path | None = None) -> None:
        self.scorer = scorer
        self._folder = folder

    @classmethod
    def load(cls, name_or_path: str | Path = "default", *, threads: int = 1) -> "Explainer":
        """Load a model by name or folder, as `undertone.scorer.load_scorer` does. Raises ModelError."""
        folder = None if name_or_path == "trivial" else model_folder(name_or_path)
        return cls(load_scorer(name_or_path, threads=threads), folder)

    def explain(
        self,
        text: str,
        *,
        head: str = "sentiment",
        method: str = DEFAULT_METHOD,
        span: tuple[int, int] | None = None,
    ) -> Explanation:
        """Explain the label that a clean text gets.

        Args:
            text: The text, as `undertone.text.clean` returns it.
            head: ``sentiment``, ``topic`` or ``entity``.
            method: One of METHODS.
            span: The characters [start, end) that name the entity, for the head ``entity`` and only for it.

        Raises:
            InputError: if the head, the method or the span cannot be used.
            ModelError: if the model lacks the head or cannot be looked into.
        """
        if method not in METHODS:
            raise InputError(f"There is no method {method!r}; valid are {', '.join(METHODS)}")
        if (span is None) == (head == "entity"):
            raise InputError("The head 'entity' needs an entity that the text names, and no other head takes one")
        question = Question(self.scorer, head)
        mention = Mention(text, *(span or (0, 0)))
        answer = question.answers([mention])[0]
        label = int(answer.argmax())
        spans = self.words(mention)
        weights = self.weights(question, mention, spans, label, method)
        words = tuple(
            Word(start, end, text[start:end], round(float(weight), 6))
            for (start, end), weight in zip(spans, weights.words, strict=True)
        )
        facts = facts_of(question, mention, words, label)
        towards = None if span is None else text[span[0] : span[1]]
        name, probability = question.labels[label], float(answer[label])
        return Explanation(
            text=text,
            head=head,
            entity=towards,
            label=name,
            probability=probability,
            method=method,
            words=words,
            rest=weights.rest,
            facts=facts,
            sentence=sentence_of(words, facts, name, probability, method, towards),
            model=self.scorer.version,
        )

    def words(self, mention: Mention) -> list[Span]:
        """Return the words that can be weighed: those that the model reads, but not the name of the mention."""
        spans = [span for span in words_of(mention.text) if span.end <= mention.start or span.start >= mention.end]
        limit = getattr(self.scorer, "manifest", None)
        # Each word has a token or more, so none beyond this number is read, and a long text costs no more.
        return spans if limit is None else spans[: limit.max_tokens]

    def weights(self, question: Question, mention: Mention, words: list[Span], label: int, method: str) -> Weights:
        """Return what each word is worth for the label numbered `label` of a question, by one of METHODS."""
        if method == "shapley":
            return Weights(shapley(question, mention, words, label))
        if method == "occlusion":
            return Weights(occlusion(question, mention, words, label))
        return self._by_tokens(question, mention, words, label, method)

    def _by_tokens(self, question: Question, mention: Mention, words: list[Span], label: int, method: str) -> Weights:
        tokenizer = self._network.tokenizer
        text, start, end = mention
        shown = "".join(map(model_input, (text[:start], text[start:end], text[end:])))
        encoding = tokenizer.encode(shown)
        is_entity = question.head == "entity"
        span = encode_mentions(tokenizer, [mention])[1][0] if is_entity else None
        if method == "rollout":
            parts = token_shares(self._network.run(encoding.ids).attention, span)
        else:
            nothing = tokenizer.token_to_id("[PAD]") or 0
            special = encoding.special_tokens_mask
            baseline = [one if kept else nothing for one, kept in zip(encoding.ids, special, strict=True)]
            parts, _ = self._gradients.integrated(encoding.ids, baseline, span, question.head, label)
        owners = token_words(text, shown, words, encoding.offsets)
        weights: NDArray[np.float64] = np.bincount(
            owners[owners != NO_WORD], parts[owners != NO_WORD], minlength=len(words)
        ).astype(np.float64)
        return Weights(weights, float(parts[owners == NO_WORD].sum()))

    @cached_property
    def _network(self) -> Forward:
        return Forward.load(self._layers("rollout and gradients"))

    @cached_property
    def _gradients(self) -> Gradients:
        return Gradients(self._layers("gradients"), self._network.manifest)

    def _layers(self, who: str) -> Path:
        if self._folder is None:
            raise ModelError(
                f"Model {self.scorer.version} has no layers for {who} to look into; use --method occlusion"
            )
        return self._folder
