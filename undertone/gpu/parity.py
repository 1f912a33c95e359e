"""Does an engine answer as fp32 PyTorch on CPU does, on padded batches? A fast wrong engine is worse than none.

Padding is where engines go wrong, so the probe is nearly all padding in its first rows and none in its last. Random
tokens will do: what is asked is whether two programs compute the same function, not whether it is a good one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from undertone.gpu.report import Parity
from undertone.gpu.scorer import Batch, Engine
from undertone.gpu.served import Served

SEED = 17
PROBE_ROWS = 64
SPECIAL_IDS = 5
"""The first ids are padding and its like in every vocabulary of ours."""

TOLERANCE = {"fp32": Parity(1e-3, 0.99), "fp16": Parity(0.02, 0.97), "bf16": Parity(0.08, 0.95)}
"""By precision: the largest difference of a probability, and the least agreement of labels. fp16 has 11 significant
bits and bf16 has 8; a label may differ where the two best were as good as level."""

Truth = tuple[NDArray[np.float32], ...]  # a head each: (rows, labels)


class Proof(NamedTuple):
    """A padded batch, and what fp32 PyTorch says of it."""

    probe: Batch
    truth: Truth

    def measure(self, engine: Engine, batch: int) -> Parity:
        """Run an engine on its largest batch first, which sizes its workspaces, and then compare it on the probe.

        The probe is run twice, the second time upside down: what was captured or cached from the first must not
        answer the second.
        """
        rows, tokens = self.probe.input_ids.shape
        full = np.ones((batch, tokens), np.int64)
        engine(np.resize(self.probe.input_ids, (batch, tokens)), full, full)()
        step = min(batch, rows)
        forth = _run(engine, self.probe, step)
        back = _run(engine, Batch(*(np.ascontiguousarray(part[::-1]) for part in self.probe)), step)[::-1]
        return _compare(self.truth, forth, back)


def probe_of(vocabulary: int, tokens: int, rows: int = PROBE_ROWS) -> Batch:
    """Return `rows` random texts of 2 to `tokens` tokens, shortest first, in one batch, each with a random span."""
    random = np.random.default_rng(SEED)
    lengths = np.linspace(min(2, tokens), tokens, rows).astype(np.int64)
    places = np.arange(tokens)
    mask = (places < lengths[:, None]).astype(np.int64)
    ids = random.integers(min(SPECIAL_IDS, vocabulary - 1), vocabulary, (rows, tokens)) * mask
    first = random.integers(0, lengths)
    last = first + 1 + random.integers(0, lengths - first)
    spans = (places >= first[:, None]) & (places < last[:, None])
    return Batch(ids, mask, spans.astype(np.int64))


@torch.inference_mode()
def truth_of(served: Served, probe: Batch) -> Truth:
    """Return the probabilities of each head by the fp32 module itself."""
    answer = served(*(torch.from_numpy(part) for part in probe))
    return tuple(part.numpy() for part in served.split(answer))


def against(parity: Parity, precision: str) -> str:
    """What speaks against an engine with this parity; empty if nothing."""
    most = TOLERANCE[precision]
    if parity.difference <= most.difference and parity.agreement >= most.agreement:
        return ""
    return f"wrong on a padded batch: {most.difference:g} and {most.agreement:.0%} are the limits in {precision}"


def _compare(truth: Truth, *answers: NDArray[np.float32]) -> Parity:
    worst, same, begin = 0.0, [], 0
    for expected in truth:
        end = begin + expected.shape[1]
        for answer in answers:
            found = answer[:, begin:end]
            gap = float(np.abs(found - expected).max())
            worst = max(worst, gap if np.isfinite(gap) else np.inf)
            same.append(found.argmax(1) == expected.argmax(1))
        begin = end
    return Parity(worst, float(np.mean(same)))


def _run(engine: Engine, batch: Batch, step: int) -> NDArray[np.float32]:
    starts = range(0, len(batch.input_ids), step)
    return np.concatenate([engine(*(part[start : start + step] for part in batch))() for start in starts])
