"""A scorer that runs a model on a GPU, and on the CPU from the moment that the GPU fails. Knows no torch.

Out of memory: half the batch, for good, and the part that failed is tried again. Anything else that the engine raises
means that the device is lost, since CUDA cannot be used again in a process after most of its errors: this call and all
later ones are scored by the CPU, one line in the log says so, and `degraded` keeps the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from undertone.gpu.choice import Device, Precision, choose
from undertone.gpu.report import EngineReport
from undertone.scorer import OnnxScorer

LARGEST_BATCH = 512
TOKEN_STEP = 16
"""Batches are padded to a multiple of this, so that an engine sees few shapes."""

log = logging.getLogger(__name__)

Tokens = NDArray[np.int64]  # (texts, tokens)
Fetch = Callable[[], NDArray[np.float32]]


class Engine(Protocol):
    """Runs one model on one device."""

    def __call__(self, input_ids: Tokens, attention_mask: Tokens, span_mask: Tokens) -> Fetch:
        """Begin to score a padded batch.

        Returns a call that waits for the probabilities of all heads, side by side in the manifest's order:
        (texts, labels of all heads).
        """
        ...


class Batch(NamedTuple):
    """A padded batch, as an engine takes it; see `Engine`."""

    input_ids: Tokens
    attention_mask: Tokens
    span_mask: Tokens


class GpuScorer(OnnxScorer):
    """Scores with an engine while it works, and as the `OnnxScorer` that it also is when it does not.

    Attributes:
        report: What was tried at the start, and what was taken.
        degraded: Why the CPU scores although a GPU should; empty while all is well.
        batch: Most texts in one call of the engine; falls when memory runs out.
    """

    def __init__(
        self,
        cpu: OnnxScorer,
        engine: Engine | None,
        report: EngineReport,
        *,
        batch: int = LARGEST_BATCH,
        degraded: str = "",
    ) -> None:
        super().__init__(cpu._session, cpu._tokenizer, cpu.manifest, cpu._batch_size)
        self.report = report
        self.batch = batch
        self.degraded = degraded
        self._engine = engine
        self._columns: dict[str, slice] = {}
        self._labels = 0
        for head in self.manifest.heads:
            self._columns[head.name] = slice(self._labels, self._labels + len(head.labels))
            self._labels += len(head.labels)

    def _run(
        self, names: Sequence[str], ids: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]] | None
    ) -> dict[str, NDArray[np.float32]]:
        if self._engine is None:
            return super()._run(names, ids, spans)
        try:
            probabilities = self._on_device(self._engine, ids, spans)
        except Exception as error:  # torch, CUDA, DeepSpeed and compiled code raise whatever they like
            self._fall_back(error)
            return super()._run(names, ids, spans)
        found = {name: probabilities[:, self._columns[name]] for name in self._columns if name in names}
        self._mend(found, ids, spans)
        return found

    def _on_device(
        self, engine: Engine, ids: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]] | None
    ) -> NDArray[np.float32]:
        """Return the probabilities of all heads, (texts, labels of all heads)."""
        found = np.empty((len(ids), self._labels), np.float32)
        by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        under_way: list[tuple[list[int], Fetch]] = []
        done = 0
        while done < len(by_length):
            rows = by_length[done : done + self.batch]
            try:
                fetch = engine(*padded(ids, spans, rows, self.manifest.max_tokens))
            except Exception as error:
                if not out_of_memory(error) or (len(rows) == 1 and not under_way):
                    raise
                self._halve(self.batch if under_way else len(rows), error)
                _collect(found, under_way)  # what is under way holds memory
                continue
            done += len(rows)
            under_way.append((rows, fetch))
            # The next batch is padded and sent while the device works on this one.
            _collect(found, under_way, keep=1)
        _collect(found, under_way)
        return found

    def _halve(self, failed: int, error: Exception) -> None:
        self.batch = max(1, failed // 2)
        log.warning(
            "The GPU has too little memory for %d texts at once; model %s goes on with %d (%s)",
            failed,
            self.version,
            self.batch,
            one_line(error),
        )

    def _fall_back(self, error: Exception) -> None:
        self._engine = None
        self.degraded = f"the GPU failed: {one_line(error)}"
        log.error(
            "THE GPU FAILED and is not used again: model %s scores on the CPU, slower, until this program is "
            "started anew (%s)",
            self.version,
            one_line(error),
        )

    def _mend(
        self,
        found: dict[str, NDArray[np.float32]],
        ids: Sequence[Sequence[int]],
        spans: Sequence[tuple[int, int]] | None,
    ) -> None:
        """Score again on the CPU what is no number: half precision overflows where int8 and fp32 do not."""
        finite = np.logical_and.reduce([np.isfinite(rows).all(1) for rows in found.values()])
        odd = np.nonzero(~finite)[0].tolist()
        if not odd:
            return
        log.warning("%d texts overflow in %s and are scored on the CPU", len(odd), self.report.precision)
        again = super()._run(list(found), [ids[row] for row in odd], spans and [spans[row] for row in odd])
        for name, rows in again.items():
            found[name][odd] = rows


def _collect(found: NDArray[np.float32], under_way: list[tuple[list[int], Fetch]], keep: int = 0) -> None:
    while len(under_way) > keep:
        rows, fetch = under_way.pop(0)
        found[rows] = fetch()


def load_for(path: Path, *, device: Device, precision: Precision, threads: int) -> OnnxScorer:
    """Load the model folder at `path` for what `choose` says of `device`, and for the CPU behind it.

    Raises ModelError as `OnnxScorer.load` does. A GPU or an engine that cannot be had is no error: the CPU scores,
    and a line in the log says so.
    """
    cpu = OnnxScorer.load(path, threads=threads)
    choice = choose(device)
    if choice.gpu:
        return _on_gpu(cpu, path, precision)
    if device == "gpu":
        return _without_gpu(cpu, choice.reason, EngineReport("cpu", "int8", 0, ()))
    log.log(logging.WARNING if choice.lacking else logging.INFO, "The CPU scores: %s", choice.reason)
    return cpu


def _on_gpu(cpu: OnnxScorer, path: Path, precision: Precision) -> GpuScorer:
    from undertone.gpu.engines import build

    engine, report = build(path, cpu.manifest, device="cuda", precision=precision, batch=LARGEST_BATCH)
    for attempt in report.attempts:
        log.info("Model %s on %s: %s", cpu.version, report.device, attempt)
    if engine is None:
        return _without_gpu(cpu, "no engine works on it: " + "; ".join(map(str, report.attempts)), report)
    return GpuScorer(cpu, engine, report, batch=report.batch)


def _without_gpu(cpu: OnnxScorer, lacking: str, report: EngineReport) -> GpuScorer:
    log.error("THE GPU IS NOT USED: model %s scores on the CPU, slower: %s", cpu.version, lacking)
    return GpuScorer(cpu, None, report, degraded=lacking)


def degraded(scorer: object) -> str:
    """Why a scorer runs on the CPU although it should have a GPU; empty if all is well, or nothing else was meant."""
    return scorer.degraded if isinstance(scorer, GpuScorer) else ""


def padded(
    ids: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]] | None, rows: Sequence[int], most: int
) -> Batch:
    """Return one batch of these rows, as wide as the longest needs, in steps, and no wider than `most` tokens."""
    lengths = np.array([len(ids[row]) for row in rows])
    width = max(min(-(-int(lengths.max()) // TOKEN_STEP) * TOKEN_STEP, most), int(lengths.max()))
    places = np.arange(width)
    real = places < lengths[:, None]
    input_ids = np.zeros((len(rows), width), np.int64)
    input_ids[real] = np.fromiter(chain.from_iterable(ids[row] for row in rows), np.int64, int(lengths.sum()))
    mask = real.astype(np.int64)
    if spans is None:
        return Batch(input_ids, mask, mask)
    first, last = np.array([spans[row] for row in rows]).T
    return Batch(input_ids, mask, ((places >= first[:, None]) & (places < last[:, None])).astype(np.int64))


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, CUDA or DeepSpeed's workspace means too little memory, told without torch."""
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or "out of memory" in text or "enough memory" in text


def one_line(error: BaseException) -> str:
    """Return an error in a line of at most 300 characters."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
