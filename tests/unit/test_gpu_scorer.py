"""What is to score on a GPU does so by an engine that proves right, and survives the loss of the device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stream.health import Health
from stream.scoring import Lineup
from tests.engines import BATCH, Faulty, engine_scorer
from tests.random_student import random_student
from tests.small_models import small_model
from tests.training_data import COMPANIES, WORDS
from undertone.doctor import Colour, engine_findings
from undertone.gpu import choice
from undertone.gpu.engines import Make, Wanted, build, torch_eager
from undertone.gpu.graphs import Graphs
from undertone.gpu.report import Attempt, EngineReport, Parity
from undertone.gpu.scorer import Fetch, GpuScorer, Tokens, degraded, out_of_memory, padded
from undertone.gpu.served import Served
from undertone.model import artefact
from undertone.scorer import Mention, OnnxScorer, Scores, load_scorer

VOCABULARY = [word for group in WORDS.values() for word in group]
TEXTS = [" ".join((VOCABULARY * 3)[start : start + 1 + start % 23]) for start in range(100)]
MENTIONS = [Mention(f"{name} {text}", 0, len(name)) for name, text in zip(COMPANIES * 9, TEXTS, strict=False)]
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU, and here is one")

Fault = Callable[[Faulty, int], Exception | None]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other over tiny tensors take minutes on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_student(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def expected(folder: Path) -> Scores:
    return OnnxScorer.load(folder).score(TEXTS)


def same(found: Scores, expected: Scores) -> bool:
    parts = (found.topic, expected.topic), (found.sentiment, expected.sentiment)
    return all(bool(np.allclose(one, other, atol=1e-4)) for one, other in parts)


def no_memory() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of")


def device_lost() -> Exception:
    return RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later")


def test_an_engine_and_the_cpu_say_the_same_of_texts_and_of_entities(folder: Path, expected: Scores) -> None:
    scorer, engine = engine_scorer(folder)
    assert same(scorer.score(TEXTS), expected)
    cpu = OnnxScorer.load(folder)
    towards, whole = scorer.score_entities(MENTIONS), scorer.score_heads([mention.text for mention in MENTIONS])
    np.testing.assert_allclose(towards, cpu.score_entities(MENTIONS), atol=1e-4)
    assert np.abs(towards - whole["sentiment"]).max() > 0.01  # else the span could be ignored
    assert max(engine.calls) == BATCH
    assert not scorer.degraded


def test_too_little_memory_halves_the_batch_for_good(
    folder: Path, expected: Scores, caplog: pytest.LogCaptureFixture
) -> None:
    scorer, engine = engine_scorer(folder, lambda _, rows: no_memory() if rows > 10 else None)
    assert same(scorer.score(TEXTS), expected)
    assert scorer.batch == 8
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "too little memory for 32 texts at once" in caplog.text
    engine.calls.clear()
    assert same(scorer.score(TEXTS), expected)
    assert max(engine.calls) == 8
    assert not scorer.degraded


def test_memory_that_an_earlier_batch_holds_is_waited_for(folder: Path, expected: Scores) -> None:
    scorer, engine = engine_scorer(folder, lambda engine, rows: no_memory() if engine.waiting and rows > 16 else None)
    assert same(scorer.score(TEXTS), expected)
    assert engine.calls[:3] == [32, 32, 16]
    assert engine.waiting == 0


@pytest.mark.parametrize("late", [False, True], ids=["at the launch", "when the answer is fetched"])
def test_a_lost_gpu_is_left_for_the_cpu_loudly_and_once(
    folder: Path, expected: Scores, caplog: pytest.LogCaptureFixture, late: bool
) -> None:
    scorer, engine = engine_scorer(
        folder, lambda engine, _: device_lost() if len(engine.calls) > 1 else None, late=late
    )
    health = Health(Lineup(scorer), list)
    assert health.degraded() == []
    for _ in range(2):
        found = scorer.score(TEXTS)
        np.testing.assert_array_equal(found.topic, expected.topic)  # all of it by the CPU, not a part
        np.testing.assert_array_equal(found.sentiment, expected.sentiment)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "THE GPU FAILED" in record.message
    assert len(engine.calls) == (3 if late else 2)  # one batch ahead
    assert scorer.degraded == degraded(scorer)
    assert "device-side assert triggered" in scorer.degraded
    assert health.degraded() == [scorer.degraded]
    health.gauge()
    assert health.registry.get_sample_value("undertone_scorer_degraded") == 1


def test_memory_too_small_for_one_text_is_a_lost_gpu(folder: Path, expected: Scores) -> None:
    scorer, engine = engine_scorer(folder, lambda *_: no_memory())
    assert same(scorer.score(TEXTS), expected)
    assert "OutOfMemoryError" in scorer.degraded
    assert engine.calls == [32, 16, 8, 4, 2, 1]


def test_a_text_that_overflows_is_scored_by_the_cpu_and_its_neighbours_are_not(folder: Path, expected: Scores) -> None:
    scorer, engine = engine_scorer(folder)

    def overflowing(input_ids: Tokens, attention_mask: Tokens, span_mask: Tokens) -> Fetch:
        fetch = engine(input_ids, attention_mask, span_mask)
        lengths = attention_mask.sum(1)

        def fetched() -> Any:
            rows = fetch().copy()
            rows[lengths > 20] = np.nan
            rows[lengths <= 20, 0] += 1e-3  # what tells the engine's answers from the CPU's
            return rows

        return fetched

    found = GpuScorer(OnnxScorer.load(folder), overflowing, scorer.report, batch=BATCH).score(TEXTS)
    by_cpu = np.abs(found.topic[:, 0] - expected.topic[:, 0]) < 5e-4
    assert 0 < by_cpu.sum() < len(TEXTS)
    np.testing.assert_allclose(found.topic[:, 1:], expected.topic[:, 1:], atol=1e-4)


def without_mask(served: Served, wanted: Wanted) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    run = torch_eager(served, wanted)
    return lambda ids, mask, span: run(ids, torch.ones_like(mask), span)


def without_span(served: Served, wanted: Wanted) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    run = torch_eager(served, wanted)
    return lambda ids, mask, span: run(ids, mask, mask)


def stale(served: Served, wanted: Wanted) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Answers every batch of a known shape with what it said of the first."""
    run = torch_eager(served, wanted)
    known: dict[torch.Size, Tensor] = {}
    return lambda *given: known.setdefault(given[0].shape, run(*given))


