"""Scorers that run the code for a GPU on the CPU, and engines that fail as a GPU does: the device is not there, all
around it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from undertone.gpu.engines import TorchEngine, build, torch_eager
from undertone.gpu.scorer import Engine, Fetch, GpuScorer, Tokens
from undertone.scorer import OnnxScorer

BATCH = 32


class Faulty:
    """An engine that works, but for the calls of which `fault` makes an error.

    Attributes:
        calls: Texts of each call.
        waiting: Calls begun and not fetched.
    """

    def __init__(self, engine: Engine, fault: Callable[[Faulty, int], Exception | None], *, late: bool = False) -> None:
        """`fault` is asked with the number of texts; `late` raises when the answer is fetched."""
        self._engine = engine
        self._fault = fault
        self._late = late
        self.calls: list[int] = []
        self.waiting = 0

    def __call__(self, input_ids: Tokens, attention_mask: Tokens, span_mask: Tokens) -> Fetch:
        self.calls.append(len(input_ids))
        error = self._fault(self, len(input_ids))
        if error is not None and not self._late:
            raise error
        fetch = self._engine(input_ids, attention_mask, span_mask)
        self.waiting += 1

        def fetched() -> object:
            self.waiting -= 1
            if error is not None:
                raise error
            return fetch()

        return fetched  # type: ignore[return-value]


def engine_scorer(
    folder: Path,
    fault: Callable[[Faulty, int], Exception | None] | None = None,
    *,
    late: bool = False,
    batch: int = BATCH,
) -> tuple[GpuScorer, Faulty]:
    """Return a scorer over PyTorch on the CPU, and the engine in it."""
    cpu = OnnxScorer.load(folder)
    engine, report = build(
        folder, cpu.manifest, device="cpu", precision="auto", batch=batch, engines={"torch": torch_eager}
    )
    assert isinstance(engine, TorchEngine), report
    faulty = Faulty(engine, fault or (lambda engine, rows: None), late=late)
    return GpuScorer(cpu, faulty, report, batch=batch), faulty
