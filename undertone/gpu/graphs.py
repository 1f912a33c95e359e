"""CUDA graphs, one for each bucket of rows and tokens: a small model's kernels take less time than their launches.

DeepSpeed's own `enable_cuda_graph` captures one shape only and lets a smaller batch broadcast into it in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from undertone.gpu.scorer import one_line, out_of_memory

WARM_UP_RUNS = 3

Run = Callable[[Tensor, Tensor, Tensor], Tensor]
Replay = Callable[[], Tensor]
Capture = Callable[[Run, Tensor], Replay]

log = logging.getLogger(__name__)


class Graphs:
    """Answers as `run` does, from graphs. Rows are filled up to a power of two with empty ones, which answer nobody."""

    def __init__(self, run: Run, *, most_rows: int, capture: Capture | None = None) -> None:
        """`capture` records a run over static inputs (3, rows, tokens), and returns what replays it."""
        self._run = run
        self._most_rows = most_rows
        self._capture = capture or CudaCapture()
        self._known: dict[tuple[int, int], tuple[Tensor, Replay]] = {}
        self._given_up = False

    def __call__(self, input_ids: Tensor, attention_mask: Tensor, span_mask: Tensor) -> Tensor:
        rows, tokens = input_ids.shape
        bucket = max(rows, min(1 << (rows - 1).bit_length(), self._most_rows))
        known = self._known.get((bucket, tokens)) or self._record(input_ids, bucket)
        if known is None:
            return self._run(input_ids, attention_mask, span_mask)
        static, replay = known
        for place, part in zip(static, (input_ids, attention_mask, span_mask), strict=True):
            place[:rows].copy_(part)
            place[rows:].zero_()
        # The next replay overwrites the graph's own output.
        return replay()[:rows].clone()

    def _record(self, input_ids: Tensor, bucket: int) -> tuple[Tensor, Replay] | None:
        if self._given_up:
            return None
        tokens = input_ids.shape[1]
        static = torch.zeros((3, bucket, tokens), dtype=input_ids.dtype, device=input_ids.device)
        try:
            recorded = static, self._capture(self._run, static)
        except RuntimeError as error:
            if not out_of_memory(error):
                log.warning("CUDA graphs are given up, kernels are launched one by one (%s)", one_line(error))
                self._given_up = True
            else:
                self._known.clear()
            return None
        self._known[bucket, tokens] = recorded
        return recorded


class CudaCapture:
    """Records on the GPU. All graphs of one model share a pool of memory: none runs while another does."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run, static: Tensor) -> Replay:
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP_RUNS):
                run(*static.unbind())
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Another thread may load a model meanwhile; that must not break off this capture.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            answer = run(*static.unbind())

        def replay() -> Tensor:
            graph.replay()
            return answer

        return replay