def short_of_memory(served: Served, wanted: Wanted) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    run = torch_eager(served, wanted)

    def limited(*given: Tensor) -> Tensor:
        if len(given[0]) > 20:
            raise no_memory()
        answer: Tensor = run(*given)
        return answer

    return limited


def ends_the_process(served: Served, wanted: Wanted) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    raise SystemExit  # as DeepSpeed does when shapes do not match


def built(folder: Path, **engines: Make) -> EngineReport:
    manifest = artefact.verify(folder)
    return build(folder, manifest, device="cpu", precision="auto", batch=64, engines=engines)[1]


@pytest.mark.parametrize("wrong", [without_mask, without_span, stale])
def test_an_engine_that_is_wrong_on_a_padded_batch_is_passed_over(folder: Path, wrong: Make) -> None:
    report = built(folder, fast=wrong, right=torch_eager)
    assert [attempt.serves for attempt in report.attempts] == [False, True]
    assert "wrong on a padded batch" in report.attempts[0].reason
    assert report.attempts[0].parity is not None
    assert report.attempts[0].parity.difference > 0.01
    assert report.serving is report.attempts[1]


def test_the_first_engine_that_is_right_serves_and_no_other_is_built(folder: Path) -> None:
    report = built(folder, right=torch_eager, never=ends_the_process)
    assert report.attempts == (Attempt("right", parity=Parity(0.0, 1.0)),)


def test_an_engine_short_of_memory_at_the_start_serves_with_what_fits(folder: Path) -> None:
    report = built(folder, small=short_of_memory)
    assert report.batch == 16
    assert report.serving is not None


def test_an_engine_that_ends_the_process_is_an_attempt_with_a_reason(folder: Path) -> None:
    report = built(folder, rude=ends_the_process)
    assert report.attempts == (Attempt("rude", "SystemExit"),)
    assert report.serving is None


def test_a_folder_without_a_network_has_no_engine_and_says_so(tmp_path: Path) -> None:
    report = built(small_model(tmp_path, "letters", seed=1), right=torch_eager)
    assert "the weights make no network" in report.attempts[0].reason
    assert report.serving is None


