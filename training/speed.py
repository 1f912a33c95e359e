"""Texts a second on one core: the candidate as it is served, and the teacher in fp32 PyTorch, taking turns.

CPU time, not wall time, and both in one run, so that other programs on the machine and its make matter less; only the
ratio carries over to another machine.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.batches import encode_texts
from training.figures import Pace, Steadiness
from training.teach import logits_of
from undertone.model.network import Network
from undertone.scorer import OnnxScorer

BUCKETS = (("short", 1, 16), ("medium", 17, 32), ("long", 33, 1 << 20))  # tokens
TEXTS = 96
ROUNDS = 5
BATCH = 16


def pace_of(
    scorer: OnnxScorer, tokenizer: Tokenizer, teacher: tuple[Network, Tokenizer] | None, texts: Sequence[str], seed: int
) -> list[Pace]:
    """Return the speed of student and teacher by length of text.

    `tokenizer` is the student's, and decides which texts are short; a bucket without texts is left out.
    """
    tokens = np.array([len(ids) for ids in encode_texts(tokenizer, texts).ids])
    random = np.random.default_rng(seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [
            _bucket(name, scorer, teacher, [texts[row] for row in random.permutation(inside)[:TEXTS]], tokens[inside])
            for name, low, high in BUCKETS
            if len(inside := np.flatnonzero((tokens >= low) & (tokens <= high)))
        ]
    finally:
        torch.set_num_threads(threads)


def _bucket(
    name: str,
    scorer: OnnxScorer,
    teacher: tuple[Network, Tokenizer] | None,
    texts: Sequence[str],
    tokens: NDArray[np.int64],
) -> Pace:
    contestants: list[Callable[[], object]] = [lambda: scorer.score_heads(texts)]
    if teacher is not None:
        network, own = teacher
        contestants.append(lambda: logits_of(network, encode_texts(own, texts), BATCH))
    for contestant in contestants:
        contestant()  # the first call allocates
    rounds = np.array([[_seconds(contestant) for contestant in contestants] for _ in range(ROUNDS)])
    rates = len(texts) / np.maximum(np.median(rounds, 0), 1e-9)
    ratio = float(np.median(rounds[:, -1] / np.maximum(rounds[:, 0], 1e-9)))
    return Pace(
        name,
        len(texts),
        float(tokens.mean()),
        float(rates[0]),
        float(rates[1]) if teacher else None,
        ratio if teacher else None,
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def steadiness_of(scorer: OnnxScorer, texts: Sequence[str]) -> Steadiness:
    """Return how much a text's scores change between scoring it alone and in batches with others."""
    together = scorer.score_heads(texts)
    difference, flips = 0.0, 0
    for place, text in enumerate(texts):
        for head, alone in scorer.score_heads([text]).items():
            many = together[head][place]
            difference = max(difference, float(np.abs(alone[0] - many).max()))
            flips += int(alone[0].argmax() != many.argmax())
    return Steadiness(len(texts), round(difference, 6), flips)
