"""What masked language modelling hides, asks for and reports; and training that begins from nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training_data import tiny_plan, tiny_task, write_base, write_data
from training.batches import load_tokenizer
from training.masking import IGNORED, Pieces, hide
from training.plan import Plan
from training.prepare import prepare
from training.pretrain import pretrain
from training.processes import Processes
from training.rows import load_rows
from training.run import steps_of
from training.scratch import make_tokenizer
from training.task import Scratch
from training.teach import begin, epoch_of, fold, teach
from undertone.errors import InputError
from undertone.model.network import build_teacher, task_loss

VOCABULARY = 40
PIECES = Pieces(4, np.arange(VOCABULARY) < 5, np.arange(VOCABULARY) >= 30)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A prepared run."""
    root = tmp_path_factory.mktemp("training")
    made = tiny_plan(write_data(root / "data"), write_base(root / "base"), root / "out", device="cpu")
    prepare(made)
    return made


def test_of_all_pieces_fifteen_in_a_hundred_are_asked_for_and_of_these_eight_in_ten_hidden() -> None:
    ids = torch.randint(5, VOCABULARY, (200, 100))
    shown, labels = hide(ids, torch.ones_like(ids), PIECES, np.random.default_rng(1))
    asked = labels != IGNORED
    assert asked.float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert torch.equal(labels[asked], ids[asked])
    assert torch.equal(shown[~asked], ids[~asked])
    hidden = (shown[asked] == PIECES.mask).float().mean().item()
    kept = (shown[asked] == ids[asked]).float().mean().item()
    assert hidden == pytest.approx(0.8, abs=0.03)
    assert kept == pytest.approx(0.1 + 0.1 / 35, abs=0.02)


@given(seed=st.integers(0, 2**16), rows=st.integers(1, 6), tokens=st.integers(2, 20), whole=st.booleans())
def test_neither_padding_nor_a_special_token_is_ever_hidden(seed: int, rows: int, tokens: int, whole: bool) -> None:
    draw = np.random.default_rng(seed)
    ids = torch.from_numpy(draw.integers(0, VOCABULARY, (rows, tokens)))
    mask = torch.from_numpy((draw.random((rows, tokens)) < 0.7).astype(np.int64))
    shown, labels = hide(ids, mask, PIECES, draw, whole_words=whole)
    fixed = (mask == 0) | (ids < 5)
    assert bool((labels[fixed] == IGNORED).all())
    assert torch.equal(shown[fixed], ids[fixed])


@given(seed=st.integers(0, 2**16))
def test_whole_words_are_asked_for_or_not_at_all(seed: int) -> None:
    draw = np.random.default_rng(seed)
    ids = torch.from_numpy(draw.integers(5, VOCABULARY, (8, 30)))
    ids[:, 0] = 2
    _, labels = hide(ids, torch.ones_like(ids), PIECES, draw, whole_words=True)
    asked = labels != IGNORED
    for place in range(2, 30):
        goes_on = ids[:, place] >= 30
        follows_special = ids[:, place - 1] < 5
        same = asked[:, place] == asked[:, place - 1]
        assert bool((same | ~goes_on | follows_special).all())


def test_pretraining_lowers_what_held_out_texts_cost_and_becomes_the_base(plan: Plan, tmp_path: Path) -> None:
    longer = replace(plan, out=tmp_path, pretrain_epochs=12, pretrain_rate=5e-3, pretrain_batch=16)
    prepare(longer)
    assert [step.name for step in steps_of(longer)][:3] == ["prepare", "pretrain", "teach"]
    pretrain(longer)
    figures = json.loads((longer.pretrained / "pretrain.json").read_text())
    assert figures["after"] < 0.7 * figures["before"]
    assert longer.base == str(longer.pretrained / "encoder")
    build_teacher(longer.base, longer.task.head_sizes)


def test_a_task_without_a_base_begins_with_a_tokenizer_of_its_own(plan: Plan, tmp_path: Path) -> None:
    shape = Scratch(layers=3, width=16, heads=2, inner=24, vocabulary=150, epochs=1)
    scratch = replace(plan, out=tmp_path, task=tiny_task(base="scratch", scratch=shape))
    prepare(scratch)
    assert "pretrain" in {step.name for step in steps_of(scratch)}
    pretrain(scratch)
    tokenizer = load_tokenizer(scratch.pretrained / "encoder" / "tokenizer.json", 32)
    assert tokenizer.get_vocab_size() <= 150
    teach(scratch)
    assert (scratch.teacher / "teacher.safetensors").is_file()


def test_chinese_characters_are_pieces_of_their_own() -> None:
    tokenizer = make_tokenizer(["股价大跌,快跑", "股价大涨", "大跌 AAPL 大涨 AAPL"] * 3, 60)
    assert tokenizer.encode("股价aapl").tokens[:3] == ["[CLS]", "股", "价"]


def test_alone_in_fp32_the_loop_computes_what_plain_pytorch_does_bit_for_bit(plan: Plan, tmp_path: Path) -> None:
    short = replace(plan, out=tmp_path, teacher_epochs=1)
    prepare(short)
    teach(short)
    from safetensors.torch import load_file

    found = load_file(short.teacher / "teacher.safetensors")

    from training.batches import batches, encode

    torch.manual_seed(short.seed)
    train = load_rows(short, "train")
    moving = begin(short, Processes(short), train)
    optimizer = moving.optimizer.optimizer  # beneath accelerate
    rows = epoch_of(short, train, 0)
    tokenizer = load_tokenizer(Path(short.base) / "tokenizer.json", short.max_tokens)
    torch.manual_seed(short.seed)
    moving.network.train()
    for batch in batches(
        encode(tokenizer, rows.mentions), short.teacher_batch, np.random.default_rng((short.seed, 0, 2))
    ):
        logits = moving.network(batch.input_ids, batch.attention_mask, batch.span_mask)
        truth = rows.labels[torch.from_numpy(batch.rows)]
        parts = [
            task_loss(logits[head], truth[:, at], short.smoothing) for at, head in enumerate(short.task.head_sizes)
        ]
        optimizer.zero_grad()
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(moving.network.parameters(), 1.0)
        optimizer.step()
        moving.schedule.step()
        fold(moving.average, moving.network, short.average, moving.schedule.last_epoch)
    assert found.keys() == moving.average.keys()
    assert all(torch.equal(found[name], moving.average[name]) for name in found)


def test_adapters_are_merged_into_a_teacher_like_any_other_and_leave_the_rest_alone(plan: Plan, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    adapted = replace(plan, out=tmp_path, lora_rank=2, teacher_epochs=1)
    prepare(adapted)
    teach(adapted)
    found = load_file(adapted.teacher / "teacher.safetensors")
    base = build_teacher(adapted.base, adapted.task.head_sizes).state_dict()
    assert found.keys() == base.keys()
    embedding, linear = "encoder.embeddings.position_embeddings.weight", "encoder.encoder.layer.0.output.dense.weight"
    assert torch.equal(found[embedding], base[embedding])
    change = found[linear] - base[linear]
    assert 1 <= int(torch.linalg.matrix_rank(change, atol=1e-6)) <= 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"precision": "fp16"}, "needs a GPU"),
        ({"precision": "fp8"}, "valid are fp32"),
        ({"device": "cuda"}, "no CUDA device"),
        ({"device": "tpu"}, "valid are auto"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, which can do what is refused without one")
def test_a_device_or_precision_that_is_not_there_is_refused(plan: Plan, changed: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Processes(replace(plan, **changed))  # type: ignore[arg-type]