def test_graphs_answer_for_every_shape_as_the_module_does_without_rows_of_before(folder: Path) -> None:
    served = Served.load(folder, artefact.verify(folder))
    captured: list[tuple[int, ...]] = []

    def capture(run: Callable[[Tensor, Tensor, Tensor], Tensor], static: Tensor) -> Callable[[], Tensor]:
        captured.append(tuple(static.shape))
        answer = run(*static.unbind())
        return lambda: answer.copy_(run(*static.unbind()))  # one buffer for all replays, as in a CUDA graph

    graphs = Graphs(served, most_rows=48, capture=capture)
    random = np.random.default_rng(3)
    with torch.inference_mode():
        for rows, tokens in ((5, 16), (8, 16), (7, 16), (33, 16), (48, 16), (1, 32)):
            ids = torch.from_numpy(random.integers(5, 40, (rows, tokens)))
            mask = (torch.arange(tokens) < torch.from_numpy(random.integers(2, tokens + 1, (rows, 1)))).long()
            torch.testing.assert_close(graphs(ids, mask, mask), served(ids, mask, mask), atol=1e-5, rtol=0)
    assert captured == [(3, 8, 16), (3, 48, 16), (3, 1, 32)]


def test_a_failed_capture_gives_graphs_up_and_not_the_engine() -> None:
    tries = []

    def capture(*_: object) -> Callable[[], Tensor]:
        tries.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    graphs = Graphs(lambda ids, mask, span: ids.sum(1, keepdim=True).float(), most_rows=4, capture=capture)
    ids = torch.ones((2, 3), dtype=torch.long)
    for _ in range(2):
        assert graphs(ids, ids, ids).tolist() == [[3.0], [3.0]]
    assert tries == [1]


def test_a_batch_is_padded_in_steps_and_never_beyond_the_model() -> None:
    ids = [[7] * length for length in (3, 17, 39)]
    short, long = padded(ids, [(1, 2), (0, 17), (5, 9)], [0], 40), padded(ids, None, [0, 1, 2], 40)
    assert short.input_ids.shape == (1, 16)
    assert long.input_ids.shape == (3, 40)
    assert short.input_ids.sum() == 21
    assert short.span_mask.tolist() == [[0, 1] + [0] * 14]
    assert long.attention_mask.sum(1).tolist() == [3, 17, 39]


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("x"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("Workspace can't be allocated, no enough memory."), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
    ],
)
def test_too_little_memory_is_told_from_a_lost_device(error: Exception, memory: bool) -> None:
    assert out_of_memory(error) is memory


def test_without_a_driver_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choice, "DRIVER_NODES", (tmp_path / "none",))
    assert choice.choose("auto") == (False, "no NVIDIA driver on this machine", "")
    assert choice.choose("cpu").reason == "UNDERTONE_DEVICE=cpu"


def test_a_driver_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choice, "DRIVER_NODES", (tmp_path,))
    monkeypatch.setattr(choice, "NEEDED", ("torch", "no_such_package"))
    assert choice.choose("auto").lacking == "no_such_package cannot be imported: pip install 'undertone[gpu]'"


@NO_GPU
def test_a_gpu_that_was_asked_for_and_is_not_there_leaves_the_cpu_to_score(
    folder: Path, expected: Scores, caplog: pytest.LogCaptureFixture
) -> None:
    scorer = load_scorer(folder, device="gpu")
    assert same(scorer.score(TEXTS), expected)
    assert "finds no GPU" in degraded(scorer)
    assert "THE GPU IS NOT USED" in caplog.text
    assert not degraded(load_scorer(folder, device="cpu"))


def test_the_doctor_says_what_serves_and_why_nothing_faster_does() -> None:
    report = EngineReport(
        "NVIDIA A10",
        "fp16",
        512,
        (
            Attempt("deepspeed-kernels", "MissingCUDAException: CUDA_HOME does not exist"),
            Attempt("deepspeed-compile", parity=Parity(0.0012, 1.0)),
            Attempt("cuda-graphs", parity=Parity(0.0012, 1.0)),
        ),
    )
    serving, passed_over = engine_findings(SimpleNamespace(report=report, degraded=""))  # type: ignore[arg-type]
    assert (serving.check, serving.colour) == ("device", Colour.GREEN)
    assert serving.found == (
        "NVIDIA A10, fp16, up to 512 texts at once: deepspeed-compile (probabilities within 0.0012 of fp32, labels the "
        "same in 100.0%), cuda-graphs"
    )
    assert passed_over.colour is Colour.YELLOW
    assert "CUDA_HOME does not exist" in passed_over.found
    lost = SimpleNamespace(report=report, degraded="no engine works on it")
    assert next(engine_findings(lost)).colour is Colour.RED  # type: ignore[arg-type]
